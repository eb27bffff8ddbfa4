//! What an operator declares: which sources, how fresh, and how much of them at the most.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error};
use crate::ids::{ContextName, SourceName, TaskId};

/// The most bytes that a package may be allowed: whoever counts their tokens works no longer than that takes.
pub const MAX_BYTES: u64 = 4 << 20;

/// The most sources that a package may have.
pub const MAX_SOURCES: usize = 64;

/// A package as the operator declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextPackage {
    /// What it is ordered by.
    pub name: ContextName,
    /// How many bytes all its sources may have together.
    pub max_bytes: u64,
    /// How many tokens, where that is bounded too.
    pub tokens: Option<TokenBudget>,
    /// What is in it, in this order.
    pub sources: Vec<DeclaredSource>,
}

/// What a task is ordered to be given to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextOrder {
    /// The package.
    pub name: ContextName,
    /// The earlier tasks, each by the source that is taken from it.
    pub tasks: BTreeMap<SourceName, TaskId>,
}

impl ContextOrder {
    /// A package that leaves nothing to its order.
    #[must_use]
    pub const fn of(name: ContextName) -> Self {
        Self { name, tasks: BTreeMap::new() }
    }
}

impl ContextPackage {
    /// The package with the tasks that its order names.
    ///
    /// # Errors
    /// `R0443` if one is named for what is no such source, or none for one that is.
    pub fn with(&self, tasks: &BTreeMap<SourceName, TaskId>) -> Result<Self, Error> {
        let Self { name, .. } = self;
        let mut package = self.clone();
        let mut left: BTreeSet<_> = tasks.keys().collect();
        for source in package.sources.iter_mut().filter(|source| source.origin == Origin::NamedTask) {
            left.remove(&source.name);
            let task = tasks.get(&source.name).ok_or_else(|| {
                let source = &source.name;
                Error::new(Code::R0443, format!("context `{name}` lacks a task for its source `{source}`"))
                    .because("the policy file leaves it to the order which task it is taken from")
                    .hint(format!("name one of the same caller that has completed: --source {source}=TASK"))
            })?;
            source.origin = Origin::Task(task.clone());
        }
        let Some(unknown) = left.first() else { return Ok(package) };
        Err(Error::new(Code::R0443, format!("context `{name}` has no source `{unknown}` to be named a task for"))
            .because("only a source that says task = \"*\" in the policy file is taken from a task of the order's choice")
            .hint("leave it out, or declare it so under [[context]] in ringfence.toml"))
    }
}

/// How many tokens a package may have, and who counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBudget {
    /// Who counts.
    pub tokeniser: Tokeniser,
    /// The most.
    pub most: u64,
}

/// One source of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredSource {
    /// What the skill reads it by.
    pub name: SourceName,
    /// Where its text is taken from.
    pub origin: Origin,
    /// How old that may be.
    pub max_age: Option<Duration>,
}

/// Where the text of a source is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It stands in the policy.
    Inline(Arc<str>),
    /// From a file of the operator's.
    File(PathBuf),
    /// From the value under a key in the caller's memory.
    Memory(String),
    /// From what an earlier task of the same caller gave.
    Task(TaskId),
    /// The same, of a task that is named when the package is ordered.
    NamedTask,
}

/// The kinds of origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OriginKind {
    /// The policy itself.
    Inline,
    /// A file.
    File,
    /// The caller's memory.
    Memory,
    /// An earlier task.
    Task,
}

/// Who counts tokens: a published vocabulary, by its published name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tokeniser {
    /// That of GPT-4o and of what came after it.
    #[serde(rename = "o200k_base")]
    O200kBase,
    /// That of GPT-4 and GPT-3.5.
    #[serde(rename = "cl100k_base")]
    Cl100kBase,
}

impl Tokeniser {
    /// All that are known.
    pub const ALL: [Self; 2] = [Self::O200kBase, Self::Cl100kBase];

    /// Its published name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::O200kBase => "o200k_base",
            Self::Cl100kBase => "cl100k_base",
        }
    }

    /// The tokeniser of this name.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tokeniser| tokeniser.word() == word)
    }
}

impl fmt::Display for Tokeniser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
