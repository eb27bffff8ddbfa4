//! How many tasks are at work on a store at once, in all processes together.

use std::time::Duration;

use ringfence_core::audit::{Fact, Status};
use ringfence_core::ids::TaskId;
use ringfence_core::stores::{EventLog, PlaceLimits, StoreError, WorkQueue, WorkState};

use super::told::{Told, accepted, at, claimed, ended, given_back, suspended};
use super::{ONE_SECOND, held};

const FULL: Result<(), StoreError> = Err(StoreError::Full("per-caller"));

const ONE_EACH: PlaceLimits = PlaceLimits { per_tenant: None, per_caller: Some(1) };

impl<S: EventLog + WorkQueue> Told<'_, S> {
    /// Appends facts as one batch, if there is a place for the task.
    async fn take(&mut self, limits: PlaceLimits, lost: &[&str], facts: &[Fact]) -> Result<(), StoreError> {
        let before = self.head;
        let records = facts.iter().map(|fact| self.next(at(0), fact)).collect();
        let lost = lost.iter().map(|host| (*host).to_owned()).collect();
        let taken = self.store.take_place(records, limits, lost).durable().await;
        if taken.is_err() {
            self.head = before;
        }
        taken
    }

    async fn end(&mut self) {
        self.tell(at(0), &[ended(Status::Completed, None)]).await;
    }
}

pub(super) async fn no_more_tasks_are_held_than_there_are_places<S: EventLog + WorkQueue>(store: &S) {
    let limits = PlaceLimits { per_tenant: Some(3), per_caller: Some(2) };
    let of = |task, caller| Told::of(store, task, caller);
    let [mut one, mut two, mut three] = ["t-1", "t-2", "t-3"].map(|task| of(task, "ada"));
    let [mut other, mut last] = [of("t-4", "eve"), of("t-5", "bob")];
    for task in [&mut one, &mut three, &mut last] {
        task.tell(at(0), &[accepted("", None)]).await;
    }
    assert_eq!(one.take(limits, &[], &[claimed("h-1")]).await, Ok(()));
    assert_eq!(two.take(limits, &[], &[accepted("h-2", None)]).await, Ok(()), "of another host too");
    assert_eq!(three.take(limits, &[], &[claimed("h-2")]).await, FULL);
    assert_eq!(three.state(), Some(WorkState::Ready), "nothing of it was appended");
    assert_eq!(other.take(limits, &[], &[accepted("h-1", None)]).await, Ok(()), "another caller's");
    let full = Err(StoreError::Full("per-tenant"));
    assert_eq!(last.take(limits, &[], &[claimed("h-1")]).await, full);
    assert_eq!(one.take(limits, &[], &[claimed("h-3")]).await, Ok(()), "it has its place already");
    one.end().await;
    assert_eq!(last.take(limits, &[], &[claimed("h-1")]).await, Ok(()));
    assert_eq!(three.take(PlaceLimits::default(), &[], &[claimed("h-2")]).await, Ok(()), "nothing is said");
    // Of two claims that follow the same event one is refused as ever.
    let before = last.head;
    last.tell(at(0), &[claimed("h-2")]).await;
    last.head = before;
    let late = last.take(limits, &[], &[claimed("h-3")]).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    last.head = store.head(&ringfence_core::ids::StreamName::task(&last.task)).expect("a head");
    let mut errand = of("t-6", "ada");
    let asked = accepted("h-1", Some("t-3"));
    assert_eq!(errand.take(ONE_EACH, &[], &[asked]).await, Ok(()), "what is within a task is not counted");
    for task in [&mut two, &mut three, &mut other, &mut last] {
        task.end().await;
    }
}

pub(super) async fn who_stands_in_line_has_no_place_until_its_turn_comes<S: EventLog + WorkQueue>(store: &S) {
    let [mut one, mut two] = ["t-1", "t-2"].map(|task| Told::of(store, &format!("{task}-line"), "ada"));
    let waits = || Fact::TaskWaiting { ahead: 0 };
    assert_eq!(one.take(ONE_EACH, &[], &[accepted("h-1", None)]).await, Ok(()));
    assert_eq!(two.take(ONE_EACH, &[], &[accepted("h-2", None), waits()]).await, Ok(()), "it takes none");
    assert_eq!(two.state(), Some(WorkState::InLine { host: "h-2".into() }));
    let mut hosts = store.held().expect("a list");
    hosts.sort();
    assert_eq!(
        hosts.iter().map(|(_, host)| &**host).collect::<Vec<_>>(),
        ["h-1", "h-2"],
        "but it has a host"
    );
    assert_eq!(two.take(ONE_EACH, &[], &[Fact::TaskSeated]).await, FULL);
    one.tell(at(0), &[waits()]).await;
    assert_eq!(two.take(ONE_EACH, &[], &[Fact::TaskSeated]).await, Ok(()));
    assert_eq!(two.state(), held("h-2"));
    assert_eq!(one.take(ONE_EACH, &[], &[Fact::TaskSeated]).await, FULL);
    assert_eq!(one.take(ONE_EACH, &[], &[claimed("h-3")]).await, FULL, "whoever takes it over");
    two.end().await;
    assert_eq!(one.take(ONE_EACH, &[], &[Fact::TaskSeated]).await, Ok(()));
    one.end().await;
}

pub(super) async fn what_is_over_or_put_off_and_what_the_dead_hold_takes_no_place<S: EventLog + WorkQueue>(
    store: &S,
) {
    let mut next = Told::of(store, "t-next", "ada");
    next.tell(at(0), &[accepted("", None)]).await;
    for (number, left) in
        [given_back(ONE_SECOND), suspended(), ended(Status::Failed, None)].iter().enumerate()
    {
        let mut first = Told::of(store, &format!("t-first-{number}"), "ada");
        assert_eq!(first.take(ONE_EACH, &[], &[accepted("h-1", None)]).await, Ok(()));
        assert_eq!(next.take(ONE_EACH, &[], &[claimed("h-2")]).await, FULL);
        first.tell(at(0), std::slice::from_ref(left)).await;
        assert_eq!(next.take(ONE_EACH, &[], &[claimed("h-2")]).await, Ok(()), "after {}", left.kind());
        assert_eq!(first.take(ONE_EACH, &[], &[claimed("h-1")]).await, FULL, "and it comes back to its own");
        next.tell(at(0), &[given_back(Duration::ZERO)]).await;
        first.end().await;
    }
    let mut dead = Told::of(store, "t-dead", "ada");
    assert_eq!(dead.take(ONE_EACH, &[], &[accepted("h-dead", None)]).await, Ok(()));
    assert_eq!(next.take(ONE_EACH, &["h-other"], &[claimed("h-1")]).await, FULL);
    assert_eq!(next.take(ONE_EACH, &["h-dead"], &[claimed("h-1")]).await, Ok(()));
    assert_eq!(dead.take(ONE_EACH, &["h-dead"], &[claimed("h-2")]).await, FULL, "it waits as others do");
    next.end().await;
    assert_eq!(
        dead.take(ONE_EACH, &[], &[claimed("h-2")]).await,
        Ok(()),
        "what it had itself does not count"
    );
    dead.end().await;
}

pub(super) async fn who_is_ready_is_offered_where_there_is_a_place_and_no_caller_stands_before_another<
    S: EventLog + WorkQueue,
>(
    store: &S,
) {
    let mut tasks = Vec::new();
    let came = [
        ("t-a1", "ada"),
        ("t-a2", "ada"),
        ("t-a3", "ada"),
        ("t-e1", "eve"),
        ("t-b1", "bob"),
        ("t-b2", "bob"),
    ];
    for (number, (task, caller)) in (0..).zip(came) {
        let mut task = Told::of(store, task, caller);
        task.tell(at(number), &[accepted("", None)]).await;
        tasks.push(task);
    }
    let offered = |now, most, per_tenant, per_caller, lost: &[&str]| {
        let lost: Vec<_> = lost.iter().map(|host| (*host).to_owned()).collect();
        let limits = PlaceLimits { per_tenant, per_caller };
        let ready: Vec<TaskId> = store.ready_within(at(now), most, limits, &lost).expect("a list");
        ready.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(offered(9, 9, None, None, &[]), came.map(|(task, _)| task));
    assert_eq!(offered(9, 9, None, Some(1), &[]), ["t-a1", "t-e1", "t-b1"], "the first of each");
    assert_eq!(offered(9, 9, None, Some(2), &[]), ["t-a1", "t-a2", "t-e1", "t-b1", "t-b2"]);
    assert_eq!(offered(9, 3, None, Some(2), &[]), ["t-a1", "t-a2", "t-e1"]);
    assert_eq!(offered(9, 9, Some(2), None, &[]), ["t-a1", "t-a2"]);
    assert_eq!(offered(9, 9, Some(2), Some(1), &[]), ["t-a1", "t-e1"]);
    tasks[0].tell(at(9), &[claimed("h-1")]).await;
    assert_eq!(offered(9, 9, None, Some(1), &[]), ["t-e1", "t-b1"], "ada has hers");
    assert_eq!(offered(9, 9, None, Some(1), &["h-1"]), ["t-a2", "t-e1", "t-b1"], "her host is gone");
    assert_eq!(offered(9, 9, Some(1), None, &[]), [""; 0]);
    assert_eq!(offered(9, 9, Some(2), Some(2), &[]), ["t-a2"]);
    // What was given back stands where it stood, from when it is due.
    tasks[0].tell(at(10), &[given_back(ONE_SECOND)]).await;
    assert_eq!(offered(1_009, 9, None, Some(1), &[]), ["t-a2", "t-e1", "t-b1"]);
    assert_eq!(offered(1_010, 9, None, Some(1), &[]), ["t-a1", "t-e1", "t-b1"]);
    for task in &mut tasks {
        task.end().await;
    }
}
