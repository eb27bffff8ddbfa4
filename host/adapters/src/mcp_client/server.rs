//! One server: started when it is needed first, shared by all calls, started again when it ended, ever more slowly.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringfence_core::governance::WebUrl;
use ringfence_core::ids::{Digest, ServerName};
use ringfence_core::refusal::{Refusal, RefusalKind};
use secrecy::ExposeSecret;
use tokio::sync::{Mutex, Semaphore};

use super::child::{Launcher, Nursery, Program};
use super::connection::{Beginning, Connection, NotBegun};
use super::lines::Lines;
use super::messages::Fate;
use super::web;
use crate::http_client::HttpSettings;
use crate::secrets::Secrets;

/// How many calls one server has at once; more wait.
const MAX_AT_ONCE: usize = 16;

/// The longest pause before a server is started again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// After so long a life an end is no sign of a server that cannot live.
const LONG_LIFE: Duration = Duration::from_secs(60);

/// A server of tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSettings {
    /// What the operator calls it.
    pub name: ServerName,
    /// How it is reached.
    pub way: Way,
    /// How long a call may take, with the start of the server where it needs one.
    pub timeout: Duration,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// The host starts it and speaks over its standard input and output.
    Program(Program),
    /// It listens on the web.
    Web {
        /// Where.
        url: WebUrl,
        /// What each request has beside what the protocol wants; `{secret:NAME}` stands for a secret.
        headers: BTreeMap<String, String>,
    },
}

impl Way {
    /// The hash of all of it, secrets by what stands for them.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let told = match self {
            Self::Program(Program { command, environment, folder }) => {
                serde_json::json!({ "command": command, "environment": environment, "folder": folder.as_os_str().as_encoded_bytes() })
            }
            Self::Web { url, headers } => serde_json::json!({ "url": url.to_string(), "headers": headers }),
        };
        Digest::of(told.to_string().as_bytes())
    }
}

/// What all servers share.
pub(super) struct Ground {
    pub(super) secrets: Secrets,
    pub(super) nursery: Nursery,
    pub(super) launcher: Launcher,
    pub(super) http: HttpSettings,
}

pub(super) struct Server {
    pub(super) settings: ServerSettings,
    /// The hash of where it is.
    pub(super) place: Digest,
    life: Arc<Mutex<Life>>,
    turns: Semaphore,
}

#[derive(Default)]
struct Life {
    live: Option<Arc<Connection>>,
    since: Option<Instant>,
    /// How often it has ended or could not be started, one after the other.
    failures: u32,
    not_before: Option<Instant>,
}

impl Life {
    fn failed(&mut self) {
        let long = self.since.take().is_some_and(|since| since.elapsed() > LONG_LIFE);
        self.failures = if long { 0 } else { self.failures.saturating_add(1) };
        // At once, then after 1 s, 2 s, 4 s and so on.
        let pause = self.failures.checked_sub(2).map_or(Duration::ZERO, |doublings| {
            Duration::from_secs(1 << doublings.min(6)).min(LONGEST_PAUSE)
        });
        self.not_before = Some(Instant::now() + pause);
    }
}

impl Server {
    pub(super) fn new(settings: ServerSettings) -> Self {
        let place = settings.way.digest();
        Self { settings, place, life: Arc::default(), turns: Semaphore::new(MAX_AT_ONCE) }
    }

    /// A turn to call it. It is given back when dropped.
    pub(super) async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Refusal> {
        self.turns.acquire().await.map_err(|_| refused("it is being stopped"))
    }

    /// The connection that lives, or a new one.
    pub(super) async fn connection(&self, ground: &Arc<Ground>) -> Result<Arc<Connection>, Refusal> {
        let mut life = Arc::clone(&self.life).lock_owned().await;
        if let Some(live) = life.live.take_if(|live| !live.is_over()) {
            life.live = Some(Arc::clone(&live));
            return Ok(live);
        }
        if life.live.take().is_some() {
            life.failed();
        }
        let left = life.not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
        if !left.is_zero() {
            let seconds = left.as_millis().div_ceil(1_000);
            return Err(refused(&format!(
                "it ended {} times; it is started again in {seconds} s",
                life.failures
            )));
        }
        let (settings, ground) = (self.settings.clone(), Arc::clone(ground));
        // In a task of its own: who asked may give up or be killed meanwhile, and it begins all the same, for whoever is next.
        let begun = tokio::spawn(async move {
            let begun = tokio::time::timeout(settings.timeout, begin(&settings, &ground)).await;
            match begun.unwrap_or_else(|_| Err(refused("it does not begin in time"))) {
                Ok(connection) => {
                    let connection = Arc::new(connection);
                    (life.live, life.since) = (Some(Arc::clone(&connection)), Some(Instant::now()));
                    Ok(connection)
                }
                Err(refusal) => {
                    life.failed();
                    Err(refusal)
                }
            }
        });
        begun.await.unwrap_or_else(|_| Err(refused("it is being stopped")))
    }
}

/// Begins as servers do that keep a connection, and if that is refused as those do that keep none.
async fn begin(settings: &ServerSettings, ground: &Ground) -> Result<Connection, Refusal> {
    match open(settings, ground, Beginning::Initialize).await {
        Err(NotBegun { refusal, is_refused: true }) => {
            open(settings, ground, Beginning::Discover).await.map_err(|_| refusal)
        }
        opened => opened.map_err(|not_begun| not_begun.refusal),
    }
}

async fn open(
    settings: &ServerSettings,
    ground: &Ground,
    beginning: Beginning,
) -> Result<Connection, NotBegun> {
    let fate = Fate::default();
    match &settings.way {
        Way::Program(program) => {
            let fill = |(name, value): (&String, &String)| {
                let filled = ground.secrets.fill(value)?;
                Ok((name.clone(), filled.expose_secret().to_owned()))
            };
            let environment: Result<Vec<_>, String> = program.environment.iter().map(fill).collect();
            let environment = environment.map_err(|why| refused(&why))?;
            let Ground { nursery, launcher, .. } = ground;
            let started = nursery.start(settings.name.as_str(), program, environment, launcher).await;
            let (process, input, output) = started.map_err(|_| refused("it cannot be started"))?;
            let lines = Lines::of(process, output, input, fate.clone());
            Connection::open(lines, beginning, fate).await
        }
        Way::Web { url, headers } => {
            let transport = web::transport(url, headers, ground, &fate).map_err(|why| refused(&why))?;
            Connection::open(transport, beginning, fate).await
        }
    }
}

fn refused(why: &str) -> Refusal {
    Refusal::new(RefusalKind::Failed, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_cannot_live_is_started_ever_more_slowly() {
        let mut life = Life::default();
        let mut pauses = Vec::new();
        for _ in 0..10 {
            life.failed();
            let pause = life.not_before.expect("a time").saturating_duration_since(Instant::now());
            pauses.push(pause.as_secs_f64().round() as u64);
        }
        assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }
}
