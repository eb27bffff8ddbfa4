//! A log that fails once: what came after it cannot be durable either, and is never told as if it were.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ringfence_adapters::behind::{Before, Behind};
use ringfence_core::audit::{Record, Status};
use ringfence_core::error::Code;
use ringfence_core::ids::StreamName;
use ringfence_core::pipeline::Emitted;
use ringfence_core::stores::{EventLog, Receipt, StoreError};

use crate::harness::World;

/// A log that fails where it is to write an event of this kind, and says of all that comes later that it went well.
struct FailsOnce {
    log: Arc<dyn EventLog>,
    kind: &'static str,
    failed: AtomicBool,
}

impl Before for FailsOnce {
    fn other(&self) -> &dyn EventLog {
        &*self.log
    }
    fn append(&self, records: Vec<Record>) -> Receipt {
        if self.failed.load(Ordering::SeqCst) {
            return Receipt::settled(Ok(()));
        }
        if records.iter().any(|record| record.event.kind == self.kind) {
            self.failed.store(true, Ordering::SeqCst);
            return Receipt::settled(Err(StoreError::Unwritable("no space left".into())));
        }
        self.log.append(records.into())
    }
}

const REMEMBER: &str = r#"{"action":"remember","key":"k","text":"kept"}"#;

/// A host whose log fails at an event of this kind, and what becomes of a task that has an effect.
fn run_failing_at(kind: &'static str) -> (World, Emitted) {
    let world = World::altered("", |host| {
        let log = Arc::clone(&host.log);
        host.log = Arc::new(Behind(FailsOnce { log, kind, failed: AtomicBool::new(false) }));
    });
    world.load("remember");
    let emitted = world.wait(world.running.host.run(world.order("remember", REMEMBER)));
    (world, emitted)
}

/// It is not durable, now and ever after, although nothing failed since.
fn assert_never_durable(world: &World, emitted: &Emitted) {
    for _ in 0..3 {
        let why = world.wait(emitted.durable()).expect_err("it is not durable");
        assert_eq!(why, StoreError::Unwritable("no space left".into()));
    }
    let there = world.running.store.log.last(&StreamName::task(&emitted.task)).unwrap();
    assert!(there.is_none_or(|event| event.kind != "task.ended"), "no end of it is on record");
}

#[test]
fn an_effect_whose_intent_was_not_written_down_is_not_done() {
    let (world, emitted) = run_failing_at("call.begun");
    let error = emitted.outcome.error.clone().unwrap();
    assert_eq!((emitted.outcome.status, error.code), (Status::Failed, Code::R0501), "{error:?}");
    assert!(error.causes.join("\n").contains("no space left"), "{error:?}");
    assert_never_durable(&world, &emitted);
    let kept = world.running.store.log.streams("memory/").unwrap();
    assert!(kept.is_empty(), "nothing was done: {kept:?}");
}

#[test]
fn an_outcome_behind_a_failed_write_is_not_told_as_recorded() {
    let (world, emitted) = run_failing_at("task.ended");
    assert_eq!(emitted.outcome.status, Status::Completed, "the skill itself did not notice");
    assert_never_durable(&world, &emitted);
    let kept = world.running.store.log.streams("memory/").unwrap();
    assert_eq!(kept.len(), 1, "its intent was on record, and it was done");
}
