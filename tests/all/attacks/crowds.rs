//! More runs at once than there are sandboxes: one too many is told so, and disturbs nobody.

use std::sync::Arc;

use futures::future::BoxFuture;
use ringfence_core::audit::{Blame, Status};
use ringfence_core::error::Code;
use ringfence_core::gate::{
    Memory, MemoryCompareAndSet, MemoryDelete, MemoryGet, MemoryList, MemorySet, Outside, Permit, Settled,
    Untouchable,
};
use ringfence_core::governance::{Crowd, CrowdLimits, KillTarget};
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::Order;
use serde_json::json;
use tokio::sync::Semaphore;

use super::RAN;
use crate::harness::{World, limited};

/// A memory that has nothing, and says so to one caller for each permit that the test adds.
struct Slow(Arc<Semaphore>);

impl Memory for Slow {
    fn get(&self, permit: Permit<MemoryGet>) -> BoxFuture<'_, Settled<MemoryGet>> {
        Box::pin(async move {
            self.0.acquire().await.unwrap().forget();
            match permit.begin().await {
                Ok(underway) => underway.settle(Ok(None)),
                Err(settled) => settled,
            }
        })
    }
    fn set(&self, permit: Permit<MemorySet>) -> BoxFuture<'_, Settled<MemorySet>> {
        Untouchable.set(permit)
    }
    fn compare_and_set(
        &self,
        permit: Permit<MemoryCompareAndSet>,
    ) -> BoxFuture<'_, Settled<MemoryCompareAndSet>> {
        Untouchable.compare_and_set(permit)
    }
    fn delete(&self, permit: Permit<MemoryDelete>) -> BoxFuture<'_, Settled<MemoryDelete>> {
        Untouchable.delete(permit)
    }
    fn list(&self, permit: Permit<MemoryList>) -> BoxFuture<'_, Settled<MemoryList>> {
        Untouchable.list(permit)
    }
}

/// What a task leaves that waited for its turn and then ran.
const WAITED: [&str; 6] =
    ["task.accepted", "task.waiting", "task.resolved", "attempt.started", "attempt.ended", "task.ended"];

#[test]
fn who_comes_later_waits_in_line_and_one_more_is_told_that_the_host_is_busy() {
    let answers = Arc::new(Semaphore::new(0));
    let memory = Box::new(Slow(Arc::clone(&answers)));
    let outside = Outside { memory, ..Outside::untouchable() };
    let policy = "[engine]\nslots = 8\n[concurrency]\nper-tenant = 3\nper-caller = 2\nwaiting = 2\n";
    let world = World::altered(policy, |host| host.outside = Arc::new(outside));
    let guest = "attack_memory_waits_for_an_answer";
    world.load(guest);
    world.load("hello");
    let hello = || world.order("hello", r#"{"name":"Ada"}"#);
    let free = || world.running.sandbox.free_places();

    let hogs: Vec<_> = (0..2).map(|_| world.start(world.order(guest, "{}"))).collect();
    world.until("the caller has as much as one caller may", || free() == 6);
    let waiting = hello();
    let waits = waiting.task.clone();
    let waiting = world.start(waiting);
    world.until("it waits", || world.has_event(&waits, "task.waiting"));

    // Another caller is not held up by that line.
    let friend = world.run(Order { agent: "eve".parse().unwrap(), ..hello() });
    assert_eq!(friend.outcome.output, Some(json!("Hello, Ada!")));

    // One whose time is up while it waits, one that is killed while it waits, and one too many.
    let late = world.run(limited(hello(), &[(Limit::WallMs, 50)]));
    let error = late.outcome.error.clone().unwrap();
    assert_eq!((late.outcome.status, error.code), (Status::Failed, Code::R0506), "{error:?}");
    assert_eq!(error.causes, ["its turn did not come within its 50ms"]);
    let doomed = hello();
    let doomed_task = doomed.task.clone();
    let doomed = world.start(doomed);
    world.until("it waits", || world.has_event(&doomed_task, "task.waiting"));
    let refused = world.run(hello());
    let error = refused.outcome.error.clone().unwrap();
    assert_eq!((refused.outcome.status, error.code), (Status::Failed, Code::R0506), "{error:?}");
    assert_eq!(error.causes, ["the line is full of tasks that wait for their turn"]);
    assert_eq!((refused.outcome.used.fuel, refused.outcome.blame), (0, Some(Blame::Host)));
    assert_eq!(world.kinds(&refused.task), ["task.accepted", "task.ended"]);
    assert_eq!(world.running.host.switches.kill(&KillTarget::Task(doomed_task.clone()), "the test"), 1);
    let doomed = world.wait(doomed).unwrap().outcome;
    assert_eq!((doomed.status, doomed.error.unwrap().code), (Status::Stopped, Code::R0202));
    assert_eq!(world.kinds(&doomed_task), ["task.accepted", "task.waiting", "task.ended"]);

    // A seat that is free again goes to who waits.
    answers.add_permits(1);
    assert_eq!(world.wait(waiting).unwrap().outcome.output, Some(json!("Hello, Ada!")));
    assert_eq!(world.kinds(&waits), WAITED);
    answers.add_permits(1);
    for hog in hogs {
        assert_eq!(world.wait(hog).unwrap().outcome.status, Status::Completed);
    }
    world.assert_unharmed();
}

#[test]
fn one_run_too_many_is_told_that_the_host_is_busy_and_disturbs_nobody() {
    const SLOTS: usize = 3;
    let answers = Arc::new(Semaphore::new(0));
    let memory = Box::new(Slow(Arc::clone(&answers)));
    let outside = Outside { memory, ..Outside::untouchable() };
    let world = World::altered("[engine]\nslots = 3\n", |host| {
        host.outside = Arc::new(outside);
        // Were nobody ever told to wait, the engine's own bound would still hold.
        host.crowd = Crowd::new(CrowdLimits { runs: 100, per_caller: 100, waiting: 0 });
    });
    let guest = "attack_memory_waits_for_an_answer";
    world.load(guest);
    world.load("hello");
    let hello = || world.run(world.order("hello", r#"{"name":"Ada"}"#));
    let free = || world.running.sandbox.free_places();

    let waiting: Vec<_> = (0..SLOTS).map(|_| world.start(world.order(guest, "{}"))).collect();
    world.until("every place is taken", || free() == 0);

    let refused = hello();
    let error = refused.outcome.error.clone().unwrap();
    assert_eq!((refused.outcome.status, error.code), (Status::Failed, Code::R0506), "{error:?}");
    assert_eq!(error.causes, ["no sandbox is free"]);
    assert_eq!((refused.outcome.used.fuel, refused.outcome.limit), (0, None), "no instruction of it ran");
    assert_eq!(world.kinds(&refused.task), RAN);
    let unseen = world.try_load(&ringfence_built::component("word_count")).expect_err("nobody describes it");
    assert_eq!(unseen.code, Code::R0506, "{unseen}");

    // Who waited gets an answer, and a place that is free again serves.
    answers.add_permits(1);
    world.until("one is done", || free() == 1);
    assert_eq!(hello().outcome.output, Some(json!("Hello, Ada!")));
    answers.add_permits(SLOTS - 1);
    for waited in waiting {
        let waited = world.wait(waited).unwrap().outcome;
        assert_eq!(
            (waited.status, waited.output),
            (Status::Completed, Some(json!(false))),
            "{:?}",
            waited.error
        );
    }
    assert_eq!(free(), SLOTS);
    world.load("word_count");
    world.assert_unharmed();
}
