//! Servers of tools: real ones, where they have been fetched, and one that misbehaves.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use ringfence::{tools, wiring};

use crate::harness::World;

/// The version of the recipe that fetches the real servers.
const REAL: &str = "mcp-servers-2026.8.31-1";

/// A Python that needs nothing of the environment.
fn python() -> &'static str {
    static FOUND: OnceLock<String> = OnceLock::new();
    FOUND.get_or_init(|| {
        let asked = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
        let asked = asked.expect("servers that misbehave are written for python3, which is not in PATH");
        String::from_utf8(asked.stdout).unwrap().trim().to_owned()
    })
}

/// The `command` of a server that misbehaves in this way, and keeps notes in this file.
pub(crate) fn hostile(mode: &str, notes: Option<&Path>) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/all/servers/hostile.py");
    let mut command = vec![python().to_owned(), script.to_str().unwrap().to_owned(), mode.to_owned()];
    command.extend(notes.map(|notes| notes.to_str().unwrap().to_owned()));
    format!("command = {command:?}")
}

/// `server-everything` and `server-filesystem`, if they are on this machine. They must be where tests run by themselves.
pub(crate) fn real(name: &str) -> Option<PathBuf> {
    let parts = std::env::var_os("RINGFENCE_PARTS").map(PathBuf::from);
    let cache = || std::env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let parts = parts.or_else(|| cache().or_else(home).map(|cache| cache.join("ringfence-parts")));
    let server = format!("node_modules/@modelcontextprotocol/server-{name}/dist/index.js");
    let server = parts.map(|parts| parts.join(REAL).join(server)).filter(|server| server.is_file());
    if server.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "server-{name} is missing: tests/parts/mcp-servers.sh fetches it"
        );
        println!("SKIPPED: server-{name} is not on this machine; tests/parts/mcp-servers.sh fetches it");
    }
    server
}

impl World {
    /// Accepts tools of this world's servers, as an operator does: `SERVER` or `SERVER/TOOL`.
    pub(crate) fn accept(&self, what: &str) {
        let (config, store) = (&self.running.config, &self.running.store);
        let wanted = match what.contains('/') {
            true => tools::Wanted::Tool(what.parse().unwrap(), None),
            false => tools::Wanted::Server(what.parse().unwrap()),
        };
        self.wait(async {
            let servers = wiring::tools(config, store, env!("CARGO_BIN_EXE_ringfence").into()).unwrap();
            tools::accept(&servers, store, &wanted, "the test").await.unwrap();
        });
    }

    /// What an operator sees of this world's servers.
    pub(crate) fn sight(&self) -> tools::Sight {
        let (config, store) = (&self.running.config, &self.running.store);
        self.wait(async {
            let servers = wiring::tools(config, store, env!("CARGO_BIN_EXE_ringfence").into()).unwrap();
            tools::look(&servers, &config.policy).await.unwrap()
        })
    }
}
