//! The one place where concrete types of engine and adapters meet.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ringfence_adapters::artifacts::ArtifactsOverLog;
use ringfence_adapters::context::SourcesOverStore;
use ringfence_adapters::files::CapFiles;
use ringfence_adapters::http_client::HyperHttp;
use ringfence_adapters::in_memory::InMemoryStore;
use ringfence_adapters::mcp_client::{Launcher, McpTools};
use ringfence_adapters::memory::MemoryOverLog;
use ringfence_adapters::model::Providers;
use ringfence_adapters::secrets::Secrets;
use ringfence_adapters::sqlite::SqliteStore;
use ringfence_adapters::system::{SystemClock, SystemEntropy};
use ringfence_adapters::validator::ChildValidator;
use ringfence_core::agent::WithAgents;
use ringfence_core::error::{Code, Error};
use ringfence_core::gate::{Accounts, Outside};
use ringfence_core::governance::{Crowd, CrowdLimits, Policies, Switches};
use ringfence_core::ids::TenantName;
use ringfence_core::pipeline::{Delegation, Host};
use ringfence_core::registry::Registry;
use ringfence_core::stores::{
    BlobStore, EventLog, PayloadPurge, SharedPlaces, StateStore, StoreError, WorkQueue,
};
use ringfence_core::system::{Clock, Entropy};
use ringfence_engine::{Compiler, Settings, WasmSandbox};

use crate::alive::{Alive, Entering};
use crate::clients::Clients;
use crate::config::Config;
use crate::confine::COMPILING;
use crate::follower::Follower;
use crate::heart::{self, Heart};
use crate::machine;
use crate::mcp::Ahead;
use crate::policy_file::{Reach, Taking};
use crate::tenant;

/// The store, opened: enough to look at things, not to run any.
#[derive(Clone)]
pub struct Store {
    /// The data folder.
    pub data: PathBuf,
    /// Whose it is.
    pub tenant: TenantName,
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// Payloads and components.
    pub blobs: Arc<dyn BlobStore>,
    /// The way to remove payloads for good.
    pub purge: Arc<dyn PayloadPurge>,
    /// Projections.
    pub state: Arc<dyn StateStore>,
    /// The tasks that are not over.
    pub queue: Arc<dyn WorkQueue>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The loaded skills.
    pub registry: Arc<Registry>,
}

/// A host at work.
pub struct Running {
    /// The store that it works on.
    pub store: Store,
    /// What it was told.
    pub config: Config,
    /// The engine.
    pub sandbox: Arc<WasmSandbox>,
    /// The pipeline.
    pub host: Arc<Host>,
    /// What runs skills for others, on that host.
    pub delegation: Arc<Delegation>,
    /// Who may run skills over the Model Context Protocol.
    pub clients: Arc<Clients>,
    /// What they were told before it was on the disk.
    pub(crate) ahead: Arc<Ahead>,
    alive: Alive,
    _follower: Follower,
    _heart: Heart,
}

/// Opens the store of a configuration, and makes it where there is none yet.
///
/// # Errors
/// `R0412`, `R0467` and `R0501` to `R0503`.
pub fn open(config: &Config) -> Result<Store, Error> {
    make_private_folder(&config.data)?;
    let sqlite =
        Arc::new(SqliteStore::open(&config.data.join("ringfence.db")).map_err(|why| in_store(why, config))?);
    let log: Arc<dyn EventLog> = Arc::clone(&sqlite) as _;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let registry =
        Registry::open(Arc::clone(&log), Arc::clone(&clock)).map_err(|why| in_store(why, config))?;
    let tenant = tenant::of(&*log, &*clock, config.tenant.as_ref())?;
    Ok(Store {
        data: config.data.clone(),
        tenant,
        log,
        blobs: Arc::clone(&sqlite) as _,
        purge: Arc::clone(&sqlite) as _,
        state: Arc::clone(&sqlite) as _,
        queue: sqlite,
        clock,
        entropy: Arc::new(SystemEntropy),
        registry: Arc::new(registry),
    })
}

impl Store {
    /// The same with another log and other blobs, which are gone with the process.
    #[must_use]
    pub fn with(self, memory: InMemoryStore) -> Self {
        let memory = Arc::new(memory);
        Self { log: Arc::clone(&memory) as _, blobs: memory, ..self }
    }
}

/// Starts a host. `program` is this program's binary: it is started again, limited, to compile components.
///
/// # Errors
/// `R0001` if the engine does not start, `R0412` if the data folder cannot be used.
pub fn start(config: Config, store: Store, program: PathBuf) -> Result<Running, Error> {
    start_with(config, store, program, |_| {})
}

/// The same, with a part of the outside that is the embedding program's own.
///
/// # Errors
/// As [`start`].
pub fn start_with(
    config: Config,
    store: Store,
    program: PathBuf,
    own: impl FnOnce(&mut Outside),
) -> Result<Running, Error> {
    let entering = Entering::begin(&config.data)?;
    let key = cache_key(&config.data, &*store.entropy)?;
    let alive = entering.enter()?;
    let validator = ChildValidator {
        program: program.clone(),
        arguments: vec!["validate-value".into(), std::process::id().to_string()],
        time: Duration::from_secs(5),
    };
    let slots = machine::affordable_slots(config.slots);
    let secrets = config.secrets()?;
    let reach = Reach {
        providers: providers(&config, secrets.clone(), validator.clone())?,
        tools: tools_with(&config, &store, secrets.clone(), program.clone())?,
        secrets,
    };
    let sandbox = Arc::new(engine(&config, slots, &store, program, key)?);
    let switches = Arc::new(Switches::default());
    let delegation = Arc::new(Delegation::default());
    let mut outside = Outside {
        artifacts: Box::new(artifacts(&config, &store)),
        files: Box::new(CapFiles::default()),
        http: Box::new(web(&config, reach.secrets.clone())?),
        memory: Box::new(MemoryOverLog::new(
            Arc::clone(&store.log),
            Arc::clone(&store.state),
            Arc::clone(&store.clock),
        )),
        models: Box::new(reach.providers.clone()),
        skills: Box::new(Arc::clone(&delegation)),
        tool: Box::new(reach.tools.clone()),
    };
    own(&mut outside);
    let host = Arc::new(Host {
        id: alive.id().into(),
        sandbox: Arc::new(WithAgents::new(Arc::clone(&sandbox) as _, Arc::clone(&store.blobs))),
        validator: Arc::new(validator),
        registry: Arc::clone(&store.registry),
        log: Arc::clone(&store.log),
        clock: Arc::clone(&store.clock),
        entropy: Arc::clone(&store.entropy),
        outside: Arc::new(outside),
        accounts: Arc::new(Accounts::new(Arc::clone(&store.log), Arc::clone(&store.clock))),
        sources: Arc::new(SourcesOverStore::new(Arc::clone(&store.log), Arc::clone(&store.state))),
        policies: Arc::new(Policies::new(config.policy.clone())),
        switches: Arc::clone(&switches),
        crowd: Crowd::new(CrowdLimits {
            sandboxes: config.crowd.sandboxes.min(slots as usize),
            ..config.crowd
        }),
        places: places(&config, &store, alive.id()),
    });
    delegation.serve(&host);
    let clients = Arc::new(Clients::new(config.mcp.clients.clone()));
    let taking = config.file.clone().map(|file| Taking {
        file,
        data: store.data.clone(),
        reach,
        policies: Arc::clone(&host.policies),
        clients: Arc::clone(&clients),
        log: Arc::clone(&store.log),
        clock: Arc::clone(&store.clock),
    });
    let follower = Follower::start(&store.log, &store.registry, switches, taking)?;
    let heart = Heart::start(Arc::clone(&store.queue), host.id.to_string())?;
    Ok(Running {
        store,
        config,
        sandbox,
        host,
        delegation,
        clients,
        ahead: Arc::default(),
        alive,
        _follower: follower,
        _heart: heart,
    })
}

/// What is shared with all processes that work on the store, where the operator bounds it.
fn places(config: &Config, store: &Store, own: &str) -> Option<Arc<SharedPlaces>> {
    let lost = heart::lost(Arc::clone(&store.queue), store.data.clone(), own.to_owned());
    let places = SharedPlaces::new(config.places, Arc::clone(&store.queue), Box::new(lost));
    config.places.is_bounded().then(|| Arc::new(places))
}

fn artifacts(config: &Config, store: &Store) -> ArtifactsOverLog {
    let (log, blobs, clock) = (Arc::clone(&store.log), Arc::clone(&store.blobs), Arc::clone(&store.clock));
    ArtifactsOverLog::new(log, blobs, clock, config.artifacts).only(config.media_types.clone())
}

fn web(config: &Config, secrets: Secrets) -> Result<HyperHttp, Error> {
    HyperHttp::new(&config.http, secrets).map_err(|why| {
        Error::new(Code::R0404, "the web cannot be reached as the policy file says")
            .because(why)
            .hint("mend its section [http]")
    })
}

/// The servers of tools; none is started yet. `program` is this program's binary: it is started again to become a server that
/// ends with the host.
///
/// # Errors
/// `R0404` if a secret cannot be read, `R0526` if servers could not be started at all.
pub fn tools(config: &Config, store: &Store, program: PathBuf) -> Result<McpTools, Error> {
    tools_with(config, store, config.secrets()?, program)
}

fn tools_with(config: &Config, store: &Store, secrets: Secrets, program: PathBuf) -> Result<McpTools, Error> {
    let arguments = vec!["run-server".into(), std::process::id().to_string()];
    let launcher = Launcher { program, arguments };
    let (servers, log) = (config.servers.clone(), Arc::clone(&store.log));
    McpTools::new(servers, log, secrets, launcher, config.http.clone())
        .map_err(|why| Error::new(Code::R0526, "no server of tools can be started").because(why))
}

fn providers(config: &Config, secrets: Secrets, validator: ChildValidator) -> Result<Providers, Error> {
    let providers = config.providers.clone();
    Providers::new(providers, &config.http, secrets, Arc::new(validator)).map_err(|why| {
        Error::new(Code::R0404, "the models cannot be reached as the policy file says")
            .because(why)
            .hint("mend its [[provider]]")
    })
}

/// A log that is gone with the process: for what is not the store's business, such as describing a skill.
#[must_use]
pub fn scratch_log() -> Arc<dyn EventLog> {
    Arc::new(InMemoryStore::new())
}

impl Running {
    /// The id of this process among those that share the store.
    #[must_use]
    pub fn id(&self) -> &str {
        self.alive.id()
    }
}

fn engine(
    config: &Config,
    slots: u32,
    store: &Store,
    program: PathBuf,
    key: [u8; 32],
) -> Result<WasmSandbox, Error> {
    let cache = config.data.join("cache");
    make_private_folder(&cache)?;
    let compiler = Compiler {
        program,
        arguments: vec!["compile-component".into(), std::process::id().to_string()],
        cache,
        key,
        time: Duration::from_secs(60),
        is_cut_short: COMPILING.are_narrower_here(),
    };
    let settings = Settings {
        slots,
        max_memory: config.max_memory,
        tick_ms: u64::try_from(config.tick.as_millis()).unwrap_or(u64::MAX),
        maps: machine::maps_for_engines(),
    };
    WasmSandbox::start(&settings, compiler, Arc::clone(&store.blobs))
}

pub(crate) fn in_store(why: StoreError, config: &Config) -> Error {
    let error = Error::from(why);
    let place = config.data.join("ringfence.db").display().to_string();
    Error { message: format!("{}: {place}", error.message), ..error }
}

/// The key that cached machine code is sealed with. Only this user can read it.
fn cache_key(data: &Path, entropy: &dyn Entropy) -> Result<[u8; 32], Error> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let path = data.join("cache.key");
    let cannot = |why: std::io::Error| {
        Error::new(Code::R0412, format!("{} cannot be used", path.display())).because(why)
    };
    for _ in 0..2 {
        if let Ok(key) = std::fs::read(&path)
            && let Ok(key) = <[u8; 32]>::try_from(key)
        {
            return Ok(key);
        }
        let beside = path.with_extension(format!("{}.tmp", std::process::id()));
        let mut options = std::fs::OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(&beside).map_err(cannot)?;
        file.write_all(&entropy.seed()).and_then(|()| file.sync_all()).map_err(cannot)?;
        std::fs::rename(&beside, &path).map_err(cannot)?;
    }
    Err(Error::new(Code::R0412, format!("{} cannot be used", path.display()))
        .because("it does not hold 32 bytes"))
}

fn make_private_folder(folder: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|why| {
        Error::new(Code::R0412, format!("the data folder {} cannot be used", folder.display()))
            .because(why)
            .hint("give this user write permission, or name another: --data DIR or RINGFENCE_DATA")
    })?;
    check_private(folder)
}

/// Whoever can write to the data folder can run code in the host: nobody but its owner may.
pub(crate) fn check_private(folder: &Path) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;
    let unsafe_because = |why: String, hint: &str| {
        let message = format!("the data folder {} is not safe to use", folder.display());
        Error::new(Code::R0412, message).because(why).hint(hint.to_owned())
    };
    let metadata = std::fs::metadata(folder)
        .map_err(|why| unsafe_because(why.to_string(), "name another: --data DIR"))?;
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user {
        let why = format!("it belongs to user {}, not to {user}", metadata.uid());
        return Err(unsafe_because(why, "name another: --data DIR or RINGFENCE_DATA"));
    }
    if metadata.mode() & 0o022 != 0 {
        let why = format!("others can write to it (mode {:o})", metadata.mode() & 0o7777);
        return Err(unsafe_because(why, "take their permission: chmod go-w on that folder"));
    }
    Ok(())
}
