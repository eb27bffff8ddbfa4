//! Floods the log, line by line.

use ringfence_sdk::prelude::*;

/// Logs for ever.
#[skill]
fn attack_log_floods(_input: (), log: Log) -> Result<()> {
    loop {
        log.info("la la la la la la la la");
    }
}
