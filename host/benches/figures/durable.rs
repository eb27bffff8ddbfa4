//! What it costs that a task outlives its host, and how fast it comes back.

use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ringfence_core::audit::{Fact, Record, TraceId};
use ringfence_core::ids::{StreamName, TaskId};
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::Order;
use ringfence_core::stores::StreamWriter;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::plain;
use crate::sample::{Figure, Sample, ratio};
use crate::world::{Forgetful, World};

const HELLO: &str = r#"{"name":"Ada"}"#;
/// How many tasks wait for the disk at once.
const AT_ONCE: usize = 256;
/// How many of them the store commits together.
const TOGETHER: usize = 64;

pub(crate) fn measure(runtime: &Runtime) -> Vec<Figure> {
    let world = runtime.block_on(World::new(&["hello", "attack_clock_is_read_a_million_times"]));
    let durable = runtime.block_on(tasks(&world));
    vec![
        durable,
        chained(&world),
        verified(&world),
        runtime.block_on(replayed(&world)),
        runtime.block_on(resumed(&world)),
    ]
}

/// Accepted, run, and the outcome on the disk; over plain SQLite that writes the very same rows, in turns: with as many tasks in
/// a transaction as wait at once, and with as many as the store has in one.
async fn tasks(world: &World) -> Figure {
    const MANY: usize = 4_000;
    const TURNS: usize = 9;
    let database = world.running.store.data.join("ringfence.db");
    let (mut governed, mut base, mut same) = (Sample::default(), Sample::default(), Sample::default());
    for _ in 0..TURNS {
        let orders: Vec<Order> = (0..MANY).map(|_| world.order("hello", HELLO)).collect();
        let names: Vec<StreamName> = orders.iter().map(|order| StreamName::task(&order.task)).collect();
        let began = Instant::now();
        run_all(world, orders).await;
        governed.push(began.elapsed());
        let rows = plain::rows(&database, &names);
        base.push(plain::insert(&rows, &database, AT_ONCE));
        same.push(plain::insert(&rows, &database, TOGETHER));
    }
    let rate = |sample: &mut Sample| MANY as f64 / sample.median().as_secs_f64();
    let (governed, base, same) = (rate(&mut governed), rate(&mut base), rate(&mut same));
    Figure {
        what: "durable tasks a second (`hello`, 256 at once), over plain SQLite inserting the very same rows, 256 tasks a transaction",
        to_reach: "≥ 0.5",
        measured: format!(
            "{:.2} ({governed:.0} over {base:.0}); with 64 tasks a transaction, as the store has them, {:.2} (over {same:.0})",
            governed / base,
            governed / same
        ),
    }
}

/// As many callers as wait at once, each with a task of its own on all cores, take the orders one after another.
async fn run_all(world: &World, orders: Vec<Order>) {
    let orders = Arc::new(Mutex::new(orders.into_iter()));
    let mut callers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (orders, host) = (Arc::clone(&orders), Arc::clone(&world.running.host));
        let next = move || orders.lock().expect("no panic").next();
        callers.spawn(async move {
            while let Some(order) = next() {
                host.run(order).await.durable().await.expect("a log");
            }
        });
    }
    callers.join_all().await;
}

fn chained(world: &World) -> Figure {
    const MANY: u32 = 200_000;
    let store = &world.running.store;
    let stream = StreamName::task(&store.entropy.task_id());
    let clock = Arc::clone(&store.clock);
    let log = StreamWriter::create(Arc::new(Forgetful), clock, stream, "bench".into(), TraceId(1));
    let fact =
        Fact::Printed { stream: "stdout".into(), text: "a line of text that a skill has printed".into() };
    let began = Instant::now();
    (0..MANY).for_each(|_| log.append(black_box(&fact)));
    let took = began.elapsed();
    let payload = fact.to_json();
    let began = Instant::now();
    for _ in 0..MANY {
        black_box(ringfence_core::ids::Digest::of(black_box(&payload)));
    }
    let bare = began.elapsed();
    let rate = f64::from(MANY) / took.as_secs_f64();
    Figure {
        what: "encode and chain events, one thread, store excluded",
        to_reach: "≥ 500,000/s",
        measured: format!("{rate:.0}/s; {:.1} × the payload's BLAKE3 alone", ratio(took, bare)),
    }
}

fn verified(world: &World) -> Figure {
    let mut sample = Sample::default();
    let mut events = 0;
    for _ in 0..9 {
        let began = Instant::now();
        events = ringfence::app::verify(&world.running.store).expect("a whole log").events;
        sample.push(began.elapsed());
    }
    let rate = events as f64 / sample.median().as_secs_f64();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Figure {
        what: "`audit verify`, read from the store",
        to_reach: "≥ 500,000 events/s per core",
        measured: format!("{:.0}/s per core ({rate:.0}/s on {cores}, {events} events)", rate / cores as f64),
    }
}

async fn replayed(world: &World) -> Figure {
    let (mut first, mut again) = (Sample::default(), Sample::default());
    for _ in 0..500 {
        let order = world.order("hello", HELLO);
        let task = order.task.clone();
        let began = Instant::now();
        ringfence::app::run(&world.running, order).await.expect("a run");
        first.push(began.elapsed());
        let began = Instant::now();
        ringfence::replay::replay(&world.running, &task).await.expect("the same");
        again.push(began.elapsed());
    }
    Figure {
        what: "replay over the first run (`hello`, durable)",
        to_reach: "≤ 1.2",
        measured: format!(
            "{:.2} ({:.1?} over {:.1?})",
            ratio(again.median(), first.median()),
            again.median(),
            first.median()
        ),
    }
}

/// A task that had made 10,000 calls when its host was gone goes on in another store, to its end.
async fn resumed(world: &World) -> Figure {
    let mut order = world.order("attack-clock-is-read-a-million-times", "{}");
    order.limits = order.limits.with(Limit::Steps, 10_000);
    let task = order.task.clone();
    ringfence::app::run(&world.running, order).await.expect("a run");
    let records = world.running.store.log.read(&StreamName::task(&task), 1, usize::MAX).expect("a task");
    let calls = records.iter().filter(|record| record.event.kind == "call").count();
    assert_eq!(calls, 10_000, "it made them all");
    let cut =
        records.iter().position(|record| record.event.kind == "call.stopped").expect("then it was stopped");
    let mut sample = Sample::default();
    for _ in 0..10 {
        sample.push(resume(&records[..cut], &task).await);
    }
    Figure {
        what: "resume of a task with 10,000 journalled calls, to its end",
        to_reach: "≤ 100 ms",
        measured: format!("{:.1?}", sample.median()),
    }
}

async fn resume(records: &[Record], task: &TaskId) -> Duration {
    let world = World::new(&["attack_clock_is_read_a_million_times"]).await;
    world.running.store.log.append(records.to_vec().into()).durable().await.expect("a log");
    let began = Instant::now();
    let emitted = world.running.host.resume(task).await.expect("it goes on");
    emitted.durable().await.expect("a log");
    let took = began.elapsed();
    assert!(emitted.outcome.limit.is_some(), "{:?}", emitted.outcome);
    took
}
