//! Units as types, so that fuel is never added to bytes.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! unit {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(pub u64);

        impl $type {
            /// The difference, or nothing where it would be negative.
            #[must_use]
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

unit!(
    /// WebAssembly instructions, as the engine counts them; 1 ms of CPU is about 6 to 7 million.
    Fuel
);
unit!(
    /// Bytes.
    Bytes
);
unit!(
    /// Tokens of a language model.
    Tokens
);
unit!(
    /// Millionths of a United States dollar.
    MicroUsd
);
unit!(
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp
);

impl Timestamp {
    /// The time in UTC as people read it, to the second.
    #[must_use]
    pub fn utc(self) -> String {
        let seconds = self.0 / 1_000_000;
        let (day, second) = (seconds / 86_400, seconds % 86_400);
        // Days since 1 March of the year 0; an era has 400 years.
        let day = day + 719_468;
        let (era, day) = (day / 146_097, day % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
        let year = year + era * 400 + u64::from(month <= 2);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn a_time_is_shown_as_a_date() {
        let shown = |seconds: u64| Timestamp(seconds * 1_000_000).utc();
        assert_eq!(shown(0), "1970-01-01T00:00:00Z");
        assert_eq!(shown(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(shown(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(shown(1_767_225_600), "2026-01-01T00:00:00Z");
    }
}
