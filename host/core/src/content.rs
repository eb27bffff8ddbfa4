//! Bytes that a skill hands over or gets: what is in files and in memory.

pub(crate) mod shared_text;

use serde::{Deserialize, Serialize};

/// Bytes, which the log shows as text where they are text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Shown", into = "Shown")]
pub struct Content(pub Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Shown {
    Text(String),
    Hex(String),
}

impl From<Content> for Shown {
    fn from(content: Content) -> Self {
        String::from_utf8(content.0).map_or_else(|bytes| Self::Hex(hex(bytes.as_bytes())), Self::Text)
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

impl From<Shown> for Content {
    fn from(shown: Shown) -> Self {
        match shown {
            Shown::Text(text) => Self(text.into_bytes()),
            Shown::Hex(hex) => {
                let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
                Self(
                    hex.as_bytes()
                        .chunks(2)
                        .map(|pair| pair.iter().fold(0, |sum, c| sum * 16 + digit(*c)))
                        .collect(),
                )
            }
        }
    }
}

/// Whether a terminal acts on a character, or shows the text with it in another order or not at all: control characters
/// (C0, DEL, C1) and Unicode's bidirectional and invisible controls.
#[must_use]
pub fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_survives_its_json() {
        for bytes in [&b"plain"[..], b"", b"\xff\x00\x80", "äöü".as_bytes()] {
            let content = Content(bytes.to_vec());
            let json = serde_json::to_string(&content).expect("JSON");
            assert_eq!(serde_json::from_str::<Content>(&json).expect("content"), content, "{json}");
        }
    }
}
