//! The embedded store: one SQLite file in WAL mode with `synchronous=FULL`. What a receipt settles is on the disk.
//!
//! One thread writes, and commits all that waits in one transaction. Other processes may have the same file open:
//! the end of each stream is checked inside the transaction, and the primary key is the last line of defence.

mod error;
mod feed;
mod hygiene;
mod look;
mod places;
mod purge;
mod queue;
mod rows;
mod schema;
mod state;
#[cfg(test)]
mod tests;
mod work;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use ringfence_core::audit::{Event, Head, Record};
use ringfence_core::ids::TaskId;
use ringfence_core::ids::{Digest, StreamName};
use ringfence_core::stores::{
    Batch, BlobStore, Blobs, EventLog, GivenBack, PayloadPurge, PlaceLimits, Receipt, StateStore, StoreError,
    Totals, Versioned, Work, WorkQueue,
};
use ringfence_core::units::Timestamp;
use rusqlite::{Connection, OptionalExtension};

pub use self::hygiene::{Check, Compared, Finding, Index, Migrated, copy, migrate, try_migration};
pub use self::look::StoreLook;

use self::error::store_error;
use self::places::Asked;
use self::queue::{Haste, Queue};
use self::writer::{Done, Job};

/// All three stores in one file. Readers see what is committed. Dropping it writes what still waits.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    queue: Arc<Queue<Job>>,
    reader: Mutex<Connection>,
    /// Those that are free of the ones that walk.
    walkers: Mutex<Vec<Connection>>,
    writer: Option<JoinHandle<()>>,
}

impl SqliteStore {
    /// Opens the file, or makes it if there is none or an empty one. The folder must exist.
    ///
    /// # Errors
    /// `Damaged` if the file is something else or broken, `Newer` if a newer Ringfence wrote it: it is left as it is;
    /// `Unwritable` or `Locked` if it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = schema::open_writer(path)?;
        let reader = Mutex::new(schema::open_reader(path)?);
        let queue = Arc::new(Queue::new());
        let taken = Arc::clone(&queue);
        let writer = thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || writer::run(connection, &taken))
            .map_err(|why| StoreError::Unwritable(format!("no thread to write with: {why}")))?;
        let (path, walkers) = (path.to_owned(), Mutex::default());
        Ok(Self { path, queue, reader, walkers, writer: Some(writer) })
    }

    fn reader(&self) -> MutexGuard<'_, Connection> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads with a connection of its own: what takes long holds up nobody, and goes on beside others like it.
    fn walking<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let walkers = || self.walkers.lock().unwrap_or_else(PoisonError::into_inner);
        let free = walkers().pop();
        let connection = free.map_or_else(|| schema::open_reader(&self.path), Ok)?;
        let answer = read(&connection);
        walkers().push(connection);
        answer
    }

    /// Shows each key with a prefix, in order, with the size of its value if it is not deleted. No value is read:
    /// SQLite knows its size from the head of the row.
    fn each_key(&self, prefix: &str, mut show: impl FnMut(&str, Option<u64>)) -> Result<(), StoreError> {
        let connection = self.reader();
        let sql = "SELECT key, length(value) FROM state WHERE key >= ? ORDER BY key";
        let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
        let mut rows = statement.query([prefix]).map_err(store_error)?;
        while let Some(row) = rows.next().map_err(store_error)? {
            let key = row.get_ref(0).and_then(|key| Ok(key.as_str()?)).map_err(store_error)?;
            if !key.starts_with(prefix) {
                break;
            }
            let size: Option<i64> = row.get(1).map_err(store_error)?;
            show(key, size.map(|size| rows::from_column(size, "size")).transpose()?);
        }
        Ok(())
    }

    fn advance_behind(&self, cursor: Option<String>, key: &str, next: Versioned) -> Result<(), StoreError> {
        let bytes = key.len() + next.value.as_ref().map_or(0, Vec::len);
        self.do_now(bytes, |done| Job::Advance { cursor, key: key.to_owned(), next, done })
    }

    fn append_asking(&self, batch: Batch, asked: Option<Asked>) -> Receipt {
        let bytes = batch.bytes();
        let (done, receipt) = Receipt::new();
        self.queue.push(Job::Append { batch, asked, done }, bytes, Haste::PutOff);
        receipt.put_off(Arc::clone(&self.queue) as _)
    }

    /// Has the writer do a job, and waits until it is durable.
    fn do_now(&self, bytes: usize, job: impl FnOnce(mpsc::Sender<Done>) -> Job) -> Done {
        let (done, result) = mpsc::channel();
        self.queue.push(job(done), bytes, Haste::Now);
        result.recv().unwrap_or_else(|_| Err(StoreError::Unwritable("the store has stopped".into())))
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has dropped its receipts, which says so to whoever waits.
            drop(writer.join());
        }
    }
}

impl EventLog for SqliteStore {
    /// Waits only while the queue is full. Batches are written in the order in which they were handed over.
    fn append(&self, batch: Batch) -> Receipt {
        self.append_asking(batch, None)
    }

    fn head(&self, stream: &StreamName) -> Result<Head, StoreError> {
        rows::head(&self.reader(), stream)
    }

    fn last(&self, stream: &StreamName) -> Result<Option<Event>, StoreError> {
        rows::last(&self.reader(), stream)
    }

    fn read(&self, stream: &StreamName, from: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        rows::read(&self.reader(), stream, from, limit)
    }

    fn walk(&self, behind: Option<(&StreamName, u64)>, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.walking(|connection| rows::walk(connection, behind, limit))
    }

    fn parts(&self, many: usize) -> Result<Vec<StreamName>, StoreError> {
        self.walking(|connection| rows::parts(connection, many))
    }

    /// Takes one look-up per stream, however long the streams are.
    fn streams(&self, prefix: &str) -> Result<Vec<StreamName>, StoreError> {
        let connection = self.reader();
        let next = |sql: &str, from: &str| {
            let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
            statement.query_row([from], |row| row.get::<_, String>(0)).optional().map_err(store_error)
        };
        let mut names = Vec::new();
        let mut found = next("SELECT stream FROM events WHERE stream >= ? ORDER BY stream LIMIT 1", prefix)?;
        while let Some(name) = found.filter(|name| name.starts_with(prefix)) {
            found = next("SELECT stream FROM events WHERE stream > ? ORDER BY stream LIMIT 1", &name)?;
            names.push(rows::stream_name(&name)?);
        }
        Ok(names)
    }

    fn last_streams(
        &self,
        prefix: &str,
        before: Option<&StreamName>,
        most: usize,
    ) -> Result<Vec<StreamName>, StoreError> {
        rows::last_streams(&self.reader(), prefix, before, most)
    }

    fn feed(&self, after: u64, limit: usize) -> Result<Vec<(u64, Record)>, StoreError> {
        feed::read(&self.reader(), after, limit)
    }

    /// Changes with every commit but the reader's own, which makes none: this process's writes count too.
    fn version(&self) -> Result<u64, StoreError> {
        let connection = self.reader();
        let mut statement = connection.prepare_cached("PRAGMA data_version").map_err(store_error)?;
        rows::from_column(statement.query_row([], |row| row.get(0)).map_err(store_error)?, "version")
    }
}

impl WorkQueue for SqliteStore {
    fn ready(&self, now: Timestamp, most: usize) -> Result<Vec<TaskId>, StoreError> {
        work::ready(&self.reader(), now, most)
    }

    fn ready_within(
        &self,
        now: Timestamp,
        most: usize,
        limits: PlaceLimits,
        lost: &[String],
    ) -> Result<Vec<TaskId>, StoreError> {
        places::ready(&self.reader(), now, most, limits, lost)
    }

    fn take_place(&self, records: Vec<Record>, limits: PlaceLimits, lost: Vec<String>) -> Receipt {
        self.append_asking(records.into(), Some(Asked { limits, lost }))
    }

    fn delayed(&self, now: Timestamp, most: usize) -> Result<Vec<(TaskId, GivenBack)>, StoreError> {
        work::delayed(&self.reader(), now, most)
    }

    fn held(&self) -> Result<Vec<(TaskId, String)>, StoreError> {
        work::held(&self.reader())
    }

    fn waiting(&self, most: usize) -> Result<Vec<Work>, StoreError> {
        work::waiting(&self.reader(), most)
    }

    fn work(&self, task: &TaskId) -> Result<Option<Work>, StoreError> {
        work::find(&self.reader(), task)
    }

    fn beat(&self, host: &str) -> Result<(), StoreError> {
        self.do_now(host.len(), |done| Job::Beat { host: host.to_owned(), done })
    }

    fn beats(&self) -> Result<Vec<(String, u64)>, StoreError> {
        work::beats(&self.reader())
    }
}

impl PayloadPurge for SqliteStore {
    fn purge(
        &self,
        purged: &[(StreamName, u64)],
        blobs: &mut dyn FnMut() -> Result<Blobs, StoreError>,
    ) -> Result<u64, StoreError> {
        purge::purge(&self.path, purged, blobs)
    }

    fn release(
        &self,
        now: &[(StreamName, u64)],
        purged: &[(StreamName, u64)],
        blobs: &mut dyn FnMut() -> Result<Blobs, StoreError>,
    ) -> Result<u64, StoreError> {
        purge::release(&self.path, now, purged, blobs)
    }
}

impl BlobStore for SqliteStore {
    fn put(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        self.do_now(bytes.len(), |done| Job::Put { digest, bytes: bytes.to_vec(), done })?;
        Ok(digest)
    }

    fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = rows::blob(&self.reader(), digest)?;
        if bytes.as_ref().is_some_and(|bytes| Digest::of(bytes) != *digest) {
            return Err(StoreError::Damaged(format!("blob {digest} has other bytes than were put")));
        }
        Ok(bytes)
    }
}

impl StateStore for SqliteStore {
    fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError> {
        let connection = self.reader();
        let sql = "SELECT value, revision FROM state WHERE key = ?";
        let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
        let row = statement.query_row([key], |row| Ok((row.get(0)?, row.get(1)?)));
        let Some((value, revision)) = row.optional().map_err(store_error)? else {
            return Ok(None);
        };
        Ok(Some(Versioned { value, revision: rows::from_column(revision, "revision")? }))
    }

    fn advance(&self, key: &str, next: Versioned) -> Result<(), StoreError> {
        if StateStore::get(self, key)?.is_some_and(|there| there.revision >= next.revision) {
            return Ok(());
        }
        self.advance_behind(None, key, next)
    }

    fn follow(&self, cursor: &str, key: &str, next: Versioned) -> Result<(), StoreError> {
        if StateStore::get(self, key)?.is_some_and(|there| there.revision >= next.revision) {
            return Ok(());
        }
        self.advance_behind(Some(cursor.to_owned()), key, next)
    }

    fn clear(&self, cursor: &str, prefix: &str, until: u64) -> Result<(), StoreError> {
        let (cursor, prefix) = (cursor.to_owned(), prefix.to_owned());
        self.do_now(prefix.len(), |done| Job::Clear { cursor, prefix, until, done })
    }

    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let mut found = Vec::new();
        self.each_key(prefix, |key, size| found.extend(size.map(|size| (key.to_owned(), size))))?;
        Ok(found)
    }

    fn totals(&self, prefix: &str) -> Result<Totals, StoreError> {
        let mut totals = Totals::default();
        self.each_key(prefix, |_, size| {
            totals.keys += 1;
            totals.bytes += size.unwrap_or(0);
        })?;
        Ok(totals)
    }
}
