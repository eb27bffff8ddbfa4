//! A server that counts what it is asked, and knows keyed requests again.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use ringfence_core::gate::{Content, Http, HttpAnswer, HttpSend, Permit, Settled};

use super::host::turn;
use super::plan::Plan;
use super::script::{PATHS, Step};

/// What it was asked: for each path the keys, in the order in which they came.
#[derive(Default)]
pub(super) struct Server {
    asked: Mutex<HashMap<String, Vec<String>>>,
    under_way: AtomicUsize,
    late: Mutex<Late>,
}

/// What is on its way without the host that let it out.
#[derive(Default)]
struct Late {
    /// How many turns it takes to arrive; where nothing is said it never does.
    turns: Option<u64>,
    /// Path and key, and in how many turns.
    requests: Vec<(u64, String, String)>,
}

/// The way to it from one host.
pub(super) struct Line(pub(super) Arc<Server>);

impl Server {
    /// How many POST requests came for a path.
    pub(super) fn count(&self, path: &str) -> usize {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).get(path).map_or(0, Vec::len)
    }

    /// Whether a request has been let out and not been answered.
    pub(super) fn is_busy(&self) -> bool {
        self.under_way.load(Ordering::SeqCst) > 0
    }

    /// From here on what is on its way when its host is lost arrives so many turns later.
    pub(super) fn hold_up(&self, turns: u64) {
        self.late().turns = Some(turns);
    }

    pub(super) fn pass_a_turn(&self) {
        self.arrive(1);
    }

    /// All that is on its way without a host arrives.
    pub(super) fn let_arrive(&self) {
        self.arrive(u64::MAX);
    }

    fn arrive(&self, turns: u64) {
        let mut late = self.late();
        late.requests.iter_mut().for_each(|(left, ..)| *left = left.saturating_sub(turns));
        for (_, path, key) in late.requests.extract_if(.., |(left, ..)| *left == 0) {
            self.take(path, key);
        }
    }

    fn take(&self, path: String, key: String) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).entry(path).or_default().push(key);
    }

    fn late(&self) -> MutexGuard<'_, Late> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Each request of the plan arrived as often as it stands there; those that the server knows again may have come
    /// more often, and count once by their key.
    pub(super) fn check_once(&self, plan: &Plan) -> Result<(), String> {
        let steps: Vec<_> = plan.scripts().flat_map(|(_, script)| script.steps.clone()).collect();
        let wanted = |wanted: Step| steps.iter().filter(|step| **step == wanted).count();
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        for path in 0..2 * PATHS {
            let once = asked.get(&format!("/once/{path}")).map_or(0, Vec::len);
            let keys: HashSet<_> = asked.get(&format!("/keyed/{path}")).into_iter().flatten().collect();
            let (of_once, of_keyed) = (wanted(Step::Once(path)), wanted(Step::Keyed(path)));
            if (once, keys.len()) != (of_once, of_keyed) {
                let keyed = keys.len();
                return Err(format!("of {path} came {once} and {keyed}, not {of_once} and {of_keyed}"));
            }
        }
        Ok(())
    }
}

/// A request on its way: it has arrived, or its host is lost before.
struct Going<'a> {
    server: &'a Server,
    /// Path and key, if it changes something and has not arrived.
    request: Option<(String, String)>,
}

impl Going<'_> {
    fn arrive(&mut self) {
        if let Some((path, key)) = self.request.take() {
            self.server.take(path, key);
        }
    }
}

impl Drop for Going<'_> {
    fn drop(&mut self) {
        self.server.under_way.fetch_sub(1, Ordering::SeqCst);
        if let Some((path, key)) = self.request.take() {
            let mut late = self.server.late();
            if let Some(turns) = late.turns {
                late.requests.push((turns, path, key));
            }
        }
    }
}

impl Http for Line {
    fn send(&self, permit: Permit<HttpSend>) -> BoxFuture<'_, Settled<HttpSend>> {
        Box::pin(async {
            turn().await;
            let underway = match permit.begin().await {
                Ok(underway) => underway,
                Err(settled) => return settled,
            };
            self.0.under_way.fetch_add(1, Ordering::SeqCst);
            let request =
                underway.call().meant().filter(|(method, _)| method.word() == "POST").map(|(_, url)| {
                    let key = underway.key().expect("what changes something has a key").to_string();
                    (url.target().to_owned(), key)
                });
            let mut going = Going { server: &self.0, request };
            turn().await;
            going.arrive();
            turn().await;
            drop(going);
            underway.settle(Ok(HttpAnswer { status: 200, headers: Vec::new(), body: Content(Vec::new()) }))
        })
    }
}
