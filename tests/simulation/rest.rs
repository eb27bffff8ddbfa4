//! A provider that wants to be left alone, asked by a host whose clock jumps meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::BoxFuture;
use ringfence_adapters::in_memory::InMemoryStore;
use ringfence_core::audit::TraceId;
use ringfence_core::capability::Powers;
use ringfence_core::gate::{Books, Gate, Inputs, ModelComplete, Models, Outside, Permit, Settled};
use ringfence_core::governance::{Authority, Grant, GrantBook, Holder, Ledger, Policies, Policy, StopSwitch};
use ringfence_core::ids::{ModelName, StreamName};
use ringfence_core::limit::{Amounts, Limit};
use ringfence_core::model::{Model, Price, Question};
use ringfence_core::refusal::{Refusal, RefusalKind};
use ringfence_core::ring::Ring;
use ringfence_core::stores::StreamWriter;
use ringfence_core::units::Timestamp;

use super::clock::{Time, Watch};
use super::host::poll;

/// Fails, and wants to be left alone; each time it is asked the clock is set ahead by two hours.
struct Busy {
    watch: Watch,
    asked: Arc<AtomicU32>,
}

impl Models for Busy {
    fn complete(&self, permit: Permit<ModelComplete>) -> BoxFuture<'_, Settled<ModelComplete>> {
        Box::pin(async {
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.watch.jump(7_200);
            permit.refuse(Refusal::new(RefusalKind::Failed, "it is busy").resting(900))
        })
    }
}

#[test]
fn a_clock_that_is_set_ahead_takes_no_time_from_a_provider_that_wants_a_rest() {
    let (watch, asked) = (Time::default().watch(), Arc::new(AtomicU32::new(0)));
    let name: ModelName = "small".parse().unwrap();
    let price = Price { input: 0, output: 0 };
    let model = Model {
        name: name.clone(),
        provider: "here".parse().unwrap(),
        called: "small".into(),
        context_tokens: 1_000,
        max_output_tokens: 100,
        tools: false,
        json_schema: false,
        bytes_per_token: 1,
        price,
    };
    let grant = Grant { models: vec![Arc::new(name.clone())], ..Grant::to(Holder::Ring(Ring::Standard)) };
    let models = [(name, Arc::new(model))].into_iter().collect();
    let policies =
        Policies::new(Policy { models, grants: Arc::new(GrantBook::new(vec![grant])), ..Policy::default() });
    let (agent, skill) = ("ada".parse().unwrap(), "script".parse().unwrap());
    let authority = Authority::under(&policies.newest(), agent, skill, Ring::Standard, Powers::all());
    let limits = Limit::ALL.into_iter().fold(Amounts::NONE, |limits, limit| limits.with(limit, 1 << 30));
    // An hour.
    let ledger = Ledger::new(limits.with(Limit::WallMs, 3_600_000));
    let clock = Arc::new(watch.clone());
    let stream = StreamName::task(&"t-task".parse().unwrap());
    let log =
        StreamWriter::create(Arc::new(InMemoryStore::new()), clock.clone(), stream, "ada".into(), TraceId(1));
    let books = Arc::new(Books::new(log, ledger, Arc::new(StopSwitch::default()), clock));
    let busy = Busy { watch, asked: Arc::clone(&asked) };
    let outside = Arc::new(Outside { models: Box::new(busy), ..Outside::untouchable() });
    let mut gate = Gate::new(books, Arc::new(authority), outside, Inputs::new(&[0; 32], Timestamp(0)));
    let mut asking = Box::pin(gate.complete(Question::of("Say hello.")));
    while poll(&mut asking).is_pending() {}
    assert_eq!(asked.load(Ordering::SeqCst), 2, "there is time for a rest");
}
