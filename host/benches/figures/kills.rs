//! How long from the order to the end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ringfence_core::governance::KillTarget;
use ringfence_core::pipeline::Order;
use tokio::runtime::Runtime;

use crate::sample::{Figure, Sample};
use crate::world::World;

const SPINNING: usize = 1_000;

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
            measured: runtime.block_on(one_by_one(&world, "attack-clock-sleeps", 300)).spread(),
        },
        Figure {
            what: "kill to dead, in a bulk copy at the default memory cap (64 MiB)",
            to_reach: "≤ 25 ms",
            measured: runtime.block_on(one_by_one(&world, "attack-bulk-copies", 60)).spread(),
        },
    ]
}

/// Starts 1000 spinning guests and kills them one after the other while the rest spins on.
async fn among_many(world: &World, skill: &str) -> Sample {
    let mut running = Vec::new();
    for _ in 0..SPINNING {
        let order = world.order(skill, "{}");
        running.push((order.task.clone(), spawn(world, order)));
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut sample = Sample::default();
    for (task, ended) in running {
        sample.push(kill(world, KillTarget::Task(task), ended).await);
    }
    sample
}

async fn one_by_one(world: &World, skill: &str, times: u32) -> Sample {
    let mut sample = Sample::default();
    for turn in 0..times {
        let order = world.order(skill, "{}");
        let task = order.task.clone();
        let ended = spawn(world, order);
        tokio::time::sleep(Duration::from_micros(20_000 + u64::from(turn) * 137 % 5_000)).await;
        sample.push(kill(world, KillTarget::Task(task), ended).await);
    }
    sample
}

/// When a guest was dead, seen from inside its run.
type Ended = std::sync::mpsc::Receiver<Instant>;

fn spawn(world: &World, order: Order) -> Ended {
    let (sender, ended) = std::sync::mpsc::channel();
    let host = Arc::clone(&world.running.host);
    tokio::spawn(async move {
        let emitted = host.run(order).await;
        let dead = Instant::now();
        assert!(emitted.outcome.error.is_some(), "a killed run is no success");
        sender.send(dead).expect("someone waits");
    });
    ended
}

async fn kill(world: &World, target: KillTarget, ended: Ended) -> Duration {
    let host = Arc::clone(&world.running.host);
    tokio::task::spawn_blocking(move || {
        let ordered = Instant::now();
        assert_eq!(host.switches.kill(&target, "bench"), 1, "it runs");
        let dead = ended.recv().expect("it ends");
        dead.saturating_duration_since(ordered)
    })
    .await
    .expect("no panic")
}
