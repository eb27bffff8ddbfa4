//! `ringfence skills NAME --history`

use ringfence_core::audit::{Event, Fact};
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::SkillName;
use serde_json::{Value, json};

use super::time;
use crate::show;
use crate::text::plain_line;
use crate::wiring::Store;

/// What was loaded, pinned and withdrawn of a skill, by whom and when.
pub(super) fn show(store: &Store, name: &str, as_json: bool) -> Result<(), Error> {
    let shown: String = name.chars().take(80).collect();
    let unknown = |why: String| {
        let error = Error::new(Code::R0401, format!("there is no skill {shown:?}")).because(why);
        error.hint("give its name alone; see what is loaded: ringfence skills")
    };
    let name: SkillName = name.parse().map_err(|why| unknown(format!("{why}")))?;
    let events = store.registry.history(&name)?;
    if events.is_empty() {
        return Err(unknown("nothing was ever recorded of it".into()));
    }
    if as_json {
        return show::data(Value::from_iter(events.iter().map(|(event, fact)| whole(event, fact))));
    }
    for (event, fact) in &events {
        let (what, version, more) = parts(fact);
        let by = plain_line(&event.actor);
        let line = format!("{}  {what:<9} {:<12} by {by}", time(event.time), plain_line(&version));
        let more = if more.is_empty() { more } else { format!(": {}", plain_line(&more)) };
        show::data(format_args!("{}{more}", line.trim_end()))?;
    }
    Ok(())
}

/// What happened, to which version, and what else there is to say.
fn parts(fact: &Fact) -> (&'static str, String, String) {
    match fact {
        Fact::SkillLoaded { contract, component, .. } => {
            ("loaded", contract.version.clone(), format!("component {component}"))
        }
        Fact::SkillPinned { version, .. } => ("pinned", version.to_string(), String::new()),
        Fact::SkillUnpinned { .. } => ("unpinned", String::new(), String::new()),
        Fact::SkillWithdrawn { version, reason, .. } => ("withdrawn", version.to_string(), reason.clone()),
        Fact::SkillRestored { version, .. } => ("restored", version.to_string(), String::new()),
        other => (other.kind(), String::new(), String::new()),
    }
}

fn whole(event: &Event, fact: &Fact) -> Value {
    let (what, version, _) = parts(fact);
    let (component, powers) = match fact {
        Fact::SkillLoaded { component, powers, .. } => (Some(component), Some(powers)),
        _ => (None, None),
    };
    let reason = match fact {
        Fact::SkillWithdrawn { reason, .. } => Some(reason),
        _ => None,
    };
    json!({
        "sequence": event.sequence, "time": time(event.time), "by": &*event.actor, "what": what,
        "version": (!version.is_empty()).then_some(version), "reason": reason,
        "digest": component, "powers": powers,
    })
}
