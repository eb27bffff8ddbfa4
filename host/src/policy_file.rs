//! Follows the policy file: what the operator writes there comes into force in this process within a moment, or is refused
//! and said to be.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ringfence_adapters::mcp_client::McpTools;
use ringfence_adapters::model::Providers;
use ringfence_adapters::secrets::Secrets;
use ringfence_core::audit::{Fact, TraceId};
use ringfence_core::error::{Code, Error};
use ringfence_core::governance::Policies;
use ringfence_core::ids::{Digest, StreamName};
use ringfence_core::ring::Ring;
use ringfence_core::stores::{Envelope, EventLog, StoreError, append_shared};
use ringfence_core::system::Clock;

use crate::clients::Clients;
use crate::config::Config;
use crate::passing::is_passing;

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(40);

/// How long a file must have been the same before it is read: who writes it in place is given the time to end, and what is
/// written after it was read has another time of change, however coarse the kernel's clock is.
const SETTLES_IN: Duration = Duration::from_millis(60);

/// What a file is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sight {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// What is needed to take a policy, and to say so.
pub(crate) struct Taking {
    /// The policy file.
    pub(crate) file: PathBuf,
    /// The data folder, whatever the file says.
    pub(crate) data: PathBuf,
    /// What it says of secrets, providers and servers goes to these.
    pub(crate) reach: Reach,
    /// What is in force.
    pub(crate) policies: Arc<Policies>,
    /// Who may run skills over the Model Context Protocol.
    pub(crate) clients: Arc<Clients>,
    /// Where it is written down.
    pub(crate) log: Arc<dyn EventLog>,
    /// Time.
    pub(crate) clock: Arc<dyn Clock>,
}

/// What reaches out, as far as the policy file says how.
#[derive(Clone)]
pub(crate) struct Reach {
    /// The secrets of all of it.
    pub(crate) secrets: Secrets,
    /// Who provides language models.
    pub(crate) providers: Providers,
    /// The servers of tools.
    pub(crate) tools: McpTools,
}

impl Reach {
    /// Takes what a policy file says of it. Before the policy itself: what that grants is there then, and what it grants no more is
    /// bound to what was there before.
    fn take(&self, config: &Config) -> Result<(), String> {
        // The one that may fail comes first: then nothing has changed.
        self.providers.take(config.providers.clone())?;
        config.renew(&self.secrets);
        self.tools.take(config.servers.clone());
        Ok(())
    }
}

/// The policy file of a process.
pub(crate) struct PolicyFile {
    taking: Arc<Taking>,
    /// How far the stream `control` had come at the start: what others said of the file since stands behind it.
    since: u64,
    looked: Option<Instant>,
    /// What was there when something was made of it; the outer one is `None` where nothing was ever there.
    settled: Option<Option<Sight>>,
    /// What is there now, and since when.
    new: Option<(Option<Sight>, Instant)>,
    /// What makes something of it. It says whether the file was still the same then.
    at_work: Option<JoinHandle<bool>>,
    sees: Option<Sight>,
}

impl PolicyFile {
    pub(crate) fn follow(taking: Taking) -> Result<Self, StoreError> {
        let since = taking.log.head(&StreamName::control())?.sequence;
        let (looked, settled, new, at_work, sees) = (None, None, None, None, None);
        Ok(Self { taking: Arc::new(taking), since, looked, settled, new, at_work, sees })
    }

    /// Looks at the file, if it is time to. What takes long is done on another thread.
    pub(crate) fn look(&mut self) {
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK_EVERY) {
            return;
        }
        self.looked = Some(Instant::now());
        match &self.at_work {
            Some(at_work) if !at_work.is_finished() => return,
            Some(_) => {
                let was_the_same = self.at_work.take().map(JoinHandle::join);
                if !matches!(was_the_same, Some(Ok(true))) {
                    self.settled = None;
                }
            }
            None => {}
        }
        let sight = sight(&self.taking.file);
        // What was never there cannot be gone: a policy may have been given as text.
        let never_seen = sight.is_none() && self.sees.is_none();
        if self.settled == Some(sight) || never_seen {
            self.new = None;
            return;
        }
        match self.new {
            Some((new, since)) if new == sight => {
                if since.elapsed() >= SETTLES_IN {
                    self.take(sight);
                }
            }
            _ => self.new = Some((sight, Instant::now())),
        }
    }

    fn take(&mut self, sight: Option<Sight>) {
        (self.settled, self.new) = (Some(sight), None);
        self.sees = sight.or(self.sees);
        let (taking, since) = (Arc::clone(&self.taking), self.since);
        let take = move || taking.take(sight, since);
        match std::thread::Builder::new().name("ringfence-policy".into()).spawn(take) {
            Ok(thread) => self.at_work = Some(thread),
            // The machine has none to give: it is taken at a later look.
            Err(_) => self.settled = None,
        }
    }

    /// Waits for what was begun.
    pub(crate) fn end(&mut self) {
        drop(self.at_work.take().map(JoinHandle::join));
    }
}

impl Taking {
    /// Whether the file was still the same when something was made of it.
    fn take(&self, seen: Option<Sight>, since: u64) -> bool {
        let held = self.policies.newest().policy().digest;
        let file = self.file.display();
        if seen.is_none() {
            let gone = Error::new(Code::R0404, format!("there is no policy file {file} any more"));
            self.refuse(held, None, &gone, since);
            return true;
        }
        let text = std::fs::read(&self.file);
        if sight(&self.file) != seen {
            return false;
        }
        let text = match text {
            Ok(text) => text,
            // It is looked at again.
            Err(why) if is_passing(&why) => return false,
            Err(why) => {
                let error = Error::new(Code::R0404, format!("the policy file {file} cannot be read"));
                self.refuse(held, None, &error.because(why), since);
                return true;
            }
        };
        let to = Digest::of(&text);
        if held == Some(to) {
            return true;
        }
        match self.check(&text) {
            Ok(config) => {
                if let Err(why) = self.reach.take(&config) {
                    let error = Error::new(Code::R0404, format!("the policy file {file} cannot be taken"));
                    self.refuse(held, Some(to), &error.because(why), since);
                    return true;
                }
                self.policies.take(config.policy);
                self.clients.take(config.mcp.clients);
                tracing::info!(%file, policy = %to, "the policy file was taken");
                self.record(&Fact::PolicyChanged { file: self.place(), from: held, to }, since);
            }
            Err(error) => self.refuse(held, Some(to), &error, since),
        }
        true
    }

    fn check(&self, text: &[u8]) -> Result<Config, Error> {
        let text = std::str::from_utf8(text).map_err(|why| {
            Error::new(Code::R0404, format!("the policy file {} is broken", self.file.display())).because(why)
        })?;
        Config::read(text, &self.file, Some(&self.data))
    }

    /// Says that what was taken last holds on.
    fn refuse(&self, held: Option<Digest>, refused: Option<Digest>, error: &Error, since: u64) {
        // The first line alone: what TOML's errors quote of the file may be a secret.
        let first = |cause: &String| cause.lines().next().unwrap_or_default().to_owned();
        let causes: Vec<String> = error.causes.iter().map(first).collect();
        tracing::warn!(
            code = %error.code,
            ?causes,
            "{}: the policy that was taken last stays in force",
            error.message
        );
        let (file, code, message) = (self.place(), error.code, error.message.clone());
        self.record(&Fact::PolicyRefused { file, held, refused, code, message, causes }, since);
    }

    /// Writes it down once, however many processes follow the file: it is the file that changed, and once.
    fn record(&self, fact: &Fact, since: u64) {
        let control = StreamName::control();
        let decide = || {
            let said = self.log.read(&control, since + 1, usize::MAX).map_err(Unwritten::Store)?;
            let place = self.place();
            let mut facts =
                said.iter().filter_map(|record| serde_json::from_slice(record.payload.as_deref()?).ok());
            let last = facts.rfind(|fact| is_about(fact, &place));
            if last.is_some_and(|last| says_the_same(&last, fact)) {
                return Err(Unwritten::Said);
            }
            Ok(fact.clone())
        };
        let actor = Arc::from("operator");
        let envelope = Envelope { actor: &actor, ring: Some(Ring::System), trace: TraceId::default() };
        let written = append_shared(&*self.log, &*self.clock, &control, envelope, decide);
        let error = match tokio::runtime::Builder::new_current_thread().build() {
            Ok(runtime) => match runtime.block_on(written) {
                Ok(_) | Err(Unwritten::Said) => return,
                Err(Unwritten::Store(error)) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        tracing::warn!(%error, "what became of the policy file cannot be written down");
    }

    fn place(&self) -> String {
        std::path::absolute(&self.file).as_deref().unwrap_or(&self.file).display().to_string()
    }
}

/// Why nothing was written.
enum Unwritten {
    /// Another process has said it.
    Said,
    Store(StoreError),
}

impl From<StoreError> for Unwritten {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The regular file that is there, if one is. A pipe can be read once, and not looked at again.
fn sight(file: &Path) -> Option<Sight> {
    let metadata = std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file)?;
    Some(Sight {
        device: metadata.dev(),
        inode: metadata.ino(),
        bytes: metadata.size(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    })
}

fn is_about(fact: &Fact, place: &str) -> bool {
    matches!(fact, Fact::PolicyChanged { file, .. } | Fact::PolicyRefused { file, .. } if file == place)
}

fn says_the_same(one: &Fact, two: &Fact) -> bool {
    match (one, two) {
        (Fact::PolicyChanged { to: one, .. }, Fact::PolicyChanged { to: two, .. }) => one == two,
        (
            Fact::PolicyRefused { refused: one, message: first, .. },
            Fact::PolicyRefused { refused: two, message: second, .. },
        ) => (one, first) == (two, second),
        _ => false,
    }
}
