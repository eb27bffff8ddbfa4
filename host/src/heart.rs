//! Leases: a host that works beats its heart, and one whose heart stands still has lost what it held.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ringfence_core::error::{Code, Error};
use ringfence_core::stores::{StoreError, WorkQueue};

use crate::alive::is_alive;

/// How long a heart may stand still, by the clock of whoever looks at it, which never goes back.
pub(crate) const LEASE: Duration = Duration::from_secs(10);

/// How often it beats.
const BEAT: Duration = Duration::from_millis(2_500);

/// The heart of this process; it has stopped when this is dropped.
pub(crate) struct Heart {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Heart {
    /// On a thread of its own: no guest and no runtime keeps it from beating.
    pub(crate) fn start(queue: Arc<dyn WorkQueue>, host: String) -> Result<Self, Error> {
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        let beat = move || {
            let mut next = Instant::now() + BEAT;
            while !end.load(Ordering::Relaxed) {
                std::thread::park_timeout(next.saturating_duration_since(Instant::now()));
                if Instant::now() < next {
                    continue;
                }
                next = Instant::now() + BEAT;
                if let Err(error) = queue.beat(&host) {
                    tracing::info!(%error, "this host's heart cannot beat");
                }
            }
        };
        let thread = std::thread::Builder::new().name("heart".into()).spawn(beat);
        let thread =
            thread.map_err(|why| Error::new(Code::R0001, "there is no thread for the heart").because(why))?;
        Ok(Self { ended, thread: Some(thread) })
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            drop(thread.join());
        }
    }
}

/// Tells which of the hosts that hold tasks have lost them, as often as it is asked.
pub(crate) fn lost(
    queue: Arc<dyn WorkQueue>,
    data: PathBuf,
    own: String,
) -> impl Fn() -> Result<Vec<String>, StoreError> + Send + Sync {
    let hearts = Mutex::new(Hearts::default());
    move || {
        let holders: HashSet<String> = queue.held()?.into_iter().map(|(_, host)| host).collect();
        let holders: Vec<&str> = holders.iter().map(String::as_str).filter(|host| *host != own).collect();
        let now = Instant::now();
        let mut hearts = hearts.lock().unwrap_or_else(PoisonError::into_inner);
        hearts.look(&queue.beats()?, &holders, now);
        Ok(holders
            .into_iter()
            .filter(|host| hearts.has_stopped(&data, host, now))
            .map(str::to_owned)
            .collect())
    }
}

/// What was seen of the hearts of others.
#[derive(Debug, Default)]
pub(crate) struct Hearts(HashMap<String, Seen>);

#[derive(Debug)]
struct Seen {
    beats: u64,
    since: Instant,
}

impl Hearts {
    /// Takes in how often each heart has beaten by now.
    pub(crate) fn look(&mut self, beats: &[(String, u64)], holders: &[&str], now: Instant) {
        let beats: HashMap<&str, u64> = beats.iter().map(|(host, beats)| (host.as_str(), *beats)).collect();
        self.0.retain(|host, _| holders.contains(&host.as_str()));
        for host in holders {
            let beats = beats.get(host).copied().unwrap_or(0);
            let seen = self.0.entry((*host).to_owned()).or_insert(Seen { beats, since: now });
            if seen.beats != beats {
                *seen = Seen { beats, since: now };
            }
        }
    }

    /// Whether a host has lost what it held: its process is gone, or its heart has stood still for a lease.
    pub(crate) fn has_stopped(&self, data: &Path, host: &str, now: Instant) -> bool {
        let still = self.0.get(host).is_some_and(|seen| now.duration_since(seen.since) >= LEASE);
        still || !is_alive(data, host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heart_that_beats_is_no_ones_to_take_from_and_one_that_stands_still_is() {
        let (mut hearts, began) = (Hearts::default(), Instant::now());
        let nowhere = Path::new("/nonexistent");
        let lives = |hearts: &Hearts, now| hearts.0.get("h").is_some_and(|seen| now - seen.since < LEASE);
        for (second, beats) in [(0, 0), (8, 1), (16, 2), (24, 2)] {
            hearts.look(&[("h".into(), beats)], &["h"], began + Duration::from_secs(second));
        }
        assert!(lives(&hearts, began + Duration::from_secs(25)));
        assert!(!lives(&hearts, began + Duration::from_secs(26)));
        assert!(hearts.has_stopped(nowhere, "h", began), "a process that is gone needs no lease");
        hearts.look(&[], &[], began);
        assert!(hearts.0.is_empty(), "nobody is remembered who holds nothing");
    }
}
