//! Uses what a Rust programmer takes for granted: hash maps in their own order, clocks, sleep, printing, a large buffer.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use ringfence_sdk::prelude::*;

/// What it saw.
#[data]
pub struct Seen {
    /// The keys of a hash map in its own order, twice over.
    order: Vec<u32>,
    /// Nanoseconds since 1970.
    now: u64,
    /// Nanoseconds that a sleep took.
    slept: u64,
    /// The sum of a buffer.
    sum: u64,
}

/// Uses the standard library.
#[skill]
fn friend_uses_the_standard_library(milliseconds: u64) -> Result<Seen> {
    let mut order = Vec::new();
    for _ in 0..2 {
        let map: HashMap<u32, u32> = (0..20).map(|key| (key, key)).collect();
        order.extend(map.keys());
    }
    let before = Instant::now();
    std::thread::sleep(Duration::from_millis(milliseconds));
    let slept = u64::try_from(before.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    println!("to stdout: {slept}");
    eprintln!("to stderr: {order:?}");
    let buffer: Vec<u8> = (0..8_u32 << 20).map(|number| number as u8).collect();
    let sum = std::hint::black_box(&buffer).iter().map(|byte| u64::from(*byte)).sum();
    Ok(Seen { order, now: u64::try_from(now.as_nanos()).unwrap_or(u64::MAX), slept, sum })
}
