//! Who sits, and who of them has work of its own in hand: what [`Crowd`](super::Crowd) decides by.

use std::collections::{HashMap, VecDeque};

use futures::channel::oneshot;

use super::crowd::{CrowdLimits, Seat, SeatId};
use super::decide::MAX_CHAIN;
use crate::ids::Agent;

/// Everyone who sits or stands in line.
#[derive(Debug, Default)]
pub(super) struct Room {
    seats: HashMap<SeatId, Taken>,
    all: Count,
    /// How many of them are whose. Nobody with none is in it.
    of: HashMap<Agent, Count>,
    /// Errands stand before tasks: what has begun is to end.
    errands: VecDeque<InLine>,
    tasks: VecDeque<InLine>,
    /// Callers whom the store has no place for, and whether one task of theirs may ask there again.
    without_place: HashMap<Agent, bool>,
    last: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    /// Sandboxes.
    seated: usize,
    /// Seats whose holder waits for no errand: it will end by itself, and there will be room.
    at_work: usize,
}

#[derive(Debug)]
struct Taken {
    caller: Agent,
    /// The seat of the task that asked for this one.
    asking: Option<SeatId>,
    /// Its place in the order in which all came.
    came: u64,
    /// It sits in the seat of the one that asked, which needs none meanwhile.
    borrowed: bool,
    /// It has no sandbox of its own.
    lends: bool,
    lent: bool,
    /// Errands of its own that sit or stand in line.
    errands: usize,
}

/// One that waits for its turn.
#[derive(Debug)]
struct InLine {
    ticket: u64,
    /// Its place in the order in which all came.
    came: u64,
    caller: Agent,
    asking: Option<SeatId>,
    turn: oneshot::Sender<Seat>,
}

impl Room {
    /// Seats one, if there is room for it.
    pub(super) fn take(
        &mut self,
        caller: &Agent,
        asking: Option<SeatId>,
        limits: CrowdLimits,
    ) -> Option<SeatId> {
        let borrowed = self.lends_now(asking);
        if !borrowed && !self.has_room(caller, asking, limits) {
            return None;
        }
        self.last += 1;
        let id = SeatId(self.last);
        let seated = usize::from(!borrowed);
        self.count(caller, |count| {
            count.seated += seated;
            count.at_work += 1;
        });
        if let Some(may_ask) = self.without_place.get_mut(caller).filter(|_| asking.is_none()) {
            *may_ask = false;
        }
        let came = self.last;
        let (caller, lends, lent) = (caller.clone(), false, false);
        let taken = Taken { caller, asking, came, borrowed, lends, lent, errands: 0 };
        self.seats.insert(id, taken);
        self.change(asking, |asking| {
            asking.errands += 1;
            asking.lent |= borrowed;
        });
        Some(id)
    }

    /// Says whose it was and when he came, if it was taken.
    pub(super) fn give_up(&mut self, id: SeatId) -> Option<(Agent, u64)> {
        let taken = self.seats.remove(&id)?;
        self.count(&taken.caller, |count| {
            count.seated -= usize::from(!taken.borrowed);
            count.at_work -= usize::from(taken.errands == 0);
        });
        self.change(taken.asking, |asking| {
            asking.errands -= 1;
            asking.lent &= !taken.borrowed;
        });
        Some((taken.caller, taken.came))
    }

    /// The store has no place for a caller: its tasks wait, in the order in which they came, until one may ask there again. Says
    /// with which ticket this one does, and how many are before it.
    pub(super) fn stand_without_place(
        &mut self,
        caller: Agent,
        came: u64,
        turn: oneshot::Sender<Seat>,
    ) -> (u64, usize) {
        self.without_place.insert(caller.clone(), false);
        self.last += 1;
        let ticket = self.last;
        let at = self.tasks.partition_point(|one| one.came < came);
        self.tasks.insert(at, InLine { ticket, came, caller, asking: None, turn });
        (ticket, self.errands.len() + at)
    }

    /// The first task in line of a caller that waits for a place, if it is this one, may ask for it.
    pub(super) fn ask_again(&mut self, caller: &Agent, ticket: u64) {
        let first = self.tasks.iter().find(|one| one.caller == *caller);
        if first.is_some_and(|first| first.ticket == ticket) {
            self.let_ask(caller);
        }
    }

    /// A task of a caller that waits for a place may ask for it. Where none waits the caller is like any other.
    pub(super) fn let_ask(&mut self, caller: &Agent) {
        if let Some(may_ask) = self.without_place.get_mut(caller) {
            *may_ask = true;
            if self.tasks.iter().all(|one| one.caller != *caller) {
                self.without_place.remove(caller);
            }
        }
    }

    /// Its holder has no sandbox of its own, so that one errand of its needs no other seat.
    pub(super) fn lend(&mut self, id: SeatId) {
        if let Some(taken) = self.seats.get_mut(&id) {
            taken.lends = true;
        }
    }

    /// Whether somebody will make room for an errand without waiting for it.
    pub(super) fn will_have_room(&self, caller: &Agent, asking: SeatId, limits: CrowdLimits) -> bool {
        let own = self.seats.get(&asking);
        // A seat that is lent comes back when the errand that has it ends.
        if own.is_some_and(|own| own.lent) {
            return true;
        }
        let own = self.at_work(Some(asking));
        let his = self.of.get(caller).copied().unwrap_or_default();
        let among = if his.seated < limits.per_caller.max(MAX_CHAIN) { self.all } else { his };
        among.at_work > own
    }

    /// Puts one into the line, and says with which ticket and how many are before it.
    pub(super) fn stand_in_line(
        &mut self,
        caller: &Agent,
        asking: Option<SeatId>,
        turn: oneshot::Sender<Seat>,
    ) -> (u64, usize) {
        self.last += 1;
        let ticket = self.last;
        let one = InLine { ticket, came: ticket, caller: caller.clone(), asking, turn };
        let errands = self.errands.len();
        let (line, ahead) = match asking {
            Some(_) => (&mut self.errands, 0),
            None => (&mut self.tasks, errands),
        };
        let ahead = ahead + line.len();
        line.push_back(one);
        self.change(asking, |asking| asking.errands += 1);
        (ticket, ahead)
    }

    /// Takes one out of the line that does not wait any more, if it still stands there.
    pub(super) fn leave_line(&mut self, ticket: u64) {
        let found = [&mut self.errands, &mut self.tasks].into_iter().find_map(|line| {
            let at = line.iter().position(|one| one.ticket == ticket)?;
            line.remove(at)
        });
        let Some(one) = found else { return };
        self.change(one.asking, |asking| asking.errands -= 1);
        // It may have been the one that would have asked.
        self.let_ask(&one.caller);
    }

    /// Seats the first in line that there is room for.
    pub(super) fn seat_next(&mut self, limits: CrowdLimits) -> Option<(SeatId, oneshot::Sender<Seat>)> {
        let one = [true, false].into_iter().find_map(|errands| {
            let line = if errands { &self.errands } else { &self.tasks };
            let at = self.first_admitted(line, limits)?;
            let line = if errands { &mut self.errands } else { &mut self.tasks };
            line.remove(at)
        })?;
        let seat = self.take(&one.caller, one.asking, limits);
        if let Some(taken) = seat.and_then(|seat| self.seats.get_mut(&seat)) {
            taken.came = one.came;
        }
        // It was counted when it came into the line, and once more with its seat.
        self.change(one.asking, |asking| asking.errands -= 1);
        seat.map(|seat| (seat, one.turn))
    }

    /// How many tasks stand in line.
    pub(super) fn tasks_in_line(&self) -> usize {
        self.tasks.len()
    }

    fn first_admitted(&self, line: &VecDeque<InLine>, limits: CrowdLimits) -> Option<usize> {
        // One caller's often stand one behind the other.
        let mut full: Option<&Agent> = None;
        line.iter().position(|one| {
            if full == Some(&one.caller) || !self.has_room(&one.caller, one.asking, limits) {
                full = Some(&one.caller);
                return self.lends_now(one.asking);
            }
            true
        })
    }

    /// Whether the one that asks has a seat to lend.
    fn lends_now(&self, asking: Option<SeatId>) -> bool {
        asking.and_then(|asking| self.seats.get(&asking)).is_some_and(|one| one.lends && !one.lent)
    }

    /// Where nobody of a caller is at work but the one that asks, nobody else of it would ever make room: then the caller has
    /// beyond its share what one chain of skills needs.
    fn has_room(&self, caller: &Agent, asking: Option<SeatId>, limits: CrowdLimits) -> bool {
        let his = self.of.get(caller).copied().unwrap_or_default();
        if asking.is_none() && self.without_place.get(caller) == Some(&false) {
            return false;
        }
        let is_the_last = || asking.is_some() && his.at_work <= self.at_work(asking);
        let beyond = || his.seated < MAX_CHAIN && is_the_last();
        self.all.seated < limits.sandboxes && (his.seated < limits.per_caller || beyond())
    }

    /// 1 if the one that asks has work of its own in hand so far.
    fn at_work(&self, asking: Option<SeatId>) -> usize {
        let asking = asking.and_then(|asking| self.seats.get(&asking));
        usize::from(asking.is_some_and(|asking| asking.errands == 0))
    }

    fn change(&mut self, id: Option<SeatId>, change: impl FnOnce(&mut Taken)) {
        let Some(taken) = id.and_then(|id| self.seats.get_mut(&id)) else { return };
        let before = usize::from(taken.errands == 0);
        change(taken);
        let after = usize::from(taken.errands == 0);
        if before != after {
            let caller = taken.caller.clone();
            self.count(&caller, |count| count.at_work = count.at_work + after - before);
        }
    }

    fn count(&mut self, caller: &Agent, change: impl Fn(&mut Count)) {
        change(&mut self.all);
        let his = match self.of.get_mut(caller) {
            Some(count) => count,
            None => self.of.entry(caller.clone()).or_default(),
        };
        change(his);
        if (his.seated, his.at_work) == (0, 0) {
            self.of.remove(caller);
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.seats.is_empty()
            && self.of.is_empty()
            && self.errands.is_empty()
            && self.tasks.is_empty()
            && self.without_place.is_empty()
            && (self.all.seated, self.all.at_work) == (0, 0)
    }
}
