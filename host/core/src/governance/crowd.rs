//! How many runs go on at once, in all and for each caller: who comes later waits in line, and beyond that is told so.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::channel::oneshot;

use crate::ids::Agent;

/// How many may run, and how many may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrowdLimits {
    /// Runs at once, of all callers.
    pub runs: usize,
    /// Runs at once, of one caller.
    pub per_caller: usize,
    /// Tasks in line, of all callers.
    pub waiting: usize,
}

/// Everyone who runs or waits in this process.
#[derive(Debug)]
pub struct Crowd {
    limits: CrowdLimits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    seated: usize,
    /// How many of them are whose. Nobody with none is in it.
    of: HashMap<Agent, usize>,
    line: VecDeque<(Agent, oneshot::Sender<Seat>)>,
}

/// The answer to one who wants to run.
#[derive(Debug)]
pub enum Entered {
    /// There is room.
    Seated(Seat),
    /// There will be. Giving up waiting is leaving the line.
    InLine {
        /// How many were there before.
        ahead: usize,
        /// The seat, when it is there.
        seat: oneshot::Receiver<Seat>,
    },
    /// The line is full.
    Full,
}

impl Crowd {
    /// Nobody yet.
    #[must_use]
    pub fn new(limits: CrowdLimits) -> Arc<Self> {
        Arc::new(Self { limits, state: Mutex::default() })
    }

    /// A caller wants to run something.
    #[must_use]
    pub fn enter(self: &Arc<Self>, caller: &Agent) -> Entered {
        self.enter_behind(caller, self.limits.waiting)
    }

    /// The same however long the line is.
    #[must_use]
    pub fn stand_in_line(self: &Arc<Self>, caller: &Agent) -> Entered {
        self.enter_behind(caller, usize::MAX)
    }

    fn enter_behind(self: &Arc<Self>, caller: &Agent, most: usize) -> Entered {
        let mut state = self.lock();
        state.line.retain(|(_, waiting)| !waiting.is_canceled());
        if state.take(caller, self.limits) {
            return Entered::Seated(self.seat(caller.clone()));
        }
        let ahead = state.line.len();
        if ahead >= most {
            return Entered::Full;
        }
        let (sender, seat) = oneshot::channel();
        state.line.push_back((caller.clone(), sender));
        Entered::InLine { ahead, seat }
    }

    fn seat(self: &Arc<Self>, caller: Agent) -> Seat {
        Seat(Some((Arc::clone(self), caller)))
    }

    /// One left: the first in line who may sit down does. One of a caller who has too many lets others pass.
    fn left(self: &Arc<Self>, caller: &Agent) {
        let mut state = self.lock();
        state.give_up(caller);
        while let Some(at) = state.first_admitted(self.limits) {
            let Some((caller, waiting)) = state.line.remove(at) else { return };
            state.take(&caller, self.limits);
            let Err(mut seat) = waiting.send(self.seat(caller)) else { continue };
            // It was given up meanwhile. Dropped as it is it would want the lock.
            if let Some((_, caller)) = seat.0.take() {
                state.give_up(&caller);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn admits(&self, caller: &Agent, limits: CrowdLimits) -> bool {
        self.seated < limits.runs && self.of.get(caller).copied().unwrap_or(0) < limits.per_caller
    }

    fn first_admitted(&self, limits: CrowdLimits) -> Option<usize> {
        self.line.iter().position(|(caller, _)| self.admits(caller, limits))
    }

    fn take(&mut self, caller: &Agent, limits: CrowdLimits) -> bool {
        if !self.admits(caller, limits) {
            return false;
        }
        self.seated += 1;
        match self.of.get_mut(caller) {
            Some(count) => *count += 1,
            None => drop(self.of.insert(caller.clone(), 1)),
        }
        true
    }

    fn give_up(&mut self, caller: &Agent) {
        self.seated -= 1;
        if let Some(count) = self.of.get_mut(caller) {
            *count -= 1;
            if *count == 0 {
                self.of.remove(caller);
            }
        }
    }
}

/// The right to run; dropping it gives it to the next in line.
#[derive(Debug)]
pub struct Seat(Option<(Arc<Crowd>, Agent)>);

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some((crowd, caller)) = self.0.take() {
            crowd.left(&caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn crowd(runs: usize, per_caller: usize, waiting: usize) -> Arc<Crowd> {
        Crowd::new(CrowdLimits { runs, per_caller, waiting })
    }

    fn agent(name: &str) -> Agent {
        name.parse().expect("an agent")
    }

    fn seated(entered: Entered) -> Seat {
        match entered {
            Entered::Seated(seat) => seat,
            other => panic!("not seated: {other:?}"),
        }
    }

    fn in_line(entered: Entered) -> oneshot::Receiver<Seat> {
        match entered {
            Entered::InLine { seat, .. } => seat,
            other => panic!("not in line: {other:?}"),
        }
    }

    #[test]
    fn who_comes_later_waits_in_line_and_one_more_is_told_so() {
        let (crowd, ada) = (crowd(1, 1, 1), agent("ada"));
        let first = seated(crowd.enter(&ada));
        let mut second = in_line(crowd.enter(&ada));
        assert!(matches!(crowd.enter(&ada), Entered::Full));
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        let second = second.now_or_never().expect("its turn").expect("a seat");
        drop(second);
        drop(seated(crowd.enter(&ada)));
        assert!(crowd.lock().of.is_empty(), "nobody is remembered who has gone");
    }

    #[test]
    fn one_callers_line_does_not_hold_up_another() {
        let crowd = crowd(2, 1, 8);
        let (ada, eve) = (agent("ada"), agent("eve"));
        let first = seated(crowd.enter(&eve));
        let second = in_line(crowd.enter(&eve));
        let friend = seated(crowd.enter(&ada));
        let mut waiting = in_line(crowd.enter(&ada));
        drop(friend);
        let friend = (&mut waiting).now_or_never().expect("its turn").expect("a seat");
        assert!(second.now_or_never().is_none(), "eve has her one");
        drop((first, friend));
        drop(seated(crowd.enter(&eve)));
    }

    #[test]
    fn who_gives_up_leaves_the_line_and_keeps_no_seat() {
        let (crowd, ada) = (crowd(1, 1, 1), agent("ada"));
        let first = seated(crowd.enter(&ada));
        drop(in_line(crowd.enter(&ada)));
        let patient = in_line(crowd.enter(&ada));
        drop(first);
        drop(patient);
        drop(seated(crowd.enter(&ada)));
    }
}
