//! Files that are not ours, not whole, or not to be written.

use super::*;
use crate::sqlite::schema::SCHEMA;

#[test]
fn an_empty_file_is_a_new_store_and_only_its_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    fs::write(folder.file(), b"").expect("written");
    drop(folder.open());
    fs::remove_file(folder.file()).expect("removed");
    let _open = folder.open();
    for end in ["", "-wal", "-shm"] {
        let path = format!("{}{end}", folder.file().display());
        let mode = fs::metadata(path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{end}");
    }
}

#[test]
fn what_is_not_ours_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    let other = Connection::open(folder.file()).expect("a database");
    other.execute_batch("CREATE TABLE theirs(x); INSERT INTO theirs VALUES (1)").expect("a table");
    drop(other);
    let foreign = fs::read(folder.file()).expect("bytes");
    for bytes in [foreign, b"not a database, but long enough to be taken for one".repeat(100)] {
        fs::write(folder.file(), &bytes).expect("written");
        assert!(matches!(folder.refusal(), StoreError::Damaged(_)));
        assert_eq!(fs::read(folder.file()).expect("bytes"), bytes);
    }
}

#[test]
fn a_store_of_a_newer_ringfence_is_refused_by_its_number() {
    let folder = Folder::new();
    let newer = SCHEMA + 1;
    assert_eq!(folder.open().disturb(&format!("PRAGMA user_version = {newer}")), Ok(()));
    let before = fs::read(folder.file()).expect("bytes");
    assert_eq!(folder.refusal(), StoreError::Newer { schema: newer, known: SCHEMA });
    assert!(fs::read(folder.file()).expect("bytes") == before, "it is left as it is");
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_never_a_silent_empty_start() {
    let folder = Folder::new();
    let store = folder.open();
    let payloads = (0..200).map(|_| [b'x'; 900]).collect::<Vec<_>>();
    let all = records(&name("s"), Head::default(), payloads.iter().map(|payload| &payload[..]));
    assert_eq!(store.append(all.into()).durable().await, Ok(()));
    drop(store);
    let whole = fs::read(folder.file()).expect("bytes");
    assert!(whole.len() > 100_000, "the log was written back when the store was closed");

    for length in [whole.len() / 2, 4096, 100, 1] {
        fs::write(folder.file(), &whole[..length]).expect("written");
        let opened = SqliteStore::open(&folder.file()).map(drop);
        assert!(matches!(opened, Err(StoreError::Damaged(_))), "cut to {length} bytes: {opened:?}");
    }

    let mut scribbled = whole.clone();
    scribbled[60_000..70_000].fill(0xa5);
    fs::write(folder.file(), scribbled).expect("written");
    let found = SqliteStore::open(&folder.file()).and_then(|store| store.read(&name("s"), 0, usize::MAX));
    let seen = match found {
        Err(StoreError::Damaged(_)) => true,
        Err(_) => false,
        Ok(records) => {
            let mut verifier = Verifier::new(name("s"));
            records.iter().any(|record| verifier.take(record).is_err())
        }
    };
    assert!(seen, "a page with other bytes");

    fs::write(folder.file(), b"").expect("written");
    fs::write(folder.0.path().join("ringfence.db-wal"), b"was not empty").expect("written");
    assert!(matches!(folder.refusal(), StoreError::Damaged(_)), "cut to nothing beside its log");
}

#[test]
fn a_malformed_row_is_damage_and_not_a_panic() {
    for how in [
        "INSERT INTO events VALUES ('s', 1, 'k', -1, 'a', 2, zeroblob(16), zeroblob(32), zeroblob(32), zeroblob(32), NULL)",
        "INSERT INTO events VALUES ('s', 1, 'k', 1, 'a', 9, zeroblob(16), zeroblob(32), zeroblob(32), zeroblob(32), NULL)",
        "INSERT INTO events VALUES ('s', 1, 'k', 1, 'a', 700, zeroblob(16), zeroblob(32), zeroblob(32), zeroblob(32), NULL)",
        "INSERT INTO events VALUES ('s', 1, 'k', 1, 'a', 2, zeroblob(15), zeroblob(32), zeroblob(32), zeroblob(32), NULL)",
        "INSERT INTO events VALUES ('s', 1, 'k', 1, 'a', 2, zeroblob(16), zeroblob(32), zeroblob(31), zeroblob(32), NULL)",
        "INSERT INTO events VALUES ('s', -1, 'k', 1, 'a', 2, zeroblob(16), zeroblob(32), zeroblob(32), zeroblob(0), NULL)",
    ] {
        let folder = Folder::new();
        let store = folder.open();
        assert_eq!(store.disturb(how), Ok(()));
        let read = if how.contains("-1,") { store.head(&name("s")).map(drop) } else { Ok(()) };
        let read = read.and_then(|()| store.read(&name("s"), 0, 9).map(drop));
        assert!(matches!(read, Err(StoreError::Damaged(_))), "{how}: {read:?}");
    }
}

#[test]
fn a_blob_with_other_bytes_is_damage() {
    let folder = Folder::new();
    let store = folder.open();
    let digest = store.put(b"bytes").expect("kept");
    assert_eq!(store.disturb("UPDATE blobs SET bytes = x'00'"), Ok(()));
    assert!(matches!(BlobStore::get(&store, &digest), Err(StoreError::Damaged(_))));
}

#[test]
fn where_nothing_can_be_written_opening_says_so() {
    let folder = Folder::new();
    fs::write(folder.file(), b"a file").expect("written");
    for path in [folder.file().join("under-a-file.db"), folder.0.path().join("no/such/folder.db")] {
        let error = SqliteStore::open(&path).expect_err("no store");
        assert!(matches!(error, StoreError::Unwritable(_)), "{error}");
    }
    let proc = SqliteStore::open("/proc/ringfence.db".as_ref()).expect_err("no store");
    assert!(matches!(proc, StoreError::Unwritable(_)), "{proc}");
}
