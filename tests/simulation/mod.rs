//! Durable tasks under a plan that a seed decides: hosts that are lost at any point or stand still until their lease is over, logs whose last events were not yet
//! written or are cut, full and slow disks, clocks that jump, workers that come back, requests and orders that come late or
//! twice, and a person who looks at the server before deciding.
//!
//! Everything of core is real: pipeline, gate, journal, log. The skill is a script, the disk is memory, and the server counts.
//! `RINGFENCE_SCHEDULES=FIRST..END` makes it a long run. A plan that fails is made as small as it gets and printed; it stays
//! as a test in [`kept`].

mod clock;
mod disk;
mod failure;
mod host;
mod kept;
mod numbers;
mod person;
mod plan;
mod play;
mod rest;
mod script;
mod server;
mod shrink;
mod stand_ins;
mod worker;

use std::collections::BTreeMap;

use failure::{Failure, Why};
use plan::{Fault, Plan, What};
use play::play;
use script::Step;
use shrink::shrink;

use crate::harness::{GUARD_OFF, alone, obey_control_run};

/// How many seeds are tried where nobody says otherwise.
const SEEDS: std::ops::Range<u64> = 0..400;

fn seeds() -> std::ops::Range<u64> {
    let asked = std::env::var("RINGFENCE_SCHEDULES").ok();
    let range = asked.as_deref().and_then(|asked| asked.split_once(".."));
    let parsed = range.and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    parsed.unwrap_or(SEEDS)
}

/// The first of these seeds whose plan breaks a promise.
fn first_to_fail(seeds: impl IntoIterator<Item = u64>) -> Option<(u64, Plan, Failure)> {
    seeds.into_iter().find_map(|seed| {
        let plan = Plan::draw(seed);
        play(&plan).err().map(|failure| (seed, plan, failure))
    })
}

#[test]
fn whatever_the_schedule_no_task_is_lost_and_no_effect_is_had_twice() {
    obey_control_run();
    if let Some((seed, plan, failure)) = first_to_fail(seeds()) {
        let (small, left) = shrink(plan, failure);
        panic!("seed {seed} comes down to\n\n    holds(&{small});\n\nwhich fails: {left}");
    }
}

/// A kind of fault that never comes to pass is not tried.
#[test]
fn every_kind_of_fault_comes_to_pass() {
    let mut often: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in SEEDS {
        let played = play(&Plan::draw(seed)).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        for word in played.seen {
            *often.entry(word).or_default() += 1;
        }
    }
    for word in What::WORDS.into_iter().chain(["expired", "suspended", "failed", "two"]) {
        assert!(often.get(word).is_some_and(|times| *times >= 10), "{word}: {often:?}");
    }
}

/// With the guard off that keeps effects from being had twice, what is left of nearly every plan is a request that must not
/// come twice and one fault by which another host comes to it.
#[test]
fn a_plan_that_fails_is_made_as_small_as_it_gets() {
    if std::env::var_os(GUARD_OFF).is_none() {
        let test = "simulation::a_plan_that_fails_is_made_as_small_as_it_gets";
        let (status, said) = alone::run(test, (GUARD_OFF, "once"), std::time::Duration::from_secs(300));
        assert!(status.is_some_and(|status| status.success()), "{said}");
        return;
    }
    obey_control_run();
    // Several, so that none is small by luck.
    let (mut next, mut least) = (0, 0);
    for _ in 0..5 {
        let (seed, plan, failure) = first_to_fail(next..next + 400).expect("the guard is off");
        let before = plan.elements();
        let (small, left) = shrink(plan, failure);
        println!("seed {seed}: {before} elements come down to\n{small}\n{left}");
        assert_eq!(left.why, Why::Effects, "{left}");
        assert_eq!(play(&small).expect_err("it fails still").why, Why::Effects);
        assert!(small.elements() * 2 < before, "{before} elements: {small}");
        let comes_another = |what| {
            matches!(what, What::Lost(_) | What::Forsaken | What::Silent(_) | What::Full(_) | What::Twice)
        };
        let is_one = matches!(small.faults[..], [Fault { what, .. }] if comes_another(what));
        let is_plain = small.other.is_none() && small.rhythm.is_none();
        least += usize::from(is_one && is_plain && small.script.steps == [Step::Once(0)]);
        next = seed + 1;
    }
    assert!(least >= 4, "{least} of 5");
}
