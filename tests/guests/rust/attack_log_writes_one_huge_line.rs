//! Writes one line that has no end.

use ringfence_sdk::prelude::*;

/// Logs one line of so many bytes.
#[skill]
fn attack_log_writes_one_huge_line(bytes: usize, log: Log) -> Result<()> {
    log.info("a".repeat(bytes));
    Ok(())
}
