//! What waits for the writer thread: bounded in number and in bytes, so that pressure goes back to whoever writes.
//!
//! The writer is woken for the first of a group, and then lets others come for a moment, unless somebody waits: to wake a
//! thread costs whoever does it as much as several events. Where a crowd waits, and has just been served, it lets as many come as
//! waited before: each transaction costs as much as several tasks, and those who were told come back within the moment.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringfence_core::stores::Hurry;

/// The most that waits before a writer has to wait.
const MAX_WAITING: usize = 4096;

/// The most bytes that wait before a writer has to wait. One larger item is let in alone.
const MAX_WAITING_BYTES: usize = 64 << 20;

/// The most that is taken at once.
const MAX_GROUP: usize = 1024;

/// The most bytes that are taken at once, but for a larger item alone.
const MAX_GROUP_BYTES: usize = 16 << 20;

/// So many who wait are a crowd.
const CROWD: usize = 8;

/// So many of a crowd are enough for a transaction: the others run meanwhile.
const ENOUGH: usize = 64;

/// How long what nobody waits for is put off, so that others may go with it; and a crowd, until it is there again.
const MOMENT: Duration = Duration::from_millis(2);

/// Whether somebody waits for an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Haste {
    /// Somebody does.
    Now,
    /// Nobody does, yet.
    PutOff,
}

/// A queue with one taker.
#[derive(Debug)]
pub(super) struct Queue<T> {
    line: Mutex<Line<T>>,
    came: Condvar,
    left: Condvar,
}

#[derive(Debug)]
struct Line<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    open: bool,
    /// How many wait for what is in line.
    waiting: usize,
    /// How many waited for what was taken last.
    waited: usize,
    taker: Taker,
}

/// What the one who takes is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taker {
    /// Something else.
    Away,
    /// It waits for a first item.
    ForFirst,
    /// It waits for more.
    ForMore,
}

impl<T> Line<T> {
    /// Whether there is nothing to be put off any more.
    fn is_due(&self) -> bool {
        let full = self.items.len() >= MAX_GROUP || self.bytes >= MAX_GROUP_BYTES;
        let awaited = if self.waited < CROWD { 1 } else { self.waited.min(ENOUGH) };
        !self.open || full || self.waiting >= awaited
    }

    /// Whether the taker waits for what has just come.
    fn wakes(&self) -> bool {
        match self.taker {
            Taker::Away => false,
            Taker::ForFirst => true,
            Taker::ForMore => self.is_due(),
        }
    }
}

impl<T> Queue<T> {
    /// An empty queue.
    pub(super) fn new() -> Self {
        let (items, taker) = (VecDeque::new(), Taker::Away);
        let line = Line { items, bytes: 0, open: true, waiting: 0, waited: 0, taker };
        Self { line: Mutex::new(line), came: Condvar::new(), left: Condvar::new() }
    }

    /// Puts an item in line, after waiting for room. A closed queue drops it.
    pub(super) fn push(&self, item: T, bytes: usize, haste: Haste) {
        let full = |line: &mut Line<T>| {
            let too_large = !line.items.is_empty() && line.bytes + bytes > MAX_WAITING_BYTES;
            line.open && (line.items.len() >= MAX_WAITING || too_large)
        };
        let mut line = self.left.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner);
        if line.open {
            line.items.push_back((item, bytes));
            line.bytes += bytes;
            line.waiting += usize::from(haste == Haste::Now);
            self.wake(&line);
        }
    }

    /// Waits for items and takes as many as belong into one transaction; none once the queue is closed and empty.
    pub(super) fn take(&self) -> Vec<T> {
        let mut line = self.lock();
        line.taker = Taker::ForFirst;
        let empty = |line: &mut Line<T>| line.open && line.items.is_empty();
        let mut line = self.came.wait_while(line, empty).unwrap_or_else(PoisonError::into_inner);
        line.taker = Taker::ForMore;
        let not_due = |line: &mut Line<T>| !line.is_due();
        let waited = self.came.wait_timeout_while(line, MOMENT, not_due);
        let (mut line, _) = waited.unwrap_or_else(PoisonError::into_inner);
        line.taker = Taker::Away;
        let mut group = Vec::new();
        let mut total = 0;
        while let Some((_, bytes)) = line.items.front() {
            total += bytes;
            if group.len() == MAX_GROUP || (total > MAX_GROUP_BYTES && !group.is_empty()) {
                break;
            }
            if let Some((item, bytes)) = line.items.pop_front() {
                line.bytes -= bytes;
                group.push(item);
            }
        }
        line.waited = line.waiting;
        if line.items.is_empty() {
            line.waiting = 0;
        }
        self.left.notify_all();
        group
    }

    /// Wakes the taker, if it waits for what has just happened.
    fn wake(&self, line: &Line<T>) {
        if line.wakes() {
            self.came.notify_one();
        }
    }

    /// Lets nothing in any more. What is in line is still taken.
    pub(super) fn close(&self) {
        self.lock().open = false;
        self.came.notify_all();
        self.left.notify_all();
    }

    /// Lets nothing in any more, and drops what is in line.
    pub(super) fn abandon(&self) {
        self.close();
        self.lock().items.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Line<T>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send> Hurry for Queue<T> {
    fn hurry(&self) {
        let mut line = self.lock();
        // What is not in line has been taken.
        if !line.items.is_empty() {
            line.waiting += 1;
            self.wake(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_full_queue_makes_its_writers_wait_until_the_taker_comes() {
        let queue = Arc::new(Queue::new());
        for number in 0..MAX_WAITING {
            queue.push(number, 1, Haste::PutOff);
        }
        let late = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.push(MAX_WAITING, 1, Haste::PutOff)
        });
        thread::sleep(Duration::from_millis(50));
        assert!(!late.is_finished());
        assert_eq!(queue.take(), (0..MAX_GROUP).collect::<Vec<_>>());
        late.join().expect("the writer went on");
    }

    #[test]
    fn the_taker_is_woken_for_the_first_item_and_then_only_when_somebody_waits() {
        let queue = Queue::new();
        let state = |taker| queue.lock().taker = taker;
        let wakes = || queue.lock().wakes();
        queue.push(1, 0, Haste::PutOff);
        assert!(!wakes(), "it is at work");
        state(Taker::ForFirst);
        assert!(wakes());
        state(Taker::ForMore);
        assert!(!wakes(), "what nobody waits for is put off");
        queue.hurry();
        assert!(wakes());
        assert_eq!(queue.take(), [1]);
        queue.hurry();
        state(Taker::ForMore);
        queue.push(2, 0, Haste::PutOff);
        assert!(!wakes(), "who waited has what was waited for");
        queue.push(3, 0, Haste::Now);
        assert!(wakes());
        assert_eq!(queue.take(), [2, 3]);
        queue.push(4, 0, Haste::PutOff);
        assert_eq!(queue.take(), [4], "nothing is put off for ever");
    }

    #[test]
    fn a_crowd_is_waited_for_until_as_many_are_there_again_and_others_are_not() {
        let queue = Queue::new();
        let wakes = || queue.lock().wakes();
        let push = |many: usize| (0..many).for_each(|number| queue.push(number, 0, Haste::Now));
        for (before, awaited) in [(CROWD - 1, 1), (CROWD, CROWD), (ENOUGH + 1, ENOUGH)] {
            push(before);
            assert_eq!(queue.take().len(), before);
            queue.lock().taker = Taker::ForMore;
            push(awaited - 1);
            assert!(!wakes(), "fewer than {awaited} are there");
            push(1);
            assert!(wakes(), "all {awaited} are there");
            assert_eq!(queue.take().len(), awaited);
        }
        push(1);
        assert_eq!(queue.take(), [0], "nobody waits for ever for a crowd that has gone");
        push(1);
        queue.lock().taker = Taker::ForMore;
        assert!(wakes(), "one is no crowd");
    }

    #[test]
    fn bytes_are_bounded_too_but_one_large_item_gets_through() {
        let queue = Queue::new();
        queue.push("large", MAX_WAITING_BYTES + 1, Haste::Now);
        assert_eq!(queue.take(), ["large"]);
        queue.push("half", MAX_GROUP_BYTES / 2 + 1, Haste::Now);
        queue.push("other half", MAX_GROUP_BYTES / 2 + 1, Haste::Now);
        assert_eq!(queue.take(), ["half"]);
        assert_eq!(queue.take(), ["other half"]);
    }

    #[test]
    fn a_closed_queue_gives_what_is_left_and_lets_nothing_in() {
        let queue = Queue::new();
        queue.push(1, 0, Haste::Now);
        queue.close();
        queue.push(2, 0, Haste::Now);
        assert_eq!(queue.take(), [1]);
        assert!(queue.take().is_empty());
    }
}
