//! What a million tasks in the store cost those who look at a few of them. Only on demand: `cargo bench -p ringfence -- scale`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringfence_core::audit::{Fact, TraceId};
use ringfence_core::ids::StreamName;
use ringfence_core::stores::{StreamWriter, read_facts};
use tokio::runtime::Runtime;

use crate::sample::{Figure, Sample, ratio};
use crate::world::World;

const FEW: u64 = 1_000;
const MANY: u64 = 1_000_000;
const PROGRAM: &str = env!("CARGO_BIN_EXE_ringfence");

/// What is measured, and the arguments of `ringfence` for it.
type Look = (&'static str, fn(&Filled) -> Vec<String>);

pub(crate) fn measure(runtime: &Runtime) -> Vec<Figure> {
    let (few, many) = (runtime.block_on(Filled::with(FEW)), runtime.block_on(Filled::with(MANY)));
    let looks: [Look; 3] = [
        ("`task list` with 1,000,000 tasks in the store over 1,000: time, memory", |_| {
            vec!["task".into(), "list".into()]
        }),
        ("`events --from` the last hundred: time, memory", |filled| {
            vec!["events".into(), "--from".into(), (filled.last - 100).to_string()]
        }),
        ("`task show`: time, memory", |filled| vec!["task".into(), "show".into(), filled.task.clone()]),
    ];
    let looks = looks.into_iter().map(|(what, arguments)| {
        let (mut small, mut large) = (Looked::default(), Looked::default());
        for _ in 0..15 {
            small.look(&few.data, &arguments(&few));
            large.look(&many.data, &arguments(&many));
        }
        let time = ratio(large.time.median(), small.time.median());
        let memory = large.memory as f64 / small.memory as f64;
        let measured = format!(
            "{time:.2} ({:.1?} over {:.1?}), {memory:.2} ({} over {} KiB)",
            large.time.median(),
            small.time.median(),
            large.memory,
            small.memory
        );
        Figure { what, to_reach: "≤ 2", measured }
    });
    looks.collect()
}

/// A store with so many tasks in it.
struct Filled {
    _world: World,
    data: PathBuf,
    /// One in the middle.
    task: String,
    /// The position of the last event.
    last: u64,
}

impl Filled {
    async fn with(tasks: u64) -> Self {
        let world = World::new(&["hello"]).await;
        let order = world.order("hello", r#"{"name":"Ada"}"#);
        let stream = StreamName::task(&order.task);
        ringfence::app::run(&world.running, order).await.expect("a run");
        let store = &world.running.store;
        let facts = read_facts(&*store.log, &stream, 1).expect("facts");
        let facts: Vec<Fact> = facts.into_iter().map(|(_, fact)| fact).collect();
        let mut task = String::new();
        for number in 0..tasks {
            let id = store.entropy.task_id();
            let (log, clock) = (Arc::clone(&store.log), Arc::clone(&store.clock));
            let stream = StreamName::task(&id);
            let writer = StreamWriter::create(log, clock, stream, "bench".into(), TraceId(1));
            facts.iter().for_each(|fact| writer.append(fact));
            writer.hand_over();
            if number == tasks / 2 {
                task = id.to_string();
            }
            if number % 1_000 == 999 {
                writer.flush().await.expect("a log");
            }
        }
        let mut last = 0;
        while let Some((position, _)) = store.log.feed(last, 10_000).expect("a feed").last() {
            last = *position;
        }
        let data = world.folder.path().join("data");
        Self { _world: world, data, task, last }
    }
}

/// What looking took.
#[derive(Default)]
struct Looked {
    time: Sample,
    /// The most memory that a look had, in KiB.
    memory: u64,
}

impl Looked {
    fn look(&mut self, data: &Path, arguments: &[String]) {
        let began = Instant::now();
        let mut command = Command::new(PROGRAM);
        command.args(arguments).arg("--data").arg(data).stdout(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        let status = format!("/proc/{}/status", child.id());
        loop {
            let memory = std::fs::read_to_string(&status).unwrap_or_default();
            let peak = memory.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse().ok());
            self.memory = self.memory.max(peak.unwrap_or(0));
            if let Some(ended) = child.try_wait().expect("it ends") {
                assert!(ended.success(), "{arguments:?} ends well");
                break;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        self.time.push(began.elapsed());
    }
}
