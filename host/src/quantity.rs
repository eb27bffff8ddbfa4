//! Amounts as people write them: `64MiB`, `5s`.

use std::time::Duration;

/// Bytes: a number, and `KiB`, `MiB` or `GiB` (of 1024), or `kB`, `MB`, `GB` (of 1000).
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim().trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.trim()[digits.len()..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        other => return Err(format!("{other:?} is no unit of bytes; say B, KiB, MiB, GiB, kB, MB or GB")),
    };
    let number: u64 =
        digits.trim().replace('_', "").parse().map_err(|_| format!("{text:?} is not a size: say 64MiB"))?;
    number.checked_mul(unit).ok_or_else(|| format!("{text:?} is more than this machine can count"))
}

/// A duration: `5s`, `250ms`, `1m 30s`. Not negative, not zero.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let signed: jiff::SignedDuration =
        text.parse().map_err(|_| format!("{text:?} is not a duration: say 5s or 250ms"))?;
    match Duration::try_from(signed) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(format!("{text:?} is not longer than nothing")),
    }
}

/// An age: a number of days, `90d`, or a duration; a second is the least.
pub(crate) fn age(text: &str) -> Result<Duration, String> {
    let age = match text.trim().strip_suffix('d') {
        Some(days) => days.trim().parse::<u64>().ok().and_then(|days| days.checked_mul(86_400)),
        None => duration(text).ok().map(|age| age.as_secs()),
    };
    let age = age.filter(|seconds| *seconds > 0);
    age.map(Duration::from_secs)
        .ok_or_else(|| format!("{text:?} is not an age: say 90d or 12h; a second is the least"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(bytes("64MiB"), Ok(64 << 20));
        assert_eq!(bytes("1 kB"), Ok(1_000));
        assert_eq!(bytes("16_384"), Ok(16_384));
        for wrong in ["", "MiB", "-1", "1.5MiB", "1 XB", "99999999999999GiB"] {
            assert!(bytes(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(duration("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "0s", "-5s", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(age("90d"), Ok(Duration::from_secs(90 * 86_400)));
        assert_eq!(age("12h"), Ok(Duration::from_secs(12 * 3_600)));
        for wrong in
            ["", "d", "0d", "-1d", "1.5d", "99999999999999999999d", "999999999999999999d", "90", "old"]
        {
            assert!(age(wrong).is_err(), "{wrong:?}");
        }
    }
}
