//! Opens the file: refuses what is not ours, is newer, or is damaged; makes the tables in a new one.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use ringfence_core::controls::{Guard, is_on};
use ringfence_core::stores::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::store_error;
use super::{feed, work};

/// The newest schema that this Ringfence knows. Older ones are brought up to it when the file is opened.
pub(super) const SCHEMA: i64 = 4;

/// How long another process may hold the file.
const PATIENCE: Duration = Duration::from_secs(5);

/// Files up to this size are checked page by page when they are opened.
const CHECKED_BYTES: i64 = 1 << 20;

/// The smallest page of any database, in bytes.
const SMALLEST: u64 = 512;

pub(super) const TABLES: &str = "
    CREATE TABLE events(
        stream TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        kind TEXT NOT NULL,
        time INTEGER NOT NULL,
        actor TEXT NOT NULL,
        ring INTEGER,
        trace BLOB NOT NULL,
        payload_hash BLOB NOT NULL,
        previous BLOB NOT NULL,
        hash BLOB NOT NULL,
        payload BLOB,
        PRIMARY KEY(stream, sequence)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE blobs(hash BLOB PRIMARY KEY NOT NULL, bytes BLOB NOT NULL) STRICT;
    CREATE TABLE state(key TEXT PRIMARY KEY NOT NULL, value BLOB, revision INTEGER NOT NULL) STRICT;
";

/// The indexes as of schema 2: of what is not over, and of the order in which events were committed. A row of the feed is a
/// batch of one stream; its position is that of the batch's last event, and the others have those before.
pub(super) const INDEXES: &str = "
    CREATE TABLE work(
        task TEXT PRIMARY KEY NOT NULL,
        state TEXT NOT NULL,
        host TEXT,
        since INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX work_by_state ON work(state, since, task);
    CREATE TABLE hosts(id TEXT PRIMARY KEY NOT NULL, beats INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE feed(
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        stream TEXT NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL
    ) STRICT;
";

/// The index of the work as of schema 4: schema 3 had added when a task was given back and from when on it may be taken, this one
/// adds whose it is.
const WORK: &str = "
    DROP TABLE IF EXISTS work;
    CREATE TABLE work(
        task TEXT PRIMARY KEY NOT NULL,
        state TEXT NOT NULL,
        host TEXT,
        since INTEGER NOT NULL,
        given_back INTEGER,
        due INTEGER,
        caller TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX work_by_state ON work(state, since, task);
    CREATE INDEX work_by_due ON work(due, task) WHERE state = 'given back';
    CREATE INDEX work_by_caller ON work(state, caller, since, task);
    PRAGMA user_version = 4;
";

/// The connection that writes. It makes the file if there is none.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let connection = open_with_log(path)?;
    check_tables(&connection, SCHEMA)?;
    Ok(connection)
}

/// The same of a file in which the log is there, whatever is missing beside it.
pub(super) fn open_with_log(path: &Path) -> Result<Connection, StoreError> {
    check_not_cut_off(path)?;
    create(path)?;
    let began = Instant::now();
    loop {
        match prepare(path) {
            Err(StoreError::Locked(_)) if began.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(20));
            }
            other => return other,
        }
    }
}

/// The connection that reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path)?;
    connection.pragma_update(None, "query_only", true).map_err(store_error)?;
    Ok(connection)
}

pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(store_error)?;
    connection.busy_timeout(PATIENCE).map_err(store_error)?;
    connection.pragma_update(None, "trusted_schema", false).map_err(store_error)?;
    // One plan for each statement, whatever is bound to it: else it is parsed anew for every other value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(store_error)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// SQLite takes an empty file for a new database and throws its write-ahead log away, and a file of a few bytes for an
/// empty one: then a file that was cut off would be a silent empty start.
pub(super) fn check_not_cut_off(path: &Path) -> Result<(), StoreError> {
    let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    // The log first: another process that makes the file makes it before its log.
    let log = size(&PathBuf::from(log));
    match size(path) {
        0 if log > 0 => {
            let why = "the file is empty or gone, but its write-ahead log (-wal) is there";
            Err(StoreError::Damaged(why.into()))
        }
        cut @ 1..SMALLEST => Err(StoreError::Damaged(format!("the file was cut to {cut} bytes"))),
        _ => Ok(()),
    }
}

/// Makes the file, for its owner alone; the files beside it get the same permissions from SQLite.
fn create(path: &Path) -> Result<(), StoreError> {
    let unwritable = |why: io::Error| StoreError::Unwritable(why.to_string());
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            file.sync_all().map_err(unwritable)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = File::open(folder.unwrap_or(Path::new("."))).map_err(unwritable)?;
            folder.sync_all().map_err(unwritable)
        }
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(why) => Err(unwritable(why)),
    }
}

fn prepare(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path)?;
    let version = check_version(&connection)?;
    if connection.is_readonly("main").map_err(store_error)? {
        return Err(StoreError::Unwritable("the file is read-only".into()));
    }
    // Counts for a new file alone. On smaller pages a row of 1 KiB spills over onto a page of its own.
    connection.pragma_update(None, "page_size", 8192).map_err(store_error)?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(store_error)?;
    if mode != "wal" {
        return Err(StoreError::Unwritable(format!(
            "its file system allows no write-ahead log, only {mode}"
        )));
    }
    let synchronous = if is_on(Guard::Sync) { "full" } else { "off" };
    connection.pragma_update(None, "synchronous", synchronous).map_err(store_error)?;
    connection.pragma_update(None, "cell_size_check", true).map_err(store_error)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20).map_err(store_error)?;
    if version < SCHEMA {
        migrate(&connection, Last::Commit)?;
    }
    check_pages(&connection)?;
    check_first_tables(&connection, SCHEMA, LOG)?;
    // What a savepoint keeps stays here: else a commit of some pages needs a file in a folder that may be full, may not be
    // written to, or may be anybody's, and a file handle when there may be none.
    connection.pragma_update(None, "temp_store", "memory").map_err(store_error)?;
    Ok(connection)
}

/// The file's schema; 0 if it is empty.
pub(super) fn check_version(connection: &Connection) -> Result<i64, StoreError> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get(0)).map_err(store_error);
    let schema: i64 = number("PRAGMA user_version")?;
    if schema > SCHEMA {
        return Err(StoreError::Newer { schema, known: SCHEMA });
    }
    // In this order: another process may make the tables and set the version, at once, between both questions.
    let tables: i64 = number("SELECT count(*) FROM sqlite_schema")?;
    let version: i64 = number("PRAGMA user_version")?;
    if version == 0 && tables > 0 {
        return Err(StoreError::Damaged("it is the database of another program".into()));
    }
    if version < 0 {
        return Err(StoreError::Damaged(format!("there is no schema {version}")));
    }
    Ok(version)
}

/// Brings the file from its schema to the newest, in one transaction: all of it or nothing.
pub(super) fn migrate(connection: &Connection, last: Last) -> Result<i64, StoreError> {
    connection.execute_batch("BEGIN IMMEDIATE").map_err(store_error)?;
    let made = check_version(connection).and_then(|version| {
        if version == 0 {
            connection.execute_batch(TABLES).map_err(store_error)?;
        }
        if version < 2 {
            connection.execute_batch(INDEXES).map_err(store_error)?;
            feed::make(connection)?;
        }
        if version < SCHEMA {
            connection.execute_batch(WORK).map_err(store_error)?;
            work::rebuild(connection)?;
        }
        // What can be made from the log again is asked for where the file is opened, and made where it is mended.
        check_first_tables(connection, SCHEMA, LOG)?;
        Ok(version)
    });
    let end = match last {
        Last::Commit => "COMMIT",
        Last::RollBack => "ROLLBACK",
    };
    let made = made.and_then(|from| connection.execute_batch(end).map(|()| from).map_err(store_error));
    if made.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK").map_err(store_error)?;
    }
    made
}

/// What is done in the end with a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// It is kept.
    Commit,
    /// It was a trial.
    RollBack,
}

/// Looks at every page of a small file. A large one is checked as it is read.
pub(super) fn check_pages(connection: &Connection) -> Result<(), StoreError> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(store_error);
    if number("PRAGMA page_count")?.saturating_mul(number("PRAGMA page_size")?) > CHECKED_BYTES {
        return Ok(());
    }
    check_every_page(connection)
}

pub(super) fn check_every_page(connection: &Connection) -> Result<(), StoreError> {
    let found: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(store_error)?;
    if found == "ok" { Ok(()) } else { Err(StoreError::Damaged(found)) }
}

/// How many tables hold the log and what lies under hashes; the others are made from them.
const LOG: usize = 2;

pub(super) fn check_tables(connection: &Connection, version: i64) -> Result<(), StoreError> {
    check_first_tables(connection, version, if version < 2 { 3 } else { 6 })
}

fn check_first_tables(connection: &Connection, version: i64, known: usize) -> Result<(), StoreError> {
    let work = match version {
        ..3 => "SELECT task, state, host, since FROM work",
        3 => "SELECT task, state, host, since, given_back, due FROM work",
        _ => "SELECT task, state, host, since, given_back, due, caller FROM work",
    };
    let tables = [
        "SELECT stream, sequence, kind, time, actor, ring, trace, payload_hash, previous, hash, payload FROM events",
        "SELECT hash, bytes FROM blobs",
        "SELECT key, value, revision FROM state",
        work,
        "SELECT id, beats FROM hosts",
        "SELECT position, stream, first, last FROM feed",
    ];
    for (place, sql) in tables[..known].iter().enumerate() {
        let missing = |why: rusqlite::Error| match store_error(why) {
            StoreError::Damaged(why) if place >= LOG => StoreError::Incomplete(why),
            StoreError::Damaged(why) => StoreError::Damaged(format!("a table is missing: {why}")),
            other => other,
        };
        connection.prepare(sql).map_err(missing)?;
    }
    Ok(())
}
