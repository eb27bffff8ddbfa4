//! Delays: a task that was given back is due when the clock says so, and at the latest when this process has seen it for as long
//! as the delay is: a clock that is wrong, here or where it was given back, makes nobody wait for longer.

use std::collections::HashMap;
use std::time::Instant;

use ringfence_core::ids::TaskId;
use ringfence_core::stores::GivenBack;

/// Since when this process has seen each task that is not due by its clock.
#[derive(Debug, Default)]
pub(crate) struct Delays(HashMap<TaskId, (GivenBack, Instant)>);

impl Delays {
    /// Takes in what is not due by the clock, and says what is due all the same.
    pub(crate) fn look(&mut self, delayed: Vec<(TaskId, GivenBack)>, now: Instant) -> Vec<TaskId> {
        let mut before = std::mem::take(&mut self.0);
        let mut due = Vec::new();
        for (task, given_back) in delayed {
            let seen = before.remove(&task).filter(|(seen, _)| *seen == given_back);
            let since = seen.map_or(now, |(_, since)| since);
            if now.duration_since(since) >= given_back.wait {
                due.push(task.clone());
            }
            self.0.insert(task, (given_back, since));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ringfence_core::units::Timestamp;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn task() -> TaskId {
        "t-a".parse().expect("a task")
    }

    #[test]
    fn a_clock_that_jumped_makes_nobody_wait_for_longer_than_the_delay() {
        let (mut delays, began) = (Delays::default(), Instant::now());
        // A year ahead: by the clock of this process it is not due for a year.
        let given_back = GivenBack { at: Timestamp(31_536_000_000_000), wait: 2 * SECOND };
        let mut look = |given_back, now| delays.look(vec![(task(), given_back)], now);
        assert_eq!(look(given_back, began), []);
        assert_eq!(look(given_back, began + SECOND), []);
        assert_eq!(look(given_back, began + 2 * SECOND), [task()]);
        let again = GivenBack { at: Timestamp(31_536_000_000_001), wait: 2 * SECOND };
        assert_eq!(look(again, began + 2 * SECOND), [], "given back once more, it is waited for anew");
        assert_eq!(look(again, began + 4 * SECOND), [task()]);
        assert_eq!(delays.look(Vec::new(), began), []);
        assert!(delays.0.is_empty(), "what is not delayed any more is forgotten");
    }
}
