//! Works off what waits in the store: claims tasks, also those whose host is gone, and runs them to their end.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringfence_core::error::{Code, Error};
use ringfence_core::ids::TaskId;
use ringfence_core::pipeline::Emitted;
use tokio::task::{JoinHandle, JoinSet};

use crate::approvals;
use crate::delays::Delays;
use crate::heart::Hearts;
use crate::proofs::{self, Retained};
use crate::signing::Signing;
use crate::wiring::Running;

/// How often a worker that has nothing to do looks for something.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// How long a worker leaves a task alone that it cannot go on with and cannot give back either: its log cannot be read, or not be
/// written.
const SHUNNED_FOR: Duration = Duration::from_secs(10);

/// How long it leaves a task alone that there was no place for, so that others are not held up by it.
const PLACELESS_FOR: Duration = Duration::from_millis(100);

/// How many tasks that are not due a worker looks at.
const DELAYED: usize = 1_000;

/// How often a worker sees to it that nothing is kept for too long.
const RETAIN_EVERY: Duration = Duration::from_secs(3_600);

/// How often a worker looks for approvals whose time is over, at the least.
const EXPIRE_EVERY: Duration = Duration::from_secs(1);

/// When a worker stops by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Never.
    Stopped,
    /// When nothing waits and nobody works on anything any more.
    Idle,
}

/// One that works.
pub struct Worker {
    running: Arc<Running>,
    concurrency: usize,
    hearts: Hearts,
    mine: HashSet<TaskId>,
    /// Tasks that could not be gone on with here, and when.
    shunned: HashMap<TaskId, Instant>,
    /// Tasks that the store had no place for, and when.
    placeless: HashMap<TaskId, Instant>,
    delays: Delays,
    at_work: JoinSet<(TaskId, Result<Emitted, Error>)>,
    /// When it was last seen to that nothing is kept for too long, and what does it.
    retained: Option<Instant>,
    retaining: Option<JoinHandle<()>>,
    /// When it looks for approvals whose time is over again, and what does it. Says how long that took.
    expires: Instant,
    expiring: Option<JoinHandle<Duration>>,
    /// Whether it has looked for them at all.
    has_expired: bool,
    /// What signs checkpoints, where the policy file says how often.
    signing: Option<Signing>,
}

impl Worker {
    /// One that runs so many tasks at once.
    #[must_use]
    pub fn new(running: Arc<Running>, concurrency: usize) -> Self {
        let (hearts, mine, at_work) = (Hearts::default(), HashSet::new(), JoinSet::new());
        let (retained, retaining) = (None, None);
        let (shunned, expires) = (HashMap::new(), Instant::now());
        let signing = running.config.checkpoint_every.map(Signing::every);
        Self {
            running,
            concurrency,
            hearts,
            mine,
            shunned,
            placeless: HashMap::new(),
            delays: Delays::default(),
            at_work,
            retained,
            retaining,
            expires,
            expiring: None,
            has_expired: false,
            signing,
        }
    }

    /// Works, and shows each task that is over, or waits for a person, when that is durable.
    ///
    /// # Errors
    /// The store's.
    pub async fn work(
        &mut self,
        until: Until,
        stop: impl Future<Output = ()>,
        mut show: impl FnMut(&Emitted),
    ) -> Result<(), Error> {
        tokio::pin!(stop);
        loop {
            // What cannot be read now is read again: the tasks that run here are not to suffer for it.
            let held = self.claim().unwrap_or_else(|error| {
                tracing::warn!(%error, "the store cannot be looked at");
                usize::MAX
            });
            self.retain();
            if let Some(signing) = &mut self.signing {
                signing.look(&self.running.store);
            }
            let has_looked = self.expire().await;
            if until == Until::Idle && held == 0 && self.at_work.is_empty() && has_looked {
                return self.finish(show).await;
            }
            tokio::select! {
                () = &mut stop => return self.finish(show).await,
                Some(done) = self.at_work.join_next(), if !self.at_work.is_empty() => {
                    self.note(done, &mut show)?;
                }
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            while let Some(done) = self.at_work.try_join_next() {
                self.note(done, &mut show)?;
            }
        }
    }

    /// Begins nothing more, and waits for what has begun.
    async fn finish(&mut self, mut show: impl FnMut(&Emitted)) -> Result<(), Error> {
        while let Some(done) = self.at_work.join_next().await {
            self.note(done, &mut show)?;
        }
        if let Some(retaining) = self.retaining.take() {
            drop(retaining.await);
        }
        if let Some(signing) = &mut self.signing {
            signing.finish(&self.running.store).await;
        }
        Ok(())
    }

    /// Once an hour, what is over for too long is purged, where the policy file says what too long is.
    fn retain(&mut self) {
        let Some(age) = self.running.config.retention else { return };
        let is_due = self.retained.is_none_or(|retained| retained.elapsed() >= RETAIN_EVERY);
        if !is_due || self.retaining.as_ref().is_some_and(|retaining| !retaining.is_finished()) {
            return;
        }
        self.retained = Some(Instant::now());
        let store = self.running.store.clone();
        self.retaining = Some(tokio::spawn(async move {
            match proofs::retain(&store, age, "ringfence work").await {
                Ok(Retained { tasks, payloads }) if !tasks.is_empty() => {
                    tracing::info!(tasks = tasks.len(), payloads, "kept long enough: purged");
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "what is kept for too long cannot be purged now"),
            }
        }));
    }

    /// Every now and then, approvals whose time is over are ended. Says whether that was done and nothing came of it since the
    /// work was looked at last.
    async fn expire(&mut self) -> bool {
        if let Some(expiring) = self.expiring.take_if(|expiring| expiring.is_finished()) {
            let took = expiring.await.unwrap_or(EXPIRE_EVERY);
            // Where much waits, most of the time is for other things.
            self.expires = Instant::now() + EXPIRE_EVERY.max(took * 20);
            // What came of it is found by the next look at the work.
            return std::mem::replace(&mut self.has_expired, true);
        }
        if self.expiring.is_none() && Instant::now() >= self.expires {
            let store = self.running.store.clone();
            self.expiring = Some(tokio::spawn(async move {
                let began = Instant::now();
                if let Err(error) = approvals::look(&store).await {
                    tracing::warn!(%error, "approvals whose time is over cannot be ended now");
                }
                began.elapsed()
            }));
        }
        self.has_expired
    }

    fn note(
        &mut self,
        done: Result<(TaskId, Result<Emitted, Error>), tokio::task::JoinError>,
        show: &mut impl FnMut(&Emitted),
    ) -> Result<(), Error> {
        let (task, done) = match done {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(%error, "a task's thread panicked");
                return Ok(());
            }
        };
        self.mine.remove(&task);
        match done {
            // It is not over: whoever is free when it is due goes on with it.
            Ok(emitted) if emitted.given_back.is_some() => {}
            Ok(emitted) => show(&emitted),
            // Another host was faster, or a person was.
            Err(error) if matches!(error.code, Code::R0507 | Code::R0431) => {}
            Err(error) if error.code == Code::R0506 => {
                self.placeless.insert(task, Instant::now());
            }
            Err(error) => {
                tracing::warn!(%error, %task, "the task cannot be gone on with here");
                self.shunned.insert(task, Instant::now());
            }
        }
        Ok(())
    }

    /// Begins what there is room for. Says how many tasks wait, or are held by others that are alive.
    fn claim(&mut self) -> Result<usize, Error> {
        let room = self.concurrency.saturating_sub(self.at_work.len());
        let queue = &self.running.store.queue;
        let held = queue.held()?;
        let own = self.running.id().to_owned();
        let holders: HashSet<&str> =
            held.iter().map(|(_, host)| host.as_str()).filter(|host| *host != own).collect();
        let now = Instant::now();
        self.hearts.look(&queue.beats()?, &holders.iter().copied().collect::<Vec<_>>(), now);
        let data = &self.running.store.data;
        let stopped = holders.into_iter().filter(|host| self.hearts.has_stopped(data, host, now));
        let gone: Vec<String> = stopped.map(str::to_owned).collect();
        // What this process holds and does not run any more it has lost like any other: its log could not be written.
        let has_lost = |task: &TaskId, host: &str| match host == own {
            true => !self.running.host.switches.runs(task),
            false => gone.iter().any(|gone| gone == host),
        };
        self.shunned.retain(|_, since| now.duration_since(*since) < SHUNNED_FOR);
        // What is gone on with here needs the place that its host had: nothing that has not begun comes before it.
        let is_needed =
            |gone: &String| held.iter().any(|(task, host)| host == gone && !self.shunned.contains_key(task));
        let free: Vec<String> = gone.iter().filter(|gone| !is_needed(gone)).cloned().collect();
        let (lost, kept): (Vec<_>, Vec<_>) = held
            .into_iter()
            .filter(|(task, _)| !self.mine.contains(task))
            .partition(|(task, host)| has_lost(task, host));
        // More than there is room for: others may be after the same ones.
        let time = self.running.store.clock.now();
        let most = self.concurrency.saturating_mul(2).max(16);
        let (mut ready, hidden) = match &self.running.host.places {
            None => (queue.ready(time, most)?, 0),
            Some(places) => {
                let ready = queue.ready_within(time, most, places.limits(), &free)?;
                // What there is no place for now is waited for all the same.
                let hidden = if ready.is_empty() { queue.ready(time, 1)?.len() } else { 0 };
                (ready, hidden)
            }
        };
        let delayed = queue.delayed(time, DELAYED)?;
        let not_due = delayed.len();
        ready.extend(self.delays.look(delayed, now));
        self.placeless.retain(|_, since| now.duration_since(*since) < PLACELESS_FOR);
        let is_left_alone =
            |task: &TaskId| self.shunned.contains_key(task) || self.placeless.contains_key(task);
        ready.retain(|task| !self.mine.contains(task) && !is_left_alone(task));
        if ready.len() > room {
            // Two workers that begin at the same end would meet at every task; and the oldest comes first most often.
            let turn = self.running.store.entropy.seed()[0];
            let among = ready.len().min(room.saturating_mul(2).max(1));
            ready[..among].rotate_left(usize::from(turn) % among);
        }
        let lost = lost.into_iter().filter(|(task, _)| !is_left_alone(task));
        let lost = lost.map(|(task, host)| (task, Some(host)));
        let open: Vec<_> = lost.chain(ready.into_iter().map(|task| (task, None))).collect();
        let waiting = open.len().max(hidden) + self.placeless.len();
        for (task, lost_by) in open.into_iter().take(room) {
            self.mine.insert(task.clone());
            let running = Arc::clone(&self.running);
            self.at_work.spawn(async move {
                let done = match running.host.work_on(&task, lost_by).await {
                    Ok(emitted) => emitted.durable().await.map(|()| emitted).map_err(Error::from),
                    Err(error) => Err(error),
                };
                (task, done)
            });
        }
        Ok(kept.len() + waiting + not_due)
    }
}
