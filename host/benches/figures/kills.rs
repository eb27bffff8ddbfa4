//! How long from the order to the end.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use ringfence::wiring::Running;
use ringfence_core::governance::KillTarget;
use ringfence_core::ids::{StreamName, TaskId};
use ringfence_core::pipeline::Order;
use ringfence_core::units::Timestamp;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::runtime::Runtime;

use crate::sample::{Figure, Sample};
use crate::world::World;

const SPINNING: usize = 1_000;
/// What the sleeping guest takes.
const FOR_EVER: &str = r#"{"nanoseconds":600000000000}"#;
/// When a guest is surely at work.
const SOON: Duration = Duration::from_millis(40);
/// When one that copies its memory over and over has touched all of it, so that all of it has to be given back.
const LATER: Duration = Duration::from_millis(500);

pub(crate) fn measure(runtime: &Runtime) -> Vec<Figure> {
    let world = runtime.block_on(World::new(&["attack_spins", "attack_clock_sleeps", "attack_bulk_copies"]));
    vec![
        Figure {
            what: "kill to dead, one of 1000 spinning guests",
            to_reach: "p99 ≤ 250 µs",
            measured: runtime.block_on(among_many(&world, "attack-spins")).spread(),
        },
        Figure {
            what: "kill to dead, blocked in a host call",
            to_reach: "p99 ≤ 250 µs",
            measured: runtime
                .block_on(one_by_one(&world, "attack-clock-sleeps", FOR_EVER, 300, SOON, kill_watched))
                .spread(),
        },
        Figure {
            what: "kill to dead, in a bulk copy at the default memory cap (64 MiB), all of which is given back",
            to_reach: "≤ 25 ms",
            measured: runtime
                .block_on(one_by_one(&world, "attack-bulk-copies", "{}", 100, LATER, kill))
                .spread(),
        },
        Figure {
            what: "… in the first copy, which touches each page for the first time",
            to_reach: "≤ 25 ms",
            measured: runtime
                .block_on(one_by_one(&world, "attack-bulk-copies", "{}", 60, SOON, kill))
                .spread(),
        },
    ]
}

/// Starts 1000 spinning guests and kills them one after the other while the rest spins on.
async fn among_many(world: &World, skill: &str) -> Sample {
    let tasks: Vec<_> = (0..SPINNING).map(|_| start(&world.running, world.order(skill, "{}"))).collect();
    let running = Arc::clone(&world.running);
    // A thread of the system: the runtime's own timers are late while its workers are busy with guests.
    let killing = move || {
        std::thread::sleep(Duration::from_secs(8));
        let mut kills = Vec::new();
        for task in tasks {
            kills.push(kill(&running, task));
            std::thread::sleep(Duration::from_millis(1));
        }
        kills
    };
    sampled(world, on_a_thread(killing).await).await
}

/// Starts a guest, kills it when it has run for a while, and begins again.
async fn one_by_one(
    world: &World,
    skill: &str,
    input: &str,
    times: u32,
    after: Duration,
    kill: fn(&Running, TaskId) -> Killed,
) -> Sample {
    let (runtime, running) = (tokio::runtime::Handle::current(), Arc::clone(&world.running));
    let orders: Vec<_> = (0..times).map(|_| world.order(skill, input)).collect();
    let killing = move || {
        let _entered = runtime.enter();
        let mut kills = Vec::new();
        for (turn, order) in (0_u64..).zip(orders) {
            let task = start(&running, order);
            std::thread::sleep(after + Duration::from_micros(turn * 137 % 5_000));
            wake_up();
            kills.push(kill(&running, task));
        }
        kills
    };
    sampled(world, on_a_thread(killing).await).await
}

/// Does something on a thread of its own, as the follower of kills has one.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, told) = tokio::sync::oneshot::channel();
    let thread = std::thread::spawn(move || drop(done.send(work())));
    let answer = told.await.expect("it answers");
    thread.join().expect("no panic");
    answer
}

fn start(running: &Running, order: Order) -> TaskId {
    let (task, host) = (order.task.clone(), Arc::clone(&running.host));
    tokio::spawn(async move {
        let emitted = host.run(order).await;
        assert!(emitted.outcome.error.is_some(), "a killed run is no success");
    });
    task
}

/// A kill that was ordered, and done: the guest is dead, its store is gone and its place is free.
struct Killed {
    task: TaskId,
    ordered: Timestamp,
    /// When whoever ordered it looked, if it was done by then: a guest that waits is gone when the order returns.
    seen: Option<Duration>,
}

fn kill(running: &Running, task: TaskId) -> Killed {
    let free = running.sandbox.free_places();
    let (ordered, began) = (running.host.clock.now(), Instant::now());
    order_kill(running, task.clone());
    let seen = (running.sandbox.free_places() > free).then(|| began.elapsed());
    while running.sandbox.free_places() == free {
        // Whoever waits for the place is no measure: he sees it when the scheduler lets him look.
        std::thread::sleep(Duration::from_millis(1));
    }
    Killed { task, ordered, seen }
}

/// The same, seen from a second core too, which is awake for that: to wake one up for whom the kill tells is the machine's figure.
/// Each of both keeps to its core: on one together, one of them waits for the other's whole slice.
fn kill_watched(running: &Running, task: TaskId) -> Killed {
    let free = running.sandbox.free_places();
    keep_to_core(0);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            keep_to_core(1);
            while running.sandbox.free_places() == free {
                std::hint::spin_loop();
            }
            Instant::now()
        });
        wake_up();
        let began = Instant::now();
        let killed = kill(running, task);
        let watched = watcher.join().expect("no panic").saturating_duration_since(began);
        Killed { seen: Some(killed.seen.map_or(watched, |seen| seen.min(watched))), ..killed }
    })
}

/// Keeps the calling thread to one of the cores that this process may use, if there are several.
fn keep_to_core(which: usize) {
    // As it was before any thread kept to one: threads begin where those are who start them.
    static ALL: LazyLock<Vec<usize>> = LazyLock::new(|| {
        let all = sched_getaffinity(None).expect("the system says where a thread may run");
        (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core)).collect()
    });
    if ALL.len() > 1 {
        let mut own = CpuSet::new();
        own.set(ALL[which % ALL.len()]);
        sched_setaffinity(None, &own).expect("a thread keeps to a core that it may use");
    }
}

/// How long each took, at the most: until it was seen, or until the thread that the guest was on wrote down that the attempt had ended,
/// which it does in the same breath. Whichever was first was not kept from its core meanwhile.
async fn sampled(world: &World, kills: Vec<Killed>) -> Sample {
    let mut sample = Sample::default();
    for Killed { task, ordered, seen } in kills {
        let ended = Duration::from_micros(attempt_ended(world, &task).await.saturating_sub(ordered).0);
        sample.push(seen.map_or(ended, |seen| seen.min(ended)));
    }
    sample
}

/// When a task's attempt had ended, as its log says.
async fn attempt_ended(world: &World, task: &TaskId) -> Timestamp {
    let stream = StreamName::task(task);
    loop {
        let records = world.running.host.log.read(&stream, 1, 100).expect("a log");
        if let Some(record) = records.iter().find(|record| record.event.kind == "attempt.ended") {
            return record.event.time;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn order_kill(running: &Running, task: TaskId) {
    assert_eq!(running.host.switches.kill(&KillTarget::Task(task), "bench"), 1, "it runs");
}

/// Who orders is awake: how long a core takes to wake up is the machine's figure.
fn wake_up() {
    let awake = Instant::now();
    while awake.elapsed() < Duration::from_millis(2) {
        std::hint::spin_loop();
    }
}
