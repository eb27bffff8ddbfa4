//! Time and waiting.

use serde::Serialize;

use super::{Call, LocalCall};
use crate::capability::Capability;
use crate::gate::Inputs;
use crate::governance::Cost;
use crate::limit::Amounts;
use crate::ring::Effect;

/// What time it is, in nanoseconds since 1970.
#[derive(Debug, Serialize)]
pub struct ClockNow;

impl Call for ClockNow {
    const CAPABILITY: Capability = Capability::Clock;
    const NAME: &'static str = "clock.now";
    const EFFECT: Effect = Effect::Local;
    type Answer = u64;

    fn cost(&self) -> Cost {
        Cost::default()
    }

    fn used(&self, _: &u64) -> Amounts {
        Amounts::NONE
    }
}

impl LocalCall for ClockNow {
    fn answer(&self, inputs: &mut Inputs, fuel: u64) -> u64 {
        inputs.now(fuel)
    }
}

/// A call that waits.
pub trait Sleep: LocalCall<Answer = ()> {
    /// How long, in nanoseconds.
    fn nanoseconds(&self) -> u64;
}

macro_rules! sleep {
    ($(#[$doc:meta])* $type:ident, $name:literal of $capability:ident, virtual: $virtual:literal) => {
        $(#[$doc])*
        #[derive(Debug, Serialize)]
        pub struct $type {
            /// How long.
            pub nanoseconds: u64,
        }

        impl Call for $type {
            const CAPABILITY: Capability = Capability::$capability;
            const NAME: &'static str = $name;
            const EFFECT: Effect = Effect::Local;
            const VIRTUAL: bool = $virtual;
            type Answer = ();

            fn cost(&self) -> Cost {
                Cost::default()
            }

            fn used(&self, (): &()) -> Amounts {
                Amounts::NONE
            }
        }

        impl LocalCall for $type {
            fn answer(&self, inputs: &mut Inputs, _: u64) {
                inputs.slept(self.nanoseconds);
            }

            fn repeat(&self, inputs: &mut Inputs) {
                inputs.slept(self.nanoseconds);
            }
        }

        impl Sleep for $type {
            fn nanoseconds(&self) -> u64 {
                self.nanoseconds
            }
        }
    };
}

sleep!(
    /// Waits.
    ClockSleep, "clock.sleep" of Clock, virtual: false
);
sleep!(
    /// Waits, in the virtual WASI world.
    WasiSleep, "wasi.sleep" of Clock, virtual: true
);
sleep!(
    /// Waits before models are asked once more. The host waits by itself, so that no power is asked for.
    ModelWait, "model.wait" of Model, virtual: true
);
