//! Hands over an image, a sound and two texts, and says so.

use ringfence_sdk::prelude::*;

/// One red point.
const IMAGE: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0,
    1, 8, 2, 0, 0, 0, 0x90, 0x77, 0x53, 0xde, 0, 0, 0, 12, b'I', b'D', b'A', b'T', 8, 0xd7, 0x63, 0xf8, 0xcf,
    0xc0, 0, 0, 3, 1, 1, 0, 0x18, 0xdd, 0x8d, 0xb0, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60,
    0x82,
];

/// Two samples of silence.
const SOUND: &[u8] =
    b"RIFF\x26\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\x02\0\0\0\x80\x80";

/// Hands over what clients show in different ways.
#[skill]
fn friend_hands_over_all_kinds(_input: (), artifacts: Artifacts) -> Result<String> {
    artifacts.save("point.png", "image/png", IMAGE)?;
    artifacts.save("silence.wav", "audio/wav", SOUND)?;
    artifacts.save("note.txt", "text/plain", "What a client reads at once.")?;
    artifacts.save("data.json", "application/json", r#"{"test":"data","value":123}"#)?;
    artifacts.save("long.txt", "text/plain", "x".repeat(2 << 20))?;
    Ok("Five files of all kinds.".into())
}
