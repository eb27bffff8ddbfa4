//! Holds the indexes against the log that they follow, and writes them anew where they differ.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use ringfence_core::ids::{StreamName, TaskId};
use ringfence_core::stores::{StoreError, Work};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::chain::{self, Walked, walk};
use super::feed::{ByStream, Plan, crooked};
use super::{feed, memory, shape};
use crate::sqlite::error::store_error;
use crate::sqlite::schema::{self, SCHEMA};
use crate::sqlite::{rows, work};

/// How many tasks are mended in one transaction: hosts wait for no longer.
const AT_ONCE: usize = 500;

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Index {
    /// The log itself. It cannot be mended.
    Chain,
    /// Which tables and SQL indexes there are beside it.
    Schema,
    /// The tasks that are not over.
    Work,
    /// The order of commits.
    Feed,
    /// What callers keep in `memory`.
    Memory,
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chain => "chain",
            Self::Schema => "schema",
            Self::Work => "work",
            Self::Feed => "feed",
            Self::Memory => "memory",
        })
    }
}

/// Something that is not as the log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub index: Index,
    /// Of which stream; not always the name of one that is there. Of the schema: which table or SQL index.
    pub stream: String,
    /// What is wrong.
    pub why: String,
}

/// What was compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// How many streams there are.
    pub streams: u64,
    /// How many events.
    pub events: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// A store that is checked.
#[derive(Debug)]
pub struct Check {
    connection: Connection,
}

impl Check {
    /// Opens the file, as a host would, but also where something beside the log is missing.
    ///
    /// # Errors
    /// As [`crate::sqlite::SqliteStore::open`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { connection: schema::open_with_log(path)? })
    }

    /// Compares all of it as it is at one moment. Whoever writes meanwhile goes on writing. Where a table is missing, nothing is
    /// held against the log but the log itself.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn compare(&self) -> Result<Compared, StoreError> {
        self.compare_watched(&|_| {})
    }

    /// The same, and says with each stream how many events more were looked at.
    ///
    /// # Errors
    /// As [`Self::compare`].
    pub fn compare_watched(&self, looked_at: &dyn Fn(u64)) -> Result<Compared, StoreError> {
        let moment = self.connection.unchecked_transaction().map_err(store_error)?;
        let mut compared = Compared { findings: shape::compare(&moment)?, ..Compared::default() };
        if let Err(StoreError::Incomplete(_)) = schema::check_tables(&moment, SCHEMA) {
            return chains(&moment, compared, looked_at);
        }
        let mut find = |index, stream: &str, why| {
            compared.findings.push(Finding { index, stream: stream.to_owned(), why });
        };
        let crooked = crooked(&moment)?;
        let mut statement = moment.prepare(ByStream::SQL).map_err(store_error)?;
        let mut batches = ByStream::new(statement.query([]).map_err(store_error)?)?;
        let mut behind = String::new();
        let control = chain::control(&moment)?;
        while let Some(stream) = rows::next_stream(&moment, &behind)? {
            let name = stream.as_str();
            let Walked { head, broken, work, caller, kept } = walk(&moment, &stream, &control)?;
            compared.streams += 1;
            compared.events += head;
            looked_at(head);
            let mut own = Vec::new();
            while let Some((other, rows)) = batches.up_to(Some(name))? {
                match other == name {
                    true => own = rows,
                    false => find(Index::Feed, &other, "there is no such stream".into()),
                }
            }
            if let Some(why) = broken {
                // What the indexes should say of it is not known.
                find(Index::Chain, name, why);
            } else {
                if let Some(why) = Plan::of(own, head, &crooked)?.why() {
                    find(Index::Feed, name, why);
                }
                if let Some(why) = memory::compare(&moment, &stream, &kept)? {
                    find(Index::Memory, name, why);
                }
                if let (Some(task), Some(expected)) = (stream.as_task(), work)
                    && let Some(why) = differs(&moment, &task, expected.as_ref(), &caller)?
                {
                    find(Index::Work, name, why);
                }
            }
            name.clone_into(&mut behind);
        }
        while let Some((other, _)) = batches.up_to(None)? {
            find(Index::Feed, &other, "there is no such stream".into());
        }
        for task in without_a_stream(&moment)? {
            find(Index::Work, &format!("task/{task}"), "there is no such task".into());
        }
        for stream in memory::invented(&moment)? {
            find(Index::Memory, stream.as_str(), "no event wrote any of its keys".into());
        }
        Ok(compared)
    }

    /// Writes what was found anew from the log as it is by now. What is wrong with the log itself stays.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn repair(&self, findings: &[Finding]) -> Result<(), StoreError> {
        let of = |index| {
            let found = findings.iter().filter(move |finding| finding.index == index);
            found.map(|finding| finding.stream.clone())
        };
        if of(Index::Schema).next().is_some() {
            self.write(shape::repair)?;
        }
        for tasks in of(Index::Work).collect::<Vec<_>>().chunks(AT_ONCE) {
            self.write(|connection| tasks.iter().try_for_each(|stream| repair_work(connection, stream)))?;
        }
        let streams: HashSet<_> = of(Index::Feed).collect();
        if !streams.is_empty() {
            self.write(|connection| feed::repair(connection, &streams))?;
        }
        for name in of(Index::Memory) {
            let stream = rows::stream_name(&name)?;
            self.write(|connection| memory::repair(connection, &stream))?;
        }
        Ok(())
    }

    fn write(&self, work: impl FnOnce(&Connection) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate);
        let transaction = transaction.map_err(store_error)?;
        work(&transaction)?;
        transaction.commit().map_err(store_error)
    }
}

/// Walks over the log alone.
fn chains(
    connection: &Connection,
    mut compared: Compared,
    looked_at: &dyn Fn(u64),
) -> Result<Compared, StoreError> {
    let (control, mut behind) = (chain::control(connection)?, String::new());
    while let Some(stream) = rows::next_stream(connection, &behind)? {
        let Walked { head, broken, .. } = walk(connection, &stream, &control)?;
        compared.streams += 1;
        compared.events += head;
        looked_at(head);
        stream.as_str().clone_into(&mut behind);
        let found = broken.map(|why| Finding { index: Index::Chain, stream: behind.clone(), why });
        compared.findings.extend(found);
    }
    Ok(compared)
}

/// How the index differs from how a task stands.
fn differs(
    connection: &Connection,
    task: &TaskId,
    expected: Option<&Work>,
    caller: &str,
) -> Result<Option<String>, StoreError> {
    let found = match work::find(connection, task) {
        Err(StoreError::Damaged(why)) => return Ok(Some(why)),
        found => found?,
    };
    if found.as_ref() == expected {
        let is_of_another = work::caller(connection, task)?.is_some_and(|found| found != caller);
        return Ok(is_of_another.then(|| "the task is there as another caller's".into()));
    }
    Ok(match (found.as_ref(), expected) {
        (None, Some(_)) => Some("the task is not over, and is missing".into()),
        (Some(_), None) => Some("the task is over, or within another one, and is there".into()),
        (None, None) => None,
        (Some(found), Some(expected)) => {
            Some(format!("the task is there as {:?}, and is {:?}", found.state, expected.state))
        }
    })
}

/// What the index holds that no stream begins.
fn without_a_stream(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT task FROM work WHERE NOT EXISTS (SELECT 1 FROM events WHERE stream = 'task/' || task)";
    let mut statement = connection.prepare(sql).map_err(store_error)?;
    let found = statement.query_map([], |row| row.get(0)).map_err(store_error)?;
    found.collect::<Result<_, _>>().map_err(store_error)
}

fn repair_work(connection: &Connection, stream: &str) -> Result<(), StoreError> {
    let task = stream.trim_start_matches("task/");
    connection.execute("DELETE FROM work WHERE task = ?", [task]).map_err(store_error)?;
    let Ok(stream) = stream.parse::<StreamName>() else { return Ok(()) };
    let Walked { work, caller, .. } = walk(connection, &stream, &chain::control(connection)?)?;
    match work.flatten() {
        Some(there) => work::open(connection, &there.task, &there.state, there.since, &caller),
        None => Ok(()),
    }
}
