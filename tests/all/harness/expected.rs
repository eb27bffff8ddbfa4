//! The one way to show that an attack fails: outcome, events, an unbroken chain, a host that still serves.

use std::time::Duration;

use ringfence_core::audit::{LimitHit, Outcome, Status};
use ringfence_core::error::Code;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::{Emitted, Order};

use super::World;

/// Later than this no limit on wall time ends a run, on however busy a machine; it is no measure of speed.
const LATE_MS: u64 = 10_000;

/// How an attack ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    /// In one word.
    pub(crate) status: Status,
    /// The code of the error; none where the guest completed and was none the wiser.
    pub(crate) code: Option<Code>,
    /// What the error's message and causes say, among other things.
    pub(crate) says: &'a str,
    /// The limit that ended it.
    pub(crate) hit: Option<Hit>,
    /// The kinds of all events of the task's stream, in order; a run of equal ones is `kind × 3`.
    pub(crate) events: &'a [&'a str],
    /// Whether the same guest under the same limits uses the same fuel.
    pub(crate) fuel: Fuel,
}

/// A limit, exactly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit {
    /// Which.
    pub(crate) limit: Limit,
    /// How much was used of it.
    pub(crate) used: u64,
    /// How much was allowed.
    pub(crate) allowed: u64,
}

/// What is known of the fuel that an attack uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fuel {
    /// The same each time: the attack is run twice.
    Same,
    /// All that it was given: it was stopped from outside, where the engine's counter is stale.
    All,
}

/// Runs an attack and asserts everything about its end.
pub(crate) fn assert_attack_fails(world: &World, order: Order, expected: &Expected<'_>) -> Emitted {
    let given = order.limits[Limit::Fuel];
    let again = world.again(&order);
    let first = world.run(order);
    assert_ended(world, &first, expected);
    match expected.fuel {
        Fuel::All => assert_eq!(first.outcome.used.fuel, given, "all fuel is spent"),
        Fuel::Same => {
            let second = world.run(again);
            assert_ended(world, &second, expected);
            assert_eq!(first.outcome.used.fuel, second.outcome.used.fuel, "the same fuel twice");
            assert_eq!(first.outcome.used.memory_bytes, second.outcome.used.memory_bytes);
        }
    }
    world.assert_unharmed();
    first
}

fn assert_ended(world: &World, emitted: &Emitted, expected: &Expected<'_>) {
    let Outcome { status, error, limit, .. } = &*emitted.outcome;
    assert_eq!(*status, expected.status, "{:?}", emitted.outcome);
    assert_eq!(error.as_ref().map(|error| error.code), expected.code, "{error:?}");
    let said = error.as_ref().map_or(String::new(), |error| {
        format!("{}\n{}\n{}", error.message, error.causes.join("\n"), error.hint.as_deref().unwrap_or(""))
    });
    assert!(said.contains(expected.says), "{said:?} says {:?}", expected.says);
    if let Some(Hit { limit, .. }) = expected.hit {
        assert!(said.contains(&format!("limit of {limit}")), "{said:?} names {limit}");
    }
    let hit = expected.hit.map(|Hit { limit, used, allowed }| LimitHit { name: limit, used, allowed });
    assert_eq!(*limit, hit, "{said}");
    if let Some(Hit { limit: Limit::WallMs, allowed, .. }) = expected.hit {
        let took = emitted.outcome.used.wall_ms;
        assert!(took < allowed + LATE_MS, "{took} ms, and {allowed} were allowed");
    }
    assert_eq!(world.kinds(&emitted.task), expected.events, "the events of the task");
}

/// Kills an attack where it hides, beside a neighbour that goes on, and asserts everything about both.
pub(crate) fn assert_killed(
    world: &World,
    order: Order,
    events: &[&str],
    until: impl Fn(&World) -> bool,
) -> Duration {
    let given = order.limits[Limit::Fuel];
    let killed = world.kill(order, until);
    let expected = Expected {
        status: Status::Stopped,
        code: Some(Code::R0202),
        says: "by the test",
        hit: None,
        events,
        fuel: Fuel::All,
    };
    assert_ended(world, &killed.target, &expected);
    assert_eq!(killed.target.outcome.used.fuel, given, "a run that was killed settles all its fuel");
    let neighbour = &killed.neighbour.outcome;
    assert_eq!(neighbour.status, Status::Completed, "the neighbour lives: {neighbour:?}");
    world.assert_unharmed();
    killed.took
}

/// Loads what must not be loaded, and asserts why it is not, that nothing of it is left, and that the host serves.
pub(crate) fn assert_load_is_refused(world: &World, guest: &str, code: Code, says: &str) {
    let error = world.try_load(&ringfence_built::component(guest)).expect_err("it is not loaded");
    assert_eq!(error.code, code, "{error}");
    assert!(error.to_string().contains(says), "{error} says {says:?}");
    assert_eq!(world.refusals(), [code], "the log says why, and nothing else");
    world.assert_unharmed();
}
