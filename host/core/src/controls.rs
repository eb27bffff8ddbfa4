//! Control runs: the guards that matter most can be switched off, to show that the tests which rely on them turn red.
//!
//! Only a build with the feature `controls`, which tests alone ask for, can do so; in every other build
//! [`is_on`] is `true` at compile time.

/// A guard that a control run can switch off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Guard {
    /// A ring may use no more than the ring table says.
    Ring = 1,
    /// Nothing is spent that the ledger has not set aside.
    Ledger = 2,
    /// A switch that is set ends the run.
    Kill = 4,
    /// A guest's memory does not grow beyond its limit.
    Limiter = 8,
    /// An altered record is seen.
    Chain = 16,
    /// What is revoked does not count for what runs.
    Revocation = 32,
    /// What people have to approve waits for them.
    Approval = 64,
    /// What validators do not accept is not accepted.
    Validator = 128,
    /// A call whose end nobody saw is not made again where that could have its effect twice.
    Once = 256,
    /// What is told as durable is on the disk, and not only on its way there.
    Sync = 512,
    /// Who has lost a task to another host writes nothing more to it.
    Fence = 1024,
}

impl Guard {
    /// All of them, each with its name.
    pub const ALL: [(&'static str, Self); 11] = [
        ("ring", Self::Ring),
        ("ledger", Self::Ledger),
        ("kill", Self::Kill),
        ("limiter", Self::Limiter),
        ("chain", Self::Chain),
        ("revocation", Self::Revocation),
        ("approval", Self::Approval),
        ("validator", Self::Validator),
        ("once", Self::Once),
        ("sync", Self::Sync),
        ("fence", Self::Fence),
    ];
}

#[cfg(feature = "controls")]
static OFF: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);

/// Switches a guard off, for this process and for good.
#[cfg(feature = "controls")]
pub fn switch_off(guard: Guard) {
    OFF.fetch_or(guard as u16, std::sync::atomic::Ordering::SeqCst);
}

/// Whether a guard is on.
#[cfg(feature = "controls")]
#[must_use]
pub fn is_on(guard: Guard) -> bool {
    OFF.load(std::sync::atomic::Ordering::Relaxed) & guard as u16 == 0
}

/// Whether a guard is on.
#[cfg(not(feature = "controls"))]
#[must_use]
pub const fn is_on(_: Guard) -> bool {
    true
}
