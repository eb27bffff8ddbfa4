//! What is revoked while a task runs: its next call is denied, whatever it does, and nothing gives it back to it.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ringfence_core::audit::{Answered, Fact, Status};
use ringfence_core::error::Code;
use ringfence_core::ids::{Digest, StreamName};
use ringfence_core::pipeline::{Emitted, Order};
use ringfence_core::refusal::RefusalKind;
use ringfence_core::ring::Ring;
use ringfence_core::stores::{EventLog, read_facts};
use serde_json::{Value, json};

use crate::harness::World;
use crate::servers::{RawServer, ok};

const GUEST: &str = "attack_files_keeps_what_was_revoked";
const READS: &str = "[[grant]]\nring = 2\nfiles = [{ folder = \"notes\", access = \"read\" }]\n";
const REVOKED: &str = "what it was granted when the task began was revoked since";

/// A host with a policy and a note.
fn with_a_note(policy: &str) -> World {
    let world = World::with_policy(policy);
    fs::create_dir(world.path().join("notes")).unwrap();
    fs::write(world.path().join("notes/a.md"), "a note").unwrap();
    world.load(GUEST);
    world
}

fn order(world: &World, guest: &str, input: &Value) -> Order {
    Order { ring: Ring::Standard, ..world.order(guest, &input.to_string()) }
}

fn reading(rounds: u32, after: u32) -> Value {
    json!({ "path": "notes/a.md", "rounds": rounds, "after": after })
}

/// What was written of the policy file.
fn said_of_it(log: &dyn EventLog) -> Vec<Fact> {
    let facts = read_facts(log, &StreamName::control(), 1).unwrap();
    let of_it = |fact: &Fact| matches!(fact, Fact::PolicyChanged { .. } | Fact::PolicyRefused { .. });
    facts.into_iter().map(|(_, fact)| fact).filter(of_it).collect()
}

/// Puts another policy file into the place of the one that is there, and waits until that is noticed.
pub(super) fn replace(world: &World, policy: &str) {
    let log = &world.running.store.log;
    let before = said_of_it(&**log).len();
    let beside = world.path().join("beside.toml");
    fs::write(&beside, policy).unwrap();
    fs::rename(beside, world.path().join("ringfence.toml")).unwrap();
    world.until("it is noticed", || said_of_it(&**log).len() > before);
}

fn until_it_has_read(world: &World, order: &Order) {
    world.until("it has read", || world.has_event(&order.task, "call.ended"));
}

fn said(emitted: &Emitted) -> Vec<String> {
    assert_eq!(emitted.outcome.status, Status::Completed, "{:?}", emitted.outcome);
    serde_json::from_value(emitted.outcome.output.clone().unwrap()).unwrap()
}

fn assert_replays(world: &World, emitted: &Emitted) {
    let replayed = world.wait(ringfence::replay::replay(&world.running, &emitted.task)).unwrap();
    assert_eq!(replayed.fuel, emitted.outcome.used.fuel);
}

#[test]
pub(crate) fn attack_files_keeps_what_was_revoked() {
    let world = with_a_note(READS);
    let first = Digest::of(&fs::read(world.path().join("ringfence.toml")).unwrap());
    let order = order(&world, GUEST, &reading(400, 3));
    let task = order.task.clone();
    let run = world.start(order.clone());
    until_it_has_read(&world, &order);
    replace(&world, "# nothing is granted any more\n");
    let emitted = world.wait(run).unwrap();
    let said = said(&emitted);
    assert!(said.len() == 2 && said[1].contains("Denied") && said[1].contains(REVOKED), "{said:?}");
    assert_ne!(said[0], "0", "it could read before");

    let facts = world.facts(&task);
    let at =
        facts.iter().position(|fact| matches!(fact, Fact::TaskNarrowed { .. })).expect("it is on record");
    let second = Digest::of(&fs::read(world.path().join("ringfence.toml")).unwrap());
    assert!(matches!(&facts[at], Fact::TaskNarrowed { policy, held, ring: Ring::Standard }
            if *policy == Some(second) && held.is_empty()));
    let mut denied = 0;
    for fact in &facts[at + 1..] {
        match fact {
            Fact::CallDenied { call, code, answer: Answered::Error(refusal) } => {
                assert!(call.call.starts_with("files."), "{call:?}");
                assert_eq!((*code, refusal.kind), (Code::R0107, RefusalKind::Denied));
                // What was never granted is denied as ever.
                assert_eq!(
                    refusal.message.contains(REVOKED),
                    matches!(&*call.call, "files.read" | "files.list")
                );
                denied += 1;
            }
            Fact::CallBegun { call } => panic!("{call:?} was let out"),
            _ => {}
        }
    }
    assert_eq!(denied, 1 + 3 * 4);
    let resolved = facts.iter().find_map(|fact| match fact {
        Fact::TaskResolved { policy, held, .. } => Some((*policy, held.as_ref().map(Vec::len))),
        _ => None,
    });
    assert_eq!(resolved, Some((Some(first), Some(1))), "it keeps the policy under which it began");
    let said = said_of_it(&*world.running.store.log);
    assert!(
        matches!(&said[..], [Fact::PolicyChanged { from, to, .. }] if *from == Some(first) && *to == second),
        "{said:?}"
    );
    assert_replays(&world, &emitted);
    world.assert_unharmed();
}

#[test]
fn what_is_granted_while_a_task_runs_counts_for_the_next_task_alone() {
    let world = with_a_note("");
    let order = order(&world, GUEST, &reading(1, 40));
    let again = world.again(&order);
    let run = world.start(order.clone());
    world.until("it is denied", || world.has_event(&order.task, "call.denied"));
    replace(&world, READS);
    let emitted = world.wait(run).unwrap();
    let said_first = said(&emitted);
    assert_eq!(said_first.len(), 2, "it got hold of nothing: {said_first:?}");
    assert!(!world.has_event(&order.task, "task.narrowed"), "it lost nothing");
    assert!(!said_first[1].contains(REVOKED), "{said_first:?}");
    assert_eq!(said(&world.run(again)), ["1"]);
    assert_replays(&world, &emitted);
}

#[test]
fn what_was_revoked_does_not_come_back_to_the_same_task() {
    let world = with_a_note(READS);
    let order = order(&world, GUEST, &reading(400, 60));
    let run = world.start(order.clone());
    until_it_has_read(&world, &order);
    replace(&world, "");
    world.until("it is denied", || world.has_event(&order.task, "call.denied"));
    replace(&world, READS);
    let said_first = said(&world.wait(run).unwrap());
    assert_eq!(said_first.len(), 2, "{said_first:?}");
    assert_eq!(
        said(&world.run(world.again(&Order { input: reading(2, 0).to_string().into(), ..order }))),
        ["2"]
    );
}

#[test]
fn a_policy_file_that_is_broken_or_gone_changes_nothing_and_is_said_to_be() {
    let world = with_a_note(READS);
    let file = world.path().join("ringfence.toml");
    let whole = fs::read_to_string(&file).unwrap();
    let order = order(&world, GUEST, &reading(400, 0));
    let run = world.start(order.clone());
    until_it_has_read(&world, &order);
    let log = &world.running.store.log;
    // In place, as an editor does it: nobody sees the moment in which it is empty.
    for _ in 0..5 {
        fs::write(&file, "").unwrap();
        fs::write(&file, &whole).unwrap();
        std::thread::sleep(Duration::from_millis(45));
    }
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(said_of_it(&**log).len(), 0);
    // And as one that is interrupted in the middle.
    let broken: [(&[u8], Code); 4] = [
        (b"[[grant]]\nring = 2\nfiles = [{ fold", Code::R0404),
        (b"[[grant]]\nring = 2\nfolders = []\n", Code::R0405),
        (b"\xff\xfe", Code::R0404),
        (b"[[grant]]\nring = 2\nfiles = [{ folder = \".ringfence\", access = \"write\" }]\n", Code::R0404),
    ];
    for (count, (text, expected)) in (1..).zip(broken) {
        fs::write(&file, text).unwrap();
        world.until("it is said", || said_of_it(&**log).len() == count);
        let said = said_of_it(&**log);
        let Fact::PolicyRefused { code, held, refused, .. } = &said[count - 1] else { panic!("{said:?}") };
        assert_eq!((*code, *refused), (expected, Some(Digest::of(text))));
        assert_eq!(*held, Some(Digest::of(whole.as_bytes())));
    }
    fs::remove_file(&file).unwrap();
    world.until("it is said", || said_of_it(&**log).len() == 5);
    assert!(matches!(&said_of_it(&**log)[4], Fact::PolicyRefused { refused: None, message, .. }
        if message.contains("there is no policy file")));
    // Back again, it is what holds anyway.
    fs::write(&file, &whole).unwrap();
    let emitted = world.wait(run).unwrap();
    assert_eq!(said(&emitted), ["400"], "it lost nothing");
    assert_eq!(said_of_it(&**log).len(), 5);
    replace(&world, "");
    assert!(matches!(said_of_it(&**log)[5], Fact::PolicyChanged { .. }), "and a good one is taken");
}

#[test]
fn a_secret_that_cannot_be_read_holds_up_no_revocation() {
    let secret = |variable: &str| format!("[secret.token]\nenv = \"{variable}\"\n");
    // Every process has this one.
    let with_path = format!("{}{READS}", secret("PATH"));
    let world = with_a_note(&with_path);
    let order = order(&world, GUEST, &reading(400, 1));
    let run = world.start(order.clone());
    until_it_has_read(&world, &order);
    replace(&world, &secret("RINGFENCE_IS_NOWHERE"));
    let log = &world.running.store.log;
    assert!(matches!(said_of_it(&**log)[0], Fact::PolicyChanged { .. }));
    let emitted = world.wait(run).unwrap();
    assert!(said(&emitted)[1].contains(REVOKED), "{:?}", emitted.outcome);
}

#[test]
fn a_ceiling_that_is_lowered_takes_its_powers_from_what_runs() {
    let world = with_a_note(READS);
    let order = order(&world, GUEST, &reading(400, 0));
    let run = world.start(order.clone());
    until_it_has_read(&world, &order);
    let name = GUEST.replace('_', "-");
    replace(&world, &format!("{READS}[[skill]]\nname = \"{name}\"\nceiling = 3\n"));
    let emitted = world.wait(run).unwrap();
    let said = said(&emitted);
    assert!(said[1].contains("is none of this run's powers") && said[1].contains(REVOKED), "{said:?}");
    assert_replays(&world, &emitted);
    let next = world.run(world.again(&order));
    assert_eq!(next.outcome.error.as_ref().map(|error| error.code), Some(Code::R0101));
}

#[test]
fn what_is_revoked_is_revoked_for_errands_too_and_what_is_added_is_not_for_them() {
    let world = with_a_note(READS);
    world.load("friend_asks_others");
    world.load("attack_clock_sleeps");
    let ask = |skill: &str, input: &Value| json!({ "skill": skill, "input": input.to_string() });
    let guest = GUEST.replace('_', "-");
    let errands = json!({ "errands": [ask(&guest, &reading(400, 1))] });
    let asking = order(&world, "friend_asks_others", &errands);
    let run = world.start(asking.clone());
    let child = || {
        let tasks = world.running.store.log.streams("task/").unwrap().into_iter();
        tasks.filter_map(|stream| stream.as_task()).find(|task| *task != asking.task)
    };
    world.until("it has read", || child().is_some_and(|child| world.has_event(&child, "call.ended")));
    replace(&world, "");
    let emitted = world.wait(run).unwrap();
    let answer = said(&emitted).remove(0);
    assert!(answer.contains("Denied") && answer.contains(REVOKED), "{answer}");
    assert!(world.has_event(&child().unwrap(), "task.narrowed"));
    assert_replays(&world, &emitted);
    assert_replays_task(&world, &child().unwrap());

    // Without a grant it begins; with one its last errand does.
    let nap = ask("attack-clock-sleeps", &json!({ "nanoseconds": 1_500_000_000_u64 }));
    let errands = json!({ "errands": [nap, ask(&guest, &reading(1, 1))] });
    let asking = order(&world, "friend_asks_others", &errands);
    let run = world.start(asking.clone());
    world.until("it has begun", || {
        !world.running.store.log.read(&StreamName::task(&asking.task), 1, 9).unwrap().is_empty()
            && world.has_event(&asking.task, "call.begun")
    });
    replace(&world, READS);
    let answer = said(&world.wait(run).unwrap()).remove(1);
    assert!(answer.contains("Denied") && !answer.contains("a note"), "{answer}");
    let next = world.run(order(&world, GUEST, &reading(1, 0)));
    assert_eq!(said(&next), ["1"]);
}

fn assert_replays_task(world: &World, task: &ringfence_core::ids::TaskId) {
    world.wait(ringfence::replay::replay(&world.running, task)).unwrap();
}

/// What a server needs to revoke the grant that it is asked under.
type Policy = Arc<OnceLock<(PathBuf, Arc<dyn EventLog>)>>;

fn revoke(policy: &Policy) {
    let (file, log) = policy.get().unwrap();
    if said_of_it(&**log).is_empty() {
        fs::write(file, "").unwrap();
        let patient = Instant::now() + Duration::from_secs(30);
        while said_of_it(&**log).is_empty() {
            assert!(Instant::now() < patient, "it is noticed");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn what_is_revoked_of_the_web_is_denied_to_the_next_request_and_to_where_one_leads() {
    for leads_on in [false, true] {
        let policy = Policy::default();
        let revoking = Arc::clone(&policy);
        let server = RawServer::start(move |head, stream| {
            revoke(&revoking);
            if leads_on && head.starts_with("GET /first") {
                let answer = "HTTP/1.1 302 Found\r\nlocation: /second\r\ncontent-length: 0\r\n\r\n";
                drop(std::io::Write::write_all(stream, answer.as_bytes()));
            } else {
                ok(stream, "done");
            }
        });
        let origin = server.origin();
        let grant =
            format!("[[grant]]\nring = 2\nhttp = [{{ url = \"{origin}\", networks = [\"127.0.0.1\"] }}]\n");
        let world = World::with_policy(&grant);
        let log = Arc::clone(&world.running.store.log);
        policy.set((world.path().join("ringfence.toml"), log)).ok().unwrap();
        world.load("friend_asks_the_web");
        let asked =
            ["first", "third"].map(|path| json!({ "method": "GET", "url": format!("{origin}/{path}") }));
        let order = order(&world, "friend_asks_the_web", &json!({ "asked": asked }));
        let emitted = world.run(order);
        let said = said(&emitted);
        assert_eq!(server.requests().len(), 1, "{said:?}");
        assert_eq!(said[0].starts_with("200 "), !leads_on, "{said:?}");
        let denied = if leads_on { &said[..] } else { &said[1..] };
        for answer in denied {
            assert!(answer.contains("Denied") && answer.contains(REVOKED), "{said:?}");
        }
        assert_replays(&world, &emitted);
        world.assert_unharmed();
    }
}
