//! How many tasks hold a place, whose they are, and whose there is one left for. Each question is answered from an index, and the
//! one that a claim depends on is asked in the claim's own transaction.

use std::collections::HashMap;

use ringfence_core::audit::Record;
use ringfence_core::ids::TaskId;
use ringfence_core::stores::{PlaceLimits, StoreError, WorkChange};
use ringfence_core::units::Timestamp;
use rusqlite::{Connection, Row};

use super::error::store_error;
use super::rows;
use super::work::{select, task};

/// What a host asks for a place with.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) limits: PlaceLimits,
    /// Hosts that have lost what they hold.
    pub(super) lost: Vec<String>,
}

/// Whether there is a place for the task that these records are of, if they make it take one.
pub(super) fn admit(connection: &Connection, records: &[Record], asked: &Asked) -> Result<(), StoreError> {
    let last = records.iter().rev().find_map(|record| Some((WorkChange::of(record)?, &record.event)));
    let Some(((task, change), event)) = last else { return Ok(()) };
    if !change.takes_a_place() {
        return Ok(());
    }
    let PlaceLimits { per_tenant, per_caller } = asked.limits;
    let caller = Some(&*event.actor);
    for (limit, caller, name) in [(per_tenant, None, "per-tenant"), (per_caller, caller, "per-caller")] {
        if let Some(limit) = limit
            && taken(connection, caller, &task, limit, &asked.lost)? >= limit
        {
            return Err(StoreError::Full(name));
        }
    }
    Ok(())
}

/// How many places others have, of one caller or of all; no more than the limit are counted where nobody has lost any.
fn taken(
    connection: &Connection,
    caller: Option<&str>,
    task: &TaskId,
    limit: usize,
    lost: &[String],
) -> Result<usize, StoreError> {
    // Each with a plan of its own: what may be anything is looked for everywhere.
    let whose =
        if caller.is_some() { "state = 'held' AND caller = ?1" } else { "state = 'held' AND ?1 IS NULL" };
    let sql = format!("SELECT 1 FROM work WHERE {whose} AND task <> ?2 LIMIT ?3");
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let counted = select(connection, &sql, (caller, task.as_str(), most), |_| Ok(()))?.len();
    if counted < limit || lost.is_empty() {
        return Ok(counted);
    }
    let sql =
        format!("SELECT coalesce(host, ''), count(*) FROM work WHERE {whose} AND task <> ?2 GROUP BY host");
    let by_host =
        select(connection, &sql, (caller, task.as_str()), |row| Ok((text(row, 0)?, number(row, 1)?)))?;
    Ok(by_host.into_iter().filter(|(host, _)| !lost.contains(host)).map(|(_, places)| places).sum())
}

/// By the index of those that are given back, which the planner does not choose by itself.
pub(super) const DUE: &str =
    "SELECT since, task, caller FROM work INDEXED BY work_by_due WHERE state = 'given back' AND due <= ?";

/// The first that wait, of each caller as many as there are places left for it, and no more than are left in all.
pub(super) fn ready(
    connection: &Connection,
    now: Timestamp,
    most: usize,
    limits: PlaceLimits,
    lost: &[String],
) -> Result<Vec<TaskId>, StoreError> {
    let held =
        "SELECT caller, coalesce(host, ''), count(*) FROM work WHERE state = 'held' GROUP BY caller, host";
    let held = select(connection, held, [], |row| Ok((text(row, 0)?, text(row, 1)?, number(row, 2)?)))?;
    let (mut all, mut of) = (0, HashMap::<String, usize>::new());
    for (caller, _, places) in held.into_iter().filter(|(_, host, _)| !lost.contains(host)) {
        all += places;
        *of.entry(caller).or_default() += places;
    }
    let most = limits.per_tenant.map_or(most, |limit| most.min(limit.saturating_sub(all)));
    let left = |of: &HashMap<String, usize>, caller: &str| {
        let taken = of.get(caller).copied().unwrap_or(0);
        limits.per_caller.map_or(usize::MAX, |limit| limit.saturating_sub(taken))
    };
    if most == 0 || limits.per_caller.is_none() {
        return super::work::ready(connection, now, most);
    }
    let mut waiting = select(connection, DUE, [rows::to_column(now.0)?], waits)?;
    for caller in callers(connection)? {
        let sql = "SELECT since, task, caller FROM work WHERE state = 'ready' AND caller = ?
                   ORDER BY since, task LIMIT ?";
        let most = i64::try_from(left(&of, &caller).min(most)).unwrap_or(i64::MAX);
        waiting.extend(select(connection, sql, (&*caller, most), waits)?);
    }
    waiting.sort();
    let mut ready = Vec::new();
    for (_, task, caller) in waiting {
        if ready.len() < most && left(&of, &caller) > 0 {
            *of.entry(caller).or_default() += 1;
            ready.push(task);
        }
    }
    Ok(ready)
}

/// Whose tasks wait: from one to the next in the index, however many are each one's.
fn callers(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT caller FROM work WHERE state = 'ready' AND caller > ? ORDER BY caller LIMIT 1";
    let mut callers: Vec<String> = Vec::new();
    loop {
        let behind = callers.last().map_or("", String::as_str);
        match select(connection, sql, [behind], |row| text(row, 0))?.pop() {
            Some(caller) => callers.push(caller),
            None => return Ok(callers),
        }
    }
}

fn waits(row: &Row<'_>) -> Result<(i64, TaskId, String), StoreError> {
    Ok((row.get(0).map_err(store_error)?, task(row, 1)?, text(row, 2)?))
}

fn text(row: &Row<'_>, column: usize) -> Result<String, StoreError> {
    row.get(column).map_err(store_error)
}

fn number(row: &Row<'_>, column: usize) -> Result<usize, StoreError> {
    let number = rows::from_column(row.get(column).map_err(store_error)?, "number of places")?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}
