//! Answers that are told before they are on the disk, to clients of whom the operator says so.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::channel::oneshot::Sender;
use ringfence::mcp::Clerk;
use ringfence_adapters::behind::{Before, Behind};
use ringfence_adapters::mcp_server::Offering;
use ringfence_core::audit::{Record, Status};
use ringfence_core::error::Error;
use ringfence_core::pipeline::Emitted;
use ringfence_core::stores::{EventLog, Receipt, StoreError};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::harness::World;

type Held = Arc<Mutex<Vec<Sender<Result<(), StoreError>>>>>;

/// A log that takes everything, and does not say yet what became of a task's end.
struct Slow {
    log: Arc<dyn EventLog>,
    held: Held,
}

impl Before for Slow {
    fn other(&self) -> &dyn EventLog {
        &*self.log
    }
    fn append(&self, records: Vec<Record>) -> Receipt {
        let ends = records.iter().any(|record| record.event.kind == "task.ended");
        let written = self.log.append(records.into());
        if !ends {
            return written;
        }
        let (said, receipt) = Receipt::new();
        self.held.lock().unwrap().push(said);
        receipt
    }
}

const CLIENTS: &str = "[[client]]\nname = \"hasty\"\nwait-for-disk = false\n[[client]]\nname = \"careful\"\n";
const ADA: &str = r#"{"name":"Ada"}"#;
const REMEMBER: &str = r#"{"action":"remember","key":"k","text":"kept"}"#;

struct Asked<'a> {
    world: &'a World,
    held: &'a Held,
    answer: JoinHandle<Result<Emitted, Error>>,
}

fn ask<'a>(world: &'a World, held: &'a Held, client: &str, skill: &str, input: &str) -> Asked<'a> {
    let clerk = Clerk::new(Arc::clone(&world.running), client.parse().unwrap(), None, TaskTracker::new());
    let offer = clerk.offer(skill).unwrap().expect("it is offered");
    let input = input.to_owned();
    let answer = world.spawn(async move { clerk.begin(&offer, input, None).end.await });
    Asked { world, held, answer }
}

impl Asked<'_> {
    /// It is told although nobody knows yet what became of it on the disk, which is said now.
    fn told_ahead(self, said: Result<(), StoreError>) {
        let told = self.world.wait(self.answer).unwrap().expect("an answer");
        assert_eq!(told.outcome.status, Status::Completed);
        say(self.held, &said);
    }

    /// It is not told before that is said.
    fn waits(self, said: Result<(), StoreError>) {
        self.world.until("its end is handed over", || !self.held.lock().unwrap().is_empty());
        std::thread::sleep(Duration::from_millis(100));
        assert!(!self.answer.is_finished(), "it was told before it was on the disk");
        say(self.held, &said);
        let told = self.world.wait(self.answer).unwrap();
        assert_eq!(told.is_ok(), said.is_ok());
    }
}

fn say(held: &Held, said: &Result<(), StoreError>) {
    let held = std::mem::take(&mut *held.lock().unwrap());
    assert_eq!(held.len(), 1);
    held.into_iter().for_each(|sender| drop(sender.send(said.clone())));
}

#[test]
fn only_the_answer_of_a_skill_that_computes_is_told_ahead_and_only_to_whom_the_operator_allows_it() {
    let held = Held::default();
    let world = World::altered(CLIENTS, |host| {
        host.log = Arc::new(Behind(Slow { log: Arc::clone(&host.log), held: Arc::clone(&held) }));
    });
    world.load("hello");
    world.load("remember");
    let lost = || Err(StoreError::Unwritable("no space left".into()));

    ask(&world, &held, "careful", "hello", ADA).waits(Ok(()));
    ask(&world, &held, "careful", "hello", ADA).waits(lost());
    ask(&world, &held, "hasty", "remember", REMEMBER).waits(Ok(()));
    ask(&world, &held, "hasty", "hello", ADA).told_ahead(Ok(()));

    // One that was told is lost: from then on all wait, until something is on the disk again.
    ask(&world, &held, "hasty", "hello", ADA).told_ahead(lost());
    std::thread::sleep(Duration::from_secs(1));
    ask(&world, &held, "hasty", "hello", ADA).waits(lost());
    ask(&world, &held, "hasty", "hello", ADA).waits(Ok(()));
    ask(&world, &held, "hasty", "hello", ADA).told_ahead(Ok(()));
    ringfence::app::verify(&world.running.store).unwrap();
}
