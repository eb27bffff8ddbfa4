//! Media types as an operator names them: one, or all of a kind.

use std::fmt;
use std::str::FromStr;

use super::MediaType;

/// `text/markdown`, or `text/*`. A parameter makes no difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRange(String);

impl MediaRange {
    /// Whether a media type is meant.
    #[must_use]
    pub fn covers(&self, media_type: &MediaType) -> bool {
        let essence = media_type.essence();
        self.0.strip_suffix('*').map_or(essence == self.0, |kind| essence.starts_with(kind))
    }
}

impl FromStr for MediaRange {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let example = text.strip_suffix("/*").map_or_else(|| text.to_owned(), |kind| format!("{kind}/x"));
        let media_type: MediaType = example.parse()?;
        if media_type.essence() != media_type.as_str() {
            return Err(format!("{text:?} has a parameter: say the type alone"));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for MediaRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(range: &str, media_type: &str) -> bool {
        let media_type = media_type.parse().expect("a media type");
        range.parse::<MediaRange>().expect("a range").covers(&media_type)
    }

    #[test]
    fn a_range_covers_one_type_or_all_of_a_kind() {
        assert!(covers("text/*", "text/html; charset=utf-8") && covers("Text/Markdown", "text/markdown"));
        assert!(!covers("text/*", "texts/html") && !covers("text/html", "text/html5"));
        for bad in ["*/*", "*", "text", "text/", "text/*; charset=utf-8", "text/m*", ""] {
            assert!(bad.parse::<MediaRange>().is_err(), "{bad}");
        }
    }
}
