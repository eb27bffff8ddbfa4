//! Listing tasks and killing what runs looks at no more of the store than it shows or stops.

use std::sync::Arc;
use std::time::Duration;

use ringfence::app;
use ringfence::wiring::Store;
use ringfence_adapters::behind::{Before, Behind};
use ringfence_core::error::Code;
use ringfence_core::governance::KillTarget;
use ringfence_core::ids::StreamName;
use ringfence_core::stores::{EventLog, StoreError};

use crate::harness::World;

/// A log that must not be asked for all of its streams.
struct Large(Arc<dyn EventLog>);

impl Before for Large {
    fn other(&self) -> &dyn EventLog {
        &*self.0
    }
    fn streams(&self, prefix: &str) -> Result<Vec<StreamName>, StoreError> {
        panic!("all of {prefix:?} are asked for")
    }
}

#[test]
fn what_tasks_are_listed_or_killed_costs_nothing_for_those_that_are_not() {
    let world = World::new();
    world.load("hello");
    let mut tasks: Vec<_> =
        (0..5).map(|_| world.run(world.order("hello", crate::cli::ADA)).task.to_string()).collect();
    tasks.sort();
    tasks.reverse();
    let store = &world.running.store;
    let store = Store { log: Arc::new(Behind(Large(Arc::clone(&store.log)))), ..store.clone() };
    let listed = |most| {
        let lines = app::tasks(&store, most).unwrap();
        lines.into_iter().map(|line| line.task.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(listed(2), tasks[..2], "the latest first");
    assert_eq!(listed(usize::MAX), tasks);
    let one = app::task(&store, &tasks[3].parse().unwrap()).unwrap().unwrap();
    assert_eq!(one.task.as_str(), tasks[3]);
    assert!(app::running(&store).unwrap().is_empty());
    let killed = world.wait(app::kill(&store, &KillTarget::All, "ada", Duration::ZERO));
    assert_eq!(killed.unwrap_err().code, Code::R0415);
}
