//! Plans that failed once, as they were printed.

use super::plan::What::{Forsaken, Jump, Lost, Silent};
use super::plan::{Fault, People, Plan};
use super::play::play;
use super::script::Script;
use super::script::Step::Once;
use crate::harness::obey_control_run;

fn holds(plan: &Plan) {
    obey_control_run();
    if let Err(failure) = play(plan) {
        panic!("{failure}");
    }
}

/// How long the hosts of these plans live at most.
const TURNS: std::ops::Range<u32> = 0..40;

/// What is left where the guard `once` is off: the host is lost when the request has arrived and no answer is written.
fn lost_over_a_request() -> Plan {
    Plan {
        script: Script { steps: vec![Once(0)], fails_first: false },
        other: None,
        people: People { once: 0, keyed: 0 },
        rhythm: None,
        faults: vec![Fault { life: 0, turn: 7, what: Lost(0) }],
    }
}

#[test]
fn a_host_that_is_lost_over_a_request_has_it_made_once() {
    for turn in TURNS {
        let fault = Fault { turn, ..lost_over_a_request().faults[0] };
        holds(&Plan { faults: vec![fault], ..lost_over_a_request() });
    }
}

/// The time between two events was taken for work, however long: a task that waited for people while its host's clock was set
/// had none left.
#[test]
fn a_clock_that_is_set_ahead_takes_no_time_from_a_task() {
    for turn in TURNS {
        holds(&Plan {
            script: Script { steps: vec![Once(0)], fails_first: false },
            other: None,
            people: People { once: 1, keyed: 0 },
            rhythm: None,
            faults: vec![Fault { life: 0, turn, what: Jump(7_200) }],
        });
    }
}

/// A correction repeated a request that the attempt before it had been answered from the log.
#[test]
fn what_an_attempt_was_answered_from_the_log_is_not_asked_again_in_its_correction() {
    for (turn, what) in TURNS.flat_map(|turn| [(turn, Forsaken), (turn, Lost(0))]) {
        holds(&Plan {
            script: Script { steps: vec![Once(0)], fails_first: true },
            other: None,
            people: People { once: 0, keyed: 0 },
            rhythm: None,
            faults: vec![Fault { life: 0, turn, what }],
        });
    }
}

/// Without the fence (`RINGFENCE_GUARD_OFF=fence`) it goes on with what it has lost, and its second request comes twice.
#[test]
fn a_host_that_stands_still_until_its_lease_is_over_wakes_up_too_late_for_any_effect() {
    let once =
        |paths: &[u64]| Script { steps: paths.iter().copied().map(Once).collect(), fails_first: false };
    for turn in TURNS {
        holds(&Plan {
            script: once(&[0, 1]),
            other: Some(once(&[3, 4])),
            people: People { once: 0, keyed: 0 },
            rhythm: None,
            faults: vec![Fault { life: 0, turn, what: Silent(25) }],
        });
    }
}

#[test]
fn what_is_printed_of_a_plan_is_what_is_written_in_a_test() {
    let plain = |text: &str| text.split_whitespace().collect::<String>().replace(",}", "}");
    let (printed, source) = (lost_over_a_request().to_string(), include_str!("kept.rs"));
    assert!(plain(source).contains(&plain(&printed)), "{printed}");
}
