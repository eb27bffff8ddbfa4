//! What goes on in the sessions of a client over HTTP: which requests are not answered yet, and that a session is over.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::http::request::Parts;
use ringfence_core::ids::SessionName;
use rmcp::model::{Extensions, RequestId};
use tokio_util::sync::CancellationToken;

/// The sessions of a client in which something was asked, by their names.
pub(super) struct Visits {
    visits: Mutex<HashMap<Arc<str>, Arc<Visit>>>,
    over: CancellationToken,
}

/// A session.
pub(super) struct Visit {
    /// What its tasks say that they belong to.
    session: Option<SessionName>,
    /// The requests that are not answered yet.
    asked: Mutex<HashSet<RequestId>>,
    gone: CancellationToken,
}

impl Visits {
    /// None yet. All of them are over when that is.
    pub(super) fn until(over: CancellationToken) -> Self {
        Self { visits: Mutex::default(), over }
    }

    /// The session of this name. Others that are not `open` any more are forgotten.
    pub(super) fn of(&self, session: &str, open: impl Fn(&str) -> bool) -> Arc<Visit> {
        let mut visits = self.lock();
        if let Some(visit) = visits.get(session) {
            return Arc::clone(visit);
        }
        visits.retain(|name, _| open(name));
        let name = SessionName::of_client(session).ok();
        let visit = Visit { session: name, asked: Mutex::default(), gone: self.over.child_token() };
        let visit = Arc::new(visit);
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
        let is_new = self.lock().insert(id.clone());
        is_new.then(|| Asked(Arc::new(Question { visit: Arc::clone(self), id })))
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<RequestId>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request, for as long as anybody works on it. It goes with the request's head.
#[derive(Clone)]
pub(super) struct Asked(Arc<Question>);

struct Question {
    visit: Arc<Visit>,
    id: RequestId,
}

impl Asked {
    /// What says that the session is over in which a request with these extensions came, and its name, if it came in one.
    pub(super) fn visit(extensions: &Extensions) -> Option<(&CancellationToken, &Option<SessionName>)> {
        let Self(question) = extensions.get::<Parts>()?.extensions.get()?;
        Some((&question.visit.gone, &question.visit.session))
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.visit.lock().remove(&self.id);
    }
}
