//! How many sandboxes are live at once, in all and for each caller: who comes later waits in line, and beyond that is told so.
//!
//! A task takes a seat, and so does each errand within it: while one skill waits for another both are live. An errand waits
//! only as long as somebody will make room without waiting for it; so no two wait for one another. Where nobody of a caller would,
//! it has what one chain of skills needs all the same, if there is room in all.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures::channel::oneshot;

use super::room::Room;
use crate::ids::Agent;

/// How many may be live, and how many may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrowdLimits {
    /// So many at once, of all callers.
    pub sandboxes: usize,
    /// So many sandboxes at once, of one caller; one chain of skills has what it needs beyond that.
    pub per_caller: usize,
    /// Tasks in line, of all callers.
    pub waiting: usize,
}

/// Everyone who runs or waits in this process.
#[derive(Debug)]
pub struct Crowd {
    limits: CrowdLimits,
    room: Mutex<Room>,
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
        turn: Turn,
    },
    /// The line is full; or, for an errand, nobody would ever make room.
    Full,
}

/// Tells a seat from all others of its crowd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeatId(pub(super) u64);

impl Crowd {
    /// Nobody yet.
    #[must_use]
    pub fn new(limits: CrowdLimits) -> Arc<Self> {
        Arc::new(Self { limits, room: Mutex::default() })
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
        let mut room = self.lock();
        if let Some(id) = room.take(caller, None, self.limits) {
            return Entered::Seated(self.seat(id));
        }
        if room.tasks_in_line() >= most {
            return Entered::Full;
        }
        self.wait(&mut room, caller, None)
    }

    /// A task that sits wants to run another one, and waits for it.
    #[must_use]
    pub fn enter_for(self: &Arc<Self>, asking: SeatId, caller: &Agent) -> Entered {
        let mut room = self.lock();
        if let Some(id) = room.take(caller, Some(asking), self.limits) {
            return Entered::Seated(self.seat(id));
        }
        if !room.will_have_room(caller, asking, self.limits) {
            return Entered::Full;
        }
        self.wait(&mut room, caller, Some(asking))
    }

    fn wait(self: &Arc<Self>, room: &mut Room, caller: &Agent, asking: Option<SeatId>) -> Entered {
        let (turn, seat) = oneshot::channel();
        let (ticket, ahead) = room.stand_in_line(caller, asking, turn);
        Entered::InLine { ahead, turn: Turn { crowd: Arc::clone(self), ticket, seat } }
    }

    fn seat(self: &Arc<Self>, id: SeatId) -> Seat {
        Seat { crowd: Arc::clone(self), id }
    }

    /// The store has no place for the task that sits here, so it gives up its seat and stands where it stood in line: no task sits
    /// that waits for what another process does. `stood`: it has been in line before, however long that is by now. Others of its
    /// caller wait too, until [`Turn::ask_again`], or until one of its caller leaves.
    #[must_use]
    pub fn without_place(self: &Arc<Self>, seat: Seat, stood: bool) -> Entered {
        let mut room = self.lock();
        if !stood && room.tasks_in_line() >= self.limits.waiting {
            return Entered::Full;
        }
        let Some((caller, came)) = room.give_up(seat.id) else { return Entered::Full };
        let (turn, receiver) = oneshot::channel();
        let (ticket, ahead) = room.stand_without_place(caller, came, turn);
        self.seat_who_may(room);
        Entered::InLine { ahead, turn: Turn { crowd: Arc::clone(self), ticket, seat: receiver } }
    }

    /// The store has had a place for a task of this caller: the next one may ask.
    pub fn has_place(self: &Arc<Self>, caller: &Agent) {
        let mut room = self.lock();
        room.let_ask(caller);
        self.seat_who_may(room);
    }

    /// One left: the first in line who may sit down does. One of a caller who has too many lets others pass.
    fn left(self: &Arc<Self>, id: SeatId) {
        let mut room = self.lock();
        if let Some((caller, _)) = room.give_up(id) {
            room.let_ask(&caller);
        }
        self.seat_who_may(room);
    }

    fn seat_who_may(self: &Arc<Self>, mut room: MutexGuard<'_, Room>) {
        let mut seated = Vec::new();
        while let Some((id, turn)) = room.seat_next(self.limits) {
            seated.push((self.seat(id), turn));
        }
        drop(room);
        for (seat, turn) in seated {
            // Where it was given up meanwhile, the seat is dropped, and with it given to the next.
            drop(turn.send(seat));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to be live; dropping it gives it to the next in line.
#[derive(Debug)]
pub struct Seat {
    crowd: Arc<Crowd>,
    id: SeatId,
}

impl Seat {
    /// What its errands are asked for with.
    #[must_use]
    pub const fn id(&self) -> SeatId {
        self.id
    }

    /// What runs here has no sandbox of its own: one errand of it at a time has this seat.
    pub fn lend(&self) {
        self.crowd.lock().lend(self.id);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crowd.left(self.id);
    }
}

/// A place in line.
#[derive(Debug)]
pub struct Turn {
    crowd: Arc<Crowd>,
    ticket: u64,
    seat: oneshot::Receiver<Seat>,
}

impl Turn {
    /// Where the store has no place for a caller, the first of its tasks in line may ask there again.
    pub fn ask_again(&self, caller: &Agent) {
        let mut room = self.crowd.lock();
        room.ask_again(caller, self.ticket);
        self.crowd.seat_who_may(room);
    }
}

impl Future for Turn {
    type Output = Seat;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Seat> {
        match Pin::new(&mut self.seat).poll(context) {
            Poll::Ready(Ok(seat)) => Poll::Ready(seat),
            // Nobody takes one out of the line but itself.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut room = self.crowd.lock();
        room.leave_line(self.ticket);
        self.crowd.seat_who_may(room);
    }
}

#[cfg(test)]
mod tests;
