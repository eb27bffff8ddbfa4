//! What generators make from seeds.

use ringfence_core::error::Code;

use super::{Met, counted, meet_all};

/// Whether it is a core module.
fn is_module(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm\x01\0\0\0")
}

#[test]
fn generated_components_never_panic_or_hang_the_host() {
    let (seeds, all): (Vec<_>, Vec<_>) = ringfence_built::generated().unzip();
    let named = seeds.iter().map(|seed| format!("seed {seed}")).zip(all.iter().cloned());
    let met = meet_all(named);
    for ((seed, bytes), met) in seeds.iter().zip(&all).zip(&met) {
        if is_module(bytes) {
            assert_eq!(*met, Met::Refused(Code::R0406), "seed {seed} is a core module");
        }
    }
    let counts = counted(&met);
    eprintln!("{} seeds: {counts:?}", seeds.len());
    // The corpus is worth its time only if it gets everywhere.
    let modules = all.iter().filter(|bytes| is_module(bytes)).count();
    let ran = met.iter().filter(|met| matches!(met, Met::Ran(..))).count();
    assert!(modules * 10 > seeds.len(), "{modules} modules of {}", seeds.len());
    assert!(ran * 10 > seeds.len(), "{ran} of {} ran: {counts:?}", seeds.len());
    assert!(counts.len() > 4, "they end in different ways: {counts:?}");
}
