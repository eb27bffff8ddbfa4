//! Hosts that are lost while several calls at once wait for people, or are let in: all are asked about once, and made once.

use std::sync::Arc;

use ringfence::approvals;
use ringfence_core::audit::Word;
use ringfence_core::gate::Outside;
use ringfence_core::ids::TaskId;
use ringfence_core::pipeline::{Delegation, Emitted, Host, Order};

use super::{count, dying};
use crate::attacks::{children, decide, grave, greeting, said};
use crate::harness::World;
use crate::validators::assert_replays;

/// Runs an order to its end, with a person who approves all that is asked, beginning on a host that may be lost.
fn approved(world: &World, lost: &Host, order: Order) -> Emitted {
    let task = order.task.clone();
    // What it believes is lost with it.
    let believed = world.wait(lost.run(order));
    drop(world.wait(believed.durable()));
    let mut host = lost;
    loop {
        let waiting = approvals::waiting(&world.running.store, 9).unwrap();
        let waiting: Vec<_> = waiting.into_iter().filter(|one| one.asked.request.id.task == task).collect();
        match &waiting[..] {
            // Nobody has it any more.
            [] => host = &world.running.host,
            [one] => drop(decide(world, &one.asked.request.id, &said(Word::Approve, "", "")).unwrap()),
            more => panic!("it waits for {more:?}"),
        }
        let emitted = match world.wait(host.resume(&task)) {
            Ok(emitted) => {
                drop(world.wait(emitted.durable()));
                emitted
            }
            Err(_) if count(world, &task, "task.ended") == 0 => continue,
            Err(error) => panic!("{error}"),
        };
        if count(world, &task, "task.ended") == 1 {
            return emitted;
        }
    }
}

fn on_a_host_that_is_lost(world: &World, after: usize) -> Arc<Host> {
    let delegation = Arc::new(Delegation::default());
    let outside = Outside { skills: Box::new(Arc::clone(&delegation)), ..Outside::untouchable() };
    let lost = Arc::new(Host { outside: Arc::new(outside), ..dying(world, after) });
    // Errands are lost with it too.
    delegation.serve(&lost);
    lost
}

fn events(world: &World, task: &TaskId) -> usize {
    children(world, task).iter().chain([task]).map(|task| world.facts(task).len()).sum()
}

#[test]
fn wherever_a_host_is_lost_several_at_once_are_asked_about_once_and_run_once() {
    let world = grave();
    let order = greeting(&world, &["Ada", "Bob"]);
    let whole = approved(&world, &world.running.host, world.again(&order));
    let events = events(&world, &whole.task);
    assert!(events > 25, "{events}");
    for lost_after in 1..events {
        let order = world.again(&order);
        let task = order.task.clone();
        let lost = on_a_host_that_is_lost(&world, lost_after);
        let emitted = approved(&world, &lost, order);
        assert_eq!(emitted.outcome.output, whole.outcome.output, "{lost_after}: {:?}", emitted.outcome);
        assert_eq!(emitted.outcome.used.steps, whole.outcome.used.steps, "{lost_after}");
        for (kind, times) in
            [("approval.asked", 2), ("approval.used", 2), ("call.begun", 2), ("call.ended", 2)]
        {
            assert_eq!(count(&world, &task, kind), times, "{lost_after}: {kind}");
        }
        let children = children(&world, &task);
        assert_eq!(children.len(), 2, "{lost_after}");
        for child in &children {
            let ends = (count(&world, child, "attempt.ended"), count(&world, child, "task.ended"));
            assert_eq!(ends, (1, 1), "{lost_after}: it was run once");
        }
        assert_replays(&world, &emitted);
    }
    world.assert_unharmed();
}
