//! How long from the order to the end.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use ringfence::wiring::Running;
use ringfence_core::governance::KillTarget;
use ringfence_core::ids::{StreamName, TaskId};
use ringfence_core::pipeline::Order;
use ringfence_core::units::Timestamp;
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
            measured: runtime.block_on(blocked(&world)).spread(),
        },
        Figure {
            what: "kill to dead, in a bulk copy at the default memory cap (64 MiB), all of which is given back",
            to_reach: "≤ 25 ms",
            measured: runtime.block_on(one_by_one(&world, "attack-bulk-copies", "{}", 100, LATER)).spread(),
        },
        Figure {
            what: "… in the first copy, which touches each page for the first time",
            to_reach: "≤ 25 ms",
            measured: runtime.block_on(one_by_one(&world, "attack-bulk-copies", "{}", 60, SOON)).spread(),
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

/// Has a guest sleep, kills it, and begins again. Who orders the kill drops the guest, and its run is waited for by nobody: what a
/// core takes to wake up for those who are told of it is no part of a guest's death.
async fn blocked(world: &World) -> Sample {
    let (runtime, running) = (tokio::runtime::Handle::current(), Arc::clone(&world.running));
    let orders: Vec<_> = (0..300).map(|_| world.order("attack-clock-sleeps", FOR_EVER)).collect();
    let killing = move || {
        let _entered = runtime.enter();
        let mut sample = Sample::default();
        for (turn, order) in (0_u64..).zip(orders) {
            let (task, free) = (order.task.clone(), running.sandbox.free_places());
            let mut run = Box::pin(running.host.run(order));
            let mut waits_for_nobody = Context::from_waker(Waker::noop());
            while running.sandbox.free_places() == free {
                assert!(run.as_mut().poll(&mut waits_for_nobody).is_pending(), "it sleeps");
            }
            std::thread::sleep(SOON + Duration::from_micros(turn * 137 % 5_000));
            wake_up();
            let began = Instant::now();
            order_kill(&running, task);
            let took = began.elapsed();
            assert_eq!(running.sandbox.free_places(), free, "it is dead");
            sample.push(took);
            let emitted = runtime.block_on(run);
            assert!(emitted.outcome.error.is_some(), "a killed run is no success");
        }
        sample
    };
    on_a_thread(killing).await
}

/// Starts a guest, kills it when it has run for a while, and begins again.
async fn one_by_one(world: &World, skill: &str, input: &str, times: u32, after: Duration) -> Sample {
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
