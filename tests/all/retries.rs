//! Skills that ask to be tried again: each time twice as late, in whichever process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use ringfence::app;
use ringfence_core::audit::{AttemptEnd, Fact, Status};
use ringfence_core::error::Code;
use ringfence_core::governance::KillTarget;
use ringfence_core::ids::{StreamName, TaskId};
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::{Host, Order};
use ringfence_core::sandbox::{End, Job, Ran, Request, Sandbox};
use ringfence_core::stores::{Work, WorkState};
use ringfence_core::system::Clock;
use ringfence_core::units::{Bytes, Fuel, Timestamp};
use serde_json::{Value, json};

use crate::harness::{World, limited};
use crate::lost::dying;
use crate::validators::assert_replays;

/// A clock that moves by what is waited alone, and says what was.
#[derive(Default)]
struct Waits {
    micros: AtomicU64,
    /// By how much the wall clock is ahead of the other.
    ahead: AtomicU64,
    asked: Mutex<Vec<u128>>,
}

impl Waits {
    fn at(now: Timestamp) -> Arc<Self> {
        Arc::new(Self { ahead: now.0.into(), ..Self::default() })
    }

    /// How long was waited each time since it was asked last, in milliseconds.
    fn asked(&self) -> Vec<u128> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

impl Clock for Waits {
    fn now(&self) -> Timestamp {
        Timestamp(self.ahead.load(Ordering::SeqCst) + self.micros.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::SeqCst))
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.asked.lock().unwrap().push(duration.as_millis());
        self.micros.fetch_add(u64::try_from(duration.as_micros()).unwrap(), Ordering::SeqCst);
        Box::pin(async {})
    }
}

/// Runs a skill that asks to be tried again as often as its input says, or is always wrong, without an engine, which would use the
/// clock too.
struct Tried(Arc<str>);

impl Sandbox for Tried {
    fn run(&self, job: Job) -> BoxFuture<'_, Ran> {
        Box::pin(async move {
            let Request { input, violations } = job.request;
            let input: Value = serde_json::from_str(&input).unwrap();
            let tried = violations.first().map_or(0, |asked| asked.message.parse().unwrap_or(0));
            let end = match input["times"].as_u64() {
                None => End::Output(json!("seven").to_string()),
                Some(times) if tried < times => End::Retry((tried + 1).to_string()),
                Some(_) => End::Output(tried.to_string()),
            };
            Ran { end, fuel: Fuel(1_000), memory: Bytes(0) }
        })
    }
    fn fingerprint(&self) -> &Arc<str> {
        &self.0
    }
}

const BEGAN: Timestamp = Timestamp(1_700_000_000_000_000);

/// A world with the friend that comes around, and a host of it with such a clock.
fn world() -> (World, Host, Arc<Waits>) {
    let world = World::new();
    world.load("friend_comes_around");
    let waits = Waits::at(BEGAN);
    let host = with(&waits, Host::clone(&world.running.host));
    (world, host, waits)
}

fn with(waits: &Arc<Waits>, host: Host) -> Host {
    Host { clock: Arc::clone(waits) as _, sandbox: Arc::new(Tried("tried".into())), ..host }
}

fn order(world: &World, times: u32) -> Order {
    let order = world.order("friend_comes_around", &json!({ "times": times }).to_string());
    let order = Order { max_corrections: 20, ..order };
    limited(order, &[(Limit::WallMs, 60_000), (Limit::Fuel, 1 << 40)])
}

fn work(world: &World, task: &TaskId) -> WorkState {
    let Work { state, .. } = world.running.store.queue.work(task).unwrap().unwrap();
    state
}

#[test]
pub(crate) fn friend_comes_around() {
    let world = World::new();
    world.load("friend_comes_around");
    let emitted = world.run(order(&world, 3));
    assert_eq!((emitted.outcome.output.clone(), emitted.outcome.attempts), (Some(json!(3)), 4));
    let waits = world.facts(&emitted.task).into_iter().filter_map(|fact| match fact {
        Fact::AttemptEnded { end: AttemptEnd::Retry { wait_ms, .. }, .. } => Some(wait_ms),
        _ => None,
    });
    assert_eq!(waits.collect::<Vec<_>>(), [100, 200, 400]);
    assert!(emitted.outcome.used.wall_ms >= 700, "to wait takes of its time: {:?}", emitted.outcome.used);
    assert_replays(&world, &emitted);
    world.assert_unharmed();
}

#[test]
fn a_skill_that_asks_to_be_tried_again_is_after_waits_that_double() {
    let (world, host, waits) = world();
    let emitted = world.wait(host.run(order(&world, 8)));
    assert_eq!(emitted.outcome.output, Some(json!(8)), "{:?}", emitted.outcome);
    assert_eq!(waits.asked(), [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    assert_eq!(emitted.outcome.used.wall_ms, 16_300, "to wait takes of the task's time");
}

#[test]
fn a_correction_of_what_was_wrong_comes_at_once() {
    let (world, host, waits) = world();
    world.load("attack_output_lies");
    let order = Order { max_corrections: 3, ..world.order("attack_output_lies", r#"{"turns":1}"#) };
    let emitted = world.wait(host.run(order));
    assert_eq!((emitted.outcome.attempts, waits.asked()), (4, vec![]));
}

#[test]
fn no_attempt_is_waited_for_beyond_the_wall_time() {
    let (world, host, waits) = world();
    let order = limited(order(&world, 8), &[(Limit::WallMs, 1_000)]);
    let emitted = world.wait(host.run(order));
    assert_eq!(waits.asked(), [100, 200, 400, 300]);
    assert_eq!(emitted.outcome.limit.map(|hit| hit.name), Some(Limit::WallMs), "{:?}", emitted.outcome);
}

/// Wherever the first host is lost, the one that goes on waits for what is left of the wait, and for the later ones.
#[test]
fn a_wait_that_its_host_did_not_survive_is_waited_to_its_end_and_no_longer() {
    const MILLISECOND: u64 = 1_000;
    let (world, host, _) = world();
    let whole = world.wait(host.run(order(&world, 3)));
    world.wait(whole.durable()).unwrap();
    let kinds: Vec<_> = world.records(&whole.task).iter().map(|record| record.event.kind.clone()).collect();
    let second_end = kinds.iter().rposition(|kind| *kind == "attempt.ended").unwrap() - 2;
    assert_eq!(&*kinds[second_end], "attempt.ended", "{kinds:?}");
    // It waits 400 ms then; the other comes this much later, or is set to an hour before, or after.
    for (later, left) in [(0, 400), (150, 250), (400, 0), (9_000, 0), (-3_600_000, 400), (3_600_000, 0)] {
        let lost = with(&Waits::at(BEGAN), dying(&world, second_end + 1));
        let order = Order { task: world.running.store.entropy.task_id(), ..order(&world, 3) };
        drop(world.wait(lost.run(order.clone())));
        let ended = world.records(&order.task).last().unwrap().event.clone();
        assert_eq!(&*ended.kind, "attempt.ended");
        let waits =
            Waits::at(Timestamp(ended.time.0.saturating_add_signed(later * MILLISECOND.cast_signed())));
        let host = with(&waits, Host::clone(&world.running.host));
        let emitted = world.wait(host.resume(&order.task)).unwrap();
        world.wait(emitted.durable()).unwrap();
        assert_eq!(emitted.outcome.output, Some(json!(3)), "{later}: {:?}", emitted.outcome);
        let expected = if left > 0 { vec![left] } else { vec![] };
        assert_eq!(waits.asked(), expected, "{later}");
        assert_eq!(emitted.outcome.attempts, 4, "{later}");
    }
}

#[test]
fn a_long_wait_is_given_back_and_holds_no_worker() {
    let (world, host, waits) = world();
    let order = order(&world, 9);
    let task = order.task.clone();
    world.wait(host.submit(&order)).unwrap();
    let queue = &world.running.store.queue;
    let mut waited = Vec::new();
    let emitted = loop {
        let emitted = world.wait(host.work_on(&task, None)).unwrap();
        world.wait(emitted.durable()).unwrap();
        let Some(wait) = emitted.given_back else { break emitted };
        let WorkState::GivenBack(given_back) = work(&world, &task) else {
            panic!("{:?}", work(&world, &task))
        };
        assert_eq!(given_back.wait, wait);
        let almost = Timestamp(given_back.due().0 - 1);
        assert_eq!(queue.ready(almost, 9).unwrap(), []);
        assert_eq!(queue.delayed(almost, 9).unwrap(), [(task.clone(), given_back)]);
        assert_eq!(queue.ready(given_back.due(), 9).unwrap(), std::slice::from_ref(&task));
        assert_eq!(queue.delayed(given_back.due(), 9).unwrap(), []);
        waited.push(wait.as_millis());
        waits.ahead.fetch_add(u64::try_from(wait.as_micros()).unwrap(), Ordering::SeqCst);
    };
    assert_eq!(waits.asked(), [100, 200, 400, 800], "short ones are waited where the task is");
    assert_eq!(waited, [1_600, 3_200, 5_000, 5_000, 5_000]);
    assert_eq!(
        emitted.outcome.output,
        Some(json!(9)),
        "it was claimed as often as it took: {:?}",
        emitted.outcome
    );
    assert_eq!(emitted.outcome.used.wall_ms, 21_300, "to be given back takes of the task's time too");
    world.assert_unharmed();
}

#[test]
fn what_is_given_back_ends_with_its_wall_time_too() {
    let (world, host, _) = world();
    let order = limited(order(&world, 9), &[(Limit::WallMs, 4_000)]);
    world.wait(host.submit(&order)).unwrap();
    let emitted = loop {
        let emitted = world.wait(host.work_on(&order.task, None)).unwrap();
        world.wait(emitted.durable()).unwrap();
        if emitted.given_back.is_none() {
            break emitted;
        }
    };
    let waits = world.facts(&order.task).into_iter().filter_map(|fact| match fact {
        Fact::TaskGivenBack { wait_ms, .. } => Some(wait_ms),
        _ => None,
    });
    assert_eq!(waits.collect::<Vec<_>>(), [1_600], "what is left is too short to be given back");
    assert_eq!(emitted.outcome.limit.map(|hit| hit.name), Some(Limit::WallMs), "{:?}", emitted.outcome);
}

#[test]
fn a_skill_is_killed_while_it_waits_to_be_tried_again() {
    let world = World::new();
    world.load("attack_retries_for_ever");
    let order = Order { max_corrections: 1_000, ..world.order("attack_retries_for_ever", "{}") };
    let order = limited(order, &[(Limit::WallMs, 600_000)]);
    let task = order.task.clone();
    // Its fifth wait has begun: more than a second, of which a kill takes none.
    let killed = world.kill(order, |world| {
        let records = world.running.store.log.read(&StreamName::task(&task), 1, 99).unwrap();
        records.iter().filter(|record| record.event.kind == "attempt.ended").count() >= 5
    });
    let outcome = &killed.target.outcome;
    assert_eq!(outcome.status, Status::Stopped, "{outcome:?}");
    let error = outcome.error.as_ref().unwrap();
    assert_eq!(error.code, Code::R0202, "{error:?}");
    assert!(error.message.contains("while it waited to be tried again"), "{error:?}");
    assert!(outcome.attempts >= 5, "{outcome:?}");
}

/// No host has it then whose switch a kill could set.
#[test]
fn a_kill_ends_what_was_given_back_for_a_while() {
    let targets = |task: &TaskId| {
        [
            KillTarget::All,
            KillTarget::Skill("friend-comes-around".parse().unwrap()),
            KillTarget::Task(task.clone()),
        ]
    };
    for which in 0..3 {
        let (world, host, _) = world();
        let order = order(&world, 9);
        let task = order.task.clone();
        world.wait(host.submit(&order)).unwrap();
        let given_back = world.wait(host.work_on(&task, None)).unwrap();
        world.wait(given_back.durable()).unwrap();
        assert!(given_back.given_back.is_some(), "{:?}", given_back.outcome);
        let (store, target) = (&world.running.store, &targets(&task)[which]);
        let killed = world.wait(app::kill(store, target, "the test", Duration::from_millis(100))).unwrap();
        assert_eq!(killed.still_running, std::slice::from_ref(&task), "nobody has taken it yet");
        let emitted = world.wait(host.work_on(&task, None)).unwrap();
        world.wait(emitted.durable()).unwrap();
        assert!(emitted.given_back.is_none() && emitted.outcome.output.is_none(), "{:?}", emitted.outcome);
        let attempts = world.facts(&task).iter().filter(|fact| fact.kind() == "attempt.started").count();
        assert_eq!(attempts, 5, "it has not run again");
        world.assert_unharmed();
    }
}
