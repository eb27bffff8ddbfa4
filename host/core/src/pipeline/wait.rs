//! Wait: a skill that asked to be tried again is, a little later, and each time twice as late. A correction comes at once: there is
//! something new to go by.

use std::time::Duration;

use futures::future::{Either, select};

use super::Host;
use super::blame::Failing;
use super::correct::Corrected;
use super::emit::Over;
use super::pool::{Stopped, killed_by};
use super::resolve::Resolved;
use crate::audit::Status;
use crate::limit::Limit;

/// How long the second attempt waits where the first one asked for it.
const FIRST: Duration = Duration::from_millis(100);

/// No attempt waits for longer.
const LONGEST: Duration = Duration::from_secs(5);

/// From here on no worker is held by a wait: the task is given back, and whoever is free goes on with it.
const GIVEN_BACK: Duration = Duration::from_secs(1);

/// How long the next attempt waits after so many that were made.
pub(super) fn before_the_next(attempts: u32) -> Duration {
    let doubled = attempts.saturating_sub(1).min(16);
    LONGEST.min(FIRST * 2_u32.pow(doubled))
}

/// Waits as long as was recorded, and within the task's wall time.
pub(super) async fn wait(host: &Host, corrected: Corrected) -> Result<Resolved, Over> {
    let Corrected { resolved, wait } = corrected;
    let claimed = &resolved.claimed;
    // The program itself may allow less than was ordered.
    let wall = Duration::from_millis(claimed.books.with_ledger(|ledger| ledger.allowed(Limit::WallMs)));
    let wait = wait.min(wall.saturating_sub(claimed.elapsed()));
    if wait.is_zero() {
        return Ok(resolved);
    }
    // Who was ordered to end does not go to another host, whose switch nobody has set.
    if claimed.gives_back && wait >= GIVEN_BACK && claimed.books.switch().reason().is_none() {
        return Err(Over::resolved(resolved).given_back(wait));
    }
    // Whoever goes on after a crash waits for what is left.
    claimed.books.log().hand_over();
    let stopped = Stopped::watch(claimed.books.switch());
    let is_stopped = matches!(select(stopped, host.clock.sleep(wait)).await, Either::Left(_));
    if is_stopped {
        let error = killed_by(claimed, "while it waited to be tried again");
        let failing = Failing::Refused(error.code);
        return Err(Over::resolved(resolved).with_error(Status::Stopped, error, failing));
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_twice_the_one_before_up_to_the_longest() {
        let waits: Vec<_> = (1..=8).map(|attempts| before_the_next(attempts).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(before_the_next(u32::MAX), LONGEST);
    }
}
