//! Answers that are told before they are on the disk, to clients of whom the operator says so.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::channel::oneshot::Sender;
use futures::future::BoxFuture;
use ringfence::mcp::Clerk;
use ringfence_adapters::behind::{Before, Behind};
use ringfence_adapters::mcp_server::{Begun, Offering};
use ringfence_core::audit::{Record, Status};
use ringfence_core::error::Error;
use ringfence_core::ids::{StreamName, TaskId};
use ringfence_core::pipeline::Emitted;
use ringfence_core::stores::{EventLog, Receipt, StoreError};
use tokio_util::task::TaskTracker;

use crate::cli::registry::altered;
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
const SUM: &str = r#"{"items":[]}"#;
const SLEEP: &str = r#"{"nanoseconds":600000000000}"#;
const REMEMBER: &str = r#"{"action":"remember","key":"k","text":"kept"}"#;

type End = BoxFuture<'static, Result<Emitted, Error>>;

struct Desk {
    world: World,
    held: Held,
}

impl Desk {
    fn new(skills: &[&str]) -> Self {
        Self::with("", skills)
    }

    fn with(policy: &str, skills: &[&str]) -> Self {
        let held = Held::default();
        let world = World::altered(&format!("{policy}{CLIENTS}"), |host| {
            host.places = None;
            host.log = Arc::new(Behind(Slow { log: Arc::clone(&host.log), held: Arc::clone(&held) }));
        });
        skills.iter().for_each(|skill| drop(world.load(skill)));
        Self { world, held }
    }

    /// Nothing of it is run before its end is waited for.
    fn begin(&self, client: &str, skill: &str, input: &str, listens: bool) -> End {
        self.begun(client, skill, input, listens).end
    }

    fn clerk(&self, client: &str) -> Clerk {
        let running = Arc::clone(&self.world.running);
        Clerk::new(running, client.parse().unwrap(), None, TaskTracker::new())
    }

    fn begun(&self, client: &str, skill: &str, input: &str, listens: bool) -> Begun {
        let clerk = self.clerk(client);
        let offer = clerk.offer(skill).unwrap().expect("it is offered");
        clerk.begin(&offer, input.to_owned(), None, listens)
    }

    fn greet(&self, client: &str) -> End {
        self.begin(client, "hello", ADA, false)
    }

    /// It is told although nobody knows yet what became of it on the disk.
    fn is_told(&self, end: End) -> TaskId {
        let told = self.world.wait(self.world.spawn(end)).unwrap().expect("an answer");
        assert_eq!(told.outcome.status, Status::Completed);
        told.task
    }

    fn is_told_and_then(&self, end: End, said: &Result<(), StoreError>) {
        self.is_told(end);
        assert_eq!(self.say(said), 1);
    }

    /// It is not told before that is said of it, and of all that was told before.
    fn waits(&self, end: End, said: &Result<(), StoreError>) {
        let before = self.held.lock().unwrap().len();
        let end = self.world.spawn(end);
        self.world.until("its end is handed over", || self.held.lock().unwrap().len() > before);
        std::thread::sleep(Duration::from_millis(100));
        assert!(!end.is_finished(), "it was told before it was on the disk");
        assert_eq!(self.say(said), before + 1);
        assert_eq!(self.world.wait(end).unwrap().is_ok(), said.is_ok());
    }

    /// What became of all that is not known of, and of how many that is.
    fn say(&self, said: &Result<(), StoreError>) -> usize {
        let held = std::mem::take(&mut *self.held.lock().unwrap());
        held.into_iter().map(|sender| sender.send(said.clone())).filter(Result::is_ok).count()
    }
}

fn lost() -> Result<(), StoreError> {
    Err(StoreError::Unwritable("no space left".into()))
}

#[test]
fn only_the_answer_of_a_skill_that_computes_is_told_ahead_and_only_to_whom_the_operator_allows_it() {
    let desk = Desk::new(&["hello", "remember"]);
    desk.waits(desk.greet("careful"), &Ok(()));
    desk.waits(desk.greet("careful"), &lost());
    desk.waits(desk.begin("hasty", "remember", REMEMBER, false), &Ok(()));
    desk.is_told_and_then(desk.greet("hasty"), &Ok(()));
    // Who listens is told what the log says.
    desk.waits(desk.begin("hasty", "hello", ADA, true), &Ok(()));
    ringfence::app::verify(&desk.world.running.store).unwrap();
}

/// Another process that goes on with what a limit on time has ended may come further.
#[test]
fn what_came_to_no_end_of_its_own_is_not_told_ahead() {
    let desk = Desk::with("[limits]\ntimeout = \"200ms\"\nfuel = 9_000_000_000_000_000\n", &["attack_spins"]);
    desk.waits(desk.begin("hasty", "attack-spins", "{}", false), &Ok(()));
}

#[test]
fn after_a_loss_nothing_is_told_ahead_until_something_is_on_the_disk_again() {
    let desk = Desk::new(&["hello"]);
    let (begun_before, waits_meanwhile) = (desk.greet("hasty"), desk.greet("careful"));
    desk.is_told_and_then(desk.greet("hasty"), &lost());
    std::thread::sleep(Duration::from_secs(1));
    desk.waits(begun_before, &lost());
    desk.waits(desk.greet("hasty"), &lost());
    desk.waits(waits_meanwhile, &Ok(()));
    desk.is_told_and_then(desk.greet("hasty"), &Ok(()));
}

#[test]
fn no_more_is_told_ahead_than_a_disk_that_works_takes_in_time() {
    let desk = Desk::new(&["hello"]);
    desk.is_told(desk.greet("hasty"));
    std::thread::sleep(Duration::from_millis(60));
    desk.waits(desk.greet("hasty"), &Ok(()));
    desk.world.until("it is known", || {
        let told = desk.world.spawn(desk.greet("hasty"));
        std::thread::sleep(Duration::from_millis(50));
        let is_told = told.is_finished();
        desk.say(&Ok(()));
        is_told
    });
}

#[test]
fn what_was_told_ahead_is_found_by_its_id_at_once() {
    let desk = Desk::new(&["hello"]);
    let task = desk.is_told(desk.greet("hasty"));
    let clerk = desk.clerk("hasty");
    let known = desk.world.spawn(clerk.known(&task));
    std::thread::sleep(Duration::from_millis(50));
    assert!(!known.is_finished(), "nobody knows yet");
    desk.say(&Ok(()));
    desk.world.wait(known).unwrap();
    assert_eq!(clerk.outcome(&task).unwrap().expect("it is there")["status"], "completed");
}

#[test]
fn another_version_than_was_offered_is_not_told_ahead() {
    let desk = Desk::new(&["friend_promises_a_total"]);
    desk.is_told_and_then(desk.begin("hasty", "adds-up", SUM, false), &Ok(()));
    let offered = desk.begin("hasty", "adds-up", SUM, false);
    desk.world.try_load(&altered("friend_promises_a_total", &[("1.0.0", "1.1.0")])).unwrap();
    desk.waits(offered, &Ok(()));
    desk.is_told_and_then(desk.begin("hasty", "adds-up", SUM, false), &Ok(()));
}

/// What stood in line is in the log without what it is run with: another process that goes on with it may come to another end.
#[test]
fn what_stood_in_line_is_not_told_ahead() {
    let desk = Desk::with("[engine]\nslots = 1\n", &["hello", "attack_clock_sleeps"]);
    let Begun { task, end } = desk.begun("careful", "attack-clock-sleeps", SLEEP, false);
    let sleeps = desk.world.spawn(end);
    let stream = StreamName::task(&task);
    let log = &desk.world.running.store.log;
    desk.world.until("it sleeps", || log.read(&stream, 1, 9).unwrap().len() > 3);
    let stands = desk.begun("hasty", "hello", ADA, false);
    let stream = StreamName::task(&stands.task);
    let stands = desk.world.spawn(stands.end);
    desk.world.until("it stands in line", || !log.read(&stream, 1, 9).unwrap().is_empty());
    desk.clerk("careful").kill(&task);
    desk.world.until("both are over", || desk.held.lock().unwrap().len() == 2);
    std::thread::sleep(Duration::from_millis(100));
    assert!(!stands.is_finished(), "it was told before it was on the disk");
    desk.say(&Ok(()));
    let told = desk.world.wait(stands).unwrap().expect("an answer");
    assert_eq!(told.outcome.status, Status::Completed);
    drop(desk.world.wait(sleeps).unwrap());
}
