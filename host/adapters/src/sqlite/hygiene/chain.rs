//! One walk over a stream: its chain is checked, and what the indexes should say of it is gathered on the way.

use ringfence_core::audit::{Record, Verifier, purged_until};
use ringfence_core::ids::StreamName;
use ringfence_core::stores::{StoreError, Work, WorkChange};
use rusqlite::Connection;

use super::memory::Kept;
use crate::sqlite::rows;

/// How many records are held at once.
const PAGE: usize = 256;

/// What a stream says.
pub(super) struct Walked {
    /// The sequence of its last event.
    pub(super) head: u64,
    /// What is wrong with its chain.
    pub(super) broken: Option<String>,
    /// How its task stands, if it is one's that is not over; `None` where not all of it can be read any more.
    pub(super) work: Option<Option<Work>>,
    /// Whose it is: who its first event is written for.
    pub(super) caller: String,
    /// What it wrote to its caller's memory.
    pub(super) kept: Kept,
}

/// The stream that says what was purged.
pub(super) fn control(connection: &Connection) -> Result<Vec<Record>, StoreError> {
    rows::read(connection, &StreamName::control(), 1, usize::MAX)
}

/// Walks over a stream.
pub(super) fn walk(
    connection: &Connection,
    stream: &StreamName,
    control: &[Record],
) -> Result<Walked, StoreError> {
    let mut verifier = Verifier::new(stream.clone()).purged_until(purged_until(control, stream));
    let (caller, kept) = (String::new(), Kept::default());
    let mut walked = Walked { head: 0, broken: None, work: Some(None), caller, kept };
    loop {
        let page = rows::read(connection, stream, walked.head + 1, PAGE)?;
        for record in &page {
            walked.head = record.event.sequence;
            if walked.broken.is_none() {
                walked.broken = verifier.take(record).err().map(|broken| broken.to_string());
            }
            if record.event.sequence == 1 {
                record.event.actor.as_ref().clone_into(&mut walked.caller);
            }
            match (&record.payload, &mut walked.work) {
                (None, work) => *work = None,
                (Some(_), Some(work)) => follow(work, record),
                (Some(_), None) => {}
            }
            walked.kept.follow(record);
        }
        if page.len() < PAGE {
            return Ok(walked);
        }
    }
}

/// The same as the index does with each event.
fn follow(work: &mut Option<Work>, record: &Record) {
    match WorkChange::of(record) {
        Some((task, WorkChange::Opened(state))) => {
            *work = Some(Work { task, state, since: record.event.time });
        }
        Some((_, WorkChange::Stands(state))) => {
            if let Some(work) = work {
                work.state = state;
            }
        }
        Some((_, WorkChange::Waits)) => {
            *work = work.take().map(|work| Work { state: work.state.waits(), ..work });
        }
        Some((_, WorkChange::Sits)) => {
            *work = work.take().map(|work| Work { state: work.state.sits(), ..work });
        }
        Some((_, WorkChange::Over)) => *work = None,
        None => {}
    }
}
