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

/// Waits.
#[derive(Debug, Serialize)]
pub struct ClockSleep {
    /// How long.
    pub nanoseconds: u64,
}

impl Call for ClockSleep {
    const CAPABILITY: Capability = Capability::Clock;
    const NAME: &'static str = "clock.sleep";
    const EFFECT: Effect = Effect::Local;
    type Answer = ();

    fn cost(&self) -> Cost {
        Cost::default()
    }

    fn used(&self, (): &()) -> Amounts {
        Amounts::NONE
    }
}

impl LocalCall for ClockSleep {
    fn answer(&self, inputs: &mut Inputs, _: u64) {
        inputs.slept(self.nanoseconds);
    }

    fn repeat(&self, inputs: &mut Inputs) {
        inputs.slept(self.nanoseconds);
    }
}

/// Waits, in the virtual WASI world.
#[derive(Debug, Serialize)]
pub struct WasiSleep {
    /// How long.
    pub nanoseconds: u64,
}

impl Call for WasiSleep {
    const CAPABILITY: Capability = Capability::Clock;
    const NAME: &'static str = "wasi.sleep";
    const EFFECT: Effect = Effect::Local;
    const VIRTUAL: bool = true;
    type Answer = ();

    fn cost(&self) -> Cost {
        Cost::default()
    }

    fn used(&self, (): &()) -> Amounts {
        Amounts::NONE
    }
}

impl LocalCall for WasiSleep {
    fn answer(&self, inputs: &mut Inputs, _: u64) {
        inputs.slept(self.nanoseconds);
    }

    fn repeat(&self, inputs: &mut Inputs) {
        inputs.slept(self.nanoseconds);
    }
}

/// A call that waits.
pub trait Sleep: LocalCall<Answer = ()> {
    /// How long, in nanoseconds.
    fn nanoseconds(&self) -> u64;
}

impl Sleep for ClockSleep {
    fn nanoseconds(&self) -> u64 {
        self.nanoseconds
    }
}

impl Sleep for WasiSleep {
    fn nanoseconds(&self) -> u64 {
        self.nanoseconds
    }
}
