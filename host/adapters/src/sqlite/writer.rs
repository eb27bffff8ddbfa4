//! The one thread that writes: it takes all that waits, writes it in one transaction, and then tells everyone.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc;

use futures::channel::oneshot;
use ringfence_core::audit::Head;
use ringfence_core::ids::{Digest, StreamName};
use ringfence_core::stores::{Batch, StoreError, Versioned};
use rusqlite::Connection;

use super::error::store_error;
use super::places::{self, Asked};
use super::queue::Queue;
use super::{feed, rows, state, work};
use crate::batch;

/// How many streams' ends are remembered.
const MAX_HEADS: usize = 10_000;

/// What became of a job.
pub(super) type Done = Result<(), StoreError>;

/// Something to be written.
#[derive(Debug)]
pub(super) enum Job {
    /// Events of one stream; of a task that may need a place for it.
    Append { batch: Batch, asked: Option<Asked>, done: oneshot::Sender<Done> },
    /// Bytes under their hash.
    Put { digest: Digest, bytes: Vec<u8>, done: mpsc::Sender<Done> },
    /// A projection's next value.
    Advance { cursor: Option<String>, key: String, next: Versioned, done: mpsc::Sender<Done> },
    /// What a projection has no more.
    Clear { cursor: String, prefix: String, until: u64, done: mpsc::Sender<Done> },
    /// A host's heart beats.
    Beat { host: String, done: mpsc::Sender<Done> },
    /// Something that a test does to the connection.
    #[cfg(test)]
    Disturb { how: String, done: mpsc::Sender<Done> },
}

impl Job {
    fn settle(self, result: Done) {
        // Whoever no longer listens has no need to know.
        match self {
            Self::Append { done, .. } => drop(done.send(result)),
            Self::Put { done, .. }
            | Self::Advance { done, .. }
            | Self::Clear { done, .. }
            | Self::Beat { done, .. } => drop(done.send(result)),
            #[cfg(test)]
            Self::Disturb { done, .. } => drop(done.send(result)),
        }
    }
}

/// Writes what comes until the queue is closed and empty.
pub(super) fn run(connection: Connection, queue: &Arc<Queue<Job>>) {
    /// Nobody may wait for a writer that is gone.
    struct Abandon<'a>(&'a Queue<Job>);
    impl Drop for Abandon<'_> {
        fn drop(&mut self) {
            self.0.abandon();
        }
    }
    let _abandon = Abandon(queue);
    let mut writer = Writer { connection, heads: HashMap::new(), version: 0 };
    loop {
        let group = queue.take();
        if group.is_empty() {
            return;
        }
        writer.write(group);
    }
}

struct Writer {
    connection: Connection,
    /// The ends of streams as of `version`; another process may write too.
    heads: HashMap<StreamName, Head>,
    version: i64,
}

impl Writer {
    fn write(&mut self, mut group: Vec<Job>) {
        match self.transact(&mut group) {
            Ok(results) => {
                group.into_iter().zip(results).for_each(|(job, result)| job.settle(result));
            }
            // What is too much for the disk together may fit alone, and what failed half-way leaves nothing of itself.
            Err(StoreError::Unwritable(_) | StoreError::Conflict(_) | StoreError::Damaged(_))
                if group.len() > 1 =>
            {
                group.into_iter().for_each(|job| self.write(vec![job]));
            }
            Err(error) => group.into_iter().for_each(|job| job.settle(Err(error.clone()))),
        }
    }

    /// Writes a group in one transaction. The error, if any, is that of all of them. No job has a way back of its own: for
    /// one SQLite copies each page that a job writes to, more bytes than all that it is to write.
    fn transact(&mut self, group: &mut [Job]) -> Result<Vec<Done>, StoreError> {
        let results = self.try_transact(group);
        if results.is_err() {
            self.heads.clear();
            if !self.connection.is_autocommit() {
                self.connection.execute_batch("ROLLBACK").map_err(store_error)?;
            }
        }
        results
    }

    fn try_transact(&mut self, group: &mut [Job]) -> Result<Vec<Done>, StoreError> {
        self.execute("BEGIN IMMEDIATE")?;
        self.forget_old_heads()?;
        let mut results = Vec::with_capacity(group.len());
        for job in group {
            let before = self.connection.total_changes();
            let result = self.apply(job);
            match &result {
                Ok(()) => {}
                // The fault of the job or of its stream alone, found before anything of it was written.
                Err(StoreError::Conflict(_) | StoreError::Full(_) | StoreError::Damaged(_))
                    if !self.connection.is_autocommit() && self.connection.total_changes() == before => {}
                Err(error) => return Err(error.clone()),
            }
            results.push(result);
        }
        self.execute("COMMIT")?;
        Ok(results)
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(store_error)?;
        statement.execute([]).map(drop).map_err(store_error)
    }

    /// Inside the transaction nobody else can write, so what holds now holds until its end.
    fn forget_old_heads(&mut self) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached("PRAGMA data_version").map_err(store_error)?;
        let version = statement.query_row([], |row| row.get(0)).map_err(store_error)?;
        if version != self.version || self.heads.len() > MAX_HEADS {
            self.heads.clear();
            self.version = version;
        }
        Ok(())
    }

    fn apply(&mut self, job: &mut Job) -> Result<(), StoreError> {
        match job {
            Job::Append { batch, asked, .. } => self.append(batch, asked.as_ref()),
            Job::Put { digest, bytes, .. } => rows::insert_blob(&self.connection, digest, bytes),
            Job::Advance { cursor, key, next, .. } => {
                state::advance(&self.connection, cursor.as_deref(), key, next)
            }
            Job::Clear { cursor, prefix, until, .. } => {
                state::clear(&self.connection, cursor, prefix, *until)
            }
            Job::Beat { host, .. } => work::beat(&self.connection, host),
            #[cfg(test)]
            Job::Disturb { how, .. } => {
                let mut statement = self.connection.prepare(how).map_err(store_error)?;
                let mut rows = statement.query([]).map_err(store_error)?;
                rows.next().map(drop).map_err(store_error)
            }
        }
    }

    fn append(&mut self, batch: &mut Batch, asked: Option<&Asked>) -> Result<(), StoreError> {
        let records = batch::check(batch)?;
        let Some(first) = records.first() else {
            return Ok(());
        };
        let stream = &first.event.stream;
        let head = match self.heads.get(stream) {
            Some(head) => *head,
            None => rows::head(&self.connection, stream)?,
        };
        let Some(next) = batch::follow(head, records)? else { return Ok(()) };
        if let Some(asked) = asked {
            places::admit(&self.connection, records, asked)?;
        }
        rows::insert(&self.connection, records)?;
        work::follow(&self.connection, records)?;
        feed::follow(&self.connection, stream, head.sequence + 1, next.sequence)?;
        self.heads.insert(stream.clone(), next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ringfence_core::audit::Record;
    use ringfence_core::stores::Receipt;

    use super::super::schema;
    use super::*;
    use crate::promises::{record, records};

    async fn write(writer: &mut Writer, batches: &[&[Record]]) -> Vec<Done> {
        let (jobs, receipts): (Vec<_>, Vec<_>) = batches
            .iter()
            .map(|batch| {
                let (done, receipt) = Receipt::new();
                (Job::Append { batch: batch.to_vec().into(), asked: None, done }, receipt)
            })
            .unzip();
        writer.write(jobs);
        futures::future::join_all(receipts.into_iter().map(Receipt::durable)).await
    }

    #[tokio::test]
    async fn what_fails_half_way_leaves_nothing_of_itself_and_takes_nobody_along() {
        let folder = tempfile::tempdir().expect("a folder");
        let connection = schema::open_writer(&folder.path().join("ringfence.db")).expect("a store");
        let mut writer = Writer { connection, heads: HashMap::new(), version: 0 };
        let [torn, before, behind] =
            ["torn", "before", "behind"].map(|name| name.parse::<StreamName>().expect("a name"));
        let all = records(&torn, Head::default(), [b"1".as_slice(), b"2", b"3"]);
        assert_eq!(write(&mut writer, &[&all[..1]]).await, [Ok(())]);
        // The place of its third event is taken, which shows only when the second is written.
        let taken = "INSERT INTO events SELECT stream, 3, kind, time, actor, ring, trace, payload_hash, previous, hash, payload
                     FROM events WHERE stream = 'torn'";
        writer.connection.execute_batch(taken).expect("a row");
        let [first, last] = [&before, &behind].map(|stream| [record(stream, Head::default(), b"x")]);
        let told = write(&mut writer, &[&first, &all[1..], &last]).await;
        assert_eq!(told, [Ok(()), Err(StoreError::Conflict("torn".into())), Ok(())]);
        let there = |stream| {
            let records = rows::read(&writer.connection, stream, 1, usize::MAX).expect("records");
            records.iter().map(|record| record.event.sequence).collect::<Vec<_>>()
        };
        assert_eq!([&before, &torn, &behind].map(there), [vec![1], vec![1, 3], vec![1]]);
    }
}
