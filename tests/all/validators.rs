//! Validators: skills that judge what another one gave. What they find is corrected like any other violation; what they do not
//! judge is not accepted.

use std::sync::Arc;

use ringfence_core::audit::{Answered, AttemptEnd, Blame, CallFact, Fact, Status};
use ringfence_core::contract::Violation;
use ringfence_core::error::Code;
use ringfence_core::ids::TaskId;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::{Emitted, Order, Others, Replayed};
use ringfence_core::ring::Ring;
use serde_json::{Value, json};

use crate::attacks::{ASKED, failed_with};
use crate::harness::{Expected, Fuel, World, assert_attack_fails, limited};

/// A host on which this skill judges what `friend-gives-what-it-is-told` gives.
fn world(validator: &str) -> World {
    let policy = format!("[[rule]]\nskill = \"friend-gives-what-it-is-told\"\nvalidator = \"{validator}\"\n");
    let world = World::with_policy(&policy);
    world.load("friend_gives_what_it_is_told");
    world
}

pub(crate) fn judged_badly() -> World {
    let world = world("attack-judges-badly@0.1");
    world.load("attack_judges_badly");
    world
}

/// An order to give this, and after a violation that.
pub(crate) fn giving(world: &World, first: &Value, then: &Value) -> Order {
    let input = json!({ "first": first, "then": then }).to_string();
    Order { max_corrections: 1, ..world.order("friend_gives_what_it_is_told", &input) }
}

pub(crate) fn how(how: &str) -> Value {
    json!({ "how": how })
}

/// The tasks of those who judged, in order.
pub(crate) fn judges(world: &World, task: &TaskId) -> Vec<TaskId> {
    let tasks = ringfence::app::tasks(&world.running.store, usize::MAX).unwrap();
    let mut judges: Vec<_> = tasks.into_iter().filter(|line| line.parent.as_ref() == Some(task)).collect();
    judges.sort_by_key(|line| line.accepted);
    judges.into_iter().map(|line| line.task).collect()
}

pub(crate) fn ended(world: &World, task: &TaskId) -> ringfence_core::audit::Outcome {
    let Some(Fact::TaskEnded { outcome }) = world.facts(task).pop() else { panic!("it ended") };
    *outcome
}

/// The fuel of all attempts of the task itself.
pub(crate) fn assert_replays(world: &World, emitted: &Emitted) -> u64 {
    world.wait(ringfence::replay::replay(&world.running, &emitted.task)).unwrap().fuel
}

fn assert_unjudged(world: &World, emitted: &Emitted, says: &str) {
    let outcome = &emitted.outcome;
    let error = outcome.error.as_ref().unwrap_or_else(|| panic!("{says}: {outcome:?}"));
    assert_eq!((outcome.status, error.code), (Status::Failed, Code::R0451), "{says}: {outcome:?}");
    assert_eq!((outcome.blame, &outcome.output), (Some(Blame::Host), &None), "{says}");
    assert!(error.message.contains("attack-judges-badly@0.1.0"), "{error:?}");
    assert!(error.causes.join("; ").contains(says), "{says}: {error:?}");
    assert!(world.facts(&emitted.task).iter().any(|fact| {
        matches!(fact, Fact::AttemptEnded { end: AttemptEnd::Unjudged { validator, .. }, .. }
            if validator == "attack-judges-badly@0.1.0")
    }));
}

#[test]
pub(crate) fn check_invoice() {
    let world = world("check-invoice");
    world.load("check_invoice");
    let invoice = |total: u32| json!({ "number": "7", "lines": [{ "amount": 100 }], "net": 100, "tax": 19, "total": total });
    let input = json!({ "first": invoice(120), "then": invoice(119) });
    let order =
        Order { max_corrections: 1, ..world.order("friend_gives_what_it_is_told", &input.to_string()) };
    let emitted = world.run(order);
    // Its input has no text, so that no number stands in it: that never gets better.
    assert_eq!(emitted.outcome.error.as_ref().map(|error| error.code), Some(Code::R0302));
    let found: Vec<_> =
        emitted.outcome.violations.iter().map(|one| (one.path.as_str(), one.rule.as_str())).collect();
    assert_eq!(found, [("/number", "validator:check-invoice")], "the total was corrected");
    let Some(Fact::AttemptStarted { violations, .. }) = world
        .facts(&emitted.task)
        .into_iter()
        .find(|fact| matches!(fact, Fact::AttemptStarted { attempt: 2, .. }))
    else {
        panic!("there is a second attempt");
    };
    assert_eq!(violations[0].path, "/total", "what was found goes to the next attempt");
    assert_replays(&world, &emitted);
    world.assert_unharmed();
}

/// What its validator cannot even take is the skill's to mend, and nobody else's fault.
#[test]
fn an_output_that_is_too_deep_for_its_validator_is_a_violation_like_any_other() {
    let world = judged_badly();
    let deep = (0..98).fold(json!("accepts"), |within, _| json!([within]));
    let emitted = world.run(giving(&world, &json!({ "how": deep }), &how("accepts")));
    // Its input is as deep, and is judged along with what it gives: that never gets better.
    let outcome = &emitted.outcome;
    let code = outcome.error.as_ref().map(|error| error.code);
    assert_eq!(
        (code, outcome.blame, outcome.attempts),
        (Some(Code::R0302), Some(Blame::Skill), 2),
        "{outcome:?}"
    );
    let wrong = &outcome.violations[0];
    assert_eq!(wrong.rule, "validator:attack-judges-badly");
    assert!(wrong.message.contains("nested"), "{wrong:?}");
    assert_replays(&world, &emitted);
}

#[test]
pub(crate) fn friend_gives_what_it_is_told() {
    let world = judged_badly();
    let emitted = world.run(giving(&world, &how("faults"), &how("accepts")));
    assert_eq!(emitted.outcome.output, Some(how("accepts")), "{:?}", emitted.outcome);
    let step = ["attempt.started", "call.begun", "call.ended", "attempt.ended"];
    let kinds = [&["task.accepted", "task.resolved"], &step[..], &step[..], &["task.ended"]].concat();
    assert_eq!(world.kinds(&emitted.task), kinds);
    let judges = judges(&world, &emitted.task);
    assert_eq!(judges.len(), 2, "each attempt is judged by a task of its own");
    let mut spent = 0;
    for judge in &judges {
        let facts = world.facts(judge);
        let Some(Fact::TaskAccepted { ring, only, parent, .. }) = facts.first() else { panic!("{facts:?}") };
        assert_eq!((*ring, parent.as_ref()), (Ring::Sandboxed, Some(&emitted.task)));
        assert!(only.is_some_and(|only| only.iter().next().is_none()), "no power at all");
        spent += ended(&world, judge).used.fuel;
    }
    let own = assert_replays(&world, &emitted);
    assert!(spent > 0 && own > 0);
    assert_eq!(emitted.outcome.used.fuel, own + spent, "all of it is the task's fuel");
    // The ring is the least privileged one, whatever the caller's is.
    let order = Order { ring: Ring::Standard, ..giving(&world, &how("accepts"), &how("")) };
    let emitted = world.run(order);
    let judge = &self::judges(&world, &emitted.task)[0];
    assert!(matches!(world.facts(judge)[0], Fact::TaskAccepted { ring: Ring::Sandboxed, .. }));
    world.assert_unharmed();
}

#[test]
pub(crate) fn attack_judges_badly() {
    let world = judged_badly();
    for (how, says) in [
        ("traps", "trapped"),
        ("gives up", "nobody can judge that"),
        ("retries", "only once more"),
        ("null", "no list of violations"),
        ("[] []", "trailing characters"),
        ("[{\"path\":\"/a\",\"path\":\"/b\",\"message\":\"\"}]", "stands twice"),
        ("{\"violations\":[]}", "no list of violations"),
        ("[{\"path\":\"/a\",\"message\":\"\",\"rule\":\"x\"}]", "unknown field"),
        ("[{\"path\":\"a\",\"message\":\"\"}]", "no JSON Pointer"),
        ("[{\"path\":\"/a\"}]", "missing field"),
    ] {
        let expected = failed_with(Code::R0451, says, &ASKED);
        let order = giving(&world, &self::how(how), &self::how("accepts"));
        let emitted = assert_attack_fails(&world, order, &expected);
        assert_unjudged(&world, &emitted, says);
        assert_replays(&world, &emitted);
    }
    let flood = world.run(giving(&world, &how("floods"), &how("floods")));
    assert_eq!(flood.outcome.error.as_ref().map(|error| error.code), Some(Code::R0302));
    assert_eq!(flood.outcome.violations.len(), 32, "as many as of any rule");
    assert!(flood.outcome.violations.iter().all(|one| one.message.len() < 600));
    assert_replays(&world, &flood);
    world.assert_unharmed();
}

#[test]
fn a_validator_that_spins_uses_up_the_tasks_own_fuel_and_its_time() {
    let world = judged_badly();
    let order = limited(giving(&world, &how("spins"), &how("accepts")), &[(Limit::Fuel, 50_000_000)]);
    let emitted = world.run(order);
    assert_unjudged(&world, &emitted, "limit of fuel");
    assert_eq!(emitted.outcome.used.fuel, 50_000_000);
    assert_replays(&world, &emitted);
    // What is left of the task's time is all that it has.
    let order = giving(&world, &how("spins"), &how("accepts"));
    let emitted = world.run(limited(order, &[(Limit::Fuel, u64::MAX >> 1), (Limit::WallMs, 300)]));
    assert_unjudged(&world, &emitted, "limit of wall-ms");
    assert!(emitted.outcome.used.wall_ms < 3_000, "{:?}", emitted.outcome.used);
    // Where the skill has left none, it is its own limit that was reached.
    let own = world.run(giving(&world, &how("accepts"), &how("")));
    let fuel = assert_replays(&world, &own);
    let emitted = world.run(limited(giving(&world, &how("accepts"), &how("")), &[(Limit::Fuel, fuel)]));
    let limit = emitted.outcome.limit.map(|hit| hit.name);
    assert_eq!(
        (emitted.outcome.status, limit),
        (Status::Stopped, Some(Limit::Fuel)),
        "{:?}",
        emitted.outcome
    );
    assert_eq!(emitted.outcome.blame, Some(Blame::Skill));
    assert_replays(&world, &emitted);
    world.assert_unharmed();
}

#[test]
fn a_task_is_killed_while_it_is_judged() {
    let world = judged_badly();
    let order = limited(giving(&world, &how("spins"), &how("")), &[(Limit::Fuel, u64::MAX >> 1)]);
    let task = order.task.clone();
    let is_judged = |world: &World| {
        judges(world, &task).first().is_some_and(|judge| world.has_event(judge, "attempt.started"))
    };
    let killed = world.kill(order, is_judged);
    let error = killed.target.outcome.error.as_ref().map(|error| error.code);
    assert_eq!((killed.target.outcome.status, error), (Status::Stopped, Some(Code::R0202)));
    assert_eq!(killed.neighbour.outcome.status, Status::Completed);
    let judge = &judges(&world, &task)[0];
    world.until("its end is written", || world.has_event(judge, "task.ended"));
    assert_eq!(ended(&world, judge).error.map(|error| error.code), Some(Code::R0202));
    world.assert_unharmed();
}

fn assert_refused(world: &World, says: &str) {
    let events = &["task.accepted", "task.ended"];
    let (status, code) = (Status::Refused, Some(Code::R0452));
    let expected = Expected { status, code, says, hit: None, events, fuel: Fuel::Same };
    let emitted = assert_attack_fails(world, giving(world, &how("accepts"), &how("accepts")), &expected);
    assert_eq!((emitted.outcome.blame, emitted.outcome.used.fuel), (Some(Blame::Host), 0));
}

#[test]
pub(crate) fn attack_judges_with_a_power() {
    let world = world("attack-judges-with-a-power");
    assert_refused(&world, "no skill");
    world.load("attack_judges_with_a_power");
    assert_refused(&world, "it imports ringfence:memory/memory@0.1.0");
}

#[test]
fn a_validator_that_is_withdrawn_judges_nothing_also_in_the_middle_of_a_task() {
    let world = judged_badly();
    let order = limited(giving(&world, &how("is slow"), &how("accepts")), &[(Limit::WallMs, 60_000)]);
    let task = order.task.clone();
    let running = world.start(order);
    world.until("it is judged", || !judges(&world, &task).is_empty());
    let (store, version) = (&world.running.store, "attack-judges-badly@0.1.0");
    world.wait(ringfence::app::withdraw(store, version, "it is bad".into(), "ada", None)).unwrap();
    let emitted = world.wait(running).unwrap();
    assert_unjudged(&world, &emitted, "withdrawn");
    assert_eq!(emitted.outcome.attempts, 2, "who judged already was heard");
    assert_refused(&world, "withdrawn");
    world.assert_unharmed();
}

#[test]
fn only_what_keeps_the_schema_and_the_rules_is_judged_and_nobody_judges_the_judges() {
    let judge = "[[rule]]\nskill = \"attack-judges-badly\"\nvalidator = \"attack-judges-badly\"\n";
    let rules = "[[rule]]\nskill = \"friend-gives-what-it-is-told\"\npath = \"/how\"\nrequired = true\n";
    let validator =
        "[[rule]]\nskill = \"friend-gives-what-it-is-told\"\nvalidator = \"attack-judges-badly\"\n";
    let world = World::with_policy(&format!("{judge}{rules}{validator}"));
    world.load("friend_gives_what_it_is_told");
    world.load("attack_judges_badly");
    let emitted = world.run(giving(&world, &json!({}), &json!({})));
    assert_eq!(emitted.outcome.violations[0].rule, "rule:required");
    assert_eq!(judges(&world, &emitted.task), [], "it did not come to that");
    assert_replays(&world, &emitted);
    let emitted = world.run(giving(&world, &how("accepts"), &how("")));
    assert_eq!(emitted.outcome.status, Status::Completed, "{:?}", emitted.outcome);
    let judges = judges(&world, &emitted.task);
    assert_eq!((judges.len(), self::judges(&world, &judges[0])), (1, Vec::new()), "judging ends there");
    // By itself it is a skill like any other, and judged.
    let alone = world.run(world.order("attack_judges_badly", r#"{"output":{"how":"accepts"},"input":{}}"#));
    assert_unjudged(&world, &alone, "breaks its contract");
}

/// A skill that leaves too little of the task's fuel or time for whoever judges it has reached the task's limit: it is to blame.
#[test]
fn a_skill_that_leaves_too_little_for_its_validator_has_reached_its_limit() {
    let world = judged_badly();
    let whole = world.run(giving(&world, &how("accepts"), &how("")));
    let own = assert_replays(&world, &whole);
    let judging = whole.outcome.used.fuel - own;
    let assert_starved = |emitted: &Emitted, name: Limit, used: std::ops::Range<u64>, allowed: u64| {
        let outcome = &emitted.outcome;
        let error = outcome.error.as_ref().unwrap_or_else(|| panic!("{outcome:?}"));
        assert_eq!((outcome.status, error.code), (Status::Stopped, Code::R0201), "{outcome:?}");
        assert_eq!((outcome.blame, &outcome.output), (Some(Blame::Skill), &None), "{outcome:?}");
        let hit = outcome.limit.unwrap_or_else(|| panic!("{outcome:?}"));
        assert_eq!((hit.name, hit.allowed), (name, allowed));
        assert!(used.contains(&hit.used), "{hit:?}");
        assert!(error.message.contains(&format!("limit of {name}")), "{error:?}");
        let causes = error.causes.join("; ");
        assert!(causes.contains(&format!("{} of {allowed} used", hit.used)), "{causes}");
        assert!(causes.contains("too little for its validator `attack-judges-badly@0.1.0`"), "{causes}");
        assert_replays(&world, emitted);
    };
    let allowed = own + own / 2;
    assert!(judging > own / 2, "it is the skill that uses the larger part: {own}, {judging}");
    let order = limited(giving(&world, &how("accepts"), &how("")), &[(Limit::Fuel, allowed)]);
    assert_starved(&world.run(order), Limit::Fuel, own..own + 1, allowed);
    let input = json!({ "first": how("is slow and accepts"), "then": how(""), "wait": 1_800 }).to_string();
    let slow = |wall| limited(world.order("friend_gives_what_it_is_told", &input), &[(Limit::WallMs, wall)]);
    assert_starved(&world.run(slow(2_600)), Limit::WallMs, 1_800..2_600, 2_600);
    assert_eq!(world.run(slow(30_000)).outcome.status, Status::Completed, "with more of it all is well");
    world.assert_unharmed();
}

/// The same output in the next attempt is the same case: its verdict is there, and was paid.
#[test]
fn a_verdict_that_an_earlier_attempt_had_is_not_paid_again() {
    let world = judged_badly();
    let emitted = world.run(giving(&world, &how("faults"), &how("faults")));
    assert_eq!(emitted.outcome.error.as_ref().map(|error| error.code), Some(Code::R0302));
    assert_eq!(emitted.outcome.attempts, 2);
    let judges = judges(&world, &emitted.task);
    let [judge] = judges.as_slice() else { panic!("{judges:?}") };
    let spent = ended(&world, judge).used.fuel;
    assert_eq!(
        emitted.outcome.used.fuel,
        assert_replays(&world, &emitted) + spent,
        "both attempts, and one verdict"
    );
    world.assert_unharmed();
}

/// What the repetition of a bent record comes to.
fn repeat(world: &World, task: &TaskId, facts: &[Fact], others: &Others<'_>) -> Result<Replayed, String> {
    let (clock, sandbox) = (Arc::clone(&world.running.store.clock), &*world.running.sandbox);
    let log = ringfence::wiring::scratch_log();
    world.wait(ringfence_core::pipeline::replay(sandbox, clock, log, task, facts, others))
}

/// A record in which an output was accepted without its validators, or against them, does not replay.
#[test]
fn a_record_that_leaves_out_or_bends_what_validators_said_is_seen() {
    let world = judged_badly();
    let emitted = world.run(giving(&world, &how("faults"), &how("accepts")));
    let facts = world.facts(&emitted.task);
    let replay = |facts: &[Fact]| repeat(&world, &emitted.task, facts, &|judge| Ok(world.facts(judge)));
    replay(&facts).unwrap();
    let of_a_call = |fact: &&Fact| fact.kind().starts_with("call.");
    let left_out: Vec<_> = facts.iter().filter(|fact| !of_a_call(fact)).cloned().collect();
    assert!(replay(&left_out).unwrap_err().contains("one call more than was recorded"));
    let mut bent = facts.clone();
    for fact in &mut bent {
        if let Fact::AttemptEnded { end: AttemptEnd::Invalid { violations, .. }, .. } = fact {
            violations[0].path = "/elsewhere".into();
        }
    }
    assert!(replay(&bent).unwrap_err().contains("validators of attempt 1"));
}

/// The facts with another end of their only attempt, and with what its validator is said to have answered.
fn bent(facts: &[Fact], other: &AttemptEnd, said: Option<&str>) -> Vec<Fact> {
    let mut bent = facts.to_vec();
    for fact in &mut bent {
        match fact {
            Fact::AttemptEnded { end, .. } => *end = other.clone(),
            Fact::CallEnded { answer: Answered::Answer(answer), .. } => {
                said.into_iter().for_each(|said| answer["output"] = json!({ "Ok": said }));
            }
            _ => {}
        }
    }
    bent
}

/// A verdict is what the validator's own task ended with, and nothing else.
#[test]
fn a_verdict_that_was_bent_with_its_end_is_held_against_its_validators_own_record() {
    let world = judged_badly();
    let order = Order { max_corrections: 0, ..giving(&world, &how("faults"), &how("")) };
    let emitted = world.run(order);
    let (facts, judge) = (world.facts(&emitted.task), judges(&world, &emitted.task).remove(0));
    let (of_judge, output) = (world.facts(&judge), how("faults"));
    let replay = |facts: &[Fact], of_judge: Result<Vec<Fact>, String>| {
        repeat(&world, &emitted.task, facts, &|asked| {
            assert_eq!(*asked, judge);
            of_judge.clone()
        })
    };
    replay(&facts, Ok(of_judge.clone())).unwrap();
    let valid = AttemptEnd::Valid { output };
    let why = replay(&bent(&facts, &valid, Some("[]")), Ok(of_judge.clone())).unwrap_err();
    assert!(why.contains("did not end like that"), "{why}");
    let why = replay(&facts, Err("it is gone".into())).unwrap_err();
    assert!(why.contains("attack-judges-badly@0.1.0") && why.contains("it is gone"), "{why}");
    let why = replay(&facts, Ok(Vec::new())).unwrap_err();
    assert!(why.contains("was asked for something else"), "{why}");
    // The task of another skill, of another case, for another task, or with more power is not the one that judged.
    type Bend = fn(&mut Fact);
    let bends: [Bend; 5] = [
        |fact| {
            if let Fact::TaskAccepted { skill, .. } = fact {
                *skill = "hello@0.1.0".into()
            }
        },
        |fact| {
            if let Fact::TaskAccepted { input, .. } = fact {
                *input = "{}".into()
            }
        },
        |fact| {
            if let Fact::TaskAccepted { parent, .. } = fact {
                *parent = None
            }
        },
        |fact| {
            if let Fact::TaskAccepted { ring, .. } = fact {
                *ring = Ring::Standard
            }
        },
        |fact| {
            if let Fact::TaskAccepted { only, .. } = fact {
                *only = None
            }
        },
    ];
    for (number, bend) in bends.into_iter().enumerate() {
        let mut other = of_judge.clone();
        bend(&mut other[0]);
        let why = replay(&facts, Ok(other)).expect_err(&number.to_string());
        assert!(why.contains("was asked for something else"), "{number}: {why}");
    }
    let mut cheaper = of_judge;
    if let Some(Fact::TaskEnded { outcome }) = cheaper.last_mut() {
        outcome.used.fuel -= 1;
    }
    assert!(replay(&facts, Ok(cheaper)).unwrap_err().contains("did not end like that"));
}

/// An attempt that did not come to its validators asked none of them.
#[test]
fn a_verdict_that_nobody_asked_for_is_left_over_and_seen() {
    let world = judged_badly();
    let emitted = world.run(giving(&world, &how("accepts"), &how("")));
    let facts = world.facts(&emitted.task);
    let (output, path) = (how("accepts").to_string(), "/how".to_owned());
    let violations = vec![Violation { path, rule: "type".into(), message: "it is none".into() }];
    let invalid = AttemptEnd::Invalid { output, violations };
    let others = |judge: &TaskId| Ok(world.facts(judge));
    let why = repeat(&world, &emitted.task, &bent(&facts, &invalid, None), &others).unwrap_err();
    assert!(why.contains("`skills.validate` was recorded and did not come"), "{why}");
    // Nor does a call that ended no run stand behind the last verdict.
    let mut more = facts.clone();
    let begun = facts.iter().find_map(|fact| match fact {
        Fact::CallBegun { call } => Some(call.clone()),
        _ => None,
    });
    let call = CallFact { number: 9, ..begun.unwrap() };
    let at = facts.iter().position(|fact| matches!(fact, Fact::AttemptEnded { .. })).unwrap();
    more.insert(at, Fact::CallStopped { call, reason: String::new() });
    let why = repeat(&world, &emitted.task, &more, &others).unwrap_err();
    assert!(why.contains("was recorded and did not come"), "{why}");
}
