//! Guests against approvals: what was approved is done once, as it was shown, for whom it was shown, and in time.

use std::sync::Arc;

use ringfence::approvals::{self, Approval, Said};
use ringfence_core::audit::{ApprovalId, Approver, Fact, Standing, Status, Word};
use ringfence_core::error::Code;
use ringfence_core::ids::{Digest, TaskId};
use ringfence_core::pipeline::{Emitted, Order};
use ringfence_core::ring::Ring;
use serde_json::{Value, json};

use super::http::{grant, order};
use crate::harness::World;
use crate::servers::RawServer;

const TWICE: &str = "attack_http_spends_an_approval_twice";

/// A host that has a server's POST approved, on these terms.
pub(super) fn asking(server: &RawServer, terms: &str) -> World {
    let origin = server.origin();
    World::with_policy(&grant(&format!(
        "{{ url = \"{origin}\", methods = [\"POST\"], effect = \"reversible\", networks = [\"127.0.0.1\"], approval = {{ {terms} }} }}"
    )))
}

fn plan(server: &RawServer, bodies: &[&str]) -> Value {
    json!({ "url": format!("{}/pay", server.origin()), "bodies": bodies })
}

pub(crate) fn said(word: Word, by: &str, reason: &'static str) -> Said<'static> {
    let by = if by.is_empty() { Approver::Operator } else { Approver::Agent(by.parse().unwrap()) };
    Said { word, by, actor: "the test", reason, hash: None }
}

pub(super) fn id(task: &TaskId, place: u32) -> ApprovalId {
    ApprovalId { task: task.clone(), place }
}

pub(crate) fn decide(world: &World, id: &ApprovalId, said: &Said<'_>) -> Result<Approval, Code> {
    world.wait(approvals::decide(&world.running.store, id, said)).map_err(|error| error.code)
}

/// Goes on with a task, as a worker does.
pub(super) fn resume(world: &World, task: &TaskId) -> Emitted {
    let running = Arc::clone(&world.running);
    let resumed = world.wait(async {
        let emitted = running.host.resume(task).await?;
        emitted.durable().await?;
        Ok::<_, ringfence_core::error::Error>(emitted)
    });
    resumed.unwrap()
}

pub(super) fn assert_waits(emitted: &Emitted, place: u32) {
    assert_eq!(emitted.outcome.status, Status::Suspended, "{:?}", emitted.outcome);
    let error = emitted.outcome.error.as_ref().unwrap();
    assert_eq!((error.code, emitted.outcome.blame), (Code::R0530, None));
    assert_eq!(emitted.waits_for, Some(id(&emitted.task, place)));
}

pub(super) fn output(emitted: &Emitted) -> Vec<String> {
    assert_eq!(emitted.outcome.status, Status::Completed, "{:?}", emitted.outcome);
    serde_json::from_value(emitted.outcome.output.clone().unwrap()).unwrap()
}

pub(super) fn assert_replays(world: &World, emitted: &Emitted) {
    let replayed = world.wait(ringfence::replay::replay(&world.running, &emitted.task)).unwrap();
    assert_eq!(replayed.fuel, emitted.outcome.used.fuel);
}

#[test]
pub(crate) fn attack_http_spends_an_approval_twice() {
    let server = RawServer::saying("paid");
    let world = asking(&server, "");
    let order = order(&world, TWICE, &plan(&server, &["1", "1", "2"]));
    let task = order.task.clone();
    let waits = world.run(order);
    assert_waits(&waits, 1);
    assert_eq!(server.requests().len(), 0, "nothing left the host");
    decide(&world, &id(&task, 1), &said(Word::Approve, "", "")).unwrap();
    // The same request once more, and another one, each wait for themselves.
    for place in 2..=3 {
        assert_waits(&resume(&world, &task), place);
        assert_eq!(server.requests().len() as u32, place - 1);
        // What is used cannot be decided on again.
        let again = decide(&world, &id(&task, place - 1), &said(Word::Approve, "bob", ""));
        assert_eq!(again.unwrap_err(), Code::R0461);
        decide(&world, &id(&task, place), &said(Word::Approve, "", "")).unwrap();
    }
    let emitted = resume(&world, &task);
    assert_eq!(output(&emitted), ["paid", "paid", "paid"]);
    assert_eq!(server.requests().len(), 3, "once each");
    let mut kinds = vec!["task.accepted", "task.resolved", "attempt.started"];
    for _ in 0..3 {
        kinds.extend(["approval.asked", "task.suspended", "approval.decided", "task.claimed"]);
        kinds.extend(["approval.used", "call.begun", "call.ended"]);
    }
    kinds.extend(["attempt.ended", "task.ended"]);
    assert_eq!(world.kinds(&task), kinds);
    // Running it again from its beginning was not charged again.
    assert_eq!(emitted.outcome.used.steps, 3);
    assert_replays(&world, &emitted);
    world.assert_unharmed();
}

#[test]
pub(crate) fn attack_http_changes_what_was_approved() {
    let server = RawServer::saying("done");
    let world = asking(&server, "");
    let url = json!({ "url": format!("{}/x", server.origin()) });
    let order = order(&world, "attack_http_changes_what_was_approved", &url);
    let task = order.task.clone();
    assert_waits(&world.run(order), 1);
    let approval = approvals::approval(&world.running.store, &id(&task, 1)).unwrap();
    let bound: Value = serde_json::from_str(&approval.asked.request.bound).unwrap();
    assert_eq!((&bound["call"], &bound["task"]), (&json!("http.send"), &json!(task)));
    let shown = bound["arguments"]["body"]["text"].as_str().unwrap().to_owned();
    decide(&world, &id(&task, 1), &said(Word::Approve, "", "")).unwrap();
    let emitted = resume(&world, &task);
    let requests = server.requests();
    assert!(requests.len() == 1 && requests[0].starts_with(&format!("POST /x?{shown} ")), "{requests:?}");
    assert_eq!(emitted.outcome.output, Some(format!("{shown}: done").into()));
    assert_replays(&world, &emitted);
    world.assert_unharmed();
}

#[test]
fn what_is_denied_is_told_to_the_skill_with_the_reason_and_asks_anew_when_it_is_tried_again() {
    let server = RawServer::saying("paid");
    let world = asking(&server, "");
    let order = order(&world, TWICE, &plan(&server, &["1", "1"]));
    let task = order.task.clone();
    assert_waits(&world.run(order), 1);
    decide(&world, &id(&task, 1), &said(Word::Deny, "bob", "too \u{1b}[2J dear")).unwrap();
    assert_waits(&resume(&world, &task), 2);
    decide(&world, &id(&task, 2), &said(Word::Deny, "", "")).unwrap();
    let emitted = resume(&world, &task);
    let output = output(&emitted);
    assert!(output[0].contains("Denied") && output[0].contains("was denied by bob: too"), "{output:?}");
    assert!(output[1].contains("was denied by the operator"), "{output:?}");
    let denied = world.facts(&task).into_iter().filter_map(|fact| match fact {
        Fact::CallDenied { code, .. } => Some(code),
        _ => None,
    });
    assert_eq!(denied.collect::<Vec<_>>(), [Code::R0531; 2]);
    assert_eq!(server.requests().len(), 0);
    assert_replays(&world, &emitted);
}

#[test]
fn nobody_counts_who_asks_or_is_not_named_or_has_counted_and_two_of_three_are_enough() {
    let server = RawServer::saying("paid");
    let world = asking(&server, "of = 2, from = [\"ada\", \"bob\", \"eve\"]");
    let order = order(&world, TWICE, &plan(&server, &["1"]));
    let (task, asked) = (order.task.clone(), order.agent.to_string());
    assert_eq!(asked, "ada");
    assert_waits(&world.run(order), 1);
    let id = id(&task, 1);
    let approve = |by| decide(&world, &id, &said(Word::Approve, by, ""));
    assert_eq!(approve("ada").unwrap_err(), Code::R0464, "who asks");
    assert_eq!(approve("mallory").unwrap_err(), Code::R0464, "who is not named");
    let first = approve("bob").unwrap();
    assert_eq!((first.stands, first.missing), (Standing::Waiting, 1));
    assert_eq!(approve("bob").unwrap_err(), Code::R0464, "who has counted");
    // A host that goes on too early waits again, and asks for nothing else.
    assert_eq!(world.running.store.queue.ready(world.running.store.clock.now(), 9).unwrap(), []);
    assert_eq!(approve("eve").unwrap().stands, Standing::Granted);
    assert_eq!(
        world.running.store.queue.ready(world.running.store.clock.now(), 9).unwrap(),
        std::slice::from_ref(&task)
    );
    assert_eq!(output(&resume(&world, &task)), ["paid"]);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn an_approval_of_other_bytes_or_of_another_task_is_none() {
    let server = RawServer::saying("paid");
    let world = asking(&server, "");
    let one = order(&world, TWICE, &plan(&server, &["1"]));
    let other = world.again(&one);
    let (task, beside) = (one.task.clone(), other.task.clone());
    assert_waits(&world.run(one), 1);
    assert_waits(&world.run(other), 1);
    let hash = |task: &TaskId| {
        let approval = approvals::approval(&world.running.store, &id(task, 1)).unwrap();
        assert!(approval.asked.request.is_whole());
        approval.asked.request.hash
    };
    assert_ne!(hash(&task), hash(&beside), "the same request of another task is another one");
    for seen in [hash(&beside), Digest::of(b"")] {
        let other = Said { hash: Some(seen), ..said(Word::Approve, "", "") };
        assert_eq!(decide(&world, &id(&task, 1), &other).unwrap_err(), Code::R0463);
    }
    let seen = Said { hash: Some(hash(&task)), ..said(Word::Approve, "", "") };
    decide(&world, &id(&task, 1), &seen).unwrap();
    assert_eq!(decide(&world, &id(&task, 2), &seen).unwrap_err(), Code::R0460);
    // The one that was approved is done, the other waits.
    assert_eq!(output(&resume(&world, &task)), ["paid"]);
    let error = world.wait(world.running.host.resume(&beside)).err().unwrap();
    assert_eq!(error.code, Code::R0431);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn an_approval_that_nobody_decided_in_time_or_that_was_not_used_in_time_is_none() {
    let server = RawServer::saying("paid");
    let world = asking(&server, "expires = \"400ms\"");
    let late = order(&world, TWICE, &plan(&server, &["1"]));
    let unused = world.again(&late);
    let (task, granted) = (late.task.clone(), unused.task.clone());
    assert_waits(&world.run(unused), 1);
    decide(&world, &id(&granted, 1), &said(Word::Approve, "", "")).unwrap();
    assert_waits(&world.run(late), 1);
    std::thread::sleep(std::time::Duration::from_millis(450));
    assert_eq!(decide(&world, &id(&task, 1), &said(Word::Approve, "", "")).unwrap_err(), Code::R0462);
    assert_eq!(world.wait(approvals::look(&world.running.store)).unwrap(), 1);
    assert_eq!(world.wait(approvals::look(&world.running.store)).unwrap(), 0, "once");
    for task in [&task, &granted] {
        let emitted = resume(&world, task);
        let output = output(&emitted);
        assert!(output[0].contains("Denied") && output[0].contains("expired"), "{output:?}");
        assert_replays(&world, &emitted);
    }
    assert!(world.has_event(&task, "approval.expired"));
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn what_was_revoked_while_it_waited_is_denied_whoever_has_approved_it() {
    let server = RawServer::saying("paid");
    let world = asking(&server, "");
    let order = order(&world, TWICE, &plan(&server, &["1"]));
    let task = order.task.clone();
    assert_waits(&world.run(order), 1);
    super::revoked::replace(&world, "# nothing is granted any more\n");
    decide(&world, &id(&task, 1), &said(Word::Approve, "", "")).unwrap();
    let emitted = resume(&world, &task);
    let output = output(&emitted);
    assert!(output[0].contains("Denied") && output[0].contains("revoked since"), "{output:?}");
    assert_eq!(server.requests().len(), 0);
    assert!(!world.has_event(&task, "approval.used"));
    let approval = approvals::approval(&world.running.store, &id(&task, 1)).unwrap();
    assert_eq!(approval.stands, Standing::Used, "it is worth nothing any more");
    assert_replays(&world, &emitted);
}

#[test]
fn a_task_asks_no_more_than_a_hundred_times() {
    let server = RawServer::saying("paid");
    let world = asking(&server, "");
    let order = order(&world, TWICE, &plan(&server, &["1"; 102]));
    let task = order.task.clone();
    assert_waits(&world.run(order), 1);
    for place in 1..=100 {
        decide(&world, &id(&task, place), &said(Word::Deny, "", "")).unwrap();
        let emitted = resume(&world, &task);
        if place < 100 {
            assert_waits(&emitted, place + 1);
            continue;
        }
        let output = output(&emitted);
        assert!(output[101].contains("100 approvals, which is the most"), "{output:?}");
        assert_eq!(emitted.outcome.used.steps, 102);
    }
}

#[test]
fn an_effect_that_cannot_be_undone_is_asked_about_in_ring_1_without_being_marked() {
    let server = RawServer::saying("paid");
    let origin = server.origin();
    let world = World::with_policy(&format!(
        "[approval]\nof = 2\n{}",
        grant(&format!("{{ url = \"{origin}\", methods = [\"POST\"], networks = [\"127.0.0.1\"] }}"))
    ));
    let order = order(&world, TWICE, &plan(&server, &["1"]));
    let standard = world.again(&order);
    let trusted = Order { ring: Ring::Trusted, ..order };
    let task = trusted.task.clone();
    assert_waits(&world.run(trusted), 1);
    let approval = approvals::approval(&world.running.store, &id(&task, 1)).unwrap();
    assert_eq!(approval.asked.request.of, 2);
    let denied = world.run(standard);
    assert!(output(&denied)[0].contains("needs ring 1"), "{:?}", denied.outcome);
    assert!(!world.has_event(&denied.task, "approval.asked"));
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn errands_at_once_wait_each_for_its_own_approval_and_go_on_one_by_one() {
    let server = RawServer::saying("paid");
    let world = asking(&server, "");
    world.load(TWICE);
    let skill = TWICE.replace('_', "-");
    let errand = |body: &str| json!({ "skill": skill, "input": plan(&server, &[body]).to_string() });
    let errands: Vec<_> = (1..=7).map(|number| errand(&number.to_string())).collect();
    let asking = order(&world, "friend_asks_others", &json!({ "errands": errands, "at_once": true }));
    let task = asking.task.clone();
    let emitted = world.run(asking);
    assert_eq!(emitted.outcome.status, Status::Suspended, "{:?}", emitted.outcome);
    assert!(emitted.waits_for.is_some_and(|id| id.task != task));
    let waiting = || approvals::waiting(&world.running.store, 9).unwrap();
    assert_eq!(waiting().len(), 7);
    // More than a task may be claimed without a decision.
    for left in (0..7).rev() {
        let next = waiting().swap_remove(0).asked.request.id;
        decide(&world, &next, &said(Word::Approve, "", "")).unwrap();
        let emitted = resume(&world, &task);
        assert_eq!((waiting().len(), server.requests().len()), (left, 7 - left));
        if left == 0 {
            assert_eq!(output(&emitted).iter().filter(|answer| answer.contains("paid")).count(), 7);
            assert_replays(&world, &emitted);
        }
    }
    world.assert_unharmed();
}

#[test]
fn an_errand_that_is_decided_on_while_others_run_goes_on_when_they_have_ended() {
    let server = RawServer::saying("paid");
    let world = asking(&server, "");
    world.load(TWICE);
    world.load("attack_clock_sleeps");
    let errands = json!([
        { "skill": "attack-clock-sleeps", "input": "{\"nanoseconds\":1500000000}" },
        { "skill": TWICE.replace('_', "-"), "input": plan(&server, &["1"]).to_string() },
    ]);
    let asking = order(&world, "friend_asks_others", &json!({ "errands": errands, "at_once": true }));
    let task = asking.task.clone();
    let run = world.start(asking);
    let tasks =
        || world.running.store.log.streams("task/").unwrap().into_iter().filter_map(|name| name.as_task());
    let waits = || tasks().find(|other| *other != task && world.has_event(other, "task.suspended"));
    world.until("one waits", || waits().is_some());
    assert!(!world.has_event(&task, "task.suspended"), "the other sleeps");
    decide(&world, &id(&waits().unwrap(), 1), &said(Word::Approve, "", "")).unwrap();
    assert_eq!(world.wait(run).unwrap().outcome.status, Status::Suspended);
    assert_eq!(world.running.store.queue.ready(world.running.store.clock.now(), 9).unwrap(), []);
    assert_eq!(
        world.wait(approvals::look(&world.running.store)).unwrap(),
        1,
        "a worker's next look finds it"
    );
    assert_eq!(output(&resume(&world, &task)).iter().filter(|answer| answer.contains("paid")).count(), 1);
    assert_eq!(server.requests().len(), 1);
}
