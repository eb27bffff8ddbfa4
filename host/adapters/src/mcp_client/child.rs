//! The process of a server: with nothing of the host's environment, in a process group of its own, and gone with its owner.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// The longest line of a server's errors that is kept, in bytes.
const MAX_LINE: u64 = 2_000;

/// How many lines of a server's errors are kept.
const MAX_LINES: u64 = 1_000;

/// A process to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Its environment, beside `PATH`; `{secret:NAME}` stands for a secret.
    pub environment: BTreeMap<String, String>,
    /// Where it is started.
    pub folder: PathBuf,
}

/// How the host starts itself again to tie a server to its life.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// The host's binary.
    pub program: PathBuf,
    /// What comes before the server's own command.
    pub arguments: Vec<String>,
}

/// A process that lives no longer than this.
pub(super) struct Owned(Child);

impl Owned {
    fn id(&self) -> Option<Pid> {
        self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
    }

    /// Done when the process has ended. It is not waited for: so nothing else gets its number.
    pub(super) fn end(&self) -> impl Future<Output = ()> + Send + 'static {
        let id = self.id();
        async move {
            let (Some(id), Ok(mut children)) = (id, signal(SignalKind::child())) else {
                return std::future::pending().await;
            };
            let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
            while matches!(waitid(WaitId::Pid(id), look), Ok(None)) {
                children.recv().await;
            }
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(group) = self.id() {
            // It may have gone by itself.
            let _gone = kill_process_group(group, Signal::KILL);
        }
    }
}

/// The thread that starts servers: the system ends them with the thread that they come from, so it must be one that lives as
/// long as the host.
pub(super) struct Nursery(mpsc::Sender<Order>);

type Born = std::io::Result<Child>;

struct Order {
    command: Command,
    runtime: Handle,
    born: oneshot::Sender<Born>,
}

impl Nursery {
    pub(super) fn open() -> std::io::Result<Self> {
        let (orders, received) = mpsc::channel::<Order>();
        let work = move || {
            while let Ok(Order { mut command, runtime, born }) = received.recv() {
                let _within = runtime.enter();
                drop(born.send(command.spawn()));
            }
        };
        std::thread::Builder::new().name("servers".into()).spawn(work)?;
        Ok(Self(orders))
    }

    /// Starts a process.
    pub(super) async fn start(
        &self,
        server: &str,
        program: &Program,
        environment: Vec<(String, String)>,
        launcher: &Launcher,
    ) -> std::io::Result<(Owned, ChildStdin, ChildStdout)> {
        let mut command = Command::new(&launcher.program);
        command.args(&launcher.arguments).arg("--").args(&program.command);
        command.env_clear().current_dir(&program.folder).process_group(0).kill_on_drop(true);
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path))).envs(environment);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (born, birth) = oneshot::channel();
        let order = Order { command, runtime: Handle::current(), born };
        let gone = || std::io::Error::other("the thread that starts servers is gone");
        self.0.send(order).map_err(|_| gone())?;
        let mut owned = Owned(birth.await.map_err(|_| gone())??);
        let child = &mut owned.0;
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = (input, output, errors) else { return Err(gone()) };
        tokio::spawn(listen(server.to_owned(), errors));
        Ok((owned, input, output))
    }
}

/// Keeps what a server says of its own accord, as far as it is little, and throws away the rest.
async fn listen(server: String, errors: ChildStderr) {
    let mut errors = BufReader::new(errors);
    for _ in 0..MAX_LINES {
        let mut line = Vec::new();
        match (&mut errors).take(MAX_LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => tracing::info!(server, said = ?String::from_utf8_lossy(&line).trim_end()),
        }
    }
    drop(tokio::io::copy(&mut errors, &mut tokio::io::sink()).await);
}
