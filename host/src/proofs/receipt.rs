//! Writes a receipt of a task that is over.

use ringfence_core::audit::{Statement, TaskReceipt};
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::{StreamName, TaskId};

use super::{checkpoint, fact, prove};
use crate::wiring::Store;
use crate::{app, keys};

/// The receipt of a task, proved against the last checkpoint; one is signed if none has its end yet.
///
/// # Errors
/// `R0431` if it is not over or was purged, `R0504` if the log does not prove it, and as [`checkpoint`].
pub async fn receipt(store: &Store, task: &TaskId, by: &str) -> Result<TaskReceipt, Error> {
    let stream = StreamName::task(task);
    let records = app::records(store, &stream)?;
    let until = records.iter().rfind(|record| record.event.kind == "task.ended");
    let until = until.map(|record| record.event.sequence);
    let facts = records.into_iter().map(|record| Some((fact(&record)?, record.event)));
    let facts: Option<Vec<_>> = facts.map(|pair| pair.map(|(fact, event)| (event, fact))).collect();
    let statement = facts.as_deref().and_then(|facts| Statement::of(task, facts));
    let (Some(statement), Some(until)) = (statement, until) else {
        return Err(Error::new(
            Code::R0431,
            format!("`{task}` has no receipt: it is not over, or it was purged"),
        )
        .hint("see how it stands: ringfence task show TASK"));
    };
    let known = checkpoint(store, by).await?;
    let proof = prove::build(store, &known, &stream, 1, until, false)?;
    Ok(TaskReceipt::sign(statement, proof, &keys::secret(&*store.entropy)?))
}
