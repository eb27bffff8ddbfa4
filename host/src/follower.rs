//! Follows what other processes write to the shared store, and what the operator writes into the policy file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ringfence_core::audit::Fact;
use ringfence_core::error::{Code, Error};
use ringfence_core::governance::{KillTarget, Switches};
use ringfence_core::ids::StreamName;
use ringfence_core::registry::Registry;
use ringfence_core::stores::{EventLog, StoreError};

use crate::policy_file::{PolicyFile, Taking};

/// How often a process looks whether another has written.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The following thread; it has ended, and let go of the store, when this is dropped.
pub(crate) struct Follower {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// Obeys what other processes write: kills, and newly loaded skills; and the operator, what he writes into the policy
    /// file. On a thread of its own: a runtime whose workers are
    /// busy with guests looks at its timers too late.
    pub(crate) fn start(
        log: &Arc<dyn EventLog>,
        registry: &Arc<Registry>,
        switches: Arc<Switches>,
        policy: Option<Taking>,
    ) -> Result<Self, Error> {
        let (log, registry) = (Arc::clone(log), Arc::clone(registry));
        let mut seen = log.head(&StreamName::control())?.sequence;
        let mut version = log.version()?;
        let mut policy = policy.map(PolicyFile::follow).transpose()?;
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        let follow = move || {
            let mut late = Vec::new();
            let mut refreshing: Option<JoinHandle<()>> = None;
            while !end.load(Ordering::Relaxed) {
                std::thread::park_timeout(LOOK_EVERY);
                policy.iter_mut().for_each(PolicyFile::look);
                let Ok(now) = log.version() else { continue };
                // Kills first, and without waiting for anything else. What cannot be read now is read again.
                if now == version || obey_kills(&*log, &switches, &mut seen, &mut late).is_err() {
                    continue;
                }
                if refreshing.as_ref().is_some_and(|refreshing| !refreshing.is_finished()) {
                    continue;
                }
                // A stranger's contract may take long to check: on another thread, one at a time.
                drop(refreshing.take().map(JoinHandle::join));
                let (registry, switches, begun) =
                    (Arc::clone(&registry), Arc::clone(&switches), late.clone());
                let refresh = move || {
                    if let Err(error) = registry.refresh() {
                        tracing::warn!(%error, "the registry cannot be read");
                    }
                    // Runs of a withdrawn version that had begun before this process knew that it is withdrawn.
                    for (target, by) in &begun {
                        switches.kill(target, by);
                    }
                };
                // Where the machine has no thread to give, the next look tries again: kills are obeyed meanwhile.
                if let Ok(thread) =
                    std::thread::Builder::new().name("ringfence-refresh".into()).spawn(refresh)
                {
                    refreshing = Some(thread);
                    version = now;
                    late.clear();
                }
            }
            drop(refreshing.take().map(JoinHandle::join));
            policy.iter_mut().for_each(PolicyFile::end);
        };
        let thread = std::thread::Builder::new().name("ringfence-follow".into()).spawn(follow);
        let thread = thread.map_err(|why| Error::new(Code::R0001, "a thread does not start").because(why))?;
        Ok(Self { ended, thread: Some(thread) })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            drop(thread.join());
        }
    }
}

/// Obeys the kills that were ordered since. An order that this version does not understand stops no other.
/// Those of one version are noted too: it may have been withdrawn just before.
fn obey_kills(
    log: &dyn EventLog,
    switches: &Switches,
    seen: &mut u64,
    of_versions: &mut Vec<(KillTarget, String)>,
) -> Result<(), StoreError> {
    for record in log.read(&StreamName::control(), *seen + 1, usize::MAX)? {
        *seen = record.event.sequence;
        let fact = record.payload.as_deref().and_then(|payload| serde_json::from_slice(payload).ok());
        if let Some(Fact::KillOrdered { target, by }) = fact
            && let Ok(target) = target.parse::<KillTarget>()
        {
            switches.kill(&target, &by);
            if matches!(target, KillTarget::Version(..)) {
                of_versions.push((target, by));
            }
        }
    }
    Ok(())
}
