//! A server that counts what it is asked, and knows keyed requests again.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use ringfence_core::gate::{Content, Http, HttpAnswer, HttpSend, Permit, Settled};

use super::host::turn;
use super::script::{Script, Step};

/// What it was asked: for each path the keys, in the order in which they came.
#[derive(Default)]
pub(super) struct Server {
    asked: Mutex<HashMap<String, Vec<String>>>,
    under_way: AtomicUsize,
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

    /// Each request of the script arrived as often as it stands there; those that the server knows again may have come
    /// more often, and count once by their key.
    pub(super) fn assert_once(&self, script: &Script, seed: u64, told: &str) {
        let wanted = |wanted: Step| script.steps.iter().filter(|step| **step == wanted).count();
        for path in 0..3 {
            let once = self.count(&format!("/once/{path}"));
            assert_eq!(once, wanted(Step::Once(path)), "seed {seed}: /once/{path}: {script:?}\n{told}");
            let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            let keys: HashSet<_> = asked.get(&format!("/keyed/{path}")).into_iter().flatten().collect();
            assert_eq!(
                keys.len(),
                wanted(Step::Keyed(path)),
                "seed {seed}: /keyed/{path}: {script:?}\n{told}"
            );
        }
    }
}

/// Under way until it is dropped.
struct Going<'a>(&'a AtomicUsize);

impl Drop for Going<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
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
            let going = Going(&self.0.under_way);
            turn().await;
            if let Some((method, url)) = underway.call().meant()
                && method.word() == "POST"
            {
                let key = underway.key().expect("what changes something has a key").to_string();
                let path = url.target().to_owned();
                self.0
                    .asked
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .entry(path)
                    .or_default()
                    .push(key);
            }
            turn().await;
            drop(going);
            underway.settle(Ok(HttpAnswer { status: 200, headers: Vec::new(), body: Content(Vec::new()) }))
        })
    }
}
