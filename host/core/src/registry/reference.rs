//! How people name a loaded skill: `name`, `name@1`, `name@1.2`, `name@1.2.3`, `name@sha:…`.

use semver::Version;

use crate::contract::parse_version;
use crate::ids::SkillName;

/// The fewest digits of a digest that name a component.
const FEWEST_DIGITS: usize = 8;

/// Whether a text is a reference to a skill at all, loaded or not.
///
/// # Errors
/// Why it is none.
pub fn check_reference(text: &str) -> Result<(), String> {
    let (name, which) = text.split_once('@').map_or((text, None), |(name, which)| (name, Some(which)));
    name.parse::<SkillName>().map_err(|why| why.to_string())?;
    which.map_or(Ok(()), |which| Which::parse(which).map(drop))
}

/// What stands behind the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Which {
    /// Nothing: the pinned version, or else the highest release.
    Any,
    /// The highest release that begins with these numbers.
    Newest(u64, Option<u64>),
    /// This version and no other.
    Exactly(Version),
    /// The component whose digest begins with these digits.
    Component(String),
}

impl Which {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let shown: String = text.chars().take(40).collect();
        if let Some(digits) = text.strip_prefix("sha:") {
            let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            if !digits.chars().all(hexadecimal) {
                return Err(format!("{shown:?}: a digest is written in lower-case hexadecimal digits"));
            }
            if !(FEWEST_DIGITS..=64).contains(&digits.len()) {
                return Err(format!("{shown:?}: a digest is named by {FEWEST_DIGITS} to 64 of its digits"));
            }
            return Ok(Self::Component(digits.to_owned()));
        }
        let parts: Vec<&str> = text.split('.').collect();
        if parts.len() > 2 {
            return parse_version(text).map(Self::Exactly);
        }
        let number = |part: &str| {
            let plain =
                part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
            part.parse().ok().filter(|_| plain).ok_or_else(|| {
                format!("version {shown:?} is none: say 1, 1.2, 1.2.3 or sha: and the digest, without `v` or leading zeros")
            })
        };
        Ok(Self::Newest(number(parts[0])?, parts.get(1).map(|part| number(part)).transpose()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_has_one_spelling() {
        let bent = [
            "",
            "v1",
            "v1.1",
            "01",
            "01.1",
            "1.01",
            "1.",
            ".1",
            "1..2",
            "+1",
            "1.x",
            "*",
            "1.2.x",
            "^1.2.3",
            "~1",
            "1.2.3+build",
            "01.2.3",
            "1.2.3.4",
            " 1",
            "1 ",
            "latest",
            "1-rc",
            "99999999999999999999",
            "１",
            "sha:",
            "sha:abc1234",
            "sha:ABCDEF12",
            "sha:xyzxyzxy",
            "SHA:abcdef12",
            "sha256:abcdef12",
        ];
        for text in bent {
            assert!(Which::parse(text).is_err(), "{text:?}");
        }
        assert!(Which::parse(&format!("sha:{}", "a".repeat(65))).is_err());
        assert_eq!(Which::parse("1"), Ok(Which::Newest(1, None)));
        assert_eq!(Which::parse("0.10"), Ok(Which::Newest(0, Some(10))));
        assert_eq!(Which::parse("1.2.3-rc.1"), Ok(Which::Exactly("1.2.3-rc.1".parse().expect("a version"))));
        assert_eq!(Which::parse("sha:abcdef12"), Ok(Which::Component("abcdef12".into())));
    }
}
