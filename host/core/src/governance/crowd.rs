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
    /// Sandboxes at once, of all callers.
    pub runs: usize,
    /// Sandboxes at once, of one caller; one chain of skills has what it needs beyond that.
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
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::governance::decide::MAX_CHAIN;

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

    fn in_line(entered: Entered) -> Turn {
        match entered {
            Entered::InLine { turn, .. } => turn,
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
        let second = second.now_or_never().expect("its turn");
        drop(second);
        drop(seated(crowd.enter(&ada)));
        assert!(crowd.lock().is_empty(), "nobody is remembered who has gone");
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
        let friend = (&mut waiting).now_or_never().expect("its turn");
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

    #[test]
    fn an_errand_takes_a_seat_and_waits_only_for_somebody_who_does_not_wait_for_it() {
        let (crowd, ada) = (crowd(8, 6, 8), agent("ada"));
        let root = seated(crowd.enter(&ada));
        let mut errands: Vec<_> = (0..5).map(|_| seated(crowd.enter_for(root.id(), &ada))).collect();
        let late = in_line(crowd.enter_for(root.id(), &ada));
        let mut task = in_line(crowd.enter(&ada));
        // One of the others will end, and each of these may wait for that.
        let mut nested: Vec<_> =
            errands[1..].iter().map(|one| in_line(crowd.enter_for(one.id(), &ada))).collect();
        // This one is the last that has work of its own in hand.
        assert!(matches!(crowd.enter_for(errands[0].id(), &ada), Entered::Full));
        drop(seated(crowd.enter(&agent("eve"))));
        drop(late);
        drop(errands.remove(0));
        let first = nested.remove(0).now_or_never().expect("errands are before tasks");
        assert!((&mut task).now_or_never().is_none());
        drop((first, nested, errands));
        drop(task.now_or_never().expect("its turn"));
        drop(root);
        assert!(crowd.lock().is_empty(), "nobody is remembered who has gone");
    }

    #[test]
    fn who_may_have_one_seat_has_a_chain_of_skills_and_no_second_task() {
        let (crowd, ada) = (crowd(8, 1, 8), agent("ada"));
        let mut chain = vec![seated(crowd.enter(&ada))];
        let mut task = in_line(crowd.enter(&ada));
        while chain.len() < MAX_CHAIN {
            let asking = chain.last().expect("one").id();
            chain.push(seated(crowd.enter_for(asking, &ada)));
            // What it asks for beside that waits until that is over.
            drop(in_line(crowd.enter_for(asking, &ada)));
        }
        let asking = chain.last().expect("one").id();
        assert!(matches!(crowd.enter_for(asking, &ada), Entered::Full), "no chain is longer");
        let beside = in_line(crowd.enter_for(chain[0].id(), &ada));
        chain.truncate(1);
        let mut beside = vec![beside.now_or_never().expect("nobody else is at work")];
        assert!((&mut task).now_or_never().is_none());
        assert!(matches!(crowd.enter(&ada), Entered::InLine { .. }));
        beside.push(seated(crowd.enter_for(beside[0].id(), &ada)));
        drop((beside, chain));
        drop(task.now_or_never().expect("its turn"));
        assert!(crowd.lock().is_empty(), "nobody is remembered who has gone");
    }

    #[test]
    fn a_chain_beyond_a_callers_share_takes_no_seat_that_the_tenant_has_not() {
        let (crowd, ada, eve) = (crowd(3, 1, 8), agent("ada"), agent("eve"));
        let (one, other) = (seated(crowd.enter(&ada)), seated(crowd.enter(&eve)));
        let errand = seated(crowd.enter_for(one.id(), &ada));
        let mut nested = in_line(crowd.enter_for(errand.id(), &ada));
        assert!((&mut nested).now_or_never().is_none(), "eve will make room");
        assert!(matches!(crowd.enter_for(other.id(), &eve), Entered::Full), "and she alone");
        drop(other);
        drop(nested.now_or_never().expect("its turn"));
        drop((errand, one));
        assert!(crowd.lock().is_empty());
    }

    #[test]
    fn where_all_seats_are_taken_by_those_who_ask_the_last_of_them_is_refused() {
        let crowd = crowd(2, 2, 8);
        let (ada, eve) = (agent("ada"), agent("eve"));
        let (one, other) = (seated(crowd.enter(&ada)), seated(crowd.enter(&eve)));
        let waits = in_line(crowd.enter_for(one.id(), &ada));
        assert!(matches!(crowd.enter_for(other.id(), &eve), Entered::Full));
        drop(other);
        let errand = waits.now_or_never().expect("its turn");
        drop(errand);
        drop(one);
        assert!(crowd.lock().is_empty());
    }

    #[test]
    fn who_has_no_place_in_the_store_stands_where_it_stood_and_its_callers_tasks_ask_one_after_the_other() {
        let crowd = crowd(4, 4, 2);
        let (ada, eve) = (agent("ada"), agent("eve"));
        let (first, second) = (seated(crowd.enter(&ada)), seated(crowd.enter(&ada)));
        let mut second = in_line(crowd.without_place(second, false));
        let mut third = in_line(crowd.enter(&ada));
        assert!(matches!(crowd.enter(&ada), Entered::Full), "two wait");
        drop(seated(crowd.enter(&eve)));
        drop(seated(crowd.enter_for(first.id(), &ada)));
        let ended = (&mut second).now_or_never().expect("one of its caller has ended");
        second = in_line(crowd.without_place(ended, true));
        third.ask_again(&ada);
        assert!((&mut second).now_or_never().is_none(), "the first of them asks");
        second.ask_again(&ada);
        let second = (&mut second).now_or_never().expect("it may ask");
        assert!((&mut third).now_or_never().is_none(), "and no other meanwhile");
        crowd.has_place(&ada);
        let asks = (&mut third).now_or_never().expect("it is next");
        let mut third = in_line(crowd.without_place(asks, true));
        drop(first);
        let third = (&mut third).now_or_never().expect("there may be a place again");
        crowd.has_place(&ada);
        drop((second, third, seated(crowd.enter(&ada))));
        assert!(crowd.lock().is_empty(), "nobody is remembered who has gone");
    }

    #[test]
    fn where_the_one_that_would_ask_for_a_place_gives_up_the_next_one_does() {
        let (crowd, ada) = (crowd(4, 4, 1), agent("ada"));
        let (first, second) = (seated(crowd.enter(&ada)), seated(crowd.enter(&ada)));
        let first = in_line(crowd.without_place(first, false));
        assert!(matches!(crowd.without_place(second, false), Entered::Full), "one waits, and no second one");
        let mut first = first;
        let asks = (&mut first).now_or_never().expect("the one that left may have had a place");
        let mut first = in_line(crowd.without_place(asks, true));
        assert!((&mut first).now_or_never().is_none());
        let second = crowd.stand_in_line(&ada);
        drop(first);
        let asks = in_line(second).now_or_never().expect("it asks in its stead");
        drop(asks);
        drop(seated(crowd.enter(&ada)));
        assert!(crowd.lock().is_empty(), "nobody is remembered who has gone");
    }

    #[test]
    fn who_has_no_sandbox_lends_its_seat_to_one_errand_at_a_time() {
        let (crowd, ada) = (crowd(1, 1, 8), agent("ada"));
        let root = seated(crowd.enter(&ada));
        assert!(matches!(crowd.enter_for(root.id(), &ada), Entered::Full));
        root.lend();
        let first = seated(crowd.enter_for(root.id(), &ada));
        let second = in_line(crowd.enter_for(root.id(), &ada));
        assert!(matches!(crowd.enter_for(first.id(), &ada), Entered::Full), "it has a sandbox");
        drop(first);
        drop(second.now_or_never().expect("its turn"));
        drop(seated(crowd.enter_for(root.id(), &ada)));
        drop(root);
        assert!(crowd.lock().is_empty());
    }
}
