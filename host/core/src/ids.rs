//! The names of things. Each is checked once, where it enters, and is a type of its own from there on.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not a name of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {kind}: {why}")]
pub struct BadName {
    text: String,
    kind: &'static str,
    why: &'static str,
}

/// Lower-case ASCII words joined by single hyphens, 64 bytes at most, beginning with a letter.
fn check_words(text: &str, kind: &'static str) -> Result<(), BadName> {
    let bad = |why| BadName { text: text.chars().take(80).collect(), kind, why };
    if text.is_empty() || text.len() > 64 {
        return Err(bad("it must have 1 to 64 characters"));
    }
    if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(bad("it must begin with a lower-case letter"));
    }
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !text.bytes().all(fits) {
        return Err(bad("only lower-case letters, digits and hyphens are allowed"));
    }
    if text.ends_with('-') || text.as_bytes().windows(2).any(|pair| pair == b"--") {
        return Err(bad("hyphens stand singly between words"));
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(Arc<str>);

        impl $type {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The name as text that is shared, not copied.
            #[must_use]
            pub fn text(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                let check: fn(&str, &'static str) -> Result<(), BadName> = $check;
                check(text, $kind)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// The name of a skill: `word-count`.
    SkillName, "a skill name", check_words
);
name!(
    /// Who calls: the principal whose ring, grants, memory and ledger count.
    Agent, "an agent name", check_words
);
name!(
    /// Whose store it is: who shares nothing with others, and has a store, a policy and limits of its own.
    TenantName, "a tenant name", check_words
);
name!(
    /// The name of a context package.
    ContextName, "a context name", check_words
);
name!(
    /// What the tasks of a caller belong to that it submits one after the other: a label of its own.
    SessionName, "a session name", check_words
);
name!(
    /// The name of a source in a context package.
    SourceName, "a source name", check_words
);
name!(
    /// The name that the operator gives to a server of tools.
    ServerName, "a server name", check_words
);
name!(
    /// A tool of a server: `files/read_text_file`. The server's name comes first, so tools of two servers are never the same.
    ToolName, "a tool name", check_tool
);
name!(
    /// The operator's name of a language model.
    ModelName, "a model name", check_words
);
name!(
    /// The operator's name of who provides language models.
    ProviderName, "a provider name", check_words
);
name!(
    /// One unit of governed work.
    TaskId, "a task id", check_task
);
name!(
    /// A sequence of events with one writer: `task/<id>`, `registry`, `control`, `memory/<agent>`,
    /// `artifacts/<agent>`, `budget/<agent>`, `checkpoints`, `tools`, `tenant`, `tenant/budget`.
    StreamName, "a stream name", check_stream
);

/// ASCII alone: two names that look alike are alike.
fn check_tool(text: &str, kind: &'static str) -> Result<(), BadName> {
    let bad = |why| BadName { text: text.chars().take(80).collect(), kind, why };
    let (server, tool) = text.split_once('/').ok_or(bad("it must be `server/tool`"))?;
    check_words(server, kind)?;
    if tool.is_empty() || tool.len() > 128 {
        return Err(bad("the tool's part must have 1 to 128 characters"));
    }
    if !tool.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte)) {
        return Err(bad("the tool's part has only letters, digits and `_`, `-`, `.`, `/`"));
    }
    Ok(())
}

impl ToolName {
    /// The server's name and the name that the server knows the tool by.
    #[must_use]
    pub fn parts(&self) -> (&str, &str) {
        self.as_str().split_once('/').expect("a tool name has two parts")
    }
}

impl SessionName {
    /// How the names begin of what clients of the Model Context Protocol have; no operator gives such a name.
    const CLIENTS: &str = "mcp-";

    /// The session of a client that the protocol has under this id.
    ///
    /// # Errors
    /// That the id is no part of a name.
    pub fn of_client(id: &str) -> Result<Self, BadName> {
        [Self::CLIENTS, id].concat().parse()
    }

    /// Whether it is such a client's.
    #[must_use]
    pub fn is_a_clients(&self) -> bool {
        self.0.starts_with(Self::CLIENTS)
    }
}

/// What orders and streams are called by is no task: a task is named without its kind beside it.
fn check_task(text: &str, kind: &'static str) -> Result<(), BadName> {
    check_words(text, kind)?;
    if text == "all" || StreamName::OWN.contains(&text) {
        let why = "`all` and the host's own streams are called so";
        return Err(BadName { text: text.to_owned(), kind, why });
    }
    Ok(())
}

fn check_stream(text: &str, kind: &'static str) -> Result<(), BadName> {
    text.split('/').try_for_each(|part| check_words(part, kind))
}

/// What the stream of a task begins with.
const TASK: &str = "task/";

impl StreamName {
    /// The streams of the host's own that are called by one word.
    pub const OWN: [&str; 5] = ["checkpoints", "control", "registry", "tenant", "tools"];

    /// The stream of a task.
    #[must_use]
    pub fn task(task: &TaskId) -> Self {
        // Each task has one: without a text on the way to the one that is shared.
        let mut text = *b"task/0123456789012345678901234567890123456789012345678901234567890123";
        let end = TASK.len() + task.as_str().len();
        text[TASK.len()..end].copy_from_slice(task.as_str().as_bytes());
        Self(str::from_utf8(&text[..end]).expect("an id is text").into())
    }

    /// The stream of what an agent keeps in `memory`.
    #[must_use]
    pub fn memory(agent: &Agent) -> Self {
        Self(format!("memory/{agent}").into())
    }

    /// The stream of the artifacts that were handed over to an agent.
    #[must_use]
    pub fn artifacts(agent: &Agent) -> Self {
        Self(format!("artifacts/{agent}").into())
    }

    /// The stream of what an agent's tasks spend.
    #[must_use]
    pub fn budget(agent: &Agent) -> Self {
        Self(format!("budget/{agent}").into())
    }

    /// The stream of what all agents' tasks spend together.
    #[must_use]
    pub fn tenant_budget() -> Self {
        Self("tenant/budget".into())
    }

    /// The stream of loaded skills.
    #[must_use]
    pub fn registry() -> Self {
        Self("registry".into())
    }

    /// The stream of the tools that were accepted.
    #[must_use]
    pub fn tools() -> Self {
        Self("tools".into())
    }

    /// The stream that says whose store it is.
    #[must_use]
    pub fn tenant() -> Self {
        Self("tenant".into())
    }

    /// The stream of kills and, later, of everything else that people order.
    #[must_use]
    pub fn control() -> Self {
        Self("control".into())
    }

    /// The stream of signed checkpoints over all streams.
    #[must_use]
    pub fn checkpoints() -> Self {
        Self("checkpoints".into())
    }

    /// The task whose stream this is, if it is one's.
    #[must_use]
    pub fn as_task(&self) -> Option<TaskId> {
        self.0.strip_prefix(TASK)?.parse().ok()
    }
}

impl TaskId {
    /// A task id from a number, such as a UUID: `t-` and 32 hexadecimal digits.
    #[must_use]
    pub fn from_number(number: u128) -> Self {
        // Each task has one: written by hand, it takes a tenth of the time.
        let mut text = *b"t-00000000000000000000000000000000";
        for (place, digit) in text[2..].iter_mut().rev().enumerate() {
            *digit = b"0123456789abcdef"[(number >> (4 * place)) as usize & 0xf];
        }
        Self(str::from_utf8(&text).expect("digits are text").into())
    }

    /// The id of what a task has another skill do: always the same for the same errand, the how-manieth of its kind it may be
    /// in an attempt. It sorts beside the task's own.
    #[must_use]
    pub fn errand(&self, kind: &Digest, occurrence: u64) -> Self {
        /// The bits of a UUID of version 7 that hold its time.
        const TIME: u128 = u128::MAX << 80;
        let own = self.as_str().strip_prefix("t-").and_then(|hex| u128::from_str_radix(hex, 16).ok());
        let (kind, occurrence) = (kind.as_bytes().as_slice(), occurrence.to_be_bytes());
        let hash = Digest::of_all(&[kind, &occurrence, self.as_str().as_bytes()]);
        let hash = u128::from_be_bytes(*hash.as_bytes().first_chunk().expect("32 bytes hold 16"));
        Self::from_number(own.unwrap_or(hash) & TIME | hash & !TIME)
    }
}

/// A BLAKE3 hash: of a component, a payload, an event, the arguments of a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Digest([u8; 32]);

impl std::hash::Hash for Digest {
    /// A part of a hash tells as much as all of it where keys are looked up.
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let (part, _) = self.0.split_first_chunk::<8>().expect("32 bytes hold 8");
        state.write_u64(u64::from_le_bytes(*part));
    }
}

impl Digest {
    /// The hash of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The hash of parts as if they were one.
    #[must_use]
    pub fn of_all(parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// A hash that was computed elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEXLOWER.encode_mut_str(&self.0, &mut [0; 64]))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Digest {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let hash = blake3::Hash::from_hex(text).map_err(|_| BadName {
            text: text.chars().take(80).collect(),
            kind: "a digest",
            why: "it must have 64 hexadecimal digits",
        })?;
        Ok(Self(*hash.as_bytes()))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HEXLOWER.encode_mut_str(&self.0, &mut [0; 64]))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_path_in_it_is_no_name() {
        for text in ["", "../x", "a/b", "A", "a--b", "a-", "1a", "a\0", "a b", &"a".repeat(65)] {
            assert!(text.parse::<SkillName>().is_err(), "{text:?}");
        }
        assert!("word-count2".parse::<SkillName>().is_ok());
    }

    #[test]
    fn a_task_is_not_called_as_all_tasks_are_or_as_a_stream_of_the_hosts_own() {
        for word in ["all"].into_iter().chain(StreamName::OWN) {
            assert!(word.parse::<TaskId>().is_err(), "{word}");
            assert!(word.parse::<SkillName>().is_ok() && word.parse::<Agent>().is_ok(), "{word}");
        }
        let own = [StreamName::checkpoints(), StreamName::control(), StreamName::registry()];
        let own = own.into_iter().chain([StreamName::tenant(), StreamName::tools()]);
        assert!(own.map(|stream| stream.to_string()).eq(StreamName::OWN));
        assert!("all-2".parse::<TaskId>().is_ok());
    }

    #[test]
    fn errands_sort_beside_their_task_and_are_always_the_same() {
        let task = TaskId::from_number(0x01a1_ff4c_82d1_70b7_a27b_b7aa_5b28_3017);
        let (one, other) = (Digest::of(b"hello {}"), Digest::of(b"hello 1"));
        let ids = [task.errand(&one, 1), task.errand(&one, 2), task.errand(&other, 1)];
        assert!(ids.iter().all(|errand| errand.as_str()[..14] == task.as_str()[..14]), "{ids:?}");
        assert!(ids[0] != ids[1] && ids[0] != ids[2]);
        let named: TaskId = "t-one".parse().expect("an id");
        assert_ne!(named.errand(&one, 1), task.errand(&one, 1));
        assert_eq!(named.errand(&one, 1), named.errand(&one, 1));
    }

    #[test]
    fn a_digest_survives_its_text() {
        let digest = Digest::of(b"x");
        assert_eq!(digest.to_string().parse::<Digest>(), Ok(digest));
    }
}
