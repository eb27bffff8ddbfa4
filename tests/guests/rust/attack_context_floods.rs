//! Reads the same source, or lists all of them, for ever.

use ringfence_sdk::prelude::*;

/// Never ends by itself.
#[skill]
fn attack_context_floods(list: bool, context: Context) -> Result<usize> {
    let mut seen = 0_usize;
    loop {
        seen = match list {
            true => seen.wrapping_add(context.list().len()),
            false => seen.wrapping_add(context.read("handbook").map_or(0, |text| text.len())),
        };
        std::hint::black_box(seen);
    }
}
