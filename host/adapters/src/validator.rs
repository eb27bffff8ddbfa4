//! Validation in a process of its own: the one place where a schema of a skill's own making can be ended.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Builder;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use ringfence_core::contract::{Validator, Violation};
use serde_json::{Value, json};

/// Starts a program that reads `{"schema", "value"}` from stdin and writes a list of violations to stdout. The program
/// limits its own memory and CPU before it reads.
#[derive(Debug, Clone)]
pub struct ChildValidator {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// How long it may take.
    pub time: Duration,
}

impl Validator for ChildValidator {
    fn violations<'a>(
        &'a self,
        schema: &'a Value,
        value: &'a Value,
    ) -> BoxFuture<'a, Result<Vec<Violation>, String>> {
        let (child, request) = (self.clone(), json!({ "schema": schema, "value": value }).to_string());
        Box::pin(async move {
            let given_up = GivenUp(Arc::default());
            let seen = Arc::clone(&given_up.0);
            let work = tokio::task::spawn_blocking(move || child.ask(&request, &seen));
            work.await.unwrap_or_else(|why| Err(why.to_string()))
        })
    }
}

/// Set when nobody waits for the answer any more.
struct GivenUp(Arc<AtomicBool>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The most that an answer has, in bytes; a violation has at most some hundreds, and there are few.
const MAX_ANSWER: u64 = 1 << 20;

impl ChildValidator {
    fn ask(&self, request: &str, given_up: &AtomicBool) -> Result<Vec<Violation>, String> {
        let cannot = |why: std::io::Error| format!("the validator cannot be started: {why}");
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(cannot)?;
        let (mut input, output) = (child.stdin.take(), child.stdout.take());
        let read = move || {
            let mut answer = Vec::new();
            let read = output.map(|output| output.take(MAX_ANSWER).read_to_end(&mut answer));
            read.transpose().map(|_| answer)
        };
        let reader = Builder::new().spawn(read).inspect_err(|_| end(&mut child)).map_err(cannot)?;
        std::thread::scope(|scope| {
            // A child that dies early breaks the pipe; how it ended says more than that.
            let say = || drop(input.take().map(|mut input| input.write_all(request.as_bytes())));
            Builder::new().spawn_scoped(scope, say).inspect_err(|_| end(&mut child)).map_err(cannot)?;
            let deadline = Instant::now() + self.time;
            loop {
                match child.try_wait() {
                    Ok(Some(status)) if status.success() => return Ok(()),
                    Ok(None) if Instant::now() < deadline && !given_up.load(Ordering::Relaxed) => {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    _ => {
                        end(&mut child);
                        return Err("it takes more time or memory to validate than it may".to_owned());
                    }
                }
            }
        })?;
        let answer = reader.join().map_err(|_| "the validator's answer cannot be read")?;
        let answer = answer.map_err(|why| why.to_string())?;
        serde_json::from_slice(&answer).map_err(|why| format!("the validator's answer is none: {why}"))
    }
}

fn end(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}
