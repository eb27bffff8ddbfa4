//! What lies outside, as traits. Every method takes a permit by value and nothing else.

use futures::future::BoxFuture;

use super::call::{Call, artifacts, files, http, memory, model, skills, tool};
use super::{Permit, Settled};

type Answer<'a, C> = BoxFuture<'a, Settled<C>>;

/// What skills hand over.
pub trait Artifacts: Send + Sync {
    /// Keeps an artifact for the permit's caller: its bytes are durable before anything names them.
    fn save(&self, permit: Permit<artifacts::ArtifactsSave>) -> Answer<'_, artifacts::ArtifactsSave>;
}

/// Files in granted folders.
pub trait Files: Send + Sync {
    /// Reads a whole file; a larger one than the permit's allowance of bytes in is `invalid`.
    fn read(&self, permit: Permit<files::FilesRead>) -> Answer<'_, files::FilesRead>;
    /// Creates or replaces a file as a whole.
    fn write(&self, permit: Permit<files::FilesWrite>) -> Answer<'_, files::FilesWrite>;
    /// Removes a file.
    fn delete(&self, permit: Permit<files::FilesDelete>) -> Answer<'_, files::FilesDelete>;
    /// The names in a folder, in order.
    fn list(&self, permit: Permit<files::FilesList>) -> Answer<'_, files::FilesList>;
}

/// What is on the web.
pub trait Http: Send + Sync {
    /// Sends one request to exactly what was decided, and follows nothing. Addresses are cleared by the permit's grant
    /// before one of them is connected to; an answer larger than the allowance of bytes in is `too-large`.
    fn send(&self, permit: Permit<http::HttpSend>) -> Answer<'_, http::HttpSend>;
}

/// The callers' key-value stores.
pub trait Memory: Send + Sync {
    /// The value under a key of the permit's caller.
    fn get(&self, permit: Permit<memory::MemoryGet>) -> Answer<'_, memory::MemoryGet>;
    /// Sets a value.
    fn set(&self, permit: Permit<memory::MemorySet>) -> Answer<'_, memory::MemorySet>;
    /// Sets a value that has a certain revision.
    fn compare_and_set(
        &self,
        permit: Permit<memory::MemoryCompareAndSet>,
    ) -> Answer<'_, memory::MemoryCompareAndSet>;
    /// Removes a key.
    fn delete(&self, permit: Permit<memory::MemoryDelete>) -> Answer<'_, memory::MemoryDelete>;
    /// The keys with a prefix.
    fn list(&self, permit: Permit<memory::MemoryList>) -> Answer<'_, memory::MemoryList>;
}

/// Language models.
pub trait Models: Send + Sync {
    /// Asks exactly the model that was decided on, once. An answer with more tokens than the permit's call allows is cut; one
    /// with more bytes than the allowance of bytes in is `too-large`.
    fn complete(&self, permit: Permit<model::ModelComplete>) -> Answer<'_, model::ModelComplete>;
}

/// Other skills.
pub trait Skills: Send + Sync {
    /// Runs a skill for the permit's caller, within what the permit lends.
    fn run(&self, permit: Permit<skills::SkillsRun>) -> Answer<'_, skills::SkillsRun>;
}

/// Tools of servers.
pub trait Tool: Send + Sync {
    /// The tools that the permit's run is granted and that were accepted, as they were accepted.
    fn list(&self, permit: Permit<tool::ToolList>) -> Answer<'_, tool::ToolList>;
    /// Calls exactly the tool that was decided on, if it is still what was accepted; an answer larger than the allowance of
    /// bytes in is `too-large`.
    fn call(&self, permit: Permit<tool::ToolCall>) -> Answer<'_, tool::ToolCall>;
}

/// Everything outside.
pub struct Outside {
    /// Artifacts.
    pub artifacts: Box<dyn Artifacts>,
    /// Files.
    pub files: Box<dyn Files>,
    /// The web.
    pub http: Box<dyn Http>,
    /// Memory.
    pub memory: Box<dyn Memory>,
    /// Language models.
    pub models: Box<dyn Models>,
    /// Other skills.
    pub skills: Box<dyn Skills>,
    /// Tools.
    pub tool: Box<dyn Tool>,
}

impl Outside {
    /// An outside that panics when touched: a replay must never reach it.
    #[must_use]
    pub fn untouchable() -> Self {
        Self {
            artifacts: Box::new(Untouchable),
            files: Box::new(Untouchable),
            http: Box::new(Untouchable),
            memory: Box::new(Untouchable),
            models: Box::new(Untouchable),
            skills: Box::new(Untouchable),
            tool: Box::new(Untouchable),
        }
    }
}

/// Panics when touched.
#[derive(Debug)]
pub struct Untouchable;

impl Untouchable {
    fn touched<C: Call>(permit: &Permit<C>) -> ! {
        panic!("call {} of {} reached the outside of a replay", C::NAME, permit.authority().skill)
    }
}

impl Artifacts for Untouchable {
    fn save(&self, permit: Permit<artifacts::ArtifactsSave>) -> Answer<'_, artifacts::ArtifactsSave> {
        Self::touched(&permit)
    }
}

impl Files for Untouchable {
    fn read(&self, permit: Permit<files::FilesRead>) -> Answer<'_, files::FilesRead> {
        Self::touched(&permit)
    }
    fn write(&self, permit: Permit<files::FilesWrite>) -> Answer<'_, files::FilesWrite> {
        Self::touched(&permit)
    }
    fn delete(&self, permit: Permit<files::FilesDelete>) -> Answer<'_, files::FilesDelete> {
        Self::touched(&permit)
    }
    fn list(&self, permit: Permit<files::FilesList>) -> Answer<'_, files::FilesList> {
        Self::touched(&permit)
    }
}

impl Http for Untouchable {
    fn send(&self, permit: Permit<http::HttpSend>) -> Answer<'_, http::HttpSend> {
        Self::touched(&permit)
    }
}

impl Memory for Untouchable {
    fn get(&self, permit: Permit<memory::MemoryGet>) -> Answer<'_, memory::MemoryGet> {
        Self::touched(&permit)
    }
    fn set(&self, permit: Permit<memory::MemorySet>) -> Answer<'_, memory::MemorySet> {
        Self::touched(&permit)
    }
    fn compare_and_set(
        &self,
        permit: Permit<memory::MemoryCompareAndSet>,
    ) -> Answer<'_, memory::MemoryCompareAndSet> {
        Self::touched(&permit)
    }
    fn delete(&self, permit: Permit<memory::MemoryDelete>) -> Answer<'_, memory::MemoryDelete> {
        Self::touched(&permit)
    }
    fn list(&self, permit: Permit<memory::MemoryList>) -> Answer<'_, memory::MemoryList> {
        Self::touched(&permit)
    }
}

impl Models for Untouchable {
    fn complete(&self, permit: Permit<model::ModelComplete>) -> Answer<'_, model::ModelComplete> {
        Self::touched(&permit)
    }
}

impl Skills for Untouchable {
    fn run(&self, permit: Permit<skills::SkillsRun>) -> Answer<'_, skills::SkillsRun> {
        Self::touched(&permit)
    }
}

impl Tool for Untouchable {
    fn list(&self, permit: Permit<tool::ToolList>) -> Answer<'_, tool::ToolList> {
        Self::touched(&permit)
    }
    fn call(&self, permit: Permit<tool::ToolCall>) -> Answer<'_, tool::ToolCall> {
        Self::touched(&permit)
    }
}
