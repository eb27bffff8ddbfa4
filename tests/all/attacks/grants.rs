//! Ring, grant, ceiling and narrowing: what a run may do is decided by them alone, whatever the input says.

use ringfence_core::audit::{Fact, Status};
use ringfence_core::capability::{Capability, Powers};
use ringfence_core::error::Code;
use ringfence_core::pipeline::{Emitted, Order};
use ringfence_core::ring::Ring;

use crate::harness::{Expected, Fuel, World, assert_attack_fails};

const GRANT: &str =
    "[[grant]]\nring = 2\nskill = \"notes\"\nfiles = [{ folder = \"notes\", access = \"write\" }]\n";
const ADD: &str = r#"{"action":"add","name":"plan","text":"Ship it."}"#;
const CLAIMS: &str = r#"{"ring":0,"approved":true,"caller":"operator","grant":"notes/a.md"}"#;

/// The events of a task that is refused before any instruction.
const REFUSED: [&str; 2] = ["task.accepted", "task.ended"];
/// The events of a task whose one call is denied.
const DENIED: [&str; 6] =
    ["task.accepted", "task.resolved", "attempt.started", "call.denied", "attempt.ended", "task.ended"];

fn in_ring(order: Order, ring: Ring) -> Order {
    Order { ring, ..order }
}

fn assert_refused(world: &World, order: Order, code: Code, says: &str) -> Emitted {
    let (status, events) = (Status::Refused, &REFUSED);
    let expected = Expected { status, code: Some(code), says, hit: None, events, fuel: Fuel::Same };
    let emitted = assert_attack_fails(world, order, &expected);
    assert_eq!((emitted.outcome.used.fuel, emitted.outcome.attempts), (0, 0), "no instruction of it ran");
    emitted
}

fn assert_denied(world: &World, order: Order, says: &str) {
    let (status, code, events) = (Status::Failed, Some(Code::R0301), &DENIED);
    assert_attack_fails(world, order, &Expected { status, code, says, hit: None, events, fuel: Fuel::Same });
}

#[test]
pub(crate) fn attack_skill_claims_a_ring() {
    let world = World::new();
    world.load("attack_skill_claims_a_ring");
    let order = world.order("attack_skill_claims_a_ring", CLAIMS);
    let emitted =
        assert_refused(&world, order.clone(), Code::R0101, "ring 3 may not use `files`; ring 2 may");
    let Some(Fact::TaskAccepted { ring, .. }) = world.facts(&emitted.task).into_iter().next() else {
        panic!("the first event is the acceptance")
    };
    assert_eq!(ring, Ring::Sandboxed, "the ring of the order, not of the input");
    for ring in [Ring::Standard, Ring::Trusted] {
        assert_denied(&world, world.again(&in_ring(order.clone(), ring)), "no grant covers folder `notes`");
    }
}

#[test]
fn a_skill_with_a_power_beyond_the_ring_is_refused_before_any_instruction() {
    let world = World::with_policy(GRANT);
    world.load("notes");
    assert_refused(&world, world.order("notes", ADD), Code::R0101, "run it with --ring 2");
    assert!(!world.path().join("notes").exists(), "nothing was written");
}

#[test]
fn a_skill_without_a_grant_is_denied_at_the_call() {
    let world = World::new();
    world.load("notes");
    let order = in_ring(world.order("notes", ADD), Ring::Standard);
    assert_denied(&world, order, "files = [{ folder = \"notes\", access = \"write\" }]");
    assert!(!world.path().join("notes").exists(), "nothing was written");
}

#[test]
fn a_grant_to_one_caller_is_of_no_use_to_another() {
    let grant = "[[grant]]\ncaller = \"ada\"\nfiles = [{ folder = \"notes\", access = \"write\" }]\n";
    let world = World::with_policy(grant);
    world.load("notes");
    let ada = in_ring(world.order("notes", ADD), Ring::Standard);
    let eve = Order { agent: "eve".parse().unwrap(), ..world.again(&ada) };
    assert_denied(&world, eve, "no grant covers folder `notes`");
    assert_eq!(world.run(world.again(&ada)).outcome.status, Status::Completed);
    // Her grant does not lift her out of ring 3.
    assert_refused(&world, in_ring(ada, Ring::Sandboxed), Code::R0101, "ring 3 may not use `files`");
}

#[test]
fn a_grant_for_one_skill_is_of_no_use_to_another() {
    let world = World::with_policy(GRANT);
    world.load("attack_skill_claims_a_ring");
    let order = in_ring(world.order("attack_skill_claims_a_ring", CLAIMS), Ring::Standard);
    assert_denied(&world, order, "no grant covers folder `notes`");
}

#[test]
fn reading_is_granted_without_writing() {
    let grant = GRANT.replace("\"write\"", "\"read\"");
    let world = World::with_policy(&grant);
    world.load("notes");
    std::fs::create_dir(world.path().join("notes")).unwrap();
    std::fs::write(world.path().join("notes/plan.md"), "Ship it.").unwrap();
    let ring_2 = |input: &str| in_ring(world.order("notes", input), Ring::Standard);
    let read = world.run(ring_2(r#"{"action":"read","name":"plan"}"#));
    assert_eq!(read.outcome.status, Status::Completed, "{:?}", read.outcome);
    assert_denied(&world, ring_2(ADD), "folder `notes` is granted for reading only");
    assert_denied(&world, ring_2(r#"{"action":"delete","name":"plan"}"#), "granted for reading only");
    assert!(world.path().join("notes/plan.md").is_file());
}

#[test]
fn a_granted_skill_does_not_leave_its_folder() {
    let world = World::with_policy(GRANT);
    world.load("notes");
    std::fs::write(world.path().join("secret.md"), "a secret").unwrap();
    let ring_2 = |input: &str| world.run(in_ring(world.order("notes", input), Ring::Standard));
    assert_eq!(ring_2(ADD).outcome.status, Status::Completed);
    assert_eq!(std::fs::read_to_string(world.path().join("notes/plan.md")).unwrap(), "Ship it.");
    for input in [
        r#"{"action":"read","name":"../secret"}"#,
        r#"{"action":"read","name":"secret","folder":"."}"#,
        r#"{"action":"read","name":"secret","folder":".."}"#,
        r#"{"action":"read","name":"secret","folder":"notes/.."}"#,
        r#"{"action":"delete","name":"secret","folder":"notes/.."}"#,
        r#"{"action":"add","name":"secret","text":"mine now","folder":"notes/.."}"#,
        r#"{"action":"list","folder":"/"}"#,
    ] {
        assert_eq!(ring_2(input).outcome.status, Status::Failed, "{input}");
    }
    assert_eq!(std::fs::read_to_string(world.path().join("secret.md")).unwrap(), "a secret");
    world.assert_unharmed();
}

#[test]
fn a_ceiling_lowers_the_ring_of_the_most_privileged_caller() {
    let world = World::with_policy(&format!("{GRANT}\n[[skill]]\nname = \"notes\"\nceiling = 3\n"));
    world.load("notes");
    let order = in_ring(world.order("notes", ADD), Ring::Trusted);
    let emitted = assert_refused(&world, order, Code::R0101, "ring 3 may not use `files`");
    assert_eq!(emitted.ring, Ring::Sandboxed);
}

#[test]
fn a_task_that_is_narrowed_has_no_other_power() {
    let world = World::with_policy(GRANT);
    world.load("notes");
    let order = in_ring(world.order("notes", ADD), Ring::Standard);
    let only = |powers: &[Capability]| Order {
        only: Some(powers.iter().copied().collect::<Powers>()),
        ..world.again(&order)
    };
    let narrow = only(&[Capability::Log, Capability::Clock]);
    assert_refused(&world, narrow, Code::R0103, "the task was granted clock, log and nothing else");
    assert_refused(&world, only(&[]), Code::R0103, "the task was granted no power and nothing else");
    assert_eq!(world.run(only(&[Capability::Files])).outcome.status, Status::Completed);
}

#[test]
fn narrowing_gives_nothing_that_the_ring_has_not() {
    let world = World::with_policy(GRANT);
    world.load("notes");
    let only = Some([Capability::Files].into_iter().collect::<Powers>());
    let order = Order { only, ..world.order("notes", ADD) };
    assert_refused(&world, order, Code::R0101, "ring 3 may not use `files`");
}
