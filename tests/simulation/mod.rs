//! Durable tasks under a schedule that a seed decides: hosts that are lost at any point, logs whose last events were not yet
//! written, workers that come back, and a person who looks at the server before deciding.
//!
//! Everything of core is real: pipeline, gate, journal, log. The skill is a script, the disk is memory, and the server counts.
//! `RINGFENCE_SCHEDULES=FIRST..END` makes it a long run; a seed that ever failed stands in [`FAILED_ONCE`].

mod disk;
mod host;
mod numbers;
mod person;
mod script;
mod server;

use std::sync::Arc;

use disk::Disk;
use host::{Life, Lives};
use numbers::Numbers;
use script::Script;
use server::Server;

/// Seeds that found something once.
const FAILED_ONCE: &[u64] = &[24];

/// How many seeds are tried where nobody says otherwise.
const SEEDS: std::ops::Range<u64> = 0..400;

/// No schedule is longer than this many lives of hosts.
const LIVES: u32 = 200;

fn seeds() -> std::ops::Range<u64> {
    let asked = std::env::var("RINGFENCE_SCHEDULES").ok();
    let range = asked.as_deref().and_then(|asked| asked.split_once(".."));
    let parsed = range.and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    parsed.unwrap_or(SEEDS)
}

#[test]
fn whatever_the_schedule_no_task_is_lost_and_no_effect_is_had_twice() {
    for seed in FAILED_ONCE.iter().copied().chain(seeds()) {
        play(seed);
    }
}

/// One task from its submission to its end.
fn play(seed: u64) {
    let mut numbers = Numbers::new(seed);
    let script = Script::draw(&mut numbers);
    let (disk, server) = (Arc::new(Disk::default()), Arc::new(Server::default()));
    let mut lives = Lives::new(Arc::clone(&disk), Arc::clone(&server), seed);
    let order = lives.order(&script);
    lives.submit(&order);
    // Delivered twice: still one task.
    lives.submit(&order);
    for _ in 0..LIVES {
        let life = lives.begin(&order.task);
        match life.until_it_ends_or_is_lost(&mut numbers) {
            Life::Ended => break,
            Life::Suspended => {
                lives.let_arrive_what_is_on_its_way();
                person::decide(&disk, &server, &order.task, seed);
            }
            Life::Failed => person::retry(&disk, &order.task),
            Life::Lost => {}
        }
    }
    let outcome = disk.outcome(&order.task);
    let outcome = outcome.unwrap_or_else(|| panic!("seed {seed}: the task has no end: {script:?}"));
    assert_eq!(outcome.output, Some(script.output()), "seed {seed}: {script:?}: {outcome:?}");
    let told = disk.facts(&order.task).iter().map(|fact| format!("{fact:?}\n")).collect::<String>();
    server.assert_once(&script, seed, &told);
    disk.assert_whole(&order.task, seed);
}
