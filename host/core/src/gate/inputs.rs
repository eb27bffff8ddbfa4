//! Every input that the host makes up for an attempt. All of it follows from a recorded seed and start, so that
//! the attempt can be repeated exactly.

use crate::units::Timestamp;

/// The most random bytes that are given at once.
pub const MAX_RANDOM_BYTES: u32 = 64 << 10;

/// Time and randomness of one attempt.
///
/// Randomness is BLAKE3 in its extendable-output form, keyed by the seed: one stream for each purpose, so that how
/// much is taken from one changes nothing in another.
#[derive(Debug, Clone)]
pub struct Inputs {
    start: u64,
    slept: u64,
    random: Stream,
    secure: Stream,
    insecure: Stream,
}

/// One stream of random bytes. It is begun when the first of them is taken: most attempts take none.
#[derive(Debug, Clone)]
enum Stream {
    Unused { seed: [u8; 32], purpose: &'static [u8] },
    Begun(Box<blake3::OutputReader>),
}

impl Inputs {
    /// The inputs of an attempt with this seed that starts at this time.
    #[must_use]
    pub fn new(seed: &[u8; 32], start: Timestamp) -> Self {
        let stream = |purpose| Stream::Unused { seed: *seed, purpose };
        Self {
            start: start.0.saturating_mul(1_000),
            slept: 0,
            random: stream(b"ringfence.random.v1"),
            secure: stream(b"wasi.random.v1"),
            insecure: stream(b"wasi.insecure-random.v1"),
        }
    }

    /// Nanoseconds since 1970 for a skill that has used this much fuel: a unit of fuel takes 0.15 ns.
    #[must_use]
    pub const fn now(&self, fuel: u64) -> u64 {
        self.start.saturating_add(self.slept).saturating_add(fuel / 20 * 3)
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn elapsed(&self, fuel: u64) -> u64 {
        self.now(fuel).saturating_sub(self.start)
    }

    /// Notes a sleep.
    pub const fn slept(&mut self, nanoseconds: u64) {
        self.slept = self.slept.saturating_add(nanoseconds);
    }

    /// Bytes for the capability `random`.
    pub fn random(&mut self, count: u32) -> Vec<u8> {
        self.random.take(count)
    }

    /// Bytes for `wasi:random/random`.
    pub fn wasi_secure(&mut self, count: u32) -> Vec<u8> {
        self.secure.take(count)
    }

    /// Bytes for `wasi:random/insecure` and its seed.
    pub fn wasi_insecure(&mut self, count: u32) -> Vec<u8> {
        self.insecure.take(count)
    }
}

impl Stream {
    fn take(&mut self, count: u32) -> Vec<u8> {
        if let Self::Unused { seed, purpose } = self {
            let begun = blake3::Hasher::new_keyed(seed).update(purpose).finalize_xof();
            *self = Self::Begun(Box::new(begun));
        }
        let mut bytes = vec![0; count.min(MAX_RANDOM_BYTES) as usize];
        if let Self::Begun(reader) = self {
            reader.fill(&mut bytes);
        }
        bytes
    }
}
