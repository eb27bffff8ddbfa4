//! Control runs: with a guard off, the test that stands on it turns red.

use std::time::Duration;

use ringfence::app;
use ringfence_core::audit::Status;
use ringfence_core::controls::Guard;
use ringfence_core::error::Code;

use crate::cli::faults::strace;
use crate::harness::{GUARD_OFF, World, alone};

/// A test that stands on a guard, for each guard.
fn test_of(guard: Guard) -> &'static str {
    match guard {
        Guard::Ring => "controls::a_ring_may_use_no_more_than_its_table_says",
        Guard::Ledger => "attacks::calls::attack_clock_is_read_a_million_times",
        Guard::Kill => "attacks::hiding::attack_spins_and_dies_of_a_kill",
        Guard::Limiter => "attacks::bombs::attack_grows_memory",
        Guard::Approval => "attacks::approvals::attack_http_spends_an_approval_twice",
        Guard::Validator => "validators::attack_judges_badly",
        Guard::Revocation => "attacks::revoked::attack_files_keeps_what_was_revoked",
        Guard::Once => "simulation::whatever_the_schedule_no_task_is_lost_and_no_effect_is_had_twice",
        Guard::Sync => "cli::faults::synced::a_host_tells_nothing_that_the_disk_does_not_have",
        Guard::Fence => {
            "clocks::a_task_of_a_host_whose_clock_is_ahead_goes_to_one_behind_when_its_lease_is_over"
        }
        Guard::Chain => "controls::an_altered_event_is_found",
    }
}

/// A test that hangs without its guard is red too.
const PATIENCE: Duration = Duration::from_secs(180);

#[test]
fn every_guard_that_is_taken_out_turns_its_test_red() {
    for (name, guard) in Guard::ALL {
        if guard == Guard::Sync && strace().is_none() {
            continue;
        }
        let test = test_of(guard);
        let (status, said) = alone::run(test, (GUARD_OFF, name), PATIENCE);
        let red = status.is_none_or(|status| !status.success() && said.contains("1 failed"));
        assert!(red, "without the guard `{name}` {test} still passes:\n{said}");
    }
}

#[test]
fn every_test_of_a_guard_passes_with_its_guard() {
    for (_, guard) in Guard::ALL {
        let test = test_of(guard);
        let (status, said) = alone::run(test, ("RINGFENCE_TEST_ALONE", "1"), PATIENCE);
        let green = status.is_some_and(|status| status.success()) && said.contains("1 passed");
        assert!(green, "{test}:\n{said}");
    }
}

#[test]
fn a_ring_may_use_no_more_than_its_table_says() {
    let world = World::new();
    world.load("notes");
    let emitted = world.run(world.order("notes", r#"{"action":"list"}"#));
    assert_eq!(emitted.outcome.status, Status::Refused, "{:?}", emitted.outcome);
    let error = emitted.outcome.error.clone().unwrap();
    assert_eq!(error.code, Code::R0101);
    assert!(error.message.contains("`files`") && error.causes.join("\n").contains("ring 2"), "{error:?}");
    assert_eq!(emitted.outcome.used.fuel, 0, "no instruction ran");
    assert_eq!(world.kinds(&emitted.task), ["task.accepted", "task.ended"]);
}

/// Each column of one event, altered in the file by somebody who can write it.
#[test]
fn an_altered_event_is_found() {
    let columns = [
        ("kind", "'task.dreamt'"),
        ("time", "1"),
        ("actor", "'eve'"),
        ("ring", "1"),
        ("trace", "zeroblob(16)"),
        ("payload_hash", "zeroblob(32)"),
        ("previous", "zeroblob(32)"),
        ("hash", "zeroblob(32)"),
        ("payload", "CAST('{}' AS BLOB)"),
    ];
    for (column, value) in columns {
        let world = World::new();
        world.load("hello");
        let emitted = world.run(world.order("hello", r#"{"name":"Ada"}"#));
        app::verify(&world.running.store).unwrap();
        let file = world.running.store.data.join("ringfence.db");
        let database = rusqlite::Connection::open(file).unwrap();
        let alter = format!("UPDATE events SET {column} = {value} WHERE stream = ?1 AND sequence = 2");
        let altered = database.execute(&alter, [format!("task/{}", emitted.task)]).unwrap();
        assert_eq!(altered, 1);
        let error = app::verify(&world.running.store).expect_err(column);
        assert_eq!(error.code, Code::R0504, "{column}: {error}");
    }
}
