//! The powers that a skill can ask for. One word each, the same word in WIT, engine, SDK, policy and log.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A power over something outside the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Files and documents that a skill hands over.
    Artifacts,
    /// Time and waiting.
    Clock,
    /// What the task was given to read.
    Context,
    /// Files in granted folders.
    Files,
    /// What is on the web, as far as it is granted.
    Http,
    /// Lines for the run's record.
    Log,
    /// A key-value store that belongs to the caller.
    Memory,
    /// Language models, as far as they are granted.
    Model,
    /// Random bytes.
    Random,
    /// Other skills.
    Skills,
    /// Tools of servers that speak the Model Context Protocol, as far as they are granted.
    Tool,
}

impl Capability {
    /// All of them, in alphabetical order.
    pub const ALL: [Self; 11] = [
        Self::Artifacts,
        Self::Clock,
        Self::Context,
        Self::Files,
        Self::Http,
        Self::Log,
        Self::Memory,
        Self::Model,
        Self::Random,
        Self::Skills,
        Self::Tool,
    ];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Artifacts => "artifacts",
            Self::Clock => "clock",
            Self::Context => "context",
            Self::Files => "files",
            Self::Http => "http",
            Self::Log => "log",
            Self::Memory => "memory",
            Self::Model => "model",
            Self::Random => "random",
            Self::Skills => "skills",
            Self::Tool => "tool",
        }
    }

    /// The capability with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.word() == word)
    }

    /// The WIT interface that a component imports to ask for it.
    #[must_use]
    pub const fn interface(self) -> &'static str {
        match self {
            Self::Artifacts => "ringfence:artifacts/artifacts@0.1.0",
            Self::Clock => "ringfence:clock/clock@0.1.0",
            Self::Context => "ringfence:context/context@0.1.0",
            Self::Files => "ringfence:files/files@0.1.0",
            Self::Http => "ringfence:http/http@0.1.0",
            Self::Log => "ringfence:log/log@0.1.0",
            Self::Memory => "ringfence:memory/memory@0.1.0",
            Self::Model => "ringfence:model/model@0.1.0",
            Self::Random => "ringfence:random/random@0.1.0",
            Self::Skills => "ringfence:skills/skills@0.1.0",
            Self::Tool => "ringfence:tool/tool@0.1.0",
        }
    }

    /// The capability that an import asks for, if it is one of ours.
    #[must_use]
    pub fn from_interface(interface: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.interface() == interface)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A set of capabilities.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Capability>", into = "Vec<Capability>")]
pub struct Powers(u32);

impl Powers {
    /// No power at all.
    pub const NONE: Self = Self(0);

    /// Every power there is.
    #[must_use]
    pub fn all() -> Self {
        Capability::ALL.into_iter().collect()
    }

    /// Whether a capability is among them.
    #[must_use]
    pub const fn contains(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u32) != 0
    }

    /// What both sets have.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What this set has and the other has not.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Its members, in alphabetical order.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |capability| self.contains(*capability))
    }
}

impl FromIterator<Capability> for Powers {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        Self(capabilities.into_iter().fold(0, |set, capability| set | 1 << capability as u32))
    }
}

impl From<Vec<Capability>> for Powers {
    fn from(list: Vec<Capability>) -> Self {
        list.into_iter().collect()
    }
}

impl From<Powers> for Vec<Capability> {
    fn from(powers: Powers) -> Self {
        powers.iter().collect()
    }
}

impl fmt::Debug for Powers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
