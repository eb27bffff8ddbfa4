//! What is limited, and amounts of it.

use std::fmt;
use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

macro_rules! limits {
    ($($(#[$doc:meta])* $variant:ident = $word:literal;)*) => {
        /// What the ledger counts, each in its own unit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Limit {
            $($(#[$doc])* $variant,)*
        }

        impl Limit {
            /// All of them.
            pub const ALL: [Self; 11] = [$(Self::$variant),*];

            /// Its word, as in the policy file and on the command line.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

limits! {
    /// Instructions.
    Fuel = "fuel";
    /// Calls of the host.
    Steps = "steps";
    /// Milliseconds of wall time.
    WallMs = "wall-ms";
    /// Bytes of linear memory and tables held at once.
    MemoryBytes = "memory-bytes";
    /// Bytes that go into a skill: its input and what its calls are answered with.
    BytesIn = "bytes-in";
    /// Bytes that come out: its output and the arguments of its calls.
    BytesOut = "bytes-out";
    /// Bytes of log lines and printed text.
    LogBytes = "log-bytes";
    /// Artifacts that are handed over.
    Artifacts = "artifacts";
    /// Bytes of artifacts, all of a task together.
    ArtifactBytes = "artifact-bytes";
    /// Tokens of language models.
    Tokens = "tokens";
    /// Millionths of a United States dollar.
    MicroUsd = "micro-usd";
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// An amount of each thing that is limited.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Amounts([u64; Limit::ALL.len()]);

impl Amounts {
    /// Nothing of anything.
    pub const NONE: Self = Self([0; Limit::ALL.len()]);

    /// This much of one thing, and of the others what was there.
    #[must_use]
    pub const fn with(mut self, limit: Limit, amount: u64) -> Self {
        self.0[limit as usize] = amount;
        self
    }

    /// The lesser of both, thing by thing.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        let mut least = self;
        for limit in Limit::ALL {
            least[limit] = self[limit].min(other[limit]);
        }
        least
    }
}

impl Index<Limit> for Amounts {
    type Output = u64;
    fn index(&self, limit: Limit) -> &u64 {
        &self.0[limit as usize]
    }
}

impl IndexMut<Limit> for Amounts {
    fn index_mut(&mut self, limit: Limit) -> &mut u64 {
        &mut self.0[limit as usize]
    }
}

impl fmt::Debug for Amounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = Limit::ALL.into_iter().filter(|limit| self[*limit] != 0);
        f.debug_map().entries(used.map(|limit| (limit.word(), self[limit]))).finish()
    }
}

impl Serialize for Amounts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let some = Limit::ALL.into_iter().filter(|limit| self[*limit] != 0);
        serializer.collect_map(some.map(|limit| (limit.word(), self[limit])))
    }
}

impl<'de> Deserialize<'de> for Amounts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = std::collections::BTreeMap::<String, u64>::deserialize(deserializer)?;
        let mut amounts = Self::NONE;
        for limit in Limit::ALL {
            amounts[limit] = map.get(limit.word()).copied().unwrap_or(0);
        }
        Ok(amounts)
    }
}
