//! Prints characters of one to four bytes, so that every cut of the text falls into one.

use ringfence_sdk::prelude::*;
use std::io::Write;

/// Prints a number of lines, and one of them in two halves of a character.
#[skill]
fn friend_prints_in_every_language(lines: u32) -> Result<u32> {
    for number in 0..lines {
        println!("{number} \u{e4} \u{20ac} \u{1f600}");
    }
    let mut out = std::io::stdout();
    for half in "\u{1f600}".as_bytes().chunks(2) {
        drop(out.write_all(half).and_then(|()| out.flush()));
    }
    Ok(lines)
}
