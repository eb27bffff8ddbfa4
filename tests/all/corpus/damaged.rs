//! Real guests, cut off or with bits turned.

use ringfence_core::error::Code;

use super::{Met, Named, counted, meet_all};

/// A guest, how often it is cut off and how often bits of it are turned where nobody asks for certain seeds. Large ones
/// take seconds to compile.
const GUESTS: [(&str, u64, u64); 3] =
    [("friend_says_one", 60, 120), ("attack_grows_memory", 20, 40), ("friend_uses_every_power", 20, 10)];

/// The next number that looks like chance (splitmix64).
fn next(state: &mut u64) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((mixed ^ (mixed >> 31)) >> 1).unwrap()
}

/// The guest under a name of its own and of the same length, so that many may be loaded beside each other.
fn renamed(component: &[u8], guest: &str, number: u64) -> Vec<u8> {
    let name = guest.replace('_', "-").into_bytes();
    let mut own = name.clone();
    let letters = own.len() - 3..;
    let digits = [number / 676 % 26, number / 26 % 26, number % 26];
    own.splice(letters, digits.map(|digit| b'a' + u8::try_from(digit).unwrap()));
    let mut renamed = component.to_vec();
    for at in 0..renamed.len().saturating_sub(name.len()) {
        if renamed[at..].starts_with(&name) {
            renamed[at..at + name.len()].copy_from_slice(&own);
        }
    }
    renamed
}

/// The most that any number in [`GUESTS`] is.
const MOST: u64 = 120;

/// So many seeds, or of those that were asked for the same part.
fn seeds(usual: u64) -> impl Iterator<Item = u64> {
    let every = if ringfence_built::ASKED.is_some() { MOST / usual } else { 1 };
    ringfence_built::ASKED.unwrap_or(0..usual).step_by(usize::try_from(every).unwrap())
}

/// The guest, cut off somewhere.
fn truncated(guest: &'static str, count: u64) -> impl Iterator<Item = Named> {
    let whole = ringfence_built::component(guest);
    seeds(count).map(move |number| {
        let mut state = number;
        // Every place counts at the beginning, where the sections begin.
        let at = if number < 16 { usize::try_from(number).unwrap() } else { next(&mut state) % whole.len() };
        (format!("{guest}, the first {at} bytes"), whole[..at].to_vec())
    })
}

/// The guest with one to three bits turned somewhere.
fn flipped(guest: &'static str, count: u64) -> impl Iterator<Item = Named> {
    let whole = ringfence_built::component(guest);
    seeds(count).map(move |number| {
        let mut state = number;
        let mut bytes = renamed(&whole, guest, number);
        for _ in 0..=number % 3 {
            let bit = next(&mut state) % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        (format!("{guest}, bits turned by seed {number}"), bytes)
    })
}

#[test]
fn guests_that_are_cut_off_are_refused() {
    let all = GUESTS.into_iter().flat_map(|(guest, cut, _)| truncated(guest, cut));
    let met = meet_all(all);
    let counts = counted(&met);
    // An end between two sections leaves a component, which is no skill.
    let expected = |met: &Met| matches!(met, Met::Refused(Code::R0406 | Code::R0408 | Code::R0409));
    assert!(met.iter().all(expected), "{counts:?}");
}

#[test]
fn guests_with_turned_bits_never_panic_or_hang_the_host() {
    let all = GUESTS.into_iter().flat_map(|(guest, _, turned)| flipped(guest, turned));
    let met = meet_all(all);
    let counts = counted(&met);
    eprintln!("{} guests: {counts:?}", met.len());
    let ran = met.iter().filter(|met| matches!(met, Met::Ran(..))).count();
    assert!(ran * 10 > met.len(), "{ran} of {} ran: {counts:?}", met.len());
    assert!(counts.len() > 4, "they end in different ways: {counts:?}");
}
