//! What core relies on in the index of tasks that are not over.

mod places;
mod told;
mod writers;

use std::time::Duration;

use ringfence_core::audit::{
    Answered, ApprovalId, Approver, Decided, Decision, Fact, LimitHit, Standing, Status, Word,
};
use ringfence_core::error::Code;
use ringfence_core::ids::{Digest, StreamName, TaskId};
use ringfence_core::limit::Limit;
use ringfence_core::stores::{EventLog, GivenBack, StoreError, Work, WorkQueue, WorkState};
use serde_json::json;

pub use self::writers::stream_writers;

use self::told::{Told, accepted, at, claimed, decided, ended, given_back, suspended};

const ONE_SECOND: Duration = Duration::from_secs(1);

/// Every promise of the queue.
pub async fn work_queue<S: EventLog + WorkQueue>(store: &S) {
    a_task_stands_as_its_last_event_says(store).await;
    a_task_within_another_one_is_in_no_list(store).await;
    what_is_not_appended_changes_nothing(store).await;
    who_came_first_is_first_and_lists_are_as_long_as_was_asked(store).await;
    what_was_given_back_is_ready_when_it_is_due_and_not_before(store).await;
    a_heart_that_beats_is_counted_for_its_host_alone(store).await;
    places::no_more_tasks_are_held_than_there_are_places(store).await;
    places::who_stands_in_line_has_no_place_until_its_turn_comes(store).await;
    places::what_is_over_or_put_off_and_what_the_dead_hold_takes_no_place(store).await;
    places::who_is_ready_is_offered_where_there_is_a_place_and_no_caller_stands_before_another(store).await;
    assert_eq!(store.ready(at(u64::from(u32::MAX)), 9), Ok(vec![]), "what is over is in no list");
    assert_eq!((store.held(), store.waiting(9)), (Ok(vec![]), Ok(vec![])), "what is over is in no list");
}

fn held(host: &str) -> Option<WorkState> {
    Some(WorkState::Held { host: host.into() })
}

async fn a_task_stands_as_its_last_event_says<S: EventLog + WorkQueue>(store: &S) {
    use WorkState::{Failed, Ready, Suspended};
    let approval: ApprovalId = "t-a.1".parse().expect("an approval");
    let decision = |stands| {
        let (approval, word, by) = (approval.clone(), Word::Approve, Approver::Operator);
        let (reason, hash) = (String::new(), Digest::default());
        Fact::ApprovalDecided(Decided { approval, word, by, reason, hash, at: at(0), stands })
    };
    let back = GivenBack { at: at(0), wait: ONE_SECOND };
    let retry = || decided(Decision::Retry);
    let story = [
        (accepted("", None), Some(Ready)),
        (Fact::TaskWaiting { ahead: 1 }, Some(Ready)),
        (claimed("h-1"), held("h-1")),
        (claimed("h-2"), held("h-2")),
        (Fact::TaskWaiting { ahead: 1 }, Some(WorkState::InLine { host: "h-2".into() })),
        (claimed("h-1"), held("h-1")),
        (Fact::TaskWaiting { ahead: 0 }, Some(WorkState::InLine { host: "h-1".into() })),
        (Fact::TaskSeated, held("h-1")),
        (given_back(ONE_SECOND), Some(WorkState::GivenBack(back))),
        (claimed("h-1"), held("h-1")),
        (suspended(), Some(Suspended)),
        (decision(Standing::Waiting), Some(Suspended)),
        (decision(Standing::Granted), Some(Ready)),
        (claimed("h-1"), held("h-1")),
        (suspended(), Some(Suspended)),
        (Fact::ApprovalExpired { approval: approval.clone() }, Some(Ready)),
        (suspended(), Some(Suspended)),
        (decided(Decision::Settle { answer: Answered::Answer(json!(7)) }), Some(Ready)),
        (ended(Status::Failed, Some(Code::R0303)), Some(Failed)),
        (retry(), Some(Ready)),
        (ended(Status::Completed, None), None),
        // Whatever comes behind its end, it is over.
        (claimed("h-1"), None),
    ];
    let (facts, states): (Vec<_>, Vec<_>) = story.into_iter().unzip();
    let mut one_by_one = Told::new(store, "t-one-by-one");
    for (fact, state) in facts.iter().zip(&states) {
        one_by_one.tell(at(0), std::slice::from_ref(fact)).await;
        assert_eq!(one_by_one.state(), *state, "after {}", fact.kind());
    }
    // The same in batches, of which each but the first begins within the story.
    for length in 1..=facts.len() {
        let mut at_once = Told::new(store, &format!("t-at-once-{length}"));
        for (batch, states) in facts.chunks(length).zip(states.chunks(length)) {
            at_once.tell(at(0), batch).await;
            assert_eq!(at_once.state(), *states.last().expect("a batch"), "in batches of {length}");
        }
    }
    let hit = LimitHit { name: Limit::Fuel, used: 1, allowed: 1 };
    let open = [
        (Status::Stopped, Code::R0201, Some(hit)),
        (Status::Refused, Code::R0444, None),
        (Status::Refused, Code::R0445, None),
        (Status::Refused, Code::R0446, None),
    ];
    for (number, (status, code, limit)) in open.into_iter().enumerate() {
        let mut task = Told::new(store, &format!("t-open-{number}"));
        let Fact::TaskEnded { mut outcome } = ended(status, Some(code)) else { unreachable!() };
        outcome.limit = limit;
        task.tell(at(0), &[accepted("h-1", None), Fact::TaskEnded { outcome }]).await;
        assert_eq!(task.state(), Some(Failed), "a person may have it run again: {code}");
        task.tell(at(0), &[retry(), ended(Status::Completed, None)]).await;
        assert_eq!(task.state(), None);
    }
    for (number, over) in [Status::Refused, Status::Stopped].into_iter().enumerate() {
        let mut task = Told::new(store, &format!("t-over-{number}"));
        task.tell(at(0), &[accepted("h-1", None)]).await;
        assert_eq!(task.state(), held("h-1"), "its host has it from the beginning");
        task.tell(at(0), &[ended(over, Some(Code::R0202))]).await;
        assert_eq!(task.state(), None, "{over:?}");
    }
}

async fn a_task_within_another_one_is_in_no_list<S: EventLog + WorkQueue>(store: &S) {
    let mut errand = Told::new(store, "t-errand");
    let facts = [
        accepted("h-1", Some("t-asks")),
        Fact::TaskWaiting { ahead: 0 },
        Fact::TaskSeated,
        claimed("h-2"),
        given_back(ONE_SECOND),
        suspended(),
    ];
    for fact in facts {
        errand.tell(at(0), &[fact]).await;
        assert_eq!(errand.state(), None);
    }
}

async fn what_is_not_appended_changes_nothing<S: EventLog + WorkQueue>(store: &S) {
    let mut task = Told::new(store, "t-conflict");
    task.tell(at(0), &[accepted("", None)]).await;
    let before = task.head;
    task.tell(at(0), &[claimed("h-1")]).await;
    let mut late = Told { store, task: task.task.clone(), caller: task.caller, head: before };
    let late = late.next(at(0), &claimed("h-2"));
    let stream = StreamName::task(&task.task).to_string();
    assert_eq!(store.append(vec![late].into()).durable().await, Err(StoreError::Conflict(stream)));
    assert_eq!(task.state(), held("h-1"), "of two claims one is taken");
    task.tell(at(0), &[ended(Status::Completed, None)]).await;
}

async fn who_came_first_is_first_and_lists_are_as_long_as_was_asked<S: EventLog + WorkQueue>(store: &S) {
    let ids =
        |tasks: &[&str]| tasks.iter().map(|task| task.parse().expect("a task")).collect::<Vec<TaskId>>();
    // Of two that came at once the name decides.
    let came = [("t-c", 1), ("t-b", 3), ("t-a", 3), ("t-d", 2)];
    let mut tasks = Vec::new();
    for (task, time) in came {
        let mut task = Told::new(store, task);
        task.tell(at(time), &[accepted("", None)]).await;
        tasks.push(task);
    }
    assert_eq!(store.ready(at(9), 9), Ok(ids(&["t-c", "t-d", "t-a", "t-b"])));
    assert_eq!(store.ready(at(9), 2), Ok(ids(&["t-c", "t-d"])));
    assert_eq!(store.ready(at(9), 0), Ok(vec![]));
    for task in &mut tasks {
        task.tell(at(4), &[claimed("h-1")]).await;
    }
    assert_eq!(store.ready(at(9), 9), Ok(vec![]));
    let mut all = store.held().expect("a list");
    all.sort();
    let of_h = |task: TaskId| (task, "h-1".to_owned());
    assert_eq!(all, ids(&["t-a", "t-b", "t-c", "t-d"]).into_iter().map(of_h).collect::<Vec<_>>());
    for (number, task) in tasks.iter_mut().enumerate() {
        let fact = if number < 2 { suspended() } else { ended(Status::Failed, Some(Code::R0303)) };
        task.tell(at(5), &[fact]).await;
    }
    let waiting =
        |most| store.waiting(most).map(|all| all.into_iter().map(|work| work.task).collect::<Vec<_>>());
    assert_eq!(waiting(9), Ok(ids(&["t-b", "t-a", "t-d", "t-c"])), "who came last is first");
    assert_eq!(waiting(3), Ok(ids(&["t-b", "t-a", "t-d"])));
    let state = WorkState::Suspended;
    let expected = Work { task: tasks[0].task.clone(), state, since: at(1) };
    assert_eq!(store.work(&expected.task), Ok(Some(expected)), "it is there since it came");
    for task in &mut tasks {
        task.tell(at(6), &[decided(Decision::Retry), ended(Status::Completed, None)]).await;
    }
}

async fn what_was_given_back_is_ready_when_it_is_due_and_not_before<S: EventLog + WorkQueue>(store: &S) {
    let mut tasks = Vec::new();
    // When it came, when it was given back, and for how long.
    for (task, came, back, wait) in [("t-o", 3, 10, 2_000), ("t-p", 1, 20, 1_000), ("t-q", 2, 20, 0)] {
        let mut task = Told::new(store, task);
        task.tell(at(came), &[accepted("", None), claimed("h-1")]).await;
        task.tell(at(back), &[given_back(Duration::from_millis(wait))]).await;
        tasks.push((task, GivenBack { at: at(back), wait: Duration::from_millis(wait) }));
    }
    let mut ready = Told::new(store, "t-r");
    ready.tell(at(2), &[accepted("", None)]).await;
    let pick = |numbers: &[usize]| {
        let one = |number: &usize| (tasks[*number].0.task.clone(), tasks[*number].1);
        Ok(numbers.iter().map(one).collect::<Vec<_>>())
    };
    let ids =
        |tasks: &[&str]| Ok(tasks.iter().map(|task| task.parse().expect("a task")).collect::<Vec<TaskId>>());
    assert_eq!(
        store.ready(at(19), 9),
        ids(&["t-r"]),
        "a clock that is behind takes nothing that is given back"
    );
    assert_eq!(store.delayed(at(19), 9), pick(&[0, 1, 2]), "what is due last is first");
    assert_eq!(store.delayed(at(19), 2), pick(&[0, 1]));
    assert_eq!(store.ready(at(1_019), 9), ids(&["t-q", "t-r"]));
    assert_eq!(store.ready(at(1_020), 9), ids(&["t-p", "t-q", "t-r"]), "in the order in which they came");
    assert_eq!(store.ready(at(1_020), 1), ids(&["t-p"]));
    assert_eq!(store.delayed(at(1_020), 9), pick(&[0]));
    assert_eq!(store.ready(at(2_010), 9), ids(&["t-p", "t-q", "t-r", "t-o"]));
    assert_eq!(store.delayed(at(2_010), 9), Ok(vec![]));
    assert_eq!(
        (store.held(), store.waiting(9)),
        (Ok(vec![]), Ok(vec![])),
        "nobody has it, and no person is asked"
    );
    let (first, _) = &mut tasks[0];
    first.tell(at(2_020), &[claimed("h-2")]).await;
    assert_eq!(
        store.delayed(at(0), 9).map(|all| all.len()),
        Ok(2),
        "who was claimed is not delayed any more"
    );
    for (task, _) in &mut tasks {
        task.tell(at(2_030), &[ended(Status::Completed, None)]).await;
    }
    assert_eq!(store.delayed(at(0), 9), Ok(vec![]));
    ready.tell(at(2_030), &[ended(Status::Completed, None)]).await;
}

async fn a_heart_that_beats_is_counted_for_its_host_alone<S: EventLog + WorkQueue>(store: &S) {
    let mut task = Told::new(store, "t-beats");
    task.tell(at(0), &[accepted("h-beats", None)]).await;
    let beats = || {
        let all = store.beats().expect("they are counted");
        all.into_iter().find(|(host, _)| host == "h-beats").map(|(_, beats)| beats)
    };
    assert_eq!(beats(), None, "a host that never beat");
    assert_eq!(store.beat("h-beats"), Ok(()));
    let first = beats().expect("it has beaten");
    assert_eq!((store.beat("h-other"), beats()), (Ok(()), Some(first)), "another one's heart is not its own");
    assert_eq!((store.beat("h-beats"), beats()), (Ok(()), Some(first + 1)));
    task.tell(at(0), &[ended(Status::Completed, None)]).await;
}
