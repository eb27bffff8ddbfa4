//! The switch that stops a run now, and the board of all that run in this process.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Waker;

use semver::Version;

use super::Exhausted;
use crate::contract::parse_version;
use crate::controls::{Guard, is_on};
use crate::ids::{SkillName, TaskId};

/// Why a run is stopped from outside of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody killed it.
    Killed {
        /// Who.
        by: String,
    },
    /// A limit that the host watches, such as wall time, was reached.
    Exhausted(Exhausted),
}

/// Set once, and then the run ends wherever it is.
#[derive(Default)]
pub struct StopSwitch {
    reason: OnceLock<StopReason>,
    hook: Mutex<Option<Hook>>,
}

/// What an engine does to end a run, and whom to wake then.
type Hook = Arc<dyn Fn() -> Option<Waker> + Send + Sync>;

impl StopSwitch {
    /// Stops the run. Only the first reason counts; false if there was one before.
    pub fn stop(&self, reason: StopReason) -> bool {
        let (first, waiting) = self.end(reason);
        wake(waiting);
        first
    }

    /// The same, and who waits for the run is told later.
    fn end(&self, reason: StopReason) -> (bool, Option<Waker>) {
        let first = self.reason.set(reason).is_ok();
        let hook = self.lock().clone().filter(|_| is_on(Guard::Kill));
        (first, hook.and_then(|hook| hook()))
    }

    /// Why it was stopped, if it was.
    #[must_use]
    pub fn reason(&self) -> Option<&StopReason> {
        self.reason.get().filter(|_| is_on(Guard::Kill))
    }

    /// What an engine does to end the run that it now begins. Called at once if the switch is set already.
    pub fn attach(&self, hook: Hook) {
        *self.lock() = Some(Arc::clone(&hook));
        if self.reason().is_some() {
            wake(hook());
        }
    }

    /// The run is over; nothing is left to be ended.
    pub fn detach(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Hook>> {
        self.hook.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(waiting: Option<Waker>) {
    if let Some(waiting) = waiting {
        waiting.wake();
    }
}

impl fmt::Debug for StopSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StopSwitch").field("reason", &self.reason).finish_non_exhaustive()
    }
}

/// What a kill aims at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KillTarget {
    /// One task.
    Task(TaskId),
    /// Every run of a skill.
    Skill(SkillName),
    /// Every run of one version of a skill.
    Version(SkillName, Version),
    /// Everything.
    All,
}

impl FromStr for KillTarget {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("skill", one)) if one.contains('@') => {
                let (name, version) = one.split_once('@').unwrap_or_default();
                let name = name.parse().map_err(|why| format!("{why}"))?;
                parse_version(version).map(|version| Self::Version(name, version))
            }
            Some(("skill", name)) => name.parse().map(Self::Skill).map_err(|why| format!("{why}")),
            None if text == "all" => Ok(Self::All),
            None => text.parse().map(Self::Task).map_err(|why| format!("{why}")),
            Some((kind, _)) => Err(format!(
                "there is nothing to kill by `{kind}:`; say TASK, skill:NAME, skill:NAME@VERSION or all"
            )),
        }
    }
}

impl fmt::Display for KillTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(task) => task.fmt(f),
            Self::Skill(name) => write!(f, "skill:{name}"),
            Self::Version(name, version) => write!(f, "skill:{name}@{version}"),
            Self::All => f.write_str("all"),
        }
    }
}

/// A run as a kill finds it.
#[derive(Debug)]
struct Running {
    skill: Option<(SkillName, Version)>,
    switch: Arc<StopSwitch>,
}

impl Running {
    fn switch(&self) -> Arc<StopSwitch> {
        Arc::clone(&self.switch)
    }
}

/// Everything that runs in this process.
#[derive(Debug, Default)]
pub struct Switches(Mutex<HashMap<TaskId, Running>>);

impl Switches {
    /// Puts a task on the board; it leaves when the answer is dropped.
    #[must_use]
    pub fn enter(self: &Arc<Self>, task: TaskId) -> OnBoard {
        let switch = Arc::new(StopSwitch::default());
        let running = Running { skill: None, switch: Arc::clone(&switch) };
        self.lock().insert(task.clone(), running);
        OnBoard { board: Arc::clone(self), task, switch }
    }

    /// Whether a task is at work in this process.
    #[must_use]
    pub fn runs(&self, task: &TaskId) -> bool {
        self.lock().contains_key(task)
    }

    /// Stops what a kill aims at, and says how many runs that were.
    pub fn kill(&self, target: &KillTarget, by: &str) -> usize {
        let aimed: Vec<Arc<StopSwitch>> = {
            let board = self.lock();
            let of = |hit: &dyn Fn(&Running) -> bool| {
                board.values().filter(|running| hit(running)).map(Running::switch).collect()
            };
            match target {
                KillTarget::Task(aimed) => board.get(aimed).map(Running::switch).into_iter().collect(),
                KillTarget::Skill(aimed) => {
                    of(&|running| running.skill.as_ref().is_some_and(|(name, _)| name == aimed))
                }
                KillTarget::Version(name, version) => {
                    of(&|running| running.skill.as_ref().is_some_and(|(n, v)| n == name && v == version))
                }
                KillTarget::All => of(&|_| true),
            }
        };
        // All are over before the first who waits is woken, and may take this core.
        let end = |switch: &Arc<StopSwitch>| switch.end(StopReason::Killed { by: by.to_owned() });
        let ended: Vec<_> = aimed.iter().map(end).collect();
        let stopped = ended.iter().filter(|(first, _)| *first).count();
        ended.into_iter().for_each(|(_, waiting)| wake(waiting));
        stopped
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TaskId, Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task's place on the board.
#[derive(Debug)]
pub struct OnBoard {
    board: Arc<Switches>,
    task: TaskId,
    switch: Arc<StopSwitch>,
}

impl OnBoard {
    /// The switch that stops it.
    #[must_use]
    pub const fn switch(&self) -> &Arc<StopSwitch> {
        &self.switch
    }

    /// Says which skill it turned out to be.
    pub fn runs(&self, skill: &SkillName, version: &Version) {
        if let Some(running) = self.board.lock().get_mut(&self.task) {
            running.skill = Some((skill.clone(), version.clone()));
        }
    }
}

impl Drop for OnBoard {
    fn drop(&mut self) {
        self.board.lock().remove(&self.task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_aimed_at_is_stopped() {
        let board = Arc::new(Switches::default());
        let name = |text: &str| text.parse::<TaskId>().expect("a task id");
        let (one, two) = (board.enter(name("t-1")), board.enter(name("t-2")));
        one.runs(&"hello".parse().expect("a name"), &Version::new(1, 0, 0));
        assert_eq!(board.kill(&"skill:hello@1.0.1".parse().expect("a target"), "eve"), 0);
        assert_eq!(board.kill(&"skill:hello".parse().expect("a target"), "eve"), 1);
        assert!(one.switch().reason().is_some() && two.switch().reason().is_none());
        assert_eq!(board.kill(&KillTarget::All, "eve"), 1, "a run is stopped once");
        drop(two);
        assert_eq!(board.kill(&name("t-2").to_string().parse().expect("a target"), "eve"), 0);
    }

    #[test]
    fn a_switch_that_was_set_before_the_run_began_still_ends_it() {
        let switch = StopSwitch::default();
        switch.stop(StopReason::Killed { by: "eve".into() });
        let ended = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let seen = Arc::clone(&ended);
        switch.attach(Arc::new(move || {
            seen.store(true, std::sync::atomic::Ordering::SeqCst);
            None
        }));
        assert!(ended.load(std::sync::atomic::Ordering::SeqCst));
    }
}
