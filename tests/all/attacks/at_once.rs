//! Guests that send several calls out at once, where policy says that such a call cannot be undone: below ring 1 none is made, and in
//! it none before people have said of each what they think.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::future::BoxFuture;
use ringfence::approvals;
use ringfence_adapters::system::SystemClock;
use ringfence_core::audit::{Standing, Status, Word};
use ringfence_core::governance::{Policies, Policy};
use ringfence_core::ids::TaskId;
use ringfence_core::pipeline::Order;
use ringfence_core::ring::{Effect, Ring};
use ringfence_core::system::Clock;
use ringfence_core::units::Timestamp;
use serde_json::{Value, json};

use super::approvals::{assert_replays, assert_waits, decide, id, output, resume, said};
use super::children;
use super::http::with_calls;
use crate::harness::{Expected, Fuel, World, assert_attack_fails};
use crate::models::{order as questions, policy};
use crate::servers::ModelServer;

const RUN: &str = "[effects]\nskills.run = \"irreversible\"\n";
const ASK: &str = "[effects]\n\"model.complete\" = \"irreversible\"\n";
const CROWD: &str = "attack_skills_asks_a_crowd";
const ASKS: &str = "friend_asks_others";
const UNDONE: &str = "cannot be undone: it needs ring 1; this run has ring 2";

/// A host where running a skill cannot be undone.
pub(crate) fn grave() -> World {
    let world = World::with_policy(RUN);
    for guest in ["hello", CROWD, ASKS] {
        world.load(guest);
    }
    world
}

/// An order to greet these at once, behind an errand that goes round in a circle.
pub(crate) fn greeting(world: &World, names: &[&str]) -> Order {
    let hello = |name: &&str| json!({ "skill": "hello", "input": json!({ "name": name }).to_string() });
    let circle = json!({ "skill": ASKS.replace('_', "-"), "input": "{}" });
    let errands: Vec<Value> = std::iter::once(circle).chain(names.iter().map(hello)).collect();
    let input = json!({ "errands": errands, "at_once": true }).to_string();
    Order { ring: Ring::Trusted, ..world.order(ASKS, &input) }
}

fn assert_asked(world: &World, task: &TaskId, asked: &[(&str, Standing)]) {
    let stand = |place: usize| {
        let found = approvals::approval(&world.running.store, &id(task, place as u32)).unwrap();
        (found.call, found.stands)
    };
    let stands: Vec<_> = (1..=asked.len()).map(stand).collect();
    let wanted: Vec<_> = asked.iter().map(|(call, stands)| ((*call).to_owned(), *stands)).collect();
    assert_eq!(stands, wanted);
}

#[test]
fn a_crowd_that_cannot_be_taken_back_is_run_by_nobody_below_ring_1() {
    let world = grave();
    for (many, denied) in [(1, "call.denied"), (3, "call.denied × 3")] {
        let order =
            Order { ring: Ring::Standard, ..world.order(CROWD, &json!({ "many": many }).to_string()) };
        let events = with_calls(&[denied]);
        let (status, code) = (Status::Completed, None);
        let expected = Expected { status, code, says: "", hit: None, events: &events, fuel: Fuel::Same };
        let emitted = assert_attack_fails(&world, order, &expected);
        assert_eq!(emitted.outcome.output, Some(json!(0)), "somebody answered");
        assert!(children(&world, &emitted.task).is_empty());
        assert_replays(&world, &emitted);
    }
    let emitted = world.run(Order { ring: Ring::Standard, ..greeting(&world, &["Ada"]) });
    let came = output(&emitted);
    assert!(came[1].contains("Denied") && came[1].contains(UNDONE), "{came:?}");
}

#[test]
fn of_several_skills_at_once_none_is_run_before_people_have_said_what_they_think_of_each() {
    let world = grave();
    let order = greeting(&world, &["Ada", "Bob", "Eve"]);
    let task = order.task.clone();
    assert_waits(&world.run(order), 1);
    let mut kinds = vec!["task.accepted", "task.resolved", "attempt.started"];
    for (place, word) in [(1, Word::Approve), (2, Word::Deny), (3, Word::Approve)] {
        kinds.extend(["approval.asked", "task.suspended"]);
        assert_eq!(world.kinds(&task), kinds, "what waits leaves nothing half written");
        assert!(children(&world, &task).is_empty(), "one has begun");
        let waiting = approvals::waiting(&world.running.store, 9).unwrap();
        assert_eq!(waiting.iter().map(|one| one.asked.request.id.place).collect::<Vec<_>>(), [place]);
        decide(&world, &id(&task, place), &said(word, "", "not him")).unwrap();
        kinds.extend(["approval.decided", "task.claimed"]);
        let emitted = resume(&world, &task);
        if place < 3 {
            assert_waits(&emitted, place + 1);
            continue;
        }
        let came = output(&emitted);
        assert!(
            came[0].contains("Cycle") && came[2].contains("was denied by the operator: not him"),
            "{came:?}"
        );
        assert!(came[1].contains("Hello, Ada!") && came[3].contains("Hello, Eve!"), "{came:?}");
        assert_eq!(emitted.outcome.used.steps, 4, "running it again was not charged");
        assert_replays(&world, &emitted);
    }
    kinds.extend([
        "call.denied",
        "approval.used",
        "call.begun",
        "call.denied",
        "approval.used",
        "call.begun",
    ]);
    kinds.extend(["call.ended × 2", "attempt.ended", "task.ended"]);
    assert_eq!(world.kinds(&task), kinds);
    assert_eq!(children(&world, &task).len(), 2, "once each");
    let run = "skills.run";
    assert_asked(&world, &task, &[(run, Standing::Used), (run, Standing::Denied), (run, Standing::Used)]);
    world.assert_unharmed();
}

#[test]
fn of_several_questions_at_once_none_is_put_to_a_model_before_people_have_approved_all() {
    let usage = json!({ "prompt_tokens": 5, "completion_tokens": 3 });
    let server = ModelServer::saying("here", usage);
    let world = World::with_policy(&format!("{ASK}{}", policy("openai", &server.origin(), "")));
    let asked = questions(&world, &json!([{ "prompt": "x" }, { "prompt": "y" }]));
    let input = asked.input.replace("{\"questions\"", "{\"at_once\":true,\"questions\"");
    let asked = Order { input: input.into(), ..asked };
    let came = output(&world.run(world.again(&asked)));
    assert!(
        came.len() == 2 && came.iter().all(|said| said.contains("Denied") && said.contains(UNDONE)),
        "{came:?}"
    );

    let order = Order { ring: Ring::Trusted, ..asked };
    let task = order.task.clone();
    assert_waits(&world.run(order), 1);
    for place in [1, 2] {
        assert!(server.bodies().is_empty(), "a model was asked");
        let request = approvals::approval(&world.running.store, &id(&task, place)).unwrap().asked.request;
        let bound: Value = serde_json::from_str(&request.bound).unwrap();
        let prompt = ["x", "y"][place as usize - 1];
        assert_eq!(bound["arguments"]["question"]["messages"][1]["content"], prompt, "{bound}");
        decide(&world, &id(&task, place), &said(Word::Approve, "", "")).unwrap();
        let emitted = resume(&world, &task);
        if place == 1 {
            assert_waits(&emitted, 2);
            continue;
        }
        let came = output(&emitted);
        assert!(came.len() == 2 && came.iter().all(|said| said.contains("here")), "{came:?}");
        assert_eq!((server.bodies().len(), emitted.outcome.used.tokens), (2, 16), "once each");
        assert_replays(&world, &emitted);
    }
    let ask = "model.complete";
    assert_asked(&world, &task, &[(ask, Standing::Used), (ask, Standing::Used)]);
    world.assert_unharmed();
}

/// A clock that is looked at for each event, and at one of these looks policy says that running a skill cannot be undone.
struct Raising {
    clock: SystemClock,
    looks: AtomicUsize,
    at: AtomicUsize,
    policies: OnceLock<Arc<Policies>>,
}

impl Raising {
    fn policy(&self, effects: &[&str]) {
        let policies = self.policies.get().unwrap();
        let effects = effects.iter().map(|call| ((*call).to_owned(), Effect::Irreversible)).collect();
        let policy = Policy { effects, ..Policy::clone(policies.newest().policy()) };
        policies.take(policy);
    }
}

impl Clock for Raising {
    fn now(&self) -> Timestamp {
        let look = self.looks.fetch_add(1, Ordering::SeqCst) + 1;
        if look == self.at.load(Ordering::SeqCst) {
            self.policy(&["skills.run"]);
        }
        self.clock.now()
    }
    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.clock.sleep(duration)
    }
}

/// The first may not be let in under the one and the second under the other: it would be left begun and not made.
#[test]
fn whenever_policy_changes_several_at_once_are_decided_on_under_one() {
    let clock = Arc::new(Raising {
        clock: SystemClock::new(),
        looks: AtomicUsize::new(0),
        at: AtomicUsize::new(0),
        policies: OnceLock::new(),
    });
    let world = World::with_clock(Arc::clone(&clock) as Arc<dyn Clock>);
    clock.policies.set(Arc::clone(&world.running.host.policies)).ok().unwrap();
    for guest in ["hello", ASKS] {
        world.load(guest);
    }
    let order = greeting(&world, &["Ada", "Bob"]);
    let run = |at: usize| {
        clock.policy(&[]);
        clock.looks.store(0, Ordering::SeqCst);
        clock.at.store(at, Ordering::SeqCst);
        world.run(world.again(&order))
    };
    assert_eq!(run(0).outcome.status, Status::Completed);
    let (mut waited, mut went) = (0, 0);
    for at in 1..=clock.looks.load(Ordering::SeqCst) {
        let emitted = run(at);
        match emitted.outcome.status {
            Status::Suspended => {
                waited += 1;
                assert!(!world.has_event(&emitted.task, "call.begun"), "{at}: one was let in, one waits");
            }
            _ => {
                went += 1;
                let greeted = output(&emitted).iter().filter(|said| said.contains("Hello")).count();
                assert_eq!(greeted, 2, "{at}: {:?}", emitted.outcome);
            }
        }
    }
    assert!(waited > 0 && went > 5, "{waited}, {went}");
    world.assert_unharmed();
}
