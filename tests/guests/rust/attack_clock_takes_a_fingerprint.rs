//! Looks for what could tell one machine, or one moment of it, from another: how long work takes by each clock, how fine they
//! are, and what else a program may ask a system for.

use std::time::{Duration, Instant, SystemTime};

use ringfence_sdk::prelude::*;

/// What it saw.
#[data]
pub struct Seen {
    /// When it began, in nanoseconds since 1970.
    began: u64,
    /// Nanoseconds that pieces of work took by each clock, and calls of the host beside them.
    took: Vec<u64>,
    /// What the system says of itself.
    system: Vec<String>,
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Takes it.
#[skill]
fn attack_clock_takes_a_fingerprint(_input: (), clock: Clock) -> Result<Seen> {
    let began = clock.now();
    let mut took = Vec::new();
    let memory = vec![1_u8; 1 << 20];
    for size in [0_usize, 1, 1_000, 1 << 20] {
        let (own, instant, system) = (clock.now(), Instant::now(), SystemTime::now());
        std::hint::black_box(memory[..size].iter().map(|byte| u64::from(*byte)).sum::<u64>());
        // All are read before any is reckoned with: where a second begins between two readings, it takes more instructions.
        let (own_end, instant_end, system_end) = (clock.now(), Instant::now(), SystemTime::now());
        took.push(nanoseconds(own_end.saturating_sub(own)));
        took.push(nanoseconds(instant_end.saturating_duration_since(instant)));
        took.push(nanoseconds(system_end.duration_since(system).unwrap_or_default()));
    }
    // How many readings it takes until a clock goes on.
    let first = Instant::now();
    took.push((0..1_000).take_while(|_| Instant::now() == first).count() as u64);
    let system = vec![
        format!("{:?}", std::env::vars().collect::<Vec<_>>()),
        format!("{:?}", std::env::args().collect::<Vec<_>>()),
        format!("{:?}", std::thread::available_parallelism().map_err(|why| why.kind())),
        format!("{:?}", std::fs::read_dir("/").map(Iterator::count).map_err(|why| why.kind())),
        format!("{:p}", memory.as_ptr()),
    ];
    Ok(Seen { began: nanoseconds(began), took, system })
}
