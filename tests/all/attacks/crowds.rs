//! More runs at once than there are sandboxes, or than are one caller's: one too many is told so, and disturbs nobody.

use std::sync::Arc;

use futures::future::BoxFuture;
use ringfence_core::audit::{Blame, Fact, Status};
use ringfence_core::error::Code;
use ringfence_core::gate::{
    Memory, MemoryCompareAndSet, MemoryDelete, MemoryGet, MemoryList, MemorySet, Outside, Permit, Settled,
    Untouchable,
};
use ringfence_core::governance::{Crowd, CrowdLimits, KillTarget};
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::{Delegation, Emitted, Order};
use ringfence_core::ring::Ring;
use serde_json::json;
use tokio::sync::Semaphore;

use super::RAN;
use super::skills::children;
use crate::agents;
use crate::harness::{World, limited};
use crate::models;

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
const WAITED: [&str; 7] = [
    "task.accepted",
    "task.waiting",
    "task.seated",
    "task.resolved",
    "attempt.started",
    "attempt.ended",
    "task.ended",
];

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
fn a_host_that_looked_too_early_takes_no_task_from_one_that_was_faster() {
    let answers = Arc::new(Semaphore::new(0));
    let memory = Box::new(Slow(Arc::clone(&answers)));
    let outside = Outside { memory, ..Outside::untouchable() };
    let world = World::altered("", |host| host.outside = Arc::new(outside));
    let guest = "attack_memory_waits_for_an_answer";
    world.load(guest);
    let order = world.order(guest, "{}");
    let task = order.task.clone();
    world.wait(world.running.host.submit(&order)).unwrap();
    let (faster, its) = (Arc::clone(&world.running.host), task.clone());
    let faster = world.spawn(async move { faster.work_on(&its, None).await });
    world.until("it has the task", || world.has_event(&task, "task.claimed"));
    let other = world.beside(Arc::clone(&world.running.host.clock));
    for lost_by in [None, Some("another one".to_owned())] {
        let error = world.wait(other.host.work_on(&task, lost_by)).err().unwrap();
        assert_eq!(error.code, Code::R0507, "{error:?}");
    }
    assert_eq!(world.wait(other.host.take_up(&task)).err().unwrap().code, Code::R0507);
    answers.add_permits(1);
    let emitted = world.wait(faster).unwrap().unwrap();
    world.wait(emitted.durable()).unwrap();
    assert_eq!(emitted.outcome.status, Status::Completed, "{:?}", emitted.outcome);
    assert_eq!(world.kinds(&task).iter().filter(|kind| *kind == "task.claimed").count(), 1);
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
        host.crowd = Crowd::new(CrowdLimits { sandboxes: 100, per_caller: 100, waiting: 0 });
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

/// What each errand of the guest that takes every sandbox came to.
fn answers_of(emitted: &Emitted) -> Vec<String> {
    let output = emitted.outcome.output.clone().unwrap_or_else(|| panic!("{:?}", emitted.outcome));
    serde_json::from_value(output).unwrap()
}

/// Of eight sandboxes one caller may have three: one for the skill that asks, two for those that it asks at a time.
#[test]
pub(crate) fn attack_skills_takes_every_sandbox() {
    let (permits, delegation) = (Arc::new(Semaphore::new(0)), Arc::new(Delegation::default()));
    let (memory, skills) = (Box::new(Slow(Arc::clone(&permits))), Box::new(Arc::clone(&delegation)));
    let outside = Outside { memory, skills, ..Outside::untouchable() };
    let world = World::altered("[engine]\nslots = 8\n[concurrency]\nper-caller = 3\n", |host| {
        host.outside = Arc::new(outside);
    });
    delegation.serve(&world.running.host);
    let waits = "attack_memory_waits_for_an_answer";
    world.load("attack_skills_takes_every_sandbox");
    world.load(waits);
    world.load("hello");
    let free = || world.running.sandbox.free_places();
    let input = json!({ "skill": waits.replace('_', "-"), "input": "{}", "many": 16 }).to_string();
    let order = world.order("attack_skills_takes_every_sandbox", &input);
    let task = order.task.clone();
    let attack = world.start(order);
    let asked =
        |kind: &str| children(&world, &task).iter().filter(|child| world.has_event(child, kind)).count();
    // Their calls read, and may stand in the log later: whoever paused before has handed over what there was by then.
    world.until("two of its errands are at work", || asked("attempt.started") == 2);
    world.until("and all others wait", || asked("task.waiting") == 14);
    assert_eq!((free(), asked("attempt.started")), (5, 2), "it has three sandboxes");

    // Others are served, and what the caller orders beside it waits until there is room.
    for agent in ["eve", "bob", "carol"] {
        let hello = world.order("hello", r#"{"name":"Ada"}"#);
        let friend = world.run(Order { agent: agent.parse().unwrap(), ..hello });
        assert_eq!(friend.outcome.output, Some(json!("Hello, Ada!")));
    }
    let own = world.order("hello", r#"{"name":"Ada"}"#);
    let own_task = own.task.clone();
    let own = world.start(own);
    world.until("it waits", || world.has_event(&own_task, "task.waiting"));

    // They come one after the other, in order, and none is refused.
    for done in 1..=16 {
        permits.add_permits(1);
        world.until("the next is done", || asked("task.ended") == done);
        assert!(free() >= 5, "never more than three");
    }
    let emitted = world.wait(attack).unwrap();
    assert!(
        answers_of(&emitted).iter().all(|answer| answer == "Ok(Bool(false))"),
        "{:?}",
        answers_of(&emitted)
    );
    assert_eq!(world.wait(own).unwrap().outcome.status, Status::Completed);
    world.until("all sandboxes are free", || free() == 8);
    world.assert_unharmed();
}

/// What two skills came to that were asked at once and asked another one each, where so many runs may go on.
fn asked_two_deep(concurrency: &str) -> Vec<String> {
    let inner = json!({ "errands": [{ "skill": "hello", "input": r#"{"name":"Ada"}"# }] }).to_string();
    let input = json!({ "skill": "friend-asks-others", "input": inner, "many": 2 }).to_string();
    let world = World::with_policy(&format!("[engine]\nslots = 8\n[concurrency]\n{concurrency}\n"));
    for guest in ["attack_skills_takes_every_sandbox", "friend_asks_others", "hello"] {
        world.load(guest);
    }
    let emitted = world.run(world.order("attack_skills_takes_every_sandbox", &input));
    world.until("all sandboxes are free", || world.running.sandbox.free_places() == 8);
    world.assert_unharmed();
    answers_of(&emitted)
}

/// An errand does not wait for a sandbox that only its own askers could give back.
#[test]
fn an_errand_for_which_only_its_askers_could_make_room_is_told_that_the_host_is_busy() {
    for (runs, asked, greeted) in [(1, 0, 0), (2, 2, 0), (3, 2, 1), (5, 2, 2)] {
        let answers = asked_two_deep(&format!("per-tenant = {runs}\nper-caller = {runs}"));
        let count = |word: &str| answers.iter().filter(|answer| answer.contains(word)).count();
        assert_eq!(count("the host is busy"), 2 - count("Hello, Ada!"), "{answers:?}");
        assert_eq!(count("`per-tenant`"), count("the host is busy"), "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| answer.starts_with("Ok(")).count(), asked, "{answers:?}");
        assert!(count("Hello, Ada!") >= greeted, "{answers:?}");
    }
}

/// It takes its skills one after the other.
#[test]
fn a_caller_who_may_have_one_run_has_skills_that_run_others() {
    for per_caller in 1..4 {
        let answers = asked_two_deep(&format!("per-caller = {per_caller}"));
        let greeted = answers.iter().filter(|answer| answer.contains("Hello, Ada!")).count();
        assert_eq!(greeted, 2, "{per_caller}: {answers:?}");
    }
}

/// An agent has no sandbox: its seat is that of the skill that it asks.
#[test]
fn an_agent_and_the_skill_that_it_asks_need_one_sandbox() {
    let text = json!({ "text": "one two three" });
    let turns = vec![agents::wants("count", "word-count", text), agents::turn("complete", "count", "Three.")];
    let server = agents::scripted(turns);
    let policy =
        models::policy("openai", &server.origin(), "").replace("2048", "16384").replace("20000", "200000");
    let world = World::with_policy(&format!("[engine]\nslots = 8\n[concurrency]\nper-caller = 1\n{policy}"));
    world.load("word_count");
    agents::load(&world, agents::HELPER).unwrap();
    let order = world.order("helper", &json!({ "message": "How many words?" }).to_string());
    let emitted = world.run(Order { ring: Ring::Standard, ..order });
    let output = emitted.outcome.output.clone().unwrap_or_else(|| panic!("{:?}", emitted.outcome));
    assert_eq!((&output["status"], &output["turns"]), (&json!("complete"), &json!(2)), "{output}");
    let child = &children(&world, &emitted.task)[0];
    let Some(Fact::TaskEnded { outcome }) = world.facts(child).pop() else { panic!("it ended") };
    assert_eq!(outcome.status, Status::Completed, "{outcome:?}");
    drop(server);
    world.assert_unharmed();
}
