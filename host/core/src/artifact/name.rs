//! The names of artifacts: plain file names, on every system that one may be saved to.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::content::acts;

/// The longest name, in bytes.
const MAX_NAME: usize = 128;

/// Names that are devices on Windows, whatever follows the first dot.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Names of ports, of which each has a digit behind it.
const PORTS: [&str; 2] = ["com", "lpt"];

/// A plain file name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArtifactName(Arc<str>);

impl ArtifactName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ArtifactName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        check(text).map_err(|why| {
            let shown: String = text.chars().take(80).collect();
            format!("{shown:?} is no name of an artifact: {why}")
        })?;
        Ok(Self(text.into()))
    }
}

fn check(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > MAX_NAME {
        return Err("it must have 1 to 128 bytes");
    }
    if text.contains(['/', '\\']) {
        return Err("it is a file name and no path");
    }
    if text.chars().any(acts) {
        return Err("it has a control character, or one that nobody sees");
    }
    if text.contains(['<', '>', ':', '"', '|', '?', '*']) {
        return Err("< > : \" | ? and * are in no file name that every system takes");
    }
    if text.starts_with(['.', ' ', '-']) {
        return Err("it must not begin with a dot, a space or a hyphen");
    }
    if text.ends_with(['.', ' ']) {
        return Err("it must not end with a dot or a space");
    }
    if is_device(text) {
        return Err("it is the name of a device on some systems");
    }
    Ok(())
}

fn is_device(text: &str) -> bool {
    let stem = text.split('.').next().unwrap_or(text).trim_end().to_lowercase();
    let port = |begins: &&str| {
        let mut rest = stem.strip_prefix(begins).unwrap_or("").chars();
        matches!((rest.next(), rest.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
    };
    DEVICES.contains(&stem.as_str()) || PORTS.iter().any(port)
}

impl fmt::Display for ArtifactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ArtifactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl Serialize for ArtifactName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ArtifactName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_has_a_plain_file_name() {
        let longest = "a".repeat(MAX_NAME);
        for good in
            ["a", "report.md", "Bericht März.pdf", "日本.txt", "a..b", "console.txt", "com10", &longest]
        {
            assert_eq!(good.parse::<ArtifactName>().map(|name| name.to_string()), Ok(good.to_owned()));
        }
    }

    #[test]
    fn a_name_that_leads_elsewhere_or_misleads_is_none() {
        let too_long = "a".repeat(MAX_NAME + 1);
        let paths = ["", ".", "..", "/etc/passwd", "a/b", "../a", "a\\b", "C:", "a:b", "-rf", &too_long];
        let hidden =
            [".bashrc", " a", "a ", "a.", "a\0", "a\nb", "\u{1b}[2J", "a\u{202e}fdp.exe", "a\u{200b}b"];
        let devices = ["CON", "nul.txt", "Com1", "lpt9.tar.gz", "COM¹", "aux .txt", "conin$"];
        for bad in paths.iter().chain(&hidden).chain(&devices) {
            let why = bad.parse::<ArtifactName>().expect_err(bad);
            assert!(why.chars().all(|c| !acts(c)), "{why}");
        }
    }
}
