//! Plays a plan: its tasks from their submission to their end, with all that befalls them on the way.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ringfence_core::error::Code;
use ringfence_core::ids::TaskId;
use ringfence_core::stores::WorkState;

use super::disk::Disk;
use super::failure::{Failure, Why};
use super::host::Lives;
use super::person::Person;
use super::plan::{Plan, What};
use super::server::Server;

/// No game is longer than this many lives of hosts.
const LIVES: u32 = 200;

/// What befell a game that kept every promise.
#[derive(Debug, Default)]
pub(super) struct Played {
    /// The kinds of faults that came to pass, with `expired` where a lease was over, `suspended` and `failed` where a person was
    /// needed, and `two` where there were two tasks.
    pub(super) seen: BTreeSet<&'static str>,
}

/// Plays a plan, and says which promise it breaks, if any.
pub(super) fn play(plan: &Plan) -> Result<Played, Failure> {
    let played = catch_unwind(AssertUnwindSafe(|| play_on(plan)));
    played.unwrap_or_else(|panic| {
        let told = panic.downcast_ref::<String>().cloned();
        let told = told.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(Failure::new(Why::Panic, told.unwrap_or_default()))
    })
}

fn play_on(plan: &Plan) -> Result<Played, Failure> {
    let (disk, server) = (Arc::new(Disk::default()), Arc::new(Server::default()));
    let mut lives = Lives::new(Arc::clone(&disk), Arc::clone(&server), plan);
    let tasks = lives.tasks();
    lives.submit()?;
    // Delivered twice: still one task.
    lives.submit()?;
    let person = Person { disk: &disk, server: &server, watch: lives.watch() };
    if tasks.len() > 1 {
        lives.played.seen.insert("two");
    }
    let mut life = 0;
    while tasks.iter().any(|task| disk.state(task).is_some()) {
        for task in &tasks {
            match disk.state(task) {
                Some(WorkState::Suspended) => {
                    lives.played.seen.insert("suspended");
                    lives.let_arrive_what_is_on_its_way();
                    person.decide(task)?;
                }
                Some(WorkState::Failed) => {
                    lives.played.seen.insert("failed");
                    check_fair(&disk, plan, task)?;
                    person.retry(task);
                }
                None
                | Some(
                    WorkState::Ready
                    | WorkState::GivenBack(_)
                    | WorkState::Held { .. }
                    | WorkState::InLine { .. },
                ) => {}
            }
        }
        if life == LIVES {
            return Err(Failure::new(Why::Endless, format!("{LIVES} hosts were at it")));
        }
        lives.live(life)?;
        life += 1;
    }
    lives.let_all_end()?;
    // Delivered once more, long after: nothing comes of it.
    lives.submit()?;
    let facts = || tasks.iter().flat_map(|task| disk.facts(task)).collect::<Vec<_>>();
    let told = || facts().iter().map(|fact| format!("\n{fact:?}")).collect::<String>();
    for (task, script) in plan.scripts() {
        let outcome = disk.outcome(&task).ok_or_else(|| Failure::new(Why::Endless, told()))?;
        if outcome.output != Some(script.output()) {
            return Err(Failure::new(Why::Output, format!("{outcome:?}{}", told())));
        }
        disk.check_whole(&task)?;
    }
    server.check_once(plan).map_err(|why| Failure::new(Why::Effects, why + &told()))?;
    Ok(lives.played)
}

/// A task fails because it was claimed too often, or because an approval was over before it was used, which takes a clock that
/// is wrong.
fn check_fair(disk: &Disk, plan: &Plan, task: &TaskId) -> Result<(), Failure> {
    let outcome = disk.outcome(task).expect("it failed");
    let code = outcome.error.as_ref().map(|error| error.code);
    let jumped = plan.faults.iter().any(|fault| matches!(fault.what, What::Jump(_)));
    let is_fair = match code {
        Some(Code::R0511) => true,
        Some(Code::R0301) => jumped && plan.people.once > 0,
        _ => false,
    };
    if is_fair { Ok(()) } else { Err(Failure::new(Why::Unfair, format!("{outcome:?}"))) }
}
