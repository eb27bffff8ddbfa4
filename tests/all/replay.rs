//! A finished run is run again from its record, and nothing outside is touched.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use ringfence::wiring::scratch_log;
use ringfence_core::audit::{Answered, AttemptEnd, Fact, LimitHit, Status};
use ringfence_core::context::ContextOrder;
use ringfence_core::error::Code;
use ringfence_core::ids::TaskId;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::{self, Emitted, Order, Replayed};
use ringfence_core::ring::Ring;
use ringfence_core::system::Clock;
use ringfence_core::units::Timestamp;

use crate::harness::{World, limited};

const POLICY: &str = "
[[grant]]
ring = 2
files = [{ folder = \"notes\", access = \"write\" }]
[[context]]
name = \"house\"
max-bytes = \"1KiB\"
sources = [{ name = \"rules\", inline = \"be kind\" }]
";

fn world() -> World {
    let world = World::with_policy(POLICY);
    std::fs::create_dir(world.path().join("notes")).unwrap();
    world
}

fn ring_2(world: &World, skill: &str, input: &str) -> Order {
    Order { ring: Ring::Standard, max_corrections: 4, ..world.order(skill, input) }
}

fn replay(world: &World, emitted: &Emitted, facts: &[Fact]) -> Result<Replayed, String> {
    let clock = Arc::clone(&world.running.store.clock);
    let sandbox = &*world.running.sandbox;
    let others = |task: &TaskId| Ok(world.facts(task));
    world.wait(pipeline::replay(sandbox, clock, scratch_log(), &emitted.task, facts, &others))
}

/// Runs, and runs again three times from the record: same output, same calls, same fuel.
fn assert_replays(world: &World, skill: &str, input: &str) -> Emitted {
    assert_order_replays(world, ring_2(world, skill, input))
}

fn assert_order_replays(world: &World, order: Order) -> Emitted {
    world.load(&order.skill.replace('-', "_"));
    assert_loaded_replays(world, order)
}

/// A guest that needs nothing and calls itself as it likes.
pub(crate) fn assert_friend_replays(guest: &str, skill: &str) {
    let world = World::new();
    world.load(guest);
    assert_loaded_replays(&world, ring_2(&world, skill, "{}"));
}

pub(crate) fn assert_loaded_replays(world: &World, order: Order) -> Emitted {
    let emitted = world.run(order);
    assert_eq!(emitted.outcome.status, Status::Completed, "{:?}", emitted.outcome);
    let same = Replayed { attempts: emitted.outcome.attempts, fuel: emitted.outcome.used.fuel };
    for _ in 0..3 {
        let replayed = world.wait(ringfence::replay::replay(&world.running, &emitted.task)).unwrap();
        assert_eq!(replayed, same);
    }
    emitted
}

#[test]
pub(crate) fn friend_uses_the_standard_library() {
    let emitted = assert_replays(&world(), "friend_uses_the_standard_library", r#"{"milliseconds":50}"#);
    let output = emitted.outcome.output.unwrap();
    let order = output["order"].as_array().unwrap();
    assert_ne!(order[..20], order[20..], "two hash maps have two orders");
    assert!(output["slept"].as_u64().unwrap() >= 50_000_000, "{output}");
    assert!(emitted.outcome.used.memory_bytes >= 8 << 20);
}

#[test]
fn a_long_sleep_takes_no_time_when_it_is_replayed() {
    let world = world();
    world.load("friend_uses_the_standard_library");
    let emitted = world.run(ring_2(&world, "friend_uses_the_standard_library", r#"{"milliseconds":3000}"#));
    let began = std::time::Instant::now();
    world.wait(ringfence::replay::replay(&world.running, &emitted.task)).unwrap();
    assert!(began.elapsed().as_millis() < 2_500, "{:?}", began.elapsed());
}

#[test]
pub(crate) fn friend_uses_every_power() {
    let world = world();
    let order = ring_2(&world, "friend_uses_every_power", r#"{"folder":"notes"}"#);
    let emitted = assert_order_replays(
        &world,
        Order { context: Some(ContextOrder::of("house".parse().unwrap())), ..order },
    );
    let output = emitted.outcome.output.unwrap().to_string();
    for seen in ["Ok(\\\"hello\\\")", "Ok(\\\"be kind\\\")", "Denied", "NotFound", "Conflict(1)"] {
        assert!(output.contains(seen), "{seen} in {output}");
    }
}

/// A second attempt that hands over the same does nothing: there is one artifact, paid for once.
#[test]
pub(crate) fn friend_hands_over() {
    let world = world();
    let file = r#"{"name":"report.md","media_type":"Text/Markdown","text":"done"}"#;
    let input = format!(r#"{{"files":[{file},{file}],"again":true}}"#);
    let emitted = assert_replays(&world, "friend_hands_over", &input);
    let said = |facts: &[Fact]| {
        facts
            .iter()
            .filter(|fact| matches!(fact, Fact::CallEnded { answer: Answered::Answer(_), .. }))
            .count()
    };
    assert_eq!((emitted.outcome.attempts, said(&world.facts(&emitted.task))), (2, 4));
    let kept = ringfence::artifacts::list(&world.running.store, &Default::default(), 10).unwrap();
    let [line] = kept.as_slice() else { panic!("{kept:?}") };
    assert_eq!(emitted.artifacts, std::slice::from_ref(&line.artifact));
    assert_eq!(emitted.outcome.output.unwrap()[0], line.artifact.hash.to_string());
    // The limits have room for that one alone.
    let room = [(Limit::Artifacts, 1), (Limit::ArtifactBytes, 4)];
    let emitted = world.run(limited(ring_2(&world, "friend_hands_over", &input), &room));
    assert_eq!(
        (emitted.outcome.status, emitted.outcome.attempts),
        (Status::Completed, 2),
        "{:?}",
        emitted.outcome
    );
}

#[test]
pub(crate) fn friend_grows_to_its_own_maximum() {
    let emitted = assert_replays(&world(), "friend_grows_to_its_own_maximum", "{}");
    assert_eq!(emitted.outcome.used.memory_bytes, 3 * 65_536 + 50 * 8);
    assert_eq!(emitted.outcome.output, Some("ok".into()));
}

#[test]
pub(crate) fn friend_asks_again() {
    let world = world();
    world.load("hello");
    let input = r#"{"skill":"hello","input":"{\"name\":\"Ada\"}","times":3}"#;
    let emitted = assert_replays(&world, "friend_asks_again", input);
    assert_eq!((emitted.outcome.output, emitted.outcome.used.steps), (Some(3.into()), 3));
}

/// The others are not run again: what they answered stands in the record, and so does the fuel that they used.
#[test]
pub(crate) fn friend_asks_others() {
    let world = world();
    world.load("hello");
    world.load("word_count");
    let hello = r#"{"skill":"hello","input":"{\"name\":\"Ada\"}"}"#;
    let count = r#"{"skill":"word-count","input":"{\"text\":\"One fish.\"}"}"#;
    let nobody = r#"{"skill":"nobody","input":"{}"}"#;
    for at_once in [true, false] {
        let input = format!(r#"{{"errands":[{hello},{count},{nobody},{hello}],"at_once":{at_once}}}"#);
        let emitted = assert_replays(&world, "friend_asks_others", &input);
        let output = emitted.outcome.output.unwrap().to_string();
        for seen in ["Hello, Ada!", "words", "NotFound"] {
            assert!(output.contains(seen), "{seen} in {output}");
        }
    }
}

#[test]
pub(crate) fn briefing() {
    let world = world();
    world.load("word_count");
    world.load("fetch_page");
    let sources = r#"{"sources":["One fish. Two fish.","https://ungranted.example/","Three."]}"#;
    let output = assert_replays(&world, "briefing", sources).outcome.output.unwrap();
    let words: Vec<_> =
        output["parts"].as_array().unwrap().iter().map(|part| part["words"].as_u64()).collect();
    assert_eq!(words, [Some(4), Some(0), Some(1)]);
    let problem = output["parts"][1]["problem"].as_str().unwrap();
    assert!(problem.contains("no grant covers GET https://ungranted.example"), "{problem}");
}

#[test]
pub(crate) fn friend_hands_over_all_kinds() {
    assert_replays(&world(), "friend_hands_over_all_kinds", "{}");
}

#[test]
pub(crate) fn friend_tells_how_it_goes() {
    assert_replays(&world(), "friend_tells_how_it_goes", "{}");
}

#[test]
pub(crate) fn friend_neighbour() {
    assert_replays(&world(), "friend_neighbour", "{}");
}

#[test]
pub(crate) fn hello() {
    assert_replays(&world(), "hello", r#"{"name":"Ada"}"#);
}

#[test]
pub(crate) fn word_count() {
    assert_replays(&world(), "word_count", r#"{"text":"One fish. Two fish.","top":1}"#);
}

#[test]
pub(crate) fn remember() {
    let world = world();
    assert_replays(&world, "remember", r#"{"action":"remember","key":"shopping","text":"milk"}"#);
    assert_replays(&world, "remember", r#"{"action":"recall","key":"shopping"}"#);
}

#[test]
pub(crate) fn notes() {
    let world = world();
    assert_replays(&world, "notes", r#"{"action":"add","name":"plan","text":"Ship it."}"#);
    // The note is gone by the time of the replay, which does not look for it.
    world.load("notes");
    let read = world.run(ring_2(&world, "notes", r#"{"action":"read","name":"plan"}"#));
    std::fs::remove_dir_all(world.path().join("notes")).unwrap();
    world.wait(ringfence::replay::replay(&world.running, &read.task)).unwrap();
}

#[test]
pub(crate) fn invoice() {
    let text = "INVOICE No. 2031\nDate: 03/04/2025\nCurrency: EUR\nWidgets  2 x 10.00  20.00\nNet 20.00\nVAT 19% 3.80\nTotal 23.80\n";
    let input = serde_json::json!({ "text": text }).to_string();
    assert_replays(&world(), "invoice", &input);
}

#[test]
fn a_run_that_ended_badly_ends_just_so_when_it_is_replayed() {
    let world = world();
    type Limits = &'static [(Limit, u64)];
    let ends: [(&str, &str, Limits); 9] = [
        ("attack_spins", "{}", &[(Limit::Fuel, 1_000_000)]),
        ("attack_grows_memory", "{}", &[]),
        ("attack_clock_is_read_a_million_times", "{}", &[(Limit::Steps, 100)]),
        ("attack_random_takes_small_bites", "{}", &[(Limit::BytesIn, 10_000)]),
        ("attack_log_floods", "{}", &[(Limit::LogBytes, 1_000)]),
        ("attack_log_writes_one_huge_line", r#"{"bytes":30000000}"#, &[]),
        ("attack_panics", "{}", &[]),
        ("attack_polls_nothing", "{}", &[]),
        ("attack_memory_fills_up", r#"{"bytes":400000}"#, &[(Limit::BytesOut, 1_000_000)]),
    ];
    for (guest, input, limits) in ends {
        world.load(guest);
        let emitted = world.run(limited(world.order(guest, input), limits));
        assert_ne!(emitted.outcome.status, Status::Completed, "{guest}");
        let replayed = world.wait(ringfence::replay::replay(&world.running, &emitted.task));
        let fuel = emitted.outcome.used.fuel;
        assert_eq!(replayed, Ok(Replayed { attempts: 1, fuel }), "{guest}");
    }
}

/// The facts of a run of the guest that uses every power, and the run.
fn recorded(world: &World) -> (Emitted, Vec<Fact>) {
    world.load("friend_uses_every_power");
    let emitted = world.run(ring_2(world, "friend_uses_every_power", r#"{"folder":"notes"}"#));
    let facts = world.facts(&emitted.task);
    replay(world, &emitted, &facts).unwrap();
    (emitted, facts)
}

#[test]
fn an_altered_answer_is_found_at_the_call_that_follows() {
    let world = world();
    let (emitted, mut facts) = recorded(&world);
    let (at, number) = facts
        .iter()
        .enumerate()
        .find_map(|(at, fact)| match fact {
            Fact::CallBegun { call } if call.call == "memory.list" => Some((at + 1, call.number)),
            _ => None,
        })
        .unwrap();
    let Fact::CallEnded { answer, .. } = &mut facts[at] else { panic!("{:?}", facts[at]) };
    *answer = Answered::Answer(serde_json::json!(["k", "another", "and another"]));
    let why = replay(&world, &emitted, &facts).expect_err("it was altered");
    assert!(why.contains(&format!("call {} differs from the record", number + 1)), "{why}");
    assert!(why.contains("`memory.delete` came at fuel"), "{why}");
}

#[test]
fn a_call_that_was_left_out_of_the_record_is_found() {
    let world = world();
    let (emitted, mut facts) = recorded(&world);
    let at =
        facts.iter().position(|fact| matches!(fact, Fact::Call { call, .. } if call.number == 2)).unwrap();
    facts.remove(at);
    let why = replay(&world, &emitted, &facts).expect_err("it was altered");
    assert!(why.contains("call 2 differs from the record"), "{why}");
}

#[test]
fn another_component_is_found_at_its_first_call() {
    let world = world();
    let (emitted, mut facts) = recorded(&world);
    let other = world.load("friend_neighbour").component;
    for fact in &mut facts {
        if let Fact::TaskResolved { component, .. } = fact {
            *component = other;
        }
    }
    let why = replay(&world, &emitted, &facts).expect_err("another component");
    let expected = "call 1 differs from the record: `log.write` was recorded and did not come";
    assert!(why.contains(expected), "{why}");
}

#[test]
fn a_record_that_was_altered_in_the_store_is_not_replayed() {
    let world = world();
    let (emitted, _) = recorded(&world);
    let database = rusqlite::Connection::open(world.running.store.data.join("ringfence.db")).unwrap();
    let alter = "UPDATE events SET payload = CAST(replace(CAST(payload AS TEXT), '\"number\":2', '\"number\":3') AS BLOB)";
    database.execute(alter, []).unwrap();
    let replayed = world.wait(ringfence::replay::replay(&world.running, &emitted.task));
    assert_eq!(replayed.expect_err("it was altered").code, Code::R0504);
}

/// A clock that has run on by an hour each time it is asked.
struct Rushing(std::sync::atomic::AtomicU64);

impl Clock for Rushing {
    fn now(&self) -> Timestamp {
        Timestamp(1)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(3_600 * self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

#[test]
fn an_attempt_that_never_began_does_not_begin_when_it_is_replayed() {
    let world = World::new();
    world.load("hello");
    let order = |limits| limited(world.order("hello", r#"{"name":"Ada"}"#), limits);
    let late = World::with_clock(Arc::new(Rushing(0.into())));
    late.load("hello");
    let ends = [
        (&world, order(&[(Limit::BytesIn, 5)]), Limit::BytesIn),
        (&world, order(&[(Limit::Fuel, 0)]), Limit::Fuel),
        (&late, order(&[]), Limit::WallMs),
    ];
    for (world, order, limit) in ends {
        let emitted = world.run(order);
        let hit = emitted.outcome.limit.map(|hit| hit.name);
        assert_eq!((hit, emitted.outcome.used.fuel), (Some(limit), 0), "{:?}", emitted.outcome);
        let same = Replayed { attempts: 1, fuel: 0 };
        let replayed = world.wait(ringfence::replay::replay(&world.running, &emitted.task));
        assert_eq!(replayed, Ok(same.clone()), "{limit}");
        // Before it had a name of its own, such an end was recorded like any other limit.
        let mut facts = world.facts(&emitted.task);
        let recorded = facts.iter_mut().find_map(|fact| match fact {
            Fact::AttemptEnded { end, .. } => Some(end),
            _ => None,
        });
        let end = recorded.unwrap();
        let AttemptEnd::NotAdmitted { limit: hit } = end else { panic!("{end:?}") };
        if limit != Limit::WallMs {
            *end = AttemptEnd::Exhausted { limit: *hit };
            assert_eq!(replay(world, &emitted, &facts), Ok(same));
        }
    }
}

#[test]
fn an_attempt_that_could_have_begun_is_no_replay_of_one_that_did_not() {
    let world = World::new();
    world.load("hello");
    let emitted = world.run(world.order("hello", r#"{"name":"Ada"}"#));
    for name in [Limit::BytesIn, Limit::WallMs] {
        let mut facts = world.facts(&emitted.task);
        for fact in &mut facts {
            if let Fact::AttemptEnded { end, .. } = fact {
                *end = AttemptEnd::NotAdmitted { limit: LimitHit { name, used: 1, allowed: 2 } };
            }
        }
        assert!(replay(&world, &emitted, &facts).is_err(), "{name}");
    }
}
