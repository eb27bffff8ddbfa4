//! Pool: a task waits until there is room for it, in all and among those of its caller: a seat in this process, and, where that is
//! bounded, a place in the store. Who waits for a place has no seat meanwhile: what sits waits for no other process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{BoxFuture, Either, select};

use super::Host;
use super::blame::Failing;
use super::claim::Claimed;
use super::emit::Over;
use crate::audit::{Fact, Status};
use crate::error::{Code, Error};
use crate::governance::{Entered, Seat, SeatId, StopReason, StopSwitch, Turn};
use crate::limit::Limit;
use crate::stores::{SharedPlaces, StoreError};

/// A task that there is room for.
pub(super) struct Pooled(pub(super) Box<Claimed>);

/// A task within another one. What judges comes when the sandbox of what it judges is gone, and has its room; an errand
/// takes room of its own, and stands in line only if there will be some without its end.
pub(super) async fn within(
    host: &Host,
    claimed: Box<Claimed>,
    asking: Option<SeatId>,
) -> Result<Pooled, Over> {
    match asking {
        None => Ok(Pooled(claimed)),
        Some(asking) => {
            let entered = host.crowd.enter_for(asking, &claimed.order.agent);
            let full = "as many runs go on as `per-tenant` or `per-caller` allow, and each of them waits for another one";
            sit_down(host, None, claimed, entered, Patience::Bounded, full).await
        }
    }
}

/// How often a host asks for a place in the store that had none: as often as a worker looks for work.
pub(super) const ASK_EVERY: Duration = Duration::from_millis(25);

/// How long a task waits for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// As long as its wall time, in a line that is not too long: somebody waits for it.
    Bounded,
    /// For ever: it has waited in the store, and a worker took no more than it has room for.
    Endless,
}

pub(super) async fn pool(host: &Host, claimed: Box<Claimed>, patience: Patience) -> Result<Pooled, Over> {
    let entered = match patience {
        Patience::Bounded => host.crowd.enter(&claimed.order.agent),
        Patience::Endless => host.crowd.stand_in_line(&claimed.order.agent),
    };
    let full = "the line is full of tasks that wait for their turn";
    sit_down(host, host.places.as_deref(), claimed, entered, patience, full).await
}

async fn sit_down(
    host: &Host,
    places: Option<&SharedPlaces>,
    mut claimed: Box<Claimed>,
    mut entered: Entered,
    patience: Patience,
    full: &str,
) -> Result<Pooled, Over> {
    // What was claimed has its place from then on, unless it stands in line.
    let mut places = places.filter(|_| patience == Patience::Bounded);
    let (mut stood, mut asks) = (false, false);
    loop {
        let seat = match entered {
            Entered::Seated(seat) => seat,
            Entered::Full => return Err(busy(claimed, full.to_owned())),
            Entered::InLine { ahead, turn } => {
                if !stood {
                    claimed.books.log().append(&Fact::TaskWaiting { ahead });
                    claimed.books.log().hand_over();
                    stood = true;
                    if patience == Patience::Endless {
                        places = host.places.as_deref();
                    }
                }
                match wait(&claimed, turn, patience, asks).await {
                    Waited::Seated(seat) => seat,
                    Waited::TimeUp => {
                        let wall = Duration::from_millis(claimed.order.limits[Limit::WallMs]);
                        return Err(busy(claimed, format!("its turn did not come within its {wall:?}")));
                    }
                    Waited::Stopped => return Err(killed(claimed, "while it waited for its turn")),
                }
            }
        };
        let seated = stood.then_some(&Fact::TaskSeated);
        let taken = match places {
            Some(places) => places.take(claimed.books.log(), seated).await,
            None => {
                seated.into_iter().for_each(|fact| claimed.books.log().append(fact));
                Ok(())
            }
        };
        match taken {
            Ok(()) => {
                if places.is_some() {
                    host.crowd.has_place(&claimed.order.agent);
                }
                if stood && patience == Patience::Endless {
                    // The wait was the host's, and none of the task's time.
                    claimed.began = claimed.books.clock().monotonic();
                }
                claimed.sit(seat);
                return Ok(Pooled(claimed));
            }
            Err(StoreError::Full(_)) => {
                asks = true;
                entered = host.crowd.without_place(seat, stood);
            }
            Err(error) => {
                let error = Error::from(error);
                return Err(over(claimed, Status::Failed, error));
            }
        }
    }
}

enum Waited {
    Seated(Seat),
    TimeUp,
    Stopped,
}

/// `asks`: the store had no place for it, and is asked again every now and then.
async fn wait(claimed: &Claimed, mut turn: Turn, patience: Patience, asks: bool) -> Waited {
    let books = &claimed.books;
    let wall = Duration::from_millis(claimed.order.limits[Limit::WallMs]);
    let mut time_up = match patience {
        Patience::Bounded => books.clock().sleep(wall.saturating_sub(claimed.elapsed())),
        Patience::Endless => Box::pin(std::future::pending()),
    };
    let mut stopped = Stopped::watch(books.switch());
    loop {
        let ask: BoxFuture<'_, ()> = match asks {
            true => books.clock().sleep(ASK_EVERY),
            false => Box::pin(std::future::pending()),
        };
        match select(&mut stopped, select(&mut turn, select(&mut time_up, ask))).await {
            Either::Left(_) => return Waited::Stopped,
            Either::Right((Either::Left((seat, _)), _)) => return Waited::Seated(seat),
            Either::Right((Either::Right((Either::Left(_), _)), _)) => return Waited::TimeUp,
            Either::Right((Either::Right((Either::Right(_), _)), _)) => turn.ask_again(&claimed.order.agent),
        }
    }
}

/// Ready when a switch is set; lets go of it when dropped.
pub(super) struct Stopped<'a> {
    switch: &'a StopSwitch,
    set: oneshot::Receiver<()>,
}

impl<'a> Stopped<'a> {
    pub(super) fn watch(switch: &'a StopSwitch) -> Self {
        let (told, set) = oneshot::channel();
        let told = Mutex::new(Some(told));
        switch.attach(Arc::new(move || {
            let told = told.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Nobody waits any more if it cannot be told.
            told.map(|told| told.send(()));
            None
        }));
        Self { switch, set }
    }
}

impl Future for Stopped<'_> {
    type Output = ();
    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        std::pin::Pin::new(&mut self.set).poll(context).map(|_| ())
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.switch.detach();
    }
}

fn busy(claimed: Box<Claimed>, why: String) -> Over {
    let error = Error::new(Code::R0506, "the host is busy")
        .because(why)
        .hint("order it again a little later, or raise the limits under [concurrency] in ringfence.toml");
    over(claimed, Status::Failed, error)
}

pub(super) fn killed(claimed: Box<Claimed>, when: &str) -> Over {
    let error = killed_by(&claimed, when);
    over(claimed, Status::Stopped, error)
}

pub(super) fn killed_by(claimed: &Claimed, when: &str) -> Error {
    let by = match claimed.books.switch().reason() {
        Some(StopReason::Killed { by }) => by.clone(),
        _ => "the host".to_owned(),
    };
    let title = format!("the task `{}` was killed {when}", claimed.order.task);
    Error::new(Code::R0202, title).because(format!("ordered by {by}"))
}

fn over(claimed: Box<Claimed>, status: Status, error: Error) -> Over {
    let (skill, ring) = (Arc::clone(&claimed.order.skill), claimed.order.ring);
    let failing = Failing::Refused(error.code);
    Over::new(claimed, skill, None, ring, 0).with_error(status, error, failing)
}
