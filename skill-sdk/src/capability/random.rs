//! Randomness as the host gives it to a run.

use crate::{Host, Provided};

#[cfg(not(target_family = "wasm"))]
use crate::fake::random as backing;

/// What the host gives at once, in bytes; more would end the run.
const AT_ONCE: usize = 65_536;

/// The power to draw random bytes. The host seeds and records them, so that a run can be repeated exactly.
#[derive(Debug, Clone, Default)]
pub struct Random(pub(crate) backing::Backing);

impl Random {
    /// This many random bytes.
    pub fn bytes(&self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count);
        while bytes.len() < count {
            let next = (count - bytes.len()).min(AT_ONCE);
            bytes.extend(self.0.bytes(u32::try_from(next).expect("it is at most 65,536")));
        }
        bytes
    }

    /// A random number of 64 bits.
    pub fn number(&self) -> u64 {
        let bytes = self.0.bytes(8);
        bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// A random number from 0 to below `limit`, each as likely as the others; 0 if `limit` is 0.
    pub fn below(&self, limit: u64) -> u64 {
        if limit == 0 {
            return 0;
        }
        // Numbers of the last, incomplete round would make the small results likelier.
        let rounds = u64::MAX - u64::MAX % limit;
        loop {
            let number = self.number();
            if number < rounds {
                return number % limit;
            }
        }
    }
}

impl Provided for Random {
    #[cfg(target_family = "wasm")]
    fn provide(_: &Host) -> Self {
        Self::default()
    }

    #[cfg(not(target_family = "wasm"))]
    fn provide(host: &Host) -> Self {
        host.random.clone()
    }
}

#[cfg(target_family = "wasm")]
mod backing {
    //! The host's generator.

    use crate::bindings::ringfence::random::random;

    #[derive(Debug, Clone, Default)]
    pub(crate) struct Backing;

    impl Backing {
        pub(crate) fn bytes(&self, count: u32) -> Vec<u8> {
            random::bytes(count)
        }
    }
}
