//! A worker as the program has one: it beats its heart, looks at the index of the work, takes what is ready and what other hosts
//! have lost, and goes on with all of it at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::TaskId;
use ringfence_core::pipeline::Host;
use ringfence_core::stores::WorkQueue;
use ringfence_core::units::Timestamp;

use super::disk::Disk;
use super::host::poll;

/// In how many turns a heart beats once.
const BEAT: u64 = 4;

/// For how many turns a heart may stand still, as whoever looks at it counts them.
const LEASE: u64 = 16;

/// For how many turns a task is left alone that could not be gone on with.
const SHUNNED_FOR: u64 = 8;

/// A host and what it works on.
pub(super) struct Worker {
    pub(super) number: u64,
    host: Arc<Host>,
    at_work: Vec<(TaskId, BoxFuture<'static, Result<(), Error>>)>,
    /// How often each heart had beaten, and since which turn.
    hearts: HashMap<String, (u64, u64)>,
    /// Tasks that could not be gone on with, and when.
    shunned: HashMap<TaskId, u64>,
    /// Until then it stands still.
    silent_until: u64,
}

/// What a look at the work shows.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// Nothing waits, and nobody works on anything.
    pub(super) is_idle: bool,
    /// The lease of another host is over that was not known to be gone.
    pub(super) has_expired: bool,
}

impl Worker {
    pub(super) fn new(number: u64, host: Host) -> Self {
        let (hearts, shunned) = (HashMap::new(), HashMap::new());
        Self { number, host: Arc::new(host), at_work: Vec::new(), hearts, shunned, silent_until: 0 }
    }

    pub(super) fn id(&self) -> &str {
        &self.host.id
    }

    /// Begins with a task, whoever has it.
    pub(super) fn begin(&mut self, task: TaskId) {
        let (host, own) = (Arc::clone(&self.host), task.clone());
        let work = async move { host.resume(&own).await?.durable().await.map_err(Error::from) };
        self.at_work.push((task, work.boxed()));
    }

    /// It stands still, its heart too, until this turn.
    pub(super) const fn fall_silent(&mut self, until: u64) {
        self.silent_until = until;
    }

    pub(super) const fn is_silent(&self, turn: u64) -> bool {
        turn < self.silent_until
    }

    pub(super) const fn is_done(&self) -> bool {
        self.at_work.is_empty()
    }

    pub(super) fn beat(&self, disk: &Disk, turn: u64) {
        if turn.is_multiple_of(BEAT) && !self.is_silent(turn) {
            disk.beat(self.id());
        }
    }

    /// Takes what it may.
    pub(super) fn look(&mut self, queue: &dyn WorkQueue, gone: &HashSet<String>, turn: u64) -> Looked {
        let held = queue.held().expect("memory can be read");
        let beats: HashMap<_, _> = queue.beats().expect("memory can be read").into_iter().collect();
        self.hearts.retain(|host, _| held.iter().any(|(_, holder)| holder == host));
        let (mut looked, mut open) = (Looked { is_idle: self.is_done(), ..Looked::default() }, Vec::new());
        for (task, holder) in held {
            if self.runs(&task) {
                continue;
            }
            let beats = beats.get(&holder).copied().unwrap_or(0);
            // What it holds itself and does not run it has lost like any other.
            let is_gone = holder == self.id() || gone.contains(&holder);
            let stands_still = !is_gone && self.stands_still(holder, beats, turn);
            looked.has_expired |= stands_still;
            looked.is_idle = false;
            if is_gone || stands_still {
                open.push(task);
            }
        }
        // These hosts give nothing back: whatever is ready is due.
        let ready = queue.ready(Timestamp(u64::MAX), usize::MAX).expect("memory can be read");
        open.extend(ready.into_iter().filter(|task| !self.runs(task)));
        self.shunned.retain(|_, since| turn < *since + SHUNNED_FOR);
        for task in open {
            looked.is_idle = false;
            if !self.shunned.contains_key(&task) {
                self.begin(task);
            }
        }
        looked
    }

    fn stands_still(&mut self, host: String, beats: u64, turn: u64) -> bool {
        let seen = self.hearts.entry(host).or_insert((beats, turn));
        if seen.0 != beats {
            *seen = (beats, turn);
        }
        turn >= seen.1 + LEASE
    }

    fn runs(&self, task: &TaskId) -> bool {
        self.at_work.iter().any(|(at_work, _)| at_work == task)
    }

    /// Goes on with all that it works on for a bit.
    pub(super) fn go_on(&mut self, turn: u64) {
        let shunned = &mut self.shunned;
        self.at_work.retain_mut(|(task, work)| match poll(work) {
            std::task::Poll::Pending => true,
            std::task::Poll::Ready(done) => {
                // Another host was faster, or a person was.
                let is_fine = |error: &Error| matches!(error.code, Code::R0507 | Code::R0431);
                if done.is_err_and(|error| !is_fine(&error)) {
                    shunned.insert(task.clone(), turn);
                }
                false
            }
        });
    }
}
