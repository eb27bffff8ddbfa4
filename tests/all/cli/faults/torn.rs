//! A store after a power cut that tore its write-ahead log: what was told before is there, what came after is gone as a whole, the host
//! goes on, and a checkpoint kept outside says what is missing.

use std::fs;

use rusqlite::Connection;

use crate::cli::{ADA, Operator};

/// How many tasks there are.
const TASKS: usize = 5;

/// After which of them a checkpoint is signed.
const SIGNED_AFTER: usize = 3;

/// The store's file and its log as they are after each task was told as done.
struct Image {
    operator: Operator,
    file: Vec<u8>,
    log: Vec<u8>,
    /// How long the log was when each task was told.
    told: Vec<usize>,
    /// How long it was when the checkpoint was.
    signed: usize,
}

fn task(number: usize) -> String {
    format!("t-{number}")
}

impl Image {
    fn take() -> Self {
        let operator = Operator::new();
        operator.load("hello");
        let path = |end: &str| operator.data.join(format!("ringfence.db{end}"));
        // As long as somebody reads, nobody takes the log in.
        let reader = Connection::open(path("")).unwrap();
        reader.query_row("SELECT count(*) FROM events", [], |_| Ok(())).unwrap();
        let length = || usize::try_from(fs::metadata(path("-wal")).unwrap().len()).unwrap();
        let (mut told, mut signed) = (Vec::new(), 0);
        for number in 0..TASKS {
            operator.does(&["task", "submit", "hello", "--id", &task(number), "--input", ADA]);
            operator.does(&["work", "--idle"]);
            told.push(length());
            if told.len() == SIGNED_AFTER {
                operator.does(&["audit", "checkpoint", "--output", "outside.txt"]);
                signed = length();
            }
        }
        let (file, log) = (fs::read(path("")).unwrap(), fs::read(path("-wal")).unwrap());
        drop(reader);
        Self { operator, file, log, told, signed }
    }

    /// What must be so when the log is whole up to a place, and this is what is left of it.
    fn assert_goes_on(&self, log: &[u8], whole: usize, how: &str) {
        let operator = &self.operator;
        let path = |end: &str| operator.data.join(format!("ringfence.db{end}"));
        drop(fs::remove_file(path("-shm")));
        fs::write(path(""), &self.file).unwrap();
        fs::write(path("-wal"), log).unwrap();
        operator.does(&["audit", "verify"]);
        let (skills, _) = operator.json(&["skills"]);
        assert_eq!(skills.as_array().map(Vec::len), Some(1), "{how}: no silent empty start");
        let said = operator.say(&["audit", "verify", "--checkpoint", "outside.txt"]);
        match whole >= self.signed {
            true => drop(said.done()),
            false => drop(said.failed("R0521", 1).saying("it was cut")),
        }
        // What is not told as done may be there or not, and is done now if it is.
        operator.does(&["work", "--idle"]);
        let (tasks, _) = operator.json(&["task", "list"]);
        let tasks = tasks.as_array().unwrap();
        assert!(tasks.iter().all(|task| task["status"] == "completed"), "{how}: {tasks:?}");
        for number in (0..TASKS).filter(|number| self.told[*number] <= whole) {
            assert!(tasks.iter().any(|there| there["task"] == task(number)), "{how}: task {number} was told");
        }
        assert_eq!(operator.does(&["run", "hello", "--input", ADA]), "Hello, Ada!\n", "{how}");
        operator.does(&["audit", "verify"]);
    }
}

#[test]
fn a_host_goes_on_from_a_torn_log_and_a_checkpoint_kept_outside_says_what_is_missing() {
    let image = Image::take();
    let whole = image.log.len();
    assert!(image.told.is_sorted() && image.told[SIGNED_AFTER - 1] < image.signed && image.signed < whole);
    for part in 0..8 {
        // Anywhere, and in the middle of what a commit wrote.
        let cut = whole * part / 8 + part * 101;
        image.assert_goes_on(&image.log[..cut], cut, &format!("cut to {cut} of {whole}"));
        let mut torn = image.log.clone();
        torn[cut..].fill(if part % 2 == 0 { 0 } else { 0xa5 });
        image.assert_goes_on(&torn, cut, &format!("overwritten from {cut} of {whole} on"));
    }
    for border in [image.signed, image.told[0], image.told[TASKS - 1]] {
        image.assert_goes_on(&image.log[..border], border, &format!("cut to {border} of {whole}"));
        image.assert_goes_on(&image.log[..border - 1], border - 1, &format!("a byte less than {border}"));
    }
}
