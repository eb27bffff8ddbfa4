//! What goes on in the sessions of a client over HTTP: which requests are not answered yet, whether anybody waits for their answers, and
//! that a session is over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::http::request::Parts;
use ringfence_core::ids::SessionName;
use rmcp::model::{Extensions, RequestId};
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The sessions of a client in which something was asked, by their names.
pub(super) struct Visits {
    visits: Mutex<HashMap<Arc<str>, Arc<Visit>>>,
    absence: Duration,
    over: CancellationToken,
}

/// A session.
pub(super) struct Visit {
    /// What its tasks say that they belong to.
    session: Option<SessionName>,
    state: Mutex<State>,
    /// For how long its client may be away from what it has asked.
    absence: Duration,
    gone: CancellationToken,
}

#[derive(Default)]
struct State {
    /// The requests that are not answered yet, each with what says that nobody waits for it.
    asked: HashMap<RequestId, CancellationToken>,
    /// How many connections the client has open to this session.
    present: usize,
    /// When its last connection was gone.
    left: Option<Instant>,
    /// Whether somebody looks after what it has asked meanwhile: one for a session, however often it comes and goes.
    watched: bool,
}

impl Visits {
    /// None yet. All of them are over when that is; what a client has asked is over when it is away from it for so long.
    pub(super) fn until(over: CancellationToken, absence: Duration) -> Self {
        Self { visits: Mutex::default(), absence, over }
    }

    /// The session of this name. Others that are not `open` any more are forgotten.
    pub(super) fn of(&self, session: &str, open: impl Fn(&str) -> bool) -> Arc<Visit> {
        let mut visits = self.lock();
        if let Some(visit) = visits.get(session) {
            return Arc::clone(visit);
        }
        visits.retain(|name, _| open(name));
        let name = SessionName::of_client(session).ok();
        let (state, gone) = (Mutex::default(), self.over.child_token());
        let visit = Arc::new(Visit { session: name, state, absence: self.absence, gone });
        visits.insert(session.into(), Arc::clone(&visit));
        visit
    }

    /// The client has ended this session: nobody waits for what runs in it.
    pub(super) fn end(&self, session: &str) {
        if let Some(visit) = self.lock().remove(session) {
            visit.gone.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Visit>>> {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visit {
    /// Notes a request. `None`: its id is that of one that is not answered yet.
    pub(super) fn ask(self: &Arc<Self>, id: RequestId) -> Option<Asked> {
        let mut state = self.lock();
        if state.asked.contains_key(&id) {
            return None;
        }
        let left = self.gone.child_token();
        state.asked.insert(id.clone(), left.clone());
        Some(Asked(Arc::new(Question { visit: Arc::clone(self), id, left })))
    }

    /// Notes that the client is there, for as long as that lives.
    pub(super) fn enter(self: &Arc<Self>) -> Present {
        let mut state = self.lock();
        state.present += 1;
        Present(Arc::clone(self))
    }

    /// Gives up what was asked, if the client has been away for too long; else says how much longer it may be, if it is away.
    fn look(&self) -> Option<Duration> {
        let mut state = self.lock();
        let away = state.left.filter(|_| state.present == 0 && !state.asked.is_empty());
        let may = away.map(|left| self.absence.saturating_sub(left.elapsed()));
        if may == Some(Duration::ZERO) {
            state.asked.values().for_each(CancellationToken::cancel);
        }
        let may = may.filter(|may| !may.is_zero());
        state.watched = may.is_some();
        may
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that the client has open to its session: a request of its own, or what it listens to.
pub(super) struct Present(Arc<Visit>);

impl Drop for Present {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.present -= 1;
        state.left = Some(Instant::now());
        if state.present > 0 || state.watched || state.asked.is_empty() {
            return;
        }
        let visit = Arc::clone(&self.0);
        // Without a runtime nothing is served any more.
        if let Ok(runtime) = Handle::try_current() {
            state.watched = true;
            runtime.spawn(async move {
                let mut may = visit.absence;
                loop {
                    tokio::select! {
                        () = tokio::time::sleep(may) => {}
                        () = visit.gone.cancelled() => return,
                    }
                    match visit.look() {
                        Some(longer) => may = longer,
                        None => return,
                    }
                }
            });
        }
    }
}

/// A request, for as long as anybody works on it. It goes with the request's head.
#[derive(Clone)]
pub(super) struct Asked(Arc<Question>);

struct Question {
    visit: Arc<Visit>,
    id: RequestId,
    left: CancellationToken,
}

impl Asked {
    /// What says that nobody waits for the answer to a request with these extensions, and the name of the session, if it came in one.
    pub(super) fn visit(extensions: &Extensions) -> Option<(&CancellationToken, &Option<SessionName>)> {
        let Self(question) = extensions.get::<Parts>()?.extensions.get()?;
        Some((&question.left, &question.visit.session))
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.visit.lock().asked.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABSENCE: Duration = Duration::from_secs(60);

    fn visit() -> Arc<Visit> {
        Visits::until(CancellationToken::new(), ABSENCE).of("s", |_| true)
    }

    fn asks(visit: &Arc<Visit>, id: i64) -> (Asked, CancellationToken) {
        let asked = visit.ask(RequestId::Number(id)).expect("a new id");
        let left = asked.0.left.clone();
        (asked, left)
    }

    /// Lets what is due by then happen.
    async fn wait(time: Duration) {
        tokio::time::sleep(time).await;
        tokio::task::yield_now().await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_client_has_asked_that_stays_away_is_given_up_and_nothing_that_it_asks_later() {
        let visit = visit();
        let present = visit.enter();
        let (_asked, left) = asks(&visit, 1);
        wait(ABSENCE * 2).await;
        assert!(!left.is_cancelled(), "it is there");
        drop(present);
        wait(ABSENCE / 2).await;
        assert!(!left.is_cancelled(), "it may come back");
        wait(ABSENCE).await;
        assert!(left.is_cancelled());
        let _present = visit.enter();
        let (_asked, left) = asks(&visit, 2);
        wait(ABSENCE * 2).await;
        assert!(!left.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_comes_back_or_is_there_by_another_connection_has_its_answers() {
        let visit = visit();
        let (present, other) = (visit.enter(), visit.enter());
        let (asked, left) = asks(&visit, 1);
        drop(present);
        wait(ABSENCE * 2).await;
        assert!(!left.is_cancelled(), "it is there by the other one");
        drop(other);
        wait(ABSENCE / 2).await;
        let back = visit.enter();
        wait(ABSENCE * 2).await;
        assert!(!left.is_cancelled(), "it came back in time");
        drop(back);
        wait(ABSENCE / 2).await;
        drop(visit.enter());
        wait(ABSENCE / 2 + Duration::from_secs(1)).await;
        assert!(!left.is_cancelled(), "it is counted from when it was there last");
        drop(asked);
        wait(ABSENCE).await;
        assert!(!left.is_cancelled(), "what is answered is over");
    }
}
