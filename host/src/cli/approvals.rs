//! `ringfence approvals`

use std::process::ExitCode;

use clap::{Args, Subcommand};
use ringfence_core::audit::{ApprovalId, Approver, Standing, Word};
use ringfence_core::error::Error;
use ringfence_core::ids::{Agent, Digest};
use serde_json::{Value, json};

use super::{Global, operator, time};
use crate::approvals::{self, Approval, Said};
use crate::show;
use crate::text::plain_line;

#[derive(Debug, Args)]
#[command(after_help = "\
A call that the policy marks, and every call that cannot be undone, waits until people have approved exactly this call: what \
`show` prints, byte for byte, under the hash that it prints. An approval works once, in time, and for nothing else. The one who \
asks does not approve; everybody counts once. What is decided is an event of the task; a worker goes on from there (ringfence work).

With --json, list and show: {approval, task, call, stands: waiting | granted | denied | expired | used | withdrawn, missing, \
hash, bound, agent, of, from, asked, expires, said: [{word, by, reason, at}]}; `bound` is what the hash is of")]
pub(super) struct Approvals {
    #[command(subcommand)]
    verb: Option<ApprovalsVerb>,
}

#[derive(Debug, Subcommand)]
enum ApprovalsVerb {
    /// List what waits for approval
    List,
    /// Show one: exactly what is to be approved, and what was said
    Show {
        /// Which
        approval: ApprovalId,
    },
    /// Let the call be made, once
    Approve(Which),
    /// Refuse the call: the skill gets an error with the reason
    Deny(Which),
}

#[derive(Debug, Args)]
struct Which {
    /// Which
    approval: ApprovalId,
    /// In whose name; without it the operator's
    #[arg(long = "as", value_name = "NAME")]
    by: Option<Agent>,
    /// Why, for the log and for the skill
    #[arg(long, default_value = "", value_name = "WHY")]
    reason: String,
    /// The hash of what was seen: anything else is not decided on
    #[arg(long, value_name = "HASH")]
    hash: Option<Digest>,
}

impl Approvals {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let store = global.store()?;
        let (which, word) = match self.verb {
            None | Some(ApprovalsVerb::List) => {
                list(&approvals::waiting(&store, 1_000)?, global.json)?;
                return Ok(ExitCode::SUCCESS);
            }
            Some(ApprovalsVerb::Show { approval }) => {
                let approval = approvals::approval(&store, &approval)?;
                if global.json {
                    show::data(to_json(&approval))?;
                } else {
                    text(&approval).iter().try_for_each(show::data)?;
                }
                return Ok(ExitCode::SUCCESS);
            }
            Some(ApprovalsVerb::Approve(which)) => (which, Word::Approve),
            Some(ApprovalsVerb::Deny(which)) => (which, Word::Deny),
        };
        let Which { approval, by, reason, hash } = which;
        let by = by.map_or(Approver::Operator, Approver::Agent);
        let actor = operator();
        let said = Said { word, by, actor: &actor, reason: &reason, hash };
        let approval = approvals::decide(&store, &approval, &said).await?;
        if global.json {
            show::data(to_json(&approval))?;
        } else {
            show::note(match approval.stands {
                Standing::Waiting => format!("noted; {} more have to approve", approval.missing),
                stands => format!("{}; a worker goes on with it: ringfence work --idle", stands.word()),
            });
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(waiting: &[Approval], as_json: bool) -> Result<(), Error> {
    if as_json {
        return show::data(Value::from_iter(waiting.iter().map(to_json)));
    }
    for approval in waiting {
        let Approval { asked, call, missing, .. } = approval;
        let request = &asked.request;
        let have = request.of.saturating_sub(*missing);
        show::data(format_args!(
            "{}  until {}  {have} of {}  {call:<12} {}",
            request.id,
            time(request.expires),
            request.of,
            request.agent
        ))?;
    }
    Ok(())
}

fn text(approval: &Approval) -> Vec<String> {
    let Approval { asked, call, stands, missing } = approval;
    let request = &asked.request;
    let mut text =
        vec![format!("{} is {}: {call} of the task {}", request.id, stands.word(), request.id.task)];
    text.push(format!("asked    {}", time(request.asked)));
    text.push(format!("expires  {}", time(request.expires)));
    let who = if request.from.is_empty() {
        format!("anybody but {}", request.agent)
    } else {
        let names: Vec<_> = request.from.iter().map(Agent::as_str).collect();
        format!("{} or the operator", names.join(", "))
    };
    text.push(format!("needs    {} of {who}", request.of));
    text.extend(laid_out(&request.bound).lines().map(|line| format!("    {}", plain_line(line))));
    text.push(format!("hash     {}", Digest::of(request.bound.as_bytes())));
    for decided in &asked.said {
        let word = if decided.word == Word::Deny { "denied" } else { "approved" };
        let (at, reason) = (time(decided.at), plain_line(&decided.reason));
        text.push(format!(
            "{word:<8} by {}, {at}{}{reason}",
            decided.by,
            if reason.is_empty() { "" } else { ": " }
        ));
    }
    if *stands == Standing::Waiting {
        let (id, hash) = (&request.id, request.hash);
        text.push(format!("→ {missing} more: ringfence approvals approve {id} --hash {hash}"));
        text.push(format!("→ or: ringfence approvals deny {id} --reason WHY"));
    }
    text
}

/// JSON over several lines: white space comes in between its tokens, and nothing else changes.
fn laid_out(json: &str) -> String {
    let (mut text, mut depth, mut in_text, mut escaped) =
        (String::with_capacity(json.len() * 2), 0_usize, false, false);
    let mut before = ' ';
    for c in json.chars() {
        let line = |text: &mut String, depth: usize| {
            text.push('\n');
            text.push_str(&"  ".repeat(depth));
        };
        if in_text {
            (in_text, escaped) = (escaped || c != '"', !escaped && c == '\\');
            text.push(c);
        } else {
            if matches!(c, '}' | ']') {
                depth = depth.saturating_sub(1);
                if !matches!(before, '{' | '[') {
                    line(&mut text, depth);
                }
            } else if matches!(before, '{' | '[' | ',') {
                line(&mut text, depth);
            }
            text.push(c);
            match c {
                '{' | '[' => depth += 1,
                ':' => text.push(' '),
                _ => {}
            }
            in_text = c == '"';
        }
        before = c;
    }
    text
}

fn to_json(approval: &Approval) -> Value {
    let Approval { asked, call, stands, missing } = approval;
    let request = &asked.request;
    let said = asked
        .said
        .iter()
        .map(|one| json!({ "word": one.word, "by": one.by, "reason": one.reason, "at": time(one.at) }));
    json!({
        "approval": request.id,
        "task": request.id.task,
        "call": call,
        "stands": stands,
        "missing": missing,
        "hash": Digest::of(request.bound.as_bytes()),
        "bound": request.bound,
        "agent": request.agent,
        "of": request.of,
        "from": request.from,
        "asked": time(request.asked),
        "expires": time(request.expires),
        "said": Value::from_iter(said),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_laid_out_is_the_same_but_for_white_space_between_tokens() {
        let json = r#"{"a":[],"b":{"c":"x, {y} \" [z]: \\","d":[1.50,-0,true]},"e":{},"f":"\\"}"#;
        let shown = laid_out(json);
        assert!(shown.lines().count() > 8, "{shown}");
        let same: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(same, serde_json::from_str::<Value>(json).unwrap());
        assert!(shown.contains(r#""c": "x, {y} \" [z]: \\""#) && shown.contains("1.50"), "{shown}");
        let tokens =
            |text: &str| text.lines().map(|line| line.trim().replace("\": ", "\":")).collect::<String>();
        assert_eq!(tokens(&shown), json.replace("\": ", "\":"));
    }
}
