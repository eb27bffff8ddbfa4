//! What a stream's own writer relies on: what it hands over is chained in that order, whoever else writes meanwhile.

use std::sync::Arc;

use ringfence_core::audit::{Fact, Status, TraceId, Verifier};
use ringfence_core::ids::{StreamName, TaskId};
use ringfence_core::stores::{EventLog, PlaceLimits, SharedPlaces, StoreError, StreamWriter, WorkQueue};

use super::told::{accepted, ended};
use crate::system::SystemClock;

/// Every promise to the writers of streams.
pub async fn stream_writers<S: EventLog + WorkQueue + 'static>(store: &Arc<S>) {
    what_several_hand_over_at_once_is_chained_in_its_order(store).await;
    a_task_that_found_no_place_goes_on_where_it_was(store).await;
}

fn writer<S: EventLog + 'static>(store: &Arc<S>, task: &str) -> StreamWriter {
    let task: TaskId = task.parse().expect("a task");
    let log = Arc::clone(store) as Arc<dyn EventLog>;
    StreamWriter::create(log, Arc::new(SystemClock::new()), StreamName::task(&task), "ada".into(), TraceId(1))
}

fn printed(text: &str) -> Fact {
    Fact::Printed { stream: "stdout".into(), text: text.into() }
}

/// The kinds of a stream whose chain is whole.
fn chained(log: &dyn EventLog, stream: &StreamName) -> Vec<String> {
    let records = log.read(stream, 1, usize::MAX).expect("records");
    let mut verifier = Verifier::new(stream.clone());
    records.iter().for_each(|record| verifier.take(record).expect("it follows the one before"));
    records.iter().map(|record| record.event.kind.to_string()).collect()
}

async fn what_several_hand_over_at_once_is_chained_in_its_order<S: EventLog + WorkQueue + 'static>(
    store: &Arc<S>,
) {
    let writers: Vec<_> =
        (0..3).map(|number| Arc::new(writer(store, &format!("t-together-{number}")))).collect();
    let threads: Vec<_> = writers
        .iter()
        .flat_map(|writer| [writer, writer])
        .map(|writer| {
            let writer = Arc::clone(writer);
            std::thread::spawn(move || {
                for number in 0..200 {
                    writer.append(&printed(&number.to_string()));
                    if number % 7 == 0 {
                        writer.hand_over();
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("it writes"));
    for writer in writers {
        assert_eq!(writer.flush().await, Ok(()));
        assert_eq!(chained(&**store, writer.stream()).len(), 400);
    }
}

async fn a_task_that_found_no_place_goes_on_where_it_was<S: EventLog + WorkQueue + 'static>(store: &Arc<S>) {
    let limits = PlaceLimits { per_tenant: None, per_caller: Some(1) };
    let places = SharedPlaces::new(limits, Arc::clone(store) as _, Box::new(|| Ok(Vec::new())));
    let [first, second] = ["t-seated", "t-waits"].map(|task| writer(store, task));
    first.append(&accepted("h-1", None));
    assert_eq!(places.take(&first, None).await, Ok(()));
    second.append(&accepted("h-1", None));
    second.append(&Fact::TaskWaiting { ahead: 1 });
    // On its way, and not hashed yet, when a place is asked for.
    second.hand_over();
    second.append(&printed("waits"));
    let full = Err(StoreError::Full("per-caller"));
    for _ in 0..2 {
        assert_eq!(places.take(&second, Some(&Fact::TaskSeated)).await, full);
    }
    first.append(&ended(Status::Completed, None));
    assert_eq!(first.flush().await, Ok(()));
    assert_eq!(places.take(&second, Some(&Fact::TaskSeated)).await, Ok(()));
    second.append(&ended(Status::Completed, None));
    assert_eq!(second.flush().await, Ok(()));
    let kinds = ["task.accepted", "task.waiting", "output.printed", "task.seated", "task.ended"];
    assert_eq!(chained(&**store, second.stream()), kinds);
}
