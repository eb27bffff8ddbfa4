//! Hosts that are killed at a system call: each that makes something durable or lets others see it, one after the other.

use super::ordeal::{Ordeal, POINTS, Verb};
use super::{Fault, anywhere, assert_nothing_half_written, followed, sample, strace, struck};
use crate::cli::soak::seed;
use crate::cli::{ADA, Operator, built};

/// How many kills there are where nobody asks for all of them.
const KILLS: usize = 16;

/// How many of them while a store is made.
const KILLS_AT_FIRST: usize = 6;

const KILLED: &str = "signal=SIGKILL";

#[test]
fn a_host_that_is_killed_at_a_system_call_loses_nothing_and_has_no_effect_twice() {
    let Some(mut ordeal) = Ordeal::new() else { return };
    let calls: Vec<_> = [Verb::Submit, Verb::Work, Verb::Run]
        .into_iter()
        .flat_map(|verb| ordeal.calls(verb, &POINTS))
        .collect();
    // Among them always those between an effect and its answer.
    let (answers, others): (Vec<_>, Vec<_>) =
        calls.iter().partition(|(verb, at, _)| (*verb, *at) == (Verb::Run, anywhere("recvfrom")));
    let struck = [answers, sample(&others, KILLS, seed())].concat();
    let mut hit = 0;
    for &(verb, at, nth) in &struck {
        let traced = ordeal.strike(verb, Fault { at, when: &nth.to_string(), what: KILLED });
        // How often a log is written to depends on what goes together, so the last calls may not come.
        assert_eq!(
            traced.was_hit(),
            traced.said.code.is_none(),
            "{verb:?} {at:?} {nth}: {}",
            traced.said.err
        );
        hit += usize::from(traced.was_hit());
    }
    eprintln!("{} calls, {} of them struck, {hit} kills", calls.len(), struck.len());
    assert!(calls.len() > 100 && hit * 2 > struck.len(), "seed {}: {hit} of {}", seed(), struck.len());
}

#[test]
fn a_host_that_is_killed_while_it_makes_its_store_leaves_nothing_half_made() {
    let Some(strace) = strace() else { return };
    let hello = built("hello");
    let load = ["load", hello.as_str()];
    let first = Operator::with_nothing();
    let log = followed(&strace, &first, &load, &POINTS).log;
    let calls: Vec<_> = POINTS
        .iter()
        .flat_map(|point| (1..=point.count(&log, &first.data)).map(|nth| (*point, nth)))
        .collect();
    let struck_ones = sample(&calls, KILLS_AT_FIRST, seed());
    let mut hit = 0;
    for &(at, nth) in &struck_ones {
        let operator = Operator::with_nothing();
        let traced = struck(&strace, &operator, &load, Fault { at, when: &nth.to_string(), what: KILLED });
        hit += usize::from(traced.was_hit());
        if !traced.said.out.is_empty() {
            assert_eq!(
                operator.json(&["skills"]).0.as_array().unwrap().len(),
                1,
                "{at:?} {nth}: it was told"
            );
        }
        assert!(operator.does(&load).starts_with("hello 0.1.0"), "{at:?} {nth}");
        assert_eq!(operator.does(&["run", "hello", "--input", ADA]), "Hello, Ada!\n", "{at:?} {nth}");
        assert_eq!(operator.json(&["skills"]).0.as_array().unwrap().len(), 1, "{at:?} {nth}");
        operator.does(&["audit", "verify"]);
        assert_nothing_half_written(&operator);
    }
    eprintln!("{} calls, {} of them struck, {hit} kills", calls.len(), struck_ones.len());
    assert!(calls.len() > 60 && hit * 2 > struck_ones.len(), "seed {}: {hit}", seed());
}
