//! Rings, and the one table that says what a ring may do.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::capability::{Capability, Powers};
use crate::controls::{Guard, is_on};

/// A caller's privilege: the lower the number, the more it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Ring {
    /// The operator. No skill ever runs here.
    System = 0,
    /// Irreversible effects, each after approval.
    Trusted = 1,
    /// Outside effects that can be undone, where granted.
    Standard = 2,
    /// Computes, logs, keeps scratch memory; nothing leaves the host.
    Sandboxed = 3,
}

impl Ring {
    /// The ring with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::System),
            1 => Some(Self::Trusted),
            2 => Some(Self::Standard),
            3 => Some(Self::Sandboxed),
            _ => None,
        }
    }

    /// Its number, 0 to 3.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The less privileged of two rings.
    #[must_use]
    pub fn least_privileged(self, other: Self) -> Self {
        self.max(other)
    }

    /// The more privileged of two rings.
    #[must_use]
    pub fn more_privileged(self, other: Self) -> Self {
        self.min(other)
    }

    /// Whether this ring may do what `floor` asks for.
    #[must_use]
    pub fn reaches(self, floor: Self) -> bool {
        self <= floor || !is_on(Guard::Ring)
    }

    /// All capabilities that this ring may use at all.
    #[must_use]
    pub fn powers(self) -> Powers {
        Capability::ALL.into_iter().filter(|capability| self.reaches(floor(*capability))).collect()
    }
}

impl TryFrom<u8> for Ring {
    type Error = String;
    fn try_from(number: u8) -> Result<Self, String> {
        Self::from_number(number).ok_or_else(|| format!("there is no ring {number}; rings are 0 to 3"))
    }
}

impl From<Ring> for u8 {
    fn from(ring: Ring) -> Self {
        ring.number()
    }
}

impl fmt::Display for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number())
    }
}

/// What a call does to the world, the gravest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Answered by the host itself; nothing changes. One event.
    Local,
    /// Looks at something outside the run; nothing changes.
    Read,
    /// Changes what the host keeps for the caller.
    Scratch,
    /// Changes something outside; it can be undone.
    Reversible,
    /// Changes something outside for good.
    Irreversible,
}

/// The least privileged ring that may use a capability at all: the ring table.
#[must_use]
pub const fn floor(capability: Capability) -> Ring {
    match capability {
        Capability::Artifacts
        | Capability::Clock
        | Capability::Context
        | Capability::Log
        | Capability::Memory
        | Capability::Random
        | Capability::Skills => Ring::Sandboxed,
        Capability::Files | Capability::Http | Capability::Model | Capability::Tool => Ring::Standard,
    }
}

/// The least privileged ring that may have such an effect, whatever the capability.
#[must_use]
pub const fn effect_floor(effect: Effect) -> Ring {
    match effect {
        Effect::Local | Effect::Read | Effect::Scratch => Ring::Sandboxed,
        Effect::Reversible => Ring::Standard,
        Effect::Irreversible => Ring::Trusted,
    }
}

/// The least privileged ring that may make a call: the more privileged of both floors.
#[must_use]
pub fn required(capability: Capability, effect: Effect) -> Ring {
    floor(capability).more_privileged(effect_floor(effect))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandboxed_caller_has_no_power_that_leaves_the_host() {
        assert_eq!(
            Powers::all().without(Ring::Sandboxed.powers()),
            [Capability::Files, Capability::Http, Capability::Model, Capability::Tool].into_iter().collect()
        );
    }

    #[test]
    fn the_more_privileged_floor_counts() {
        assert_eq!(required(Capability::Memory, Effect::Irreversible), Ring::Trusted);
        assert_eq!(required(Capability::Files, Effect::Read), Ring::Standard);
    }
}
