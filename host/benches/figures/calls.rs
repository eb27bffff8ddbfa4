//! What the gate adds to a local call: deciding and metering, and its chained event.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use ringfence_core::audit::TraceId;
use ringfence_core::capability::Capability;
use ringfence_core::capability::Powers;
use ringfence_core::gate::{
    Books, Content, Gate, Inputs, Level, LogWrite, Memory, MemoryCompareAndSet, MemoryDelete, MemoryGet,
    MemoryList, MemorySet, Outside, Permit, Settled,
};
use ringfence_core::governance::{Ask, Authority, Cost, Ledger, Scope, StopSwitch, decide};
use ringfence_core::ids::StreamName;
use ringfence_core::limit::{Amounts, Limit};
use ringfence_core::ring::{Effect, Ring};
use ringfence_core::stores::StreamWriter;
use ringfence_core::units::Timestamp;
use tokio::runtime::Runtime;

use crate::sample::{Figure, Sample};
use crate::world::{Forgetful, World};

const CALLS: u32 = 2_000;

pub(crate) fn measure(runtime: &Runtime) -> Vec<Figure> {
    let world = runtime.block_on(World::new(&[]));
    let (mut ungated, mut decided, mut gated) = (Sample::default(), Sample::default(), Sample::default());
    for _ in 0..60 {
        let began = Instant::now();
        for call in 0..CALLS {
            black_box(line(call));
        }
        ungated.push(began.elapsed() / CALLS);
        decided.push(decide_and_meter());
        gated.push(through_the_gate(&world, runtime));
    }
    let base = ungated.median();
    let mut written = (Sample::default(), Sample::default());
    for _ in 0..60 {
        written.0.push(unjournalled_writes());
        written.1.push(runtime.block_on(journalled_writes(&world)));
    }
    let write = written.1.median().saturating_sub(written.0.median());
    vec![
        Figure {
            what: "a gated local host call over the same call ungated: deciding and metering",
            to_reach: "≤ 0.1 µs more",
            measured: format!("{:.3} µs", decided.median().saturating_sub(base).as_secs_f64() * 1e6),
        },
        Figure {
            what: "… with its chained event, handed to the writer",
            to_reach: "≤ 1.5 µs more",
            measured: format!("{:.2} µs", gated.median().saturating_sub(base).as_secs_f64() * 1e6),
        },
        Figure {
            what: "a journalled host call (memory write: begun and ended) over an unjournalled one, flush excluded",
            to_reach: "≤ 5 µs more",
            measured: format!("{:.2} µs", write.as_secs_f64() * 1e6),
        },
    ]
}

fn line(number: u32) -> LogWrite {
    LogWrite { level: Level::Info, message: format!("line {number}") }
}

fn authority() -> Authority {
    let name = "bench".parse().expect("a name");
    Authority::new("bench".parse().expect("a name"), name, Ring::Sandboxed, Powers::all(), &Arc::default())
}

fn plenty() -> Ledger {
    Ledger::new(
        Amounts::NONE
            .with(Limit::Steps, 1 << 40)
            .with(Limit::LogBytes, 1 << 40)
            .with(Limit::BytesOut, 1 << 40)
            .with(Limit::BytesIn, 1 << 40),
    )
}

fn decide_and_meter() -> Duration {
    let (authority, ledger) = (authority(), Mutex::new(plenty()));
    let began = Instant::now();
    for number in 0..CALLS {
        let call = black_box(line(number));
        let fixed = Amounts::NONE.with(Limit::Steps, 1).with(Limit::LogBytes, call.message.len() as u64);
        let reservation =
            ledger.lock().expect("a lock").reserve(&Cost { fixed, up_to: None }).expect("plenty");
        let ask = Ask { capability: Capability::Log, effect: Effect::Local, scope: Scope::Whole };
        black_box(decide(&ask, &authority));
        ledger.lock().expect("a lock").settle(reservation, &fixed);
    }
    began.elapsed() / CALLS
}

/// Values in memory, and nothing else: what the calls are about is not what is measured.
#[derive(Default)]
struct Values(Mutex<HashMap<String, Vec<u8>>>);

impl Values {
    fn set(&self, call: &MemorySet) {
        self.0.lock().expect("a lock").insert(call.key.clone(), call.value.0.clone());
    }
}

impl Memory for Values {
    fn get(&self, _: Permit<MemoryGet>) -> BoxFuture<'_, Settled<MemoryGet>> {
        unreachable!("only writes are measured")
    }
    fn set(&self, permit: Permit<MemorySet>) -> BoxFuture<'_, Settled<MemorySet>> {
        Box::pin(async {
            let underway = match permit.begin().await {
                Ok(underway) => underway,
                Err(over) => return over,
            };
            self.set(underway.call());
            underway.settle(Ok(1))
        })
    }
    fn compare_and_set(&self, _: Permit<MemoryCompareAndSet>) -> BoxFuture<'_, Settled<MemoryCompareAndSet>> {
        unreachable!("only writes are measured")
    }
    fn delete(&self, _: Permit<MemoryDelete>) -> BoxFuture<'_, Settled<MemoryDelete>> {
        unreachable!("only writes are measured")
    }
    fn list(&self, _: Permit<MemoryList>) -> BoxFuture<'_, Settled<MemoryList>> {
        unreachable!("only writes are measured")
    }
}

fn write(number: u32) -> MemorySet {
    MemorySet { key: format!("key {}", number % 16), value: Content(b"a value".to_vec()) }
}

fn unjournalled_writes() -> Duration {
    let values = Values::default();
    let began = Instant::now();
    (0..CALLS).for_each(|number| values.set(&black_box(write(number))));
    began.elapsed() / CALLS
}

async fn journalled_writes(world: &World) -> Duration {
    let store = &world.running.store;
    let stream = StreamName::task(&store.entropy.task_id());
    let clock = Arc::clone(&store.clock);
    let log =
        StreamWriter::create(Arc::new(Forgetful), Arc::clone(&clock), stream, "bench".into(), TraceId(1));
    let books = Arc::new(Books::new(log, plenty(), Arc::new(StopSwitch::default()), clock));
    let inputs = Inputs::new(&[0; 32], Timestamp(0));
    let outside = Outside { memory: Box::new(Values::default()), ..Outside::untouchable() };
    let mut gate = Gate::new(books, Arc::new(authority()), Arc::new(outside), inputs);
    let began = Instant::now();
    for number in 0..CALLS {
        let call = black_box(write(number));
        gate.pass(call, |permit, outside| outside.memory.set(permit)).await.expect("allowed");
    }
    began.elapsed() / CALLS
}

fn through_the_gate(world: &World, runtime: &Runtime) -> Duration {
    let store = &world.running.store;
    let stream = StreamName::task(&store.entropy.task_id());
    let clock = Arc::clone(&store.clock);
    let log =
        StreamWriter::create(Arc::clone(&store.log), Arc::clone(&clock), stream, "bench".into(), TraceId(1));
    let books = Arc::new(Books::new(log, plenty(), Arc::new(StopSwitch::default()), clock));
    let inputs = Inputs::new(&[0; 32], Timestamp(0));
    let outside = Arc::new(Outside::untouchable());
    let mut gate = Gate::new(Arc::clone(&books), Arc::new(authority()), outside, inputs);
    let began = Instant::now();
    for number in 0..CALLS {
        gate.local(black_box(line(number))).expect("allowed");
    }
    let took = began.elapsed() / CALLS;
    runtime.block_on(books.log().flush()).expect("a log");
    took
}
