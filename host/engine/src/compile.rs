//! Compiling, and the cache of what was compiled.
//!
//! A compiler is the one part of the engine that neither fuel nor epoch reach, so it runs in a child process with limits
//! on memory, CPU and time, once per component. What it made is trusted code: the cache is the host's own folder, and a
//! file in it counts only under a key that the host alone has.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ringfence_core::error::{Code, Error};
use ringfence_core::ids::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::chunk::{self, chunked};
use crate::config::compiling_engine;

/// How much memory the compiling child may have, in bytes.
pub const MAX_COMPILE_MEMORY: u64 = 2 << 30;

/// How the compiling child ends that could not do its work, whatever the component is like.
pub const HOST_FAILED: u8 = 3;

/// Compiles components in a child process and keeps what it made.
#[derive(Debug, Clone)]
pub struct Compiler {
    /// The program to run; it is given the component's path and the path to write to, and calls
    /// [`compile_in_this_process`] after it has limited itself.
    pub program: PathBuf,
    /// What comes before the two paths.
    pub arguments: Vec<String>,
    /// The host's own folder.
    pub cache: PathBuf,
    /// What cached files are authenticated with. Whoever has it can run native code in the host.
    pub key: [u8; 32],
    /// How long the child may take.
    pub time: Duration,
    /// This process was given lower limits than the child's own: to end at them tells nothing of a component.
    pub is_cut_short: bool,
}

/// Starts the threads that compile, of this process. Where the machine has none to give, that tells nothing of a component.
///
/// # Errors
/// Why they do not start.
pub fn start_compiling_threads() -> Result<(), String> {
    rayon::ThreadPoolBuilder::new().build_global().map_err(|why| why.to_string())
}

/// Compiles in this process: what the child does.
///
/// # Errors
/// Why the component does not compile.
pub fn compile_in_this_process(component: &[u8]) -> Result<Vec<u8>, String> {
    let engine = compiling_engine().map_err(|why| why.to_string())?;
    let shorten = |why: String| why.chars().take(MAX_REASON).collect::<String>();
    let component = chunked(component).map_err(&shorten)?;
    engine.precompile_component(&component).map_err(|why| shorten(format!("{why:#}")))
}

/// What helps where the limits are this process's.
const CUT_SHORT: &str =
    "this process has lower limits than a compiler needs: raise them (ulimit -t, -v, -f), then load it again";

/// How much of the compiler's reason is told, in characters.
const MAX_REASON: usize = 2_000;

impl Compiler {
    /// The compiled component: from the cache if what is there is what this host wrote, else made anew.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        digest: Digest,
        bytes: &[u8],
        given_up: &AtomicBool,
    ) -> Result<Component, Error> {
        let stem = format!("{digest}-{}", short_hash(engine));
        let cached = self.cache.join(format!("{stem}.cwasm"));
        if let Some(code) = self.read_authentic(&stem, &cached)
            && let Ok(component) = load(engine, &code)
        {
            return Ok(component);
        }
        let verdict = self.cache.join(format!("{stem}.refused"));
        if let Some(why) = self.read_authentic(&stem, &verdict) {
            return Err(does_not_compile(&String::from_utf8_lossy(&why)));
        }
        let _at_work = self.begin_work()?;
        let began = Instant::now();
        let code = match self.compile(digest, bytes, given_up) {
            Ok(code) => code,
            Err(Failure::Component(why)) => {
                self.write_authentic(&stem, &verdict, why.as_bytes())?;
                return Err(does_not_compile(&why));
            }
            Err(Failure::Host(error)) => return Err(error),
        };
        // Who explains the component says so; where it cannot be kept, nobody does.
        let took = began.elapsed().as_micros().to_string();
        drop(self.write_authentic(&stem, &self.cache.join(format!("{stem}.took")), took.as_bytes()));
        self.write_authentic(&stem, &cached, &code)?;
        // What was compiled just now does not load where it declares more than the pool's sandboxes have.
        load(engine, &code).map_err(|why| {
            Error::new(Code::R0407, "the component asks for more than a sandbox has")
                .because(format!("{why:#}"))
                .hint("declare less; memory and tables may grow while the skill runs, up to its limits")
        })
    }

    /// Whether the compiled component, or the verdict on it, lies in the cache under this host's seal.
    pub(crate) fn knows(&self, engine: &Engine, digest: Digest) -> bool {
        let stem = format!("{digest}-{}", short_hash(engine));
        ["cwasm", "refused"]
            .iter()
            .any(|kind| self.read_authentic(&stem, &self.cache.join(format!("{stem}.{kind}"))).is_some())
    }

    /// How long it took to compile a component that lies in the cache.
    pub(crate) fn took(&self, engine: &Engine, digest: Digest) -> Option<Duration> {
        let stem = format!("{digest}-{}", short_hash(engine));
        let took = self.read_authentic(&stem, &self.cache.join(format!("{stem}.took")))?;
        String::from_utf8(took).ok()?.parse().ok().map(Duration::from_micros)
    }

    /// Removes what compilers that were killed have left behind, if nobody is compiling.
    pub fn clear(&self) {
        drop(self.begin_work());
    }

    /// Says, until the answer is dropped, that this process has unfinished files in the cache. Who finds nobody else at
    /// work removes those of the dead: the system lets go of a lock with the process that holds it.
    fn begin_work(&self) -> Result<File, Error> {
        let path = self.cache.join("at-work.lock");
        let cannot = |why| cannot_use(&path, &why);
        let lock = File::options().write(true).create(true).truncate(false).open(&path).map_err(cannot)?;
        if lock.try_lock().is_ok() {
            self.remove_unfinished();
            lock.unlock().map_err(cannot)?;
        }
        lock.lock_shared().map_err(cannot)?;
        Ok(lock)
    }

    fn remove_unfinished(&self) {
        let entries = std::fs::read_dir(&self.cache).into_iter().flatten().flatten();
        let is_unfinished = |path: &PathBuf| {
            path.extension().is_some_and(|kind| UNFINISHED.iter().any(|unfinished| kind == *unfinished))
        };
        for path in entries.map(|entry| entry.path()).filter(is_unfinished) {
            drop(Scratch(path));
        }
    }

    fn compile(&self, digest: Digest, bytes: &[u8], given_up: &AtomicBool) -> Result<Vec<u8>, Failure> {
        let unique = format!("{digest}-{}", unique());
        let input = Scratch(self.cache.join(format!("{unique}.in")));
        let output = Scratch(self.cache.join(format!("{unique}.out")));
        std::fs::write(&input.0, bytes).map_err(|why| cannot_use(&input.0, &why))?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg(&input.0).arg(&output.0).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|why| cannot_use(&self.program, &why))?;
        let listen = |stderr| std::thread::Builder::new().spawn(|| beginning(stderr));
        let said = child.stderr.take().map(listen).transpose();
        let said = said.inspect_err(|_| end(&mut child)).map_err(|why| cannot_use(&self.program, &why))?;
        let deadline = Instant::now() + self.time;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(|why| cannot_use(&self.program, &why))? {
                break status;
            }
            let nobody_waits = given_up.load(Ordering::Relaxed);
            if nobody_waits || Instant::now() >= deadline {
                end(&mut child);
                if nobody_waits {
                    return Err(Failure::Host(does_not_compile("nobody waits for it any more")));
                }
                // No verdict: it may be the machine that is slow.
                let why = format!("it took longer than {} s to compile", self.time.as_secs());
                return Err(Failure::Host(does_not_compile(&why)));
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        if status.success() {
            return std::fs::read(&output.0).map_err(|why| cannot_use(&output.0, &why).into());
        }
        let said = said.and_then(|said| said.join().ok()).unwrap_or_default();
        let why = child_error(&said, status);
        if is_verdict(status) {
            return Err(match status.code() {
                None if self.is_cut_short => Failure::Host(does_not_compile(&why).hint(CUT_SHORT)),
                _ => Failure::Component(why),
            });
        }
        let error = Error::new(Code::R0412, "the compiler could not do its work").because(why);
        Err(Failure::Host(error.hint(
            "make room in the data folder, and give this user write permission there and threads (ulimit -u)",
        )))
    }

    fn read_authentic(&self, stem: &str, path: &Path) -> Option<Vec<u8>> {
        let mut bytes = std::fs::read(path).ok()?;
        is_authentic(&self.key, stem, path, &bytes).then(|| bytes.split_off(32))
    }

    /// Written beside and renamed, so that nobody reads half of it.
    fn write_authentic(&self, stem: &str, path: &Path, code: &[u8]) -> Result<(), Error> {
        let beside = Scratch(path.with_extension(format!("{}.tmp", unique())));
        let seal = seal(&self.key, stem, path, code);
        let sealed = [seal.as_bytes(), code].concat();
        std::fs::write(&beside.0, sealed).map_err(|why| cannot_use(&beside.0, &why))?;
        std::fs::rename(&beside.0, path).map_err(|why| cannot_use(path, &why))
    }
}

fn end(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}

/// Whether a file of the cache is what the host wrote that has this key.
#[must_use]
pub fn is_sealed(key: &[u8; 32], path: &Path) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    std::fs::read(path).is_ok_and(|bytes| is_authentic(key, stem, path, &bytes))
}

fn is_authentic(key: &[u8; 32], stem: &str, path: &Path, bytes: &[u8]) -> bool {
    let parts = bytes.split_first_chunk::<32>();
    parts.is_some_and(|(sealed, code)| seal(key, stem, path, code) == blake3::Hash::from_bytes(*sealed))
}

/// Binds the content to the component, the engine and the kind of file: no file counts in another's place.
fn seal(key: &[u8; 32], stem: &str, path: &Path, content: &[u8]) -> blake3::Hash {
    let kind = path.extension().unwrap_or_default().as_encoded_bytes();
    let mut hasher = blake3::Hasher::new_keyed(key);
    for part in [stem.as_bytes(), kind, content] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    hasher.finalize()
}

/// What the names of files end with that are not finished yet: the compiler's input and output, and what is written
/// beside to be renamed.
const UNFINISHED: [&str; 3] = ["in", "out", "tmp"];

enum Failure {
    /// The component's fault; the verdict is kept.
    Component(String),
    /// The machine's fault.
    Host(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Host(error)
    }
}

/// A file that is gone when it is dropped.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

/// Names what only one compilation, of one process, writes to.
fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Whether the child's end tells of the component (it is broken, or too much for the child's own limits) and not of
/// the machine, which may be in a better state the next time.
fn is_verdict(status: std::process::ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    /// What a process does to itself, or its limits to it: SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGSEGV, SIGXCPU.
    const OWN: [i32; 6] = [4, 5, 6, 7, 11, 24];
    match status.code() {
        Some(code) => code != i32::from(HOST_FAILED),
        None => status.signal().is_some_and(|signal| OWN.contains(&signal)),
    }
}

/// The beginning of what a child says. The rest is read and thrown away: a pipe that nobody empties would hold it up.
fn beginning(mut pipe: impl Read) -> Vec<u8> {
    let mut kept = Vec::new();
    drop(pipe.by_ref().take(4 * MAX_REASON as u64).read_to_end(&mut kept));
    drop(std::io::copy(&mut pipe, &mut std::io::sink()));
    kept
}

fn child_error(said: &[u8], status: std::process::ExitStatus) -> String {
    let said = String::from_utf8_lossy(said);
    match status.code() {
        Some(code) if (code == 1 || code == i32::from(HOST_FAILED)) && !said.trim().is_empty() => {
            said.trim().to_owned()
        }
        _ => format!("the compiler ended with {status}, most likely at its limits of memory and CPU"),
    }
}

/// What decides the code that is made of a component.
fn short_hash(engine: &Engine) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    chunk::VERSION.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// The engine and its settings, as it is written beside every figure of fuel.
pub(crate) fn fingerprint(engine: &Engine) -> String {
    format!("wasmtime-48.0.8/cranelift/{}", short_hash(engine))
}

fn does_not_compile(why: &str) -> Error {
    Error::new(Code::R0409, "the component does not compile within its limits").because(why)
}

fn cannot_use(path: &Path, why: &std::io::Error) -> Error {
    Error::new(Code::R0412, format!("{} cannot be used", path.display()))
        .because(why)
        .hint("make room in the data folder, and give this user write permission there")
}

/// Makes runnable what this host compiled.
#[expect(unsafe_code, reason = "machine code is loaded; the caller has checked the host's own seal on it")]
fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` comes from this host's compiler, just now or under a seal that only this host can make; wasmtime
    // checks version and settings.
    unsafe { Component::deserialize(engine, code) }
}
