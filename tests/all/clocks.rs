//! Two hosts on one store, of which one takes it for an hour later than it is and the other for an hour earlier.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use ringfence::approvals::{self, Said};
use ringfence::wiring::Running;
use ringfence::work::{Until, Worker};
use ringfence::{app, inbox};
use ringfence_adapters::system::SystemClock;
use ringfence_core::audit::{Approver, Fact, Status, Word};
use ringfence_core::ids::TaskId;
use ringfence_core::pipeline::{Host, Order};
use ringfence_core::ring::Ring;
use ringfence_core::stores::WorkState;
use ringfence_core::system::Clock;
use ringfence_core::units::Timestamp;
use serde_json::json;

use crate::harness::World;
use crate::servers::{RawServer, ok};

/// An hour, in seconds.
const HOUR: i64 = 3_600;

/// How long a heart may stand still.
const LEASE: Duration = Duration::from_secs(10);

/// The machine's clock, set wrong by so many seconds.
struct Wrong(SystemClock, i64);

impl Clock for Wrong {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.now().0.saturating_add_signed(self.1 * 1_000_000))
    }
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(duration)
    }
}

/// Another host on a world's store, whose clock is wrong.
fn beside(world: &World, seconds: i64) -> Arc<Running> {
    world.beside(Arc::new(Wrong(SystemClock::new(), seconds)))
}

fn count(world: &World, task: &TaskId, kind: &str) -> usize {
    world.facts(task).iter().filter(|fact| fact.kind() == kind).count()
}

#[test]
fn what_two_hosts_write_stands_in_the_order_of_its_commits_whatever_their_clocks_say() {
    let world = World::new();
    world.load("remember");
    let hosts = [beside(&world, HOUR), beside(&world, -HOUR)];
    let mut tasks = Vec::new();
    for number in 0..6 {
        let input = json!({ "action": "remember", "key": "k", "text": number.to_string() });
        let order = Order { ring: Ring::Standard, ..world.order("remember", &input.to_string()) };
        let emitted = world.wait(app::run(&hosts[number % 2], order)).unwrap();
        let lines = &emitted.outcome.output.as_ref().unwrap_or_else(|| panic!("{:?}", emitted.outcome))["notes"]
            [0]["lines"];
        let so_far: Vec<_> = (0..=number).map(|number| number.to_string()).collect();
        assert_eq!(*lines, json!(so_far), "each reads what the other has written");
        tasks.push(emitted.task);
    }
    let store = &hosts[0].store;
    let feed = store.log.feed(0, usize::MAX).unwrap();
    let ends = feed.iter().filter(|(_, record)| &*record.event.kind == "task.ended");
    let (ended, times): (Vec<_>, Vec<_>) =
        ends.map(|(_, record)| (record.event.stream.as_task().unwrap(), record.event.time)).unzip();
    assert_eq!(ended, tasks, "the feed tells them as they were committed");
    let back = times.windows(2).filter(|pair| pair[1] < pair[0]).count();
    assert_eq!(back, 3, "and their times go back whenever the other writes: {times:?}");
    app::verify(store).unwrap();
    app::verify(&hosts[1].store).unwrap();
    world.assert_unharmed();
}

/// A world with a task that asks a server for something, which comes only when `may_answer`, and then has an effect.
fn world_with_a_slow_task(server: &RawServer) -> (World, TaskId) {
    let grant = |path: &str, idempotent: bool| {
        let url = format!("{}/{path}", server.origin());
        format!(
            "{{ url = \"{url}\", methods = [\"GET\", \"POST\"], effect = \"reversible\", \
             idempotent = {idempotent}, networks = [\"127.0.0.1\"] }}"
        )
    };
    let (slow, once) = (grant("slow", true), grant("once", false));
    // However long it takes on a busy machine, its request is still under way when its lease is over.
    let policy = format!(
        "[limits]\ntimeout = \"10m\"\n[http]\ntimeout = \"10m\"\n[[grant]]\nring = 2\nhttp = [{slow}, {once}]\n"
    );
    let world = World::with_policy(&policy);
    world.load("friend_asks_the_web");
    let ask =
        |method: &str, path: &str| json!({ "method": method, "url": format!("{}/{path}", server.origin()) });
    let input = json!({ "asked": [ask("GET", "slow"), ask("POST", "once")] });
    let order = Order { ring: Ring::Standard, ..world.order("friend_asks_the_web", &input.to_string()) };
    world.wait(world.running.host.submit(&order)).unwrap();
    (world, order.task)
}

/// A host whose clock is wrong in one direction falls silent over a task, and wakes up when one whose clock is wrong in the other
/// has taken it.
fn falls_silent_and_wakes_up_late(seconds: i64) {
    let may_answer = Arc::new(AtomicBool::new(false));
    let let_go = Arc::clone(&may_answer);
    let server = RawServer::start(move |head, stream| {
        while head.starts_with("GET") && !let_go.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        ok(stream, "done");
    });
    let (world, task) = world_with_a_slow_task(&server);
    // It lives, as its lock says, and its heart does not beat.
    let lock = File::create(world.running.store.data.join("hosts/silent.lock")).unwrap();
    lock.lock().unwrap();
    let silent = beside(&world, seconds);
    let silent = Host { id: "silent".into(), ..Host::clone(&silent.host) };
    let late = {
        let task = task.clone();
        world.spawn(async move {
            let emitted = silent.resume(&task).await.unwrap();
            emitted.durable().await
        })
    };
    world.until("it asks", || server.requests().len() == 1);
    let held = world.running.store.queue.held().unwrap();
    assert_eq!(held, [(task.clone(), "silent".to_owned())]);

    let other = beside(&world, -seconds);
    let began = Instant::now();
    let working = Arc::clone(&other);
    let work = world.spawn(async move {
        Worker::new(working, 1).work(Until::Idle, std::future::pending(), |_| {}).await.unwrap();
    });
    world.until("the other has it", || count(&world, &task, "task.claimed") == 2);
    assert!(
        began.elapsed() >= LEASE,
        "no clock but the other's own monotonic one says when its lease is over"
    );
    may_answer.store(true, Ordering::SeqCst);
    world.wait(work).unwrap();
    let late = world.wait(late).unwrap();
    drop(lock);
    let posts = server.requests().iter().filter(|request| request.starts_with("POST")).count();
    assert_eq!(posts, 1, "the effect was had once");
    let why = late.expect_err("the task is not its own any more");
    assert!(why.to_string().contains(task.as_str()), "{why}");

    let line = app::task(&world.running.store, &task).unwrap().unwrap();
    let app::TaskState::Ended(outcome) = line.state else { panic!("{:?}", line.state) };
    assert_eq!(outcome.status, Status::Completed, "{outcome:?}");
    assert_eq!((count(&world, &task, "task.claimed"), count(&world, &task, "task.ended")), (2, 1));
    let claims: Vec<_> =
        world.records(&task).into_iter().filter(|record| &*record.event.kind == "task.claimed").collect();
    let apart = i128::from(claims[1].event.time.0) - i128::from(claims[0].event.time.0);
    assert_eq!(apart.signum(), i128::from(-seconds.signum()), "by the clocks the claims are hours apart");
    world.wait(ringfence::replay::replay(&world.running, &task)).unwrap();
    world.assert_unharmed();
}

#[test]
fn a_task_of_a_host_whose_clock_is_ahead_goes_to_one_behind_when_its_lease_is_over() {
    falls_silent_and_wakes_up_late(HOUR);
}

#[test]
fn a_task_of_a_host_whose_clock_is_behind_goes_to_one_ahead_when_its_lease_is_over() {
    falls_silent_and_wakes_up_late(-HOUR);
}

/// Works off what waits on one host.
fn work_off(world: &World, on: &Arc<Running>) {
    let on = Arc::clone(on);
    let worked = world.spawn(async move {
        Worker::new(on, 1).work(Until::Idle, std::future::pending(), |_| {}).await.unwrap();
    });
    world.wait(worked).unwrap();
}

/// An approval holds for ninety minutes. What is asked for by a clock that is an hour behind is over for one that is an hour ahead;
/// what that one asks for is not for anybody.
#[test]
fn an_approval_is_over_by_the_clock_of_whoever_looks_and_its_call_is_made_once_or_not_at_all() {
    let server = RawServer::saying("done");
    let policy = format!(
        "[[grant]]\nring = 2\nhttp = [{{ url = \"{}/*\", methods = [\"POST\"], effect = \"reversible\", \
         networks = [\"127.0.0.1\"], approval = {{ expires = \"90m\" }} }}]\n",
        server.origin()
    );
    let world = World::with_policy(&policy);
    world.load("friend_asks_the_web");
    let (ahead, behind) = (beside(&world, HOUR), beside(&world, -HOUR));
    let store = &world.running.store;
    let asked_on = |host: &Arc<Running>, path: &str| {
        let input = json!({ "asked": [{ "method": "POST", "url": format!("{}/{path}", server.origin()) }] });
        let order = Order { ring: Ring::Standard, ..world.order("friend_asks_the_web", &input.to_string()) };
        let emitted = world.wait(app::run(host, order)).unwrap();
        assert_eq!(emitted.outcome.status, Status::Suspended, "{:?}", emitted.outcome);
        emitted.task
    };
    let state = |task: &TaskId| store.queue.work(task).unwrap().map(|work| work.state);

    let early = asked_on(&behind, "early");
    work_off(&world, &behind);
    assert_eq!(state(&early), Some(WorkState::Suspended), "it waits");
    work_off(&world, &ahead);
    assert_eq!((state(&early), count(&world, &early, "approval.expired")), (None, 1));
    assert!(server.requests().is_empty(), "nobody approved it");

    let late = asked_on(&ahead, "late");
    work_off(&world, &behind);
    work_off(&world, &ahead);
    assert_eq!(state(&late), Some(WorkState::Suspended), "it waits");
    let asked = world.facts(&late).into_iter().find_map(|fact| match fact {
        Fact::ApprovalAsked { request, .. } => Some(request.id.clone()),
        _ => None,
    });
    let said =
        Said { word: Word::Approve, by: Approver::Operator, actor: "the test", reason: "", hash: None };
    // By this clock that is two hours before it was asked for.
    world.wait(approvals::decide(&behind.store, &asked.unwrap(), &said)).unwrap();
    work_off(&world, &ahead);
    assert_eq!((state(&late), count(&world, &late, "approval.used")), (None, 1));
    assert_eq!(server.requests().len(), 1, "once");
    for task in [early, late] {
        world.wait(ringfence::replay::replay(&world.running, &task)).unwrap();
    }
    let waiting = inbox::items(store, 10).unwrap();
    assert!(waiting.is_empty());
    world.assert_unharmed();
}
