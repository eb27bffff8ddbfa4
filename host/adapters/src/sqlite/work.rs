//! The index of the tasks that are not over: written with the events that it follows, in the same transaction.

use std::time::Duration;

use ringfence_core::audit::Record;
use ringfence_core::ids::TaskId;
use ringfence_core::stores::{GivenBack, StoreError, Work, WorkChange, WorkState};
use ringfence_core::units::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::error::store_error;
use super::rows;

/// Follows a batch of one stream. What begins and ends in it leaves nothing behind, and is not written at all.
pub(super) fn follow(connection: &Connection, records: &[Record]) -> Result<(), StoreError> {
    // Most tasks are like this, and how they began need not be read.
    if let [first, .., last] = records
        && first.event.sequence == 1
        && matches!(WorkChange::of(last), Some((_, WorkChange::Over)))
    {
        return Ok(());
    }
    let mut changes = records.iter().filter_map(|record| Some((WorkChange::of(record)?, &record.event)));
    let Some(((task, first), event)) = changes.next() else { return Ok(()) };
    let mut opened = None;
    let mut apply = |change: WorkChange| match (&change, &mut opened) {
        (WorkChange::Opened(state), _) => {
            opened = Some(state.clone());
            Ok(())
        }
        (WorkChange::Stands(state), Some(there)) => {
            *there = state.clone();
            Ok(())
        }
        (WorkChange::Waits | WorkChange::Sits, Some(there)) => {
            let state = there.clone();
            *there = if change == WorkChange::Waits { state.waits() } else { state.sits() };
            Ok(())
        }
        (WorkChange::Over, Some(_)) => {
            opened = None;
            Ok(())
        }
        (WorkChange::Stands(state), None) => stand(connection, &task, state),
        (WorkChange::Waits, None) => move_on(connection, &task, "held", "in line"),
        (WorkChange::Sits, None) => move_on(connection, &task, "in line", "held"),
        (WorkChange::Over, None) => execute(connection, "DELETE FROM work WHERE task = ?", [task.as_str()]),
    };
    apply(first)?;
    for ((_, change), _) in changes {
        apply(change)?;
    }
    opened.map_or(Ok(()), |state| open(connection, &task, &state, event.time, &event.actor))
}

pub(super) fn open(
    connection: &Connection,
    task: &TaskId,
    state: &WorkState,
    since: Timestamp,
    caller: &str,
) -> Result<(), StoreError> {
    let Columns { word, host, given_back, due } = Columns::of(state)?;
    let sql = "INSERT OR REPLACE INTO work(task, state, host, since, given_back, due, caller)
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    let since = rows::to_column(since.0)?;
    execute(connection, sql, params![task.as_str(), word, host, since, given_back, due, caller])
}

/// Of a task that stands like this; another one is left as it is.
fn move_on(connection: &Connection, task: &TaskId, from: &str, to: &str) -> Result<(), StoreError> {
    let sql = "UPDATE work SET state = ? WHERE task = ? AND state = ?";
    execute(connection, sql, [to, task.as_str(), from])
}

fn stand(connection: &Connection, task: &TaskId, state: &WorkState) -> Result<(), StoreError> {
    let Columns { word, host, given_back, due } = Columns::of(state)?;
    let sql = "UPDATE work SET state = ?, host = ?, given_back = ?, due = ? WHERE task = ?";
    execute(connection, sql, params![word, host, given_back, due, task.as_str()])
}

/// What of a row says how a task stands.
struct Columns<'a> {
    word: &'static str,
    host: Option<&'a str>,
    /// When it was given back, and when it is due.
    given_back: Option<i64>,
    due: Option<i64>,
}

impl<'a> Columns<'a> {
    fn of(state: &'a WorkState) -> Result<Self, StoreError> {
        let plain = |word| Self { word, host: None, given_back: None, due: None };
        Ok(match state {
            WorkState::Ready => plain("ready"),
            WorkState::Held { host } => Self { host: Some(host), ..plain("held") },
            WorkState::InLine { host } => Self { host: Some(host), ..plain("in line") },
            WorkState::GivenBack(given_back) => Self {
                given_back: Some(rows::to_column(given_back.at.0)?),
                due: Some(rows::to_column(given_back.due().0)?),
                ..plain("given back")
            },
            WorkState::Suspended => plain("suspended"),
            WorkState::Failed => plain("failed"),
        })
    }
}

/// Makes the index anew from the log.
pub(super) fn rebuild(connection: &Connection) -> Result<(), StoreError> {
    execute(connection, "DELETE FROM work", [])?;
    let sql = "SELECT DISTINCT stream FROM events WHERE stream >= 'task/' AND stream < 'task0'";
    let mut statement = connection.prepare(sql).map_err(store_error)?;
    let mut streams = statement.query([]).map_err(store_error)?;
    while let Some(row) = streams.next().map_err(store_error)? {
        let name: String = row.get(0).map_err(store_error)?;
        let stream = rows::stream_name(&name)?;
        follow(connection, &rows::read(connection, &stream, 1, usize::MAX)?)?;
    }
    Ok(())
}

/// A host's heart beats once more.
pub(super) fn beat(connection: &Connection, host: &str) -> Result<(), StoreError> {
    // One that was forgotten meanwhile begins at another number than it did before.
    let sql = "INSERT INTO hosts(id, beats) VALUES (?, CAST(unixepoch('subsec') * 1000 AS INTEGER))
               ON CONFLICT(id) DO UPDATE SET beats = beats + 1";
    execute(connection, sql, [host])?;
    // Nobody looks at the heart of a host that holds nothing; the dead would lie here for ever.
    let idle = "DELETE FROM hosts WHERE id <> ?
                AND id NOT IN (SELECT host FROM work WHERE state IN ('held', 'in line'))";
    execute(connection, idle, [host])
}

pub(super) fn beats(connection: &Connection) -> Result<Vec<(String, u64)>, StoreError> {
    select(connection, "SELECT id, beats FROM hosts", [], |row| {
        let beats: i64 = row.get(1).map_err(store_error)?;
        Ok((row.get(0).map_err(store_error)?, rows::from_column(beats, "number of beats")?))
    })
}

/// Each part by its own index, which the planner does not choose by itself: those that are not due yet cost nothing.
pub(super) const READY: &str = "
    SELECT task FROM (
        SELECT * FROM (SELECT since, task FROM work WHERE state = 'ready' ORDER BY since, task LIMIT ?1)
        UNION ALL SELECT since, task FROM work INDEXED BY work_by_due WHERE state = 'given back' AND due <= ?2
    ) ORDER BY since, task LIMIT ?1";

/// Those that are due last come first, and no others are looked at.
pub(super) const DELAYED: &str = "
    SELECT task, given_back, due FROM work INDEXED BY work_by_due WHERE state = 'given back' AND due > ?
    ORDER BY due DESC, task DESC LIMIT ?";

pub(super) fn ready(connection: &Connection, now: Timestamp, most: usize) -> Result<Vec<TaskId>, StoreError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    select(connection, READY, [most, rows::to_column(now.0)?], |row| task(row, 0))
}

pub(super) fn delayed(
    connection: &Connection,
    now: Timestamp,
    most: usize,
) -> Result<Vec<(TaskId, GivenBack)>, StoreError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    select(connection, DELAYED, [rows::to_column(now.0)?, most], |row| {
        Ok((task(row, 0)?, given_back(row, 1)?))
    })
}

pub(super) fn held(connection: &Connection) -> Result<Vec<(TaskId, String)>, StoreError> {
    let sql = "SELECT task, coalesce(host, '') FROM work WHERE state IN ('held', 'in line')";
    select(connection, sql, [], |row| Ok((task(row, 0)?, row.get(1).map_err(store_error)?)))
}

pub(super) fn waiting(connection: &Connection, most: usize) -> Result<Vec<Work>, StoreError> {
    let sql =
        "SELECT task, state, host, since, given_back, due FROM work WHERE state IN ('suspended', 'failed')
               ORDER BY since DESC, task DESC LIMIT ?";
    select(connection, sql, [i64::try_from(most).unwrap_or(i64::MAX)], work)
}

pub(super) fn find(connection: &Connection, task: &TaskId) -> Result<Option<Work>, StoreError> {
    let sql = "SELECT task, state, host, since, given_back, due FROM work WHERE task = ?";
    let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
    statement.query_row([task.as_str()], |row| Ok(work(row))).optional().map_err(store_error)?.transpose()
}

/// Whose a task is that is not over.
pub(super) fn caller(connection: &Connection, task: &TaskId) -> Result<Option<String>, StoreError> {
    let sql = "SELECT caller FROM work WHERE task = ?";
    connection.query_row(sql, [task.as_str()], |row| row.get(0)).optional().map_err(store_error)
}

fn work(row: &Row<'_>) -> Result<Work, StoreError> {
    let word: String = row.get(1).map_err(store_error)?;
    let host: Option<String> = row.get(2).map_err(store_error)?;
    let state = match word.as_str() {
        "ready" => WorkState::Ready,
        "held" => WorkState::Held { host: host.unwrap_or_default() },
        "in line" => WorkState::InLine { host: host.unwrap_or_default() },
        "given back" => WorkState::GivenBack(given_back(row, 4)?),
        "suspended" => WorkState::Suspended,
        "failed" => WorkState::Failed,
        _ => return Err(StoreError::Damaged("a row holds a malformed state".into())),
    };
    let since: i64 = row.get(3).map_err(store_error)?;
    Ok(Work { task: task(row, 0)?, state, since: Timestamp(rows::from_column(since, "time")?) })
}

/// When a task was given back, and in the column behind it when it is due.
fn given_back(row: &Row<'_>, column: usize) -> Result<GivenBack, StoreError> {
    let time = |column| {
        let time: Option<i64> = row.get(column).map_err(store_error)?;
        let time = time.ok_or_else(|| StoreError::Damaged("a row does not say when it is due".into()))?;
        rows::from_column(time, "time")
    };
    let (at, due): (u64, u64) = (time(column)?, time(column + 1)?);
    Ok(GivenBack { at: Timestamp(at), wait: Duration::from_micros(due.saturating_sub(at)) })
}

pub(super) fn task(row: &Row<'_>, column: usize) -> Result<TaskId, StoreError> {
    let name: String = row.get(column).map_err(store_error)?;
    name.parse().map_err(|why| StoreError::Damaged(format!("a task's id: {why}")))
}

fn execute(connection: &Connection, sql: &str, with: impl Params) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
    statement.execute(with).map(drop).map_err(store_error)
}

pub(super) fn select<T>(
    connection: &Connection,
    sql: &str,
    with: impl Params,
    mut take: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
    let mut rows = statement.query(with).map_err(store_error)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(store_error)? {
        found.push(take(row)?);
    }
    Ok(found)
}
