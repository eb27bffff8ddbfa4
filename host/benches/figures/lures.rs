//! What hostile guests are granted to do their worst with: a folder with links and pipes, a server that misbehaves by path, a
//! server of tools that misbehaves by turns, a model, a context, a secret.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The secret of which servers of both kinds are given the value.
const SECRET: &str = "0123456789abcdef";

/// The policy that grants all of it.
pub(crate) fn policy(port: u16, model: std::net::SocketAddr) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/all/servers/hostile.py");
    let asked = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
    let python = String::from_utf8(asked.expect("python3, for a server of tools").stdout).expect("a path");
    let python = python.trim();
    let (url, named) = (format!("http://127.0.0.1:{port}/"), format!("http://localhost:{port}/"));
    format!(
        r#"
[engine]
slots = 1200
[concurrency]
per-caller = 1200
per-tenant = 1200
[secret.token]
file = "token"
[[context]]
name = "support"
max-bytes = "4KiB"
sources = [{{ name = "handbook", file = "handbook.md" }}]
[[provider]]
name = "here"
kind = "openai"
url = "http://{model}"
[[model]]
name = "small"
provider = "here"
context-tokens = 4096
max-output-tokens = 64
input-usd = 1
output-usd = 2
[[server]]
name = "hostile"
command = [{python:?}, {script:?}, "turns", "tool-notes.txt"]
env = {{ TOKEN = "{{secret:token}}" }}
timeout = "1s"
[[rule]]
skill = "friend-gives-what-it-is-told"
validator = "attack-judges-badly@0.1"
[[grant]]
ring = 2
files = [
  {{ folder = "notes", access = "write", quota = "64MiB", max-files = 10000 }},
  {{ folder = "outbox", access = "write", quota = "64MiB", max-files = 10000, effect = "irreversible" }},
]
models = ["small"]
tools = [{{ tool = "hostile/say", effect = "read" }}, {{ tool = "hostile/read", effect = "read" }}]
http = [
  {{ url = "{url}*", networks = ["127.0.0.0/8"], headers = {{ authorization = "Bearer {{secret:token}}" }} }},
  {{ url = "{url}pay/*", methods = ["POST"], effect = "reversible", networks = ["127.0.0.0/8"], approval = {{}} }},
  {{ url = "{named}*", networks = ["127.0.0.0/8", "::1"] }},
  {{ url = "{named}inward/*" }},
]
"#
    )
}

/// The files of it, in the folder of the policy.
pub(crate) fn lay(folder: &Path) {
    let notes = folder.join("notes");
    for folder in [&notes, &folder.join("outbox"), &folder.join("outside"), &notes.join("folder")] {
        std::fs::create_dir(folder).expect("a folder");
    }
    for (file, text) in [
        ("token", SECRET),
        ("handbook.md", "Be kind."),
        ("secret.md", SECRET),
        ("outside/secret.md", SECRET),
        ("notes/a.md", "a note"),
    ] {
        std::fs::write(folder.join(file), text).expect("a file");
    }
    for (target, link) in [
        ("../secret.md", "to-file.md"),
        ("../outside", "to-folder"),
        ("..", "to-above"),
        ("to-itself", "to-itself"),
        ("/dev/zero", "to-device"),
        ("to-folder/", "to-chain"),
        ("../outside", "link"),
    ] {
        symlink(target, notes.join(link)).expect("a link");
    }
    mknodat(CWD, notes.join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o666), 0).expect("a pipe");
    std::fs::hard_link(folder.join("secret.md"), notes.join("second-name")).expect("a second name");
}

/// Answers whoever asks, as the path says.
pub(crate) async fn serve(server: TcpListener) {
    while let Ok((caller, _)) = server.accept().await {
        tokio::spawn(answer(caller));
    }
}

async fn answer(mut caller: TcpStream) -> std::io::Result<()> {
    let mut asked = [0; 4096];
    loop {
        let read = caller.read(&mut asked).await?;
        let head = String::from_utf8_lossy(&asked[..read]);
        let answer = match head.split(' ').nth(1) {
            None => return Ok(()),
            Some("/silent") => continue,
            Some("/endless") => {
                caller.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                loop {
                    caller.write_all(&[b'x'; 4096]).await?;
                }
            }
            Some("/broken") => "HTTP/1.1 200 OK\r\ncontent-length: -1\r\nx: \0\r\n\r\n".to_owned(),
            Some("/away") => moved("http://169.254.169.254/latest/meta-data/"),
            Some("/round") => moved("/round"),
            // With all that the host has added to the request.
            Some(_) => format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{head}", head.len()),
        };
        caller.write_all(answer.as_bytes()).await?;
    }
}

fn moved(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
}
