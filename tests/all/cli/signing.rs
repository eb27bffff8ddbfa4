//! Checkpoints that workers sign by themselves.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::durable::Worker;
use super::{ADA, Operator};

fn every(operator: &Operator, time: &str) {
    operator.write("ringfence.toml", format!("[audit]\ncheckpoint-every = \"{time}\"\n"));
}

fn submit(operator: &Operator) {
    operator.does(&["task", "submit", "hello", "--input", ADA]);
}

/// When each checkpoint was signed, in microseconds.
fn signed(operator: &Operator) -> Vec<i64> {
    let events = operator.does(&["events", "--json", "--kind", "checkpoint"]);
    let time = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        let time: jiff::Timestamp = event["time"].as_str().unwrap().parse().unwrap();
        time.as_microsecond()
    };
    events.lines().map(time).collect()
}

#[test]
fn workers_sign_checkpoints_every_so_often_one_for_all_of_them_and_at_their_end() {
    let operator = Operator::new();
    operator.load("hello");
    submit(&operator);
    operator.does(&["work", "--idle"]);
    assert_eq!(signed(&operator), [0; 0], "nobody has said how often");

    every(&operator, "12h");
    submit(&operator);
    operator.does(&["work", "--idle"]);
    let at_the_end = signed(&operator).len();
    assert!(at_the_end > 0);
    operator.does(&["audit", "checkpoint"]);
    assert_eq!(signed(&operator).len(), at_the_end, "all that was written is signed");
    operator.does(&["work", "--idle"]);
    assert_eq!(signed(&operator).len(), at_the_end, "where nothing was written nothing is signed");

    every(&operator, "1s");
    let (workers, began) = ([(); 3].map(|()| Worker::start(&operator)), Instant::now());
    while signed(&operator).len() < at_the_end + 3 {
        assert!(began.elapsed() < Duration::from_secs(60), "they sign nothing");
        submit(&operator);
    }
    // Killed outright: no end at which they sign.
    workers.into_iter().for_each(Worker::kill);
    let times = signed(&operator);
    // The event is written a moment after its checkpoint was made.
    let too_soon = times[at_the_end..].windows(2).find(|pair| pair[1] - pair[0] < 900_000);
    assert_eq!(too_soon, None, "one signs for all: {times:?}");
    operator.does(&["audit", "verify"]);
}

#[test]
fn how_often_a_checkpoint_is_signed_is_an_age_or_refused() {
    let operator = Operator::new();
    for wrong in ["0s", "soon", "1ms", "-5m", ""] {
        every(&operator, wrong);
        operator.say(&["work", "--idle"]).failed("R0404", 2).saying("audit.checkpoint-every: ");
    }
    operator.write("ringfence.toml", "[audit]\ncheckpoint-evry = \"10m\"\n");
    operator.say(&["work", "--idle"]).failed("R0405", 2).saying("did you mean `checkpoint-every`?");
}
