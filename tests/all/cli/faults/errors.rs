//! A disk that fails once: a sync or a write of the log that comes back with an error, one after the other.

use super::ordeal::{Ordeal, Verb};
use super::{Fault, Point, on, sample};
use crate::cli::soak::seed;

/// How many faults there are where nobody asks for all of them.
const FAULTS: usize = 10;

/// What fails, and how.
const FAILING: [(Point, &str); 7] = [
    (on("ringfence.db-wal", "sync"), "error=EIO"),
    (on("ringfence.db-wal", "pwrite"), "error=EIO"),
    (on("ringfence.db-wal", "pwrite"), "error=ENOSPC"),
    (on("ringfence.db-shm", "pwrite"), "error=ENOSPC"),
    (on("ringfence.db", "sync"), "error=EIO"),
    (on("ringfence.db", "pwrite"), "error=ENOSPC"),
    (on("ringfence.db", "ftruncate"), "error=EIO"),
];

#[test]
fn a_disk_that_fails_once_is_said_to_and_what_it_did_not_take_is_not_told_as_recorded() {
    let Some(mut ordeal) = Ordeal::new() else { return };
    let mut faults = Vec::new();
    for verb in [Verb::Submit, Verb::Work, Verb::Run] {
        for (point, what) in FAILING {
            faults.extend(ordeal.calls(verb, &[point]).into_iter().map(|call| (call, what)));
        }
    }
    // Once is not enough to lose anything where the host tries again; from then on always is.
    let always = Fault { at: on("ringfence.db-wal", "sync"), when: "1+", what: "error=EIO" };
    ordeal.strike(Verb::Run, always).said.failed("R0501", 1).saying("I/O error");
    let struck = sample(&faults, FAULTS, seed());
    let (mut hit, mut said_so) = (0, 0);
    for &((verb, at, nth), what) in &struck {
        let traced = ordeal.strike(verb, Fault { at, when: &nth.to_string(), what });
        hit += usize::from(traced.was_hit());
        if traced.said.code != Some(0) {
            traced.said.failed("R0501", 1);
            assert_eq!(traced.said.out, "", "{verb:?} {at:?} {nth} {what}: an error and an outcome");
            said_so += 1;
        }
    }
    eprintln!("{} faults, {} of them struck, {hit} hit, {said_so} said", faults.len(), struck.len());
    assert!(faults.len() > 100 && hit * 2 > struck.len(), "seed {}: {hit} of {}", seed(), struck.len());
}
