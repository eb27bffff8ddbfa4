//! Files in granted folders.

use serde::Serialize;

use super::{Call, Content, Repetition};
use crate::capability::Capability;
use crate::governance::{Access, Cost, Scope};
use crate::limit::{Amounts, Limit};
use crate::ring::Effect;

/// The largest file that is read or written, in bytes.
const MAX_FILE: u64 = 16 << 20;

macro_rules! about_a_path {
    ($access:ident) => {
        const CAPABILITY: Capability = Capability::Files;

        fn scope(&self) -> Scope<'_> {
            Scope::Path(&self.path, Access::$access)
        }
    };
}

/// Reads a whole file.
#[derive(Debug, Serialize)]
pub struct FilesRead {
    /// `folder/rest`.
    pub path: String,
}

impl Call for FilesRead {
    about_a_path!(Read);
    const NAME: &'static str = "files.read";
    const EFFECT: Effect = Effect::Read;
    type Answer = Content;

    fn cost(&self) -> Cost {
        let fixed = Amounts::NONE.with(Limit::BytesOut, self.path.len() as u64);
        Cost { fixed, up_to: Some((Limit::BytesIn, MAX_FILE)) }
    }

    fn used(&self, answer: &Content) -> Amounts {
        self.cost().fixed.with(Limit::BytesIn, answer.0.len() as u64)
    }
}

/// Creates or replaces a file.
#[derive(Debug, Serialize)]
pub struct FilesWrite {
    /// `folder/rest`.
    pub path: String,
    /// What it shall hold.
    pub content: Content,
}

impl Call for FilesWrite {
    about_a_path!(Write);
    const NAME: &'static str = "files.write";
    const EFFECT: Effect = Effect::Reversible;
    type Answer = ();

    /// It replaces the file as a whole.
    fn repetition(&self) -> Repetition {
        Repetition::Harmless
    }

    fn cost(&self) -> Cost {
        let bytes = self.path.len() + self.content.0.len();
        Cost { fixed: Amounts::NONE.with(Limit::BytesOut, bytes as u64), up_to: None }
    }

    fn used(&self, (): &()) -> Amounts {
        self.cost().fixed
    }
}

/// Removes a file.
#[derive(Debug, Serialize)]
pub struct FilesDelete {
    /// `folder/rest`.
    pub path: String,
}

impl Call for FilesDelete {
    about_a_path!(Write);
    const NAME: &'static str = "files.delete";
    const EFFECT: Effect = Effect::Reversible;
    type Answer = ();

    fn cost(&self) -> Cost {
        Cost { fixed: Amounts::NONE.with(Limit::BytesOut, self.path.len() as u64), up_to: None }
    }

    fn used(&self, (): &()) -> Amounts {
        self.cost().fixed
    }
}

/// The names in a folder.
#[derive(Debug, Serialize)]
pub struct FilesList {
    /// `folder` or `folder/rest`.
    pub path: String,
}

impl Call for FilesList {
    about_a_path!(Read);
    const NAME: &'static str = "files.list";
    const EFFECT: Effect = Effect::Read;
    type Answer = Vec<String>;

    fn cost(&self) -> Cost {
        let fixed = Amounts::NONE.with(Limit::BytesOut, self.path.len() as u64);
        Cost { fixed, up_to: Some((Limit::BytesIn, 1 << 20)) }
    }

    fn used(&self, names: &Vec<String>) -> Amounts {
        let bytes: usize = names.iter().map(String::len).sum();
        self.cost().fixed.with(Limit::BytesIn, bytes as u64)
    }
}
