//! A generator that gives the same bytes for the same seed.

use crate::Random;
use std::cell::Cell;
use std::rc::Rc;

/// The state of a SplitMix64 generator.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backing(Rc<Cell<u64>>);

impl Backing {
    pub(crate) fn bytes(&self, count: u32) -> Vec<u8> {
        (0..count).map(|_| self.next().to_be_bytes()[0]).collect()
    }

    /// One step of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
    fn next(&self) -> u64 {
        self.0.set(self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let mut mixed = self.0.get();
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Random {
    /// Randomness for a native test: the same bytes for the same seed. Not the bytes that a host gives.
    pub fn fake(seed: u64) -> Self {
        let random = Self::default();
        random.0.0.set(seed);
        random
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_within_their_limit() {
        let draw = |seed| {
            let random = Random::fake(seed);
            (0..50).map(|_| random.below(6)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!(draw(3).iter().all(|number| *number < 6));
        assert_eq!(Random::fake(1).below(0), 0);
        assert_eq!(Random::fake(1).bytes(70_000).len(), 70_000);
    }
}
