//! Lesson three: a power. `memory: Memory` in the signature is all that it takes to ask for one, and the host
//! decides whether the caller has it.

use ringfence_sdk::memory::{ABSENT, Error};
use ringfence_sdk::prelude::*;

/// Where this skill's keys begin: all skills of a caller share one memory.
const PREFIX: &str = "remember/";

/// What to do.
#[data]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Request {
    /// Adds a line to what is under a key.
    Remember {
        /// Any short name.
        key: String,
        /// The line to add.
        text: String,
        /// Adds only if the key still has this revision; 0: only if it has nothing yet. Left out: in any case.
        revision: Option<u64>,
    },
    /// Gives what is under a key.
    Recall {
        /// The key.
        key: String,
    },
    /// Forgets what is under a key.
    Forget {
        /// The key.
        key: String,
    },
    /// Names the keys.
    List {
        /// Only keys that begin with this.
        #[serde(default)]
        prefix: String,
    },
}

/// What is remembered.
#[data]
#[derive(PartialEq, Eq)]
pub struct Answer {
    /// The key and its lines after the action; for `list` every key, without its lines.
    pub notes: Vec<Note>,
}

/// What is remembered under a key.
#[data]
#[derive(PartialEq, Eq)]
pub struct Note {
    /// The key.
    pub key: String,
    /// The lines in the order in which they were added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// Changes whenever the lines do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
}

/// Remembers lines of text under keys, and recalls, lists or forgets them.
#[skill]
fn remember(request: Request, memory: Memory) -> Result<Answer> {
    let notes = match request {
        Request::Remember { key, text, revision } => vec![add(&memory, key, text, revision)?],
        Request::Recall { key } => recall(&memory, key)?.into_iter().collect(),
        Request::Forget { key } => {
            memory.delete(&place(&key)?)?;
            Vec::new()
        }
        Request::List { prefix } => {
            let keys = memory.list(&format!("{PREFIX}{prefix}"))?;
            let keys = keys.iter().filter_map(|key| key.strip_prefix(PREFIX));
            keys.map(|key| Note { key: key.to_owned(), lines: Vec::new(), revision: None }).collect()
        }
    };
    Ok(Answer { notes })
}

fn add(memory: &Memory, key: String, text: String, revision: Option<u64>) -> Result<Note> {
    let place = place(&key)?;
    let append = |old: Option<Vec<String>>| {
        let mut lines = old.unwrap_or_default();
        lines.push(text.clone());
        lines
    };
    let Some(expected) = revision else {
        return match memory.update_json(&place, append) {
            Ok(entry) => Ok(Note { key, lines: entry.value, revision: Some(entry.revision) }),
            Err(Error::Conflict(_)) => Err(Failure::retry(format!("others keep changing `{key}`"))),
            Err(error) => Err(error.into()),
        };
    };
    let old = memory.get_json::<Vec<String>>(&place)?;
    let present = old.as_ref().map_or(ABSENT, |entry| entry.revision);
    let lines = append(old.map(|entry| entry.value));
    let written = match present == expected {
        true => memory.compare_and_set_json(&place, expected, &lines),
        false => Err(Error::Conflict(present)),
    };
    match written {
        Ok(revision) => Ok(Note { key, lines, revision: Some(revision) }),
        Err(Error::Conflict(present)) => Err(Failure::stop(format!(
            "`{key}` has revision {present} and not {expected}: recall it and decide again"
        ))),
        Err(error) => Err(error.into()),
    }
}

fn recall(memory: &Memory, key: String) -> Result<Option<Note>> {
    let entry = memory.get_json(&place(&key)?)?;
    Ok(entry.map(|entry| Note { key, lines: entry.value, revision: Some(entry.revision) }))
}

/// The memory's key for a caller's key.
fn place(key: &str) -> Result<String> {
    match key.is_empty() {
        true => Err(Failure::stop("the key is empty")),
        false => Ok(format!("{PREFIX}{key}")),
    }
}

#[cfg(test)]
mod tests;
