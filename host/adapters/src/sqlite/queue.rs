//! What waits for the writer thread: bounded in number and in bytes, so that pressure goes back to whoever writes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The most that waits before a writer has to wait.
const MAX_WAITING: usize = 4096;

/// The most bytes that wait before a writer has to wait. One larger item is let in alone.
const MAX_WAITING_BYTES: usize = 64 << 20;

/// The most that is taken at once.
const MAX_GROUP: usize = 1024;

/// The most bytes that are taken at once, but for a larger item alone.
const MAX_GROUP_BYTES: usize = 16 << 20;

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
}

impl<T> Queue<T> {
    /// An empty queue.
    pub(super) fn new() -> Self {
        let line = Line { items: VecDeque::new(), bytes: 0, open: true };
        Self { line: Mutex::new(line), came: Condvar::new(), left: Condvar::new() }
    }

    /// Puts an item in line, after waiting for room. A closed queue drops it.
    pub(super) fn push(&self, item: T, bytes: usize) {
        let full = |line: &mut Line<T>| {
            let too_large = !line.items.is_empty() && line.bytes + bytes > MAX_WAITING_BYTES;
            line.open && (line.items.len() >= MAX_WAITING || too_large)
        };
        let mut line = self.left.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner);
        if line.open {
            line.items.push_back((item, bytes));
            line.bytes += bytes;
            self.came.notify_one();
        }
    }

    /// Waits for items and takes as many as belong into one transaction; none once the queue is closed and empty.
    pub(super) fn take(&self) -> Vec<T> {
        let empty = |line: &mut Line<T>| line.open && line.items.is_empty();
        let mut line = self.came.wait_while(self.lock(), empty).unwrap_or_else(PoisonError::into_inner);
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
        self.left.notify_all();
        group
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
            queue.push(number, 1);
        }
        let late = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.push(MAX_WAITING, 1)
        });
        thread::sleep(Duration::from_millis(50));
        assert!(!late.is_finished());
        assert_eq!(queue.take(), (0..MAX_GROUP).collect::<Vec<_>>());
        late.join().expect("the writer went on");
    }

    #[test]
    fn bytes_are_bounded_too_but_one_large_item_gets_through() {
        let queue = Queue::new();
        queue.push("large", MAX_WAITING_BYTES + 1);
        assert_eq!(queue.take(), ["large"]);
        queue.push("half", MAX_GROUP_BYTES / 2 + 1);
        queue.push("other half", MAX_GROUP_BYTES / 2 + 1);
        assert_eq!(queue.take(), ["half"]);
        assert_eq!(queue.take(), ["other half"]);
    }

    #[test]
    fn a_closed_queue_gives_what_is_left_and_lets_nothing_in() {
        let queue = Queue::new();
        queue.push(1, 0);
        queue.close();
        queue.push(2, 0);
        assert_eq!(queue.take(), [1]);
        assert!(queue.take().is_empty());
    }
}
