//! A thousand tasks that wait for approval: what each takes of the worker that put it down, and that all go on.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ringfence::approvals::{self, Said};
use ringfence_core::audit::{Approver, Word};
use ringfence_core::stores::WorkState;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::models::serve;
use crate::sample::Figure;
use crate::world::World;

/// By then the store's caches are full.
const FIRST: usize = 800;
const MANY: usize = 1_000;

pub(crate) fn measure(runtime: &Runtime) -> Vec<Figure> {
    runtime.block_on(waiting())
}

async fn waiting() -> Vec<Figure> {
    let address = serve();
    let policy = format!(
        "[[grant]]\nring = 2\nhttp = [{{ url = \"http://{address}\", methods = [\"POST\"], effect = \"reversible\", \
         networks = [\"127.0.0.1\"], approval = {{}} }}]\n"
    );
    let world = World::with_policy(&policy).await;
    let guest = ringfence_built::component("friend_asks_the_web");
    ringfence::app::load(&world.running, &guest, "bench").await.expect("a guest that loads");
    let store = &world.running.store;
    let stand = |state: WorkState| {
        let waiting = store.queue.waiting(2 * (FIRST + MANY)).expect("a queue");
        waiting.iter().filter(|work| work.state == state).count()
    };
    let worker = Worker(ringfence(&world).args(["work", "--concurrency", "8"]).spawn().expect("a worker"));
    submit(&world, &format!("http://{address}/x"), 0..FIRST);
    until(|| stand(WorkState::Suspended) == FIRST).await;
    let before = held(worker.0.id());
    submit(&world, &format!("http://{address}/x"), FIRST..FIRST + MANY);
    until(|| stand(WorkState::Suspended) == FIRST + MANY).await;
    let after = held(worker.0.id());
    let leases = store.queue.held().expect("a queue").len();

    let waiting = approvals::waiting(store, 2 * (FIRST + MANY)).expect("a list");
    assert_eq!(waiting.len(), FIRST + MANY, "each of them waits");
    let said = Said { word: Word::Approve, by: Approver::Operator, actor: "bench", reason: "", hash: None };
    let began = Instant::now();
    for waits in &waiting {
        approvals::decide(store, &waits.asked.request.id, &said).await.expect("an approval");
    }
    let is_over = || {
        let left = |number: usize| store.queue.work(&format!("t-{number}").parse().expect("an id"));
        (0..FIRST + MANY).all(|number| left(number).expect("a queue").is_none())
    };
    until(is_over).await;
    let took = began.elapsed();
    let each = after.0.saturating_sub(before.0) as f64 / MANY as f64;
    vec![
        Figure {
            what: "1,000 tasks waiting for approval: memory each, in the worker that put them down",
            to_reach: "≤ 2 KiB",
            measured: format!("{each:.2} KiB"),
        },
        Figure {
            what: "… threads before and after, and leases held",
            to_reach: "the same; 0",
            measured: format!("{} and {}; {leases}", before.1, after.1),
        },
        Figure {
            what: "… approving all of them resumes all of them",
            to_reach: "all",
            measured: format!("{} of {} in {took:.1?}", FIRST + MANY, waiting.len()),
        },
    ]
}

/// Ends with this.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself, which shows elsewhere.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn ringfence(world: &World) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringfence"));
    command
        .env("RINGFENCE_DATA", world.folder.path().join("data"))
        .env("RINGFENCE_CONFIG", world.folder.path().join("ringfence.toml"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn submit(world: &World, url: &str, numbers: std::ops::Range<usize>) {
    let input = json!({ "asked": [{ "method": "POST", "url": url }] });
    let line = |number: usize| {
        let task =
            json!({ "skill": "friend-asks-the-web", "id": format!("t-{number}"), "ring": 2, "input": input });
        format!("{task}\n")
    };
    let file = world.folder.path().join("tasks.jsonl");
    std::fs::write(&file, numbers.map(line).collect::<String>()).expect("a file");
    let status = ringfence(world).args(["task", "submit", "--file"]).arg(file).status().expect("it starts");
    assert!(status.success(), "all are submitted");
}

async fn until(is_so: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(600);
    while !is_so() {
        assert!(Instant::now() < patience, "it comes to that");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The KiB of its own that a process has in memory, and its threads.
fn held(process: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("Linux");
    let number = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("a line");
        line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
    };
    (number("RssAnon:"), number("Threads:"))
}
