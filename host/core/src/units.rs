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
