//! What a child process that does what no kill reaches may take of the machine.

use ringfence_engine::MAX_COMPILE_MEMORY;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What one may take. It can only be less where this process was given less.
pub(crate) struct Confines {
    /// Bytes of address space.
    memory: u64,
    /// Seconds of CPU, all cores together.
    cpu_seconds: u64,
    /// Bytes written to one file.
    written: u64,
}

/// Compiling one component.
pub(crate) const COMPILING: Confines =
    Confines { memory: MAX_COMPILE_MEMORY, cpu_seconds: 60, written: 512 << 20 };

/// Validating one value.
pub(crate) const VALIDATING: Confines = Confines { memory: 1 << 30, cpu_seconds: 2, written: 0 };

impl Confines {
    /// Limits this process.
    pub(crate) fn apply(&self) -> Result<(), String> {
        for (resource, most, before) in self.limits() {
            // What this process was given may be less already, and then it stays.
            let most = getrlimit(resource).maximum.map_or(most, |given| given.min(most));
            let limit = Rlimit { current: Some(most.saturating_sub(before)), maximum: Some(most) };
            setrlimit(resource, limit).map_err(|why| format!("the child cannot limit itself: {why}"))?;
        }
        Ok(())
    }

    /// Whether this process was given less than that.
    pub(crate) fn are_narrower_here(&self) -> bool {
        let given = |resource| getrlimit(resource).maximum.unwrap_or(u64::MAX);
        self.limits().into_iter().any(|(resource, most, _)| given(resource) < most)
    }

    /// Of what, how much at the most, and how much before that it is told.
    const fn limits(&self) -> [(Resource, u64, u64); 4] {
        [
            (Resource::As, self.memory, 0),
            // At the hard limit of CPU the system kills as it does when it is out of memory. A second before, it says why.
            (Resource::Cpu, self.cpu_seconds + 1, 1),
            (Resource::Fsize, self.written, 0),
            (Resource::Core, 0, 0),
        ]
    }
}
