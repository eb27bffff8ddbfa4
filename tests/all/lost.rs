//! Hosts that are lost at an exact event of a task, and another that goes on from there.

mod at_once;
mod otherwise;

use std::sync::{Arc, Mutex};

use futures::executor::block_on;
use ringfence_adapters::behind::{Before, Behind};
use ringfence_core::audit::{Fact, Record, Status};
use ringfence_core::error::Code;
use ringfence_core::gate::Outside;
use ringfence_core::ids::TaskId;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::{Delegation, Emitted, Host, Order};
use ringfence_core::ring::Ring;
use ringfence_core::stores::{EventLog, Receipt};
use serde_json::json;

use crate::agents;
use crate::attacks::children;
use crate::harness::{World, limited};
use crate::models;
use crate::servers::{ModelServer, stream_openai};
use crate::validators::{assert_replays, ended, giving, how, judged_badly, judges};

/// A log that takes so many more events of tasks, and then says of all that they went well.
struct Dying {
    log: Arc<dyn EventLog>,
    left: Mutex<usize>,
}

impl Before for Dying {
    fn other(&self) -> &dyn EventLog {
        &*self.log
    }

    fn append(&self, mut records: Vec<Record>) -> Receipt {
        let mut left = self.left.lock().unwrap();
        records.truncate(*left);
        *left -= records.len();
        if records.is_empty() {
            return Receipt::settled(Ok(()));
        }
        // On record when this returns: whoever goes on finds it.
        Receipt::settled(block_on(self.log.append(records.into()).durable()))
    }
}

/// A host like that of a world, which is lost after so many events.
pub(crate) fn dying(world: &World, events: usize) -> Host {
    let host = Host::clone(&world.running.host);
    let log = Dying { log: Arc::clone(&host.log), left: Mutex::new(events) };
    Host { id: "the lost one".into(), log: Arc::new(Behind(log)), ..host }
}

/// What becomes of an order whose first host is this one.
pub(crate) fn gone_on_with(world: &World, lost: &Host, order: Order) -> Emitted {
    let task = order.task.clone();
    // What it believes is lost with it.
    drop(world.wait(lost.run(order)));
    let emitted = world.wait(world.running.host.resume(&task)).unwrap();
    world.wait(emitted.durable()).unwrap();
    emitted
}

fn count(world: &World, task: &TaskId, kind: &str) -> usize {
    world.facts(task).iter().filter(|fact| fact.kind() == kind).count()
}

/// Between a verdict and the end of its attempt too.
#[test]
fn wherever_a_host_is_lost_each_verdict_is_had_once_and_paid_once() {
    let world = judged_badly();
    let order = giving(&world, &how("faults"), &how("accepts"));
    let whole = world.run(world.again(&order));
    let all = judges(&world, &whole.task).into_iter().chain([whole.task.clone()]);
    let events: usize = all.map(|task| world.facts(&task).len()).sum();
    assert!(events > 20, "{events}");
    let used = |emitted: &Emitted| (emitted.outcome.used.fuel, emitted.outcome.used.steps);
    for lost_after in 1..events {
        let emitted = gone_on_with(&world, &dying(&world, lost_after), world.again(&order));
        assert_eq!(emitted.outcome.output, Some(how("accepts")), "{lost_after}: {:?}", emitted.outcome);
        assert_eq!(used(&emitted), used(&whole), "{lost_after}");
        let judges = judges(&world, &emitted.task);
        assert_eq!((judges.len(), count(&world, &emitted.task, "call.ended")), (2, 2), "{lost_after}");
        for judge in &judges {
            let ends = (count(&world, judge, "attempt.ended"), count(&world, judge, "task.ended"));
            assert_eq!(ends, (1, 1), "{lost_after}: it judged once");
            assert_eq!(ended(&world, judge).status, Status::Completed);
        }
        assert_replays(&world, &emitted);
    }
    world.assert_unharmed();
}

/// What was answered in an earlier attempt is not run again, and its corrections are not counted again.
#[test]
fn a_correction_of_an_errand_is_counted_once_however_many_attempts_ask_for_it() {
    let rule = "[[rule]]\nskill = \"friend-asks-again\"\npath = \"\"\nbounds = { min = 99 }\n";
    let world = World::with_policy(rule);
    for guest in ["friend_asks_again", "friend_comes_around"] {
        world.load(guest);
    }
    let input = json!({ "skill": "friend-comes-around", "input": r#"{"times":1}"#, "times": 1 }).to_string();
    let order = Order { max_corrections: 3, ..world.order("friend_asks_again", &input) };
    let emitted = world.run(order);
    assert_eq!(emitted.outcome.error.as_ref().map(|error| error.code), Some(Code::R0302));
    assert_eq!(emitted.outcome.attempts, 3, "one was the other's, two are its own: {:?}", emitted.outcome);
    assert_replays(&world, &emitted);
}

/// One budget for the whole tree, in whatever process its parts are made.
#[test]
fn wherever_a_host_is_lost_a_tree_has_one_budget_of_corrections() {
    let world = World::new();
    for guest in ["friend_asks_again", "friend_asks_others", "attack_output_lies"] {
        world.load(guest);
    }
    let lies = json!({ "skill": "attack-output-lies", "input": r#"{"turns":1}"# });
    let both = json!({ "errands": [lies, lies], "at_once": true }).to_string();
    let input = json!({ "skill": "friend-asks-others", "input": both, "times": 2 }).to_string();
    let order = Order { max_corrections: 3, ..world.order("friend_asks_again", &input) };
    let tree = |task: &TaskId| {
        let mut tree = vec![task.clone()];
        for at in 0.. {
            let Some(task) = tree.get(at).cloned() else { return tree };
            tree.extend(children(&world, &task));
        }
        unreachable!("a tree has an end")
    };
    let attempts = |task: &TaskId| {
        let of = |task| (count(&world, task, "attempt.ended"), ended(&world, task).attempts);
        tree(task).iter().map(of).collect::<Vec<_>>()
    };
    let whole = world.run(world.again(&order));
    assert_eq!(whole.outcome.status, Status::Completed, "{:?}", whole.outcome);
    let events: usize = tree(&whole.task).iter().map(|task| world.facts(task).len()).sum();
    // The first that is asked may make one, the second two; then nothing is left for the next two.
    let wanted = [(1, 1), (1, 1), (1, 1), (1, 1), (1, 1), (2, 2), (3, 3)];
    let mut made = attempts(&whole.task);
    made.sort_unstable();
    assert_eq!(made, wanted);
    for lost_after in (1..events).step_by(3) {
        let delegation = Arc::new(Delegation::default());
        let outside = Outside { skills: Box::new(Arc::clone(&delegation)), ..Outside::untouchable() };
        let lost = Arc::new(Host { outside: Arc::new(outside), ..dying(&world, lost_after) });
        // Errands are lost with it too.
        delegation.serve(&lost);
        let emitted = gone_on_with(&world, &lost, world.again(&order));
        assert_eq!(emitted.outcome.output, whole.outcome.output, "{lost_after}: {:?}", emitted.outcome);
        let mut made = attempts(&emitted.task);
        made.sort_unstable();
        assert_eq!(made, wanted, "{lost_after}");
        for task in tree(&emitted.task) {
            world.wait(ringfence::replay::replay(&world.running, &task)).unwrap();
        }
    }
    world.assert_unharmed();
}

/// An agent's own file says less than its caller, in whichever process: also after a question that was lost.
#[test]
fn wherever_a_host_is_lost_an_agents_own_limits_count_on() {
    let outside = agents::wants("talk", "word-count", json!({ "text": "a b c" }));
    let server = agents::scripted(vec![outside]);
    let world = agents::world(&server);
    agents::load(&world, &agents::narrowed("ring = 2\n[limits]\ntokens = 4000")).unwrap();
    let order = Order { ring: Ring::Standard, ..world.order("helper", r#"{"message":"x"}"#) };
    let whole = world.run(world.again(&order));
    let events = world.facts(&whole.task).len();
    assert!(events > 10 && world.running.config.limits[Limit::Tokens] > 8_000, "{events}");
    for lost_after in 1..events {
        let emitted = gone_on_with(&world, &dying(&world, lost_after), world.again(&order));
        let hit = emitted.outcome.limit.unwrap_or_else(|| panic!("{lost_after}: {:?}", emitted.outcome));
        assert_eq!((hit.name, hit.allowed), (Limit::Tokens, 4_000), "{lost_after}");
        assert!(emitted.outcome.used.tokens <= 4_000, "{lost_after}: {:?}", emitted.outcome.used);
        let hint = emitted.outcome.error.as_ref().and_then(|error| error.hint.clone()).unwrap();
        assert!(hint.contains("its own file allows no more"), "{lost_after}: {hint}");
        agents::assert_replays(&world, &emitted);
    }
    world.assert_unharmed();
}

/// It is paid, there is nothing left to ask it again with, and its record says just that.
#[test]
fn a_question_whose_answer_was_lost_and_for_which_no_room_is_left_ends_at_its_limit_and_replays() {
    let server = ModelServer::start(|_, _, stream| {
        stream_openai(stream, &["here"], "stop", &json!({ "prompt_tokens": 5, "completion_tokens": 3 }));
    });
    let world = World::with_policy(&models::policy("openai", &server.origin(), ""));
    let order = limited(
        models::order(&world, &json!([{ "prompt": "x" }, { "prompt": "y" }])),
        &[(Limit::Tokens, 120)],
    );
    let whole = world.run(world.again(&order));
    assert_eq!(whole.outcome.status, Status::Completed, "there is room for both: {:?}", whole.outcome);
    let begun = world.facts(&whole.task).iter().position(|fact| fact.kind() == "call.begun").unwrap() + 1;
    // Whoever goes on is lost too, as soon as it has found that there is no room.
    for once_more in [false, true] {
        let (asked, order) = (server.bodies().len(), world.again(&order));
        let emitted = if once_more {
            let task = order.task.clone();
            drop(world.wait(dying(&world, begun).run(order)));
            let found = dying(&world, 2);
            drop(world.wait(found.resume(&task)).unwrap());
            assert_eq!(count(&world, &task, "call.stopped"), 1);
            let emitted = world.wait(world.running.host.resume(&task)).unwrap();
            world.wait(emitted.durable()).unwrap();
            emitted
        } else {
            gone_on_with(&world, &dying(&world, begun), order)
        };
        let hit = emitted.outcome.limit.unwrap_or_else(|| panic!("{:?}", emitted.outcome));
        assert_eq!((emitted.outcome.status, hit.name), (Status::Stopped, Limit::Tokens));
        // The lost one believed that it went on.
        assert_eq!(server.bodies().len(), asked + 2, "it was not asked again");
        let facts = world.facts(&emitted.task);
        assert!(
            facts
                .iter()
                .any(|fact| matches!(fact, Fact::CallStopped { call, .. } if call.call == "model.complete"))
        );
        world.wait(ringfence::replay::replay(&world.running, &emitted.task)).unwrap();
    }
    world.assert_unharmed();
}
