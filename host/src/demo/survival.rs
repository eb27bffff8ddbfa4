//! The act with the crash: a worker in a process of its own is killed outright, and its task goes on.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ringfence_core::audit::{Fact, Status};
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::StreamName;
use ringfence_core::pipeline::Emitted;
use ringfence_core::ring::Ring;
use serde_json::json;

use super::{Act, Demo, expect};
use crate::app;
use crate::cli::this_program;
use crate::wiring::Running;

/// How long the worker may take to get to where it is killed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A worker that does not outlive the demo.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Submits a task with two effects, kills its worker between them, and goes on with it here.
pub(super) async fn survive(demo: &mut Demo, running: &Running) -> Result<Emitted, Error> {
    let act = Act::new("two-notes", json!({ "seconds": 2 }), Ring::Standard);
    let order = Demo::order(running, &act)?;
    running.host.submit(&order).await?;
    demo.say(&format!("   $ ringfence task submit two-notes --ring 2 --id {}", order.task))?;
    let worker = start(demo)?;
    let stream = StreamName::task(&order.task);
    let began = Instant::now();
    let sleeps = |kind: &str| kind == "call";
    while !running.store.log.last(&stream)?.is_some_and(|last| sleeps(&last.kind)) {
        expect(began.elapsed() < PATIENCE, "the worker gets to its sleep")?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let process = worker.0.id();
    drop(worker);
    demo.say(&format!(
        "   $ ringfence work &\n   $ kill -9 {process}      # it has written one note, and sleeps"
    ))?;
    let written =
        |name: &str| std::fs::metadata(demo.folder.join("notes").join(name)).and_then(|file| file.modified());
    let before = written("before.md").ok();
    expect(before.is_some() && written("after.md").is_err(), "one note is written")?;
    demo.say("   $ ringfence work --idle")?;
    let emitted = running.host.resume(&order.task).await?;
    emitted.durable().await?;
    expect(written("before.md").ok() == before, "the first note was not written again")?;
    expect(written("after.md").is_ok(), "the second note is written")?;
    demo.show(&emitted)?;
    expect(emitted.outcome.status == Status::Completed, "the task completes")?;
    let claims = app::facts(&running.store, &order.task)?;
    let claims = claims.iter().filter(|fact| matches!(fact, Fact::TaskClaimed { .. })).count();
    demo.say(&format!(
        "   claimed {claims} times; the first note was written once, and the sleep not slept again"
    ))?;
    Ok(emitted)
}

fn start(demo: &Demo) -> Result<Worker, Error> {
    let mut command = Command::new(this_program()?);
    let command = command.arg("work").arg("--config").arg(demo.folder.join("ringfence.toml"));
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = command.spawn();
    started.map(Worker).map_err(|why| Error::new(Code::R0001, "the worker does not start").because(why))
}
