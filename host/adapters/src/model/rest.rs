//! How long a provider wants to be left alone: so many seconds, or until a date.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What `Retry-After` says, if it says anything.
pub(super) fn read(said: &str, now: SystemTime) -> Option<Duration> {
    let said = said.trim();
    if !said.is_empty() && said.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than any number is as long as can be.
        return Some(Duration::from_secs(said.parse().unwrap_or(u64::MAX)));
    }
    date(said).map(|until| until.duration_since(now).unwrap_or_default())
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, which is how dates are written today.
fn date(said: &str) -> Option<SystemTime> {
    let (_, date) = said.split_once(", ")?;
    let mut parts = date.strip_suffix(" GMT")?.split([' ', ':']);
    let day: u64 = parts.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64;
    let mut number = || parts.next()?.parse::<u64>().ok();
    let year = number().filter(|year| (1970..10_000).contains(year))?;
    let (hour, minute, second) = (number()?, number()?, number()?);
    if hour >= 24 || minute >= 60 || second > 60 || parts.next().is_some() {
        return None;
    }
    // Years from March on, so that a leap day is the last one.
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let seconds = days.checked_sub(DAYS_TO_1970)? * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(UNIX_EPOCH + Duration::from_secs(seconds))
}

/// From 1 March of the year 0 to 1 January 1970.
const DAYS_TO_1970: u64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_nothing_else_is() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let read = |said, now| read(said, at(now)).map(|rest| rest.as_secs());
        assert_eq!(read("7", 0), Some(7));
        assert_eq!(read("99999999999999999999999", 0), Some(u64::MAX));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777 - 90), Some(90));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777 + 90), Some(0), "it is over");
        assert_eq!(read("Thu, 01 Jan 1970 00:00:01 GMT", 0), Some(1));
        assert_eq!(read("Thu, 29 Feb 2024 12:00:00 GMT", 1_709_208_000), Some(0));
        assert_eq!(read("Fri, 01 Mar 2024 00:00:00 GMT", 1_709_164_800), Some(86_400));
        for nothing in [
            "",
            "-7",
            "7s",
            "soon",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nom 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 25:49:37 GMT",
            "Sun, 06 Nov 1994 18446744073709551615:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37:01 GMT",
        ] {
            assert_eq!(read(nothing, 0), None, "{nothing}");
        }
    }
}
