//! Media types, and whether bytes are of one, where that is cheap and certain.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::contract;

/// The longest of a type's two names (RFC 6838, section 4.2).
const MAX_PART: usize = 127;

/// The one parameter that a media type may have.
const UTF_8: &str = "charset=utf-8";

/// How files of some types begin.
const SIGNATURES: [(&str, &[&[u8]]); 5] = [
    ("image/png", &[b"\x89PNG\r\n\x1a\n"]),
    ("image/jpeg", &[b"\xff\xd8\xff"]),
    ("image/gif", &[b"GIF87a", b"GIF89a"]),
    ("application/pdf", &[b"%PDF-"]),
    ("application/zip", &[b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"]),
];

/// A media type in its one spelling: `text/markdown`, `text/html; charset=utf-8`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaType(Arc<str>);

impl MediaType {
    /// The type as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The type without its parameter.
    pub(super) fn essence(&self) -> &str {
        self.0.split(';').next().unwrap_or(&self.0)
    }

    /// Whether bytes are what they are said to be, as far as that is cheap and certain: JSON is one value that is read
    /// strictly, text is UTF-8, and what has a signature begins with it.
    ///
    /// # Errors
    /// What they are not.
    pub fn check(&self, bytes: &[u8]) -> Result<(), String> {
        let essence = self.essence();
        let is_json = essence.ends_with("/json") || essence.ends_with("+json");
        if is_json || essence.starts_with("text/") || self.0.len() > essence.len() {
            let text = std::str::from_utf8(bytes).map_err(|why| format!("{essence} must be UTF-8: {why}"))?;
            if is_json {
                contract::parse(text).map_err(|why| format!("it is not {essence}: {why}"))?;
            }
        }
        let signature = SIGNATURES.iter().find(|(known, _)| *known == essence);
        if signature.is_some_and(|(_, begins)| !begins.iter().any(|begins| bytes.starts_with(begins))) {
            return Err(format!("it does not begin as {essence} does"));
        }
        Ok(())
    }
}

impl FromStr for MediaType {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            let shown: String = text.chars().take(80).collect();
            Err(format!("{shown:?} is no media type: {why}"))
        };
        if text.len() > 2 * MAX_PART + 2 + UTF_8.len() {
            return wrong("it is too long");
        }
        let (essence, parameter) =
            text.split_once(';').map_or((text, None), |(essence, parameter)| (essence, Some(parameter)));
        let Some((kind, subtype)) = essence.split_once('/') else {
            return wrong("it has the form type/subtype");
        };
        if !is_name(kind) || !is_name(subtype) {
            return wrong(
                "type and subtype begin with a letter or digit, and have no other signs than !#$&-^_.+",
            );
        }
        let mut canonical = essence.to_ascii_lowercase();
        match parameter.map(|parameter| parameter.trim_matches(' ')) {
            None => {}
            Some(parameter) if parameter.eq_ignore_ascii_case(UTF_8) => {
                canonical.push_str("; ");
                canonical.push_str(UTF_8);
            }
            Some(_) => return wrong("the only parameter is `; charset=utf-8`"),
        }
        Ok(Self(canonical.into()))
    }
}

/// A restricted name of RFC 6838.
fn is_name(text: &str) -> bool {
    let sign = |c: char| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c);
    text.len() <= MAX_PART && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(sign)
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl Serialize for MediaType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for MediaType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(media_type: &str, bytes: &[u8]) -> bool {
        media_type.parse::<MediaType>().expect(media_type).check(bytes).is_ok()
    }

    #[test]
    fn a_media_type_has_one_spelling() {
        for (said, meant) in [
            ("text/markdown", "text/markdown"),
            ("Image/SVG+xml", "image/svg+xml"),
            ("application/vnd.ms-excel", "application/vnd.ms-excel"),
            ("text/html;charset=UTF-8", "text/html; charset=utf-8"),
            ("text/html; charset=utf-8 ", "text/html; charset=utf-8"),
        ] {
            assert_eq!(said.parse::<MediaType>().map(|kind| kind.to_string()), Ok(meant.to_owned()));
        }
    }

    #[test]
    fn what_is_no_media_type_is_refused() {
        let too_long = format!("a/{}", "b".repeat(128));
        let parts = ["", "text", "/", "text/", "/html", "a/b/c", "te xt/a", " text/a", "text/a ", ".a/b"];
        let more = [
            "text/\u{e4}",
            "text/a\n",
            "*/*",
            "text/a; charset=latin-1",
            "text/a; x=y",
            "text/a;",
            &too_long,
        ];
        for bad in parts.iter().chain(&more) {
            assert!(bad.parse::<MediaType>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn bytes_are_what_they_are_said_to_be() {
        for (media_type, good, bad) in [
            ("application/json", &b"{\"a\":1}"[..], &b"{\"a\":1,\"a\":2}"[..]),
            ("application/geo+json", b"[]", b"[] []"),
            ("application/json; charset=utf-8", b"\"\xc3\xa4\"", b"\"\xe4\""),
            ("text/plain", "äöü".as_bytes(), b"\xff"),
            ("text/csv", b"", b"\xc3"),
            ("application/toml; charset=utf-8", b"a = 1", b"\x80"),
            ("image/png", b"\x89PNG\r\n\x1a\nrest", b"\x89PNG\n"),
            ("image/jpeg", b"\xff\xd8\xff\xe0", b"<script>"),
            ("image/gif", b"GIF89a", b"GIF90a"),
            ("application/pdf", b"%PDF-1.7", b" %PDF-1.7"),
            ("application/zip", b"PK\x03\x04", b"MZ"),
        ] {
            assert!(is(media_type, good), "{media_type}");
            assert!(!is(media_type, bad), "{media_type}");
        }
        assert!(is("application/octet-stream", b"\xff\x00anything"));
    }
}
