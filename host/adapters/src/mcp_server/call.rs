//! One call of a tool: a task that is begun, told of, and killed when nobody waits for it any more.

use std::sync::Arc;
use std::time::Duration;

use ringfence_core::ids::{SessionName, TaskId};
use rmcp::RoleServer;
use rmcp::model::{CallToolResult, JsonObject, LoggingLevel};
use rmcp::service::RequestContext;
use tokio_util::sync::CancellationToken;

use super::telling::Telling;
use super::{Begun, Offer, Offering, answer, artifact};

/// How long the last words of a task may take to reach its client.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs a tool for a client until it ends; it is killed when the client cancels it, or is gone from its visit, which is
/// the session that is named where there is one.
pub(super) async fn call(
    offering: &Arc<dyn Offering>,
    offer: &Offer,
    arguments: JsonObject,
    context: &RequestContext<RoleServer>,
    level: Option<LoggingLevel>,
    visit: (&CancellationToken, Option<SessionName>),
) -> CallToolResult {
    let (gone, session) = visit;
    let progress = context.meta.get_progress_token();
    let listens = progress.is_some() || level.is_some();
    let Begun { task, mut end } = offering.begin(offer, offer.input(arguments), session, listens);
    let mut at_work = AtWork { offering: &**offering, task: Some(task.clone()) };
    let mut telling = Telling::new(context, task.clone(), progress, level, &**offering.log());
    let emitted = {
        // Beside the wait: a client that does not listen holds up neither the end nor the kill.
        let told = telling.follow();
        tokio::pin!(told);
        loop {
            tokio::select! {
                biased;
                emitted = &mut end => break emitted,
                () = context.ct.cancelled(), if at_work.task.is_some() => at_work.kill(),
                () = gone.cancelled(), if at_work.task.is_some() => at_work.kill(),
                never = &mut told => match never {},
            }
        }
    };
    at_work.task = None;
    // What it cannot be told by then stands in the log.
    drop(tokio::time::timeout(LAST_WORDS, telling.finish()).await);
    match emitted {
        Err(why) => answer::failed(&why),
        Ok(emitted) => {
            let handed_over =
                artifact::contents(&task, &emitted.artifacts, |artifact| offering.bytes(artifact));
            answer::ended(offer, &task, &emitted.outcome, handed_over)
        }
    }
}

/// A task that is killed when nobody waits for it any more.
struct AtWork<'a> {
    offering: &'a dyn Offering,
    task: Option<TaskId>,
}

impl AtWork<'_> {
    fn kill(&mut self) {
        if let Some(task) = self.task.take() {
            self.offering.kill(&task);
        }
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.kill();
    }
}
