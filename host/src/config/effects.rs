//! What the policy file says that calls do: `effect` in a grant, and `[effects]` for calls whatever they are granted by.

use std::collections::BTreeMap;

use ringfence_core::gate::RAISABLE;
use ringfence_core::governance::LeastEffects;
use ringfence_core::ring::Effect;
use serde::Deserialize;
use serde_json::Value;

/// What the operator says that something does.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Said {
    Read,
    Reversible,
    Irreversible,
}

impl Said {
    /// In the words of core.
    pub(super) const fn effect(self) -> Effect {
        match self {
            Self::Read => Effect::Read,
            Self::Reversible => Effect::Reversible,
            Self::Irreversible => Effect::Irreversible,
        }
    }
}

/// `[effects]`: `files.write = "irreversible"`, with the call's name in quotation marks or without.
#[derive(Debug, Default, Deserialize)]
pub(super) struct EffectsEntry(BTreeMap<String, Value>);

/// What calls do at the least.
pub(super) fn effects(EffectsEntry(entries): &EffectsEntry) -> Result<LeastEffects, String> {
    let mut said = Vec::new();
    for (word, value) in entries {
        match value {
            Value::Object(calls) => {
                said.extend(calls.iter().map(|(name, value)| (format!("{word}.{name}"), value)));
            }
            value => said.push((word.clone(), value)),
        }
    }
    let checked = said.into_iter().map(|(call, value)| {
        let effect = effect(&call, value)?;
        Ok((call, effect))
    });
    checked.collect()
}

fn effect(call: &str, value: &Value) -> Result<Effect, String> {
    let Some((_, known)) = RAISABLE.iter().find(|(name, _)| *name == call) else {
        let all: Vec<_> = RAISABLE.iter().map(|(name, _)| *name).collect();
        return Err(format!("there is no call `{call}` whose effect could be said: say {}", all.join(", ")));
    };
    let Ok(said) = Said::deserialize(value) else {
        return Err(format!(
            "{call}: {value} is no effect: say \"read\", \"reversible\" or \"irreversible\""
        ));
    };
    let said = said.effect();
    if said < *known {
        return Err(format!(
            "{call}: it changes something, whatever is said of it: say \"reversible\" or \"irreversible\""
        ));
    }
    Ok(said)
}
