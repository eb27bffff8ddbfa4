//! The data folder and the store in it.

use std::path::Path;

use ringfence_adapters::sqlite::StoreLook;
use ringfence_core::audit::{Verifier, purged_until};
use ringfence_core::error::Error;
use ringfence_core::ids::StreamName;
use ringfence_core::stores::StoreError;
use ringfence_core::units::Timestamp;
use rustix::fs::{Access, access, statvfs};

use super::Finding;
use crate::wiring::check_private;

/// Less free space than this is a problem, in bytes: a compiled component may be as large.
const TOO_LITTLE: u64 = 64 << 20;
/// Less than this is a warning.
const LITTLE: u64 = 1 << 30;
/// How many of the newest tasks are checked, and how many events of each stream.
const TASKS: usize = 20;
const EVENTS: usize = 10_000;

/// Folder, space and store, and the time of the newest event.
pub(super) fn examine(data: &Path) -> (Vec<Finding>, Option<Timestamp>) {
    let mut findings = vec![folder(data)];
    findings.extend(space(data));
    let (store, newest) = store(&data.join("ringfence.db"));
    findings.push(store);
    (findings, newest)
}

fn folder(data: &Path) -> Finding {
    const CHECK: &str = "data folder";
    let cannot_write = |folder: &Path| {
        let says = format!("this user cannot write to {}", folder.display());
        Finding::problem(CHECK, says, "give this user write permission, or name another: --data DIR")
    };
    if data.symlink_metadata().is_err() {
        let above = above(data);
        if !above.is_dir() || access(above, Access::WRITE_OK | Access::EXEC_OK).is_err() {
            return cannot_write(above);
        }
        let says = format!("{} is not there yet; the first verb that needs it makes it", data.display());
        return Finding::good(CHECK, says);
    }
    if !data.is_dir() {
        let says = format!("{} is no folder", data.display());
        return Finding::problem(CHECK, says, "name another: --data DIR or RINGFENCE_DATA");
    }
    if let Err(error) = check_private(data) {
        return Finding::error(CHECK, &error);
    }
    if access(data, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_err() {
        return cannot_write(data);
    }
    Finding::good(CHECK, format!("{} is this user's own", data.display()))
}

/// The nearest folder above that is there.
fn above(path: &Path) -> &Path {
    let there = path.ancestors().skip(1).find(|above| above.symlink_metadata().is_ok());
    there.unwrap_or(Path::new("."))
}

fn space(data: &Path) -> Option<Finding> {
    const CHECK: &str = "free space";
    let place = if data.exists() { data } else { above(data) };
    let disk = statvfs(place).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let says = format!("{} MiB where the data folder is", free >> 20);
    let advice = "make room, or move the data folder: --data DIR";
    Some(match free {
        ..TOO_LITTLE => Finding::problem(CHECK, says, advice),
        TOO_LITTLE..LITTLE => Finding::warning(CHECK, says, advice),
        _ => Finding::good(CHECK, says),
    })
}

fn store(path: &Path) -> (Finding, Option<Timestamp>) {
    const CHECK: &str = "store";
    if path.symlink_metadata().is_err() {
        return (Finding::good(CHECK, "there is none yet"), None);
    }
    match checked(path) {
        Ok(Checked { schema: 0, .. }) => (Finding::good(CHECK, "it is empty"), None),
        Ok(Checked { schema, streams, events, newest }) => {
            let says = format!(
                "schema {schema}; the newest {streams} streams, {events} events, are chained and unaltered"
            );
            (Finding::good(CHECK, says), newest)
        }
        Err(Wrong::Altered(why)) => {
            let advice = "keep the file as evidence, and compare it with a backup: ringfence audit verify";
            (Finding::problem(CHECK, format!("the audit log was altered: {why}"), advice), None)
        }
        Err(Wrong::Store(StoreError::Locked(why))) => {
            let advice = "ask again; any verb that uses the store takes it in: ringfence skills";
            (Finding::warning(CHECK, format!("it cannot be looked at now: {why}"), advice), None)
        }
        Err(Wrong::Store(why)) => (Finding::error(CHECK, &Error::from(why)), None),
    }
}

struct Checked {
    schema: i64,
    streams: usize,
    events: usize,
    newest: Option<Timestamp>,
}

enum Wrong {
    Store(StoreError),
    Altered(String),
}

impl From<StoreError> for Wrong {
    fn from(why: StoreError) -> Self {
        Self::Store(why)
    }
}

fn checked(path: &Path) -> Result<Checked, Wrong> {
    let look = StoreLook::open(path)?;
    let mut checked = Checked { schema: look.schema, streams: 0, events: 0, newest: None };
    if look.schema == 0 {
        return Ok(checked);
    }
    let mut streams = look.last_streams("task/", TASKS)?;
    let own = [StreamName::registry, StreamName::tools, StreamName::tenant, StreamName::control];
    streams.extend(own.map(|own| own()));
    streams.push(StreamName::checkpoints());
    let control = look.read(&StreamName::control(), 1, usize::MAX)?;
    for stream in streams {
        let records = look.read(&stream, 1, EVENTS)?;
        let purged = purged_until(&control, &stream);
        let mut verifier = Verifier::new(stream).purged_until(purged);
        for record in &records {
            verifier.take(record).map_err(|broken| Wrong::Altered(broken.to_string()))?;
            checked.newest = checked.newest.max(Some(record.event.time));
        }
        checked.streams += usize::from(!records.is_empty());
        checked.events += records.len();
    }
    Ok(checked)
}
