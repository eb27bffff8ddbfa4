//! Writes a line now and then.

use std::time::Duration;

use ringfence_sdk::prelude::*;

/// Writes three lines and waits between them.
#[skill]
fn friend_tells_how_it_goes(_input: (), log: Log, clock: Clock) -> Result<String> {
    log.debug("what only authors want to know");
    log.info("it begins");
    clock.sleep(Duration::from_millis(50));
    log.info("it is halfway through");
    clock.sleep(Duration::from_millis(50));
    log.warn("it is nearly over");
    Ok("It is over.".into())
}
