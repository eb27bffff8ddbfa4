//! Versions of skills.

/// A semantic version, written in its one canonical form: no `v`, no leading zeros, no build metadata.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub fn parse_version(text: &str) -> Result<semver::Version, String> {
    let shown: String = text.chars().take(40).collect();
    let version = semver::Version::parse(text)
        .map_err(|why| format!("version {shown:?} is not a semantic version: {why}"))?;
    if !version.build.is_empty() {
        return Err(format!("version {shown:?} has build metadata, which would make two versions equal"));
    }
    if text.len() > 64 {
        return Err(format!("version {shown:?}… is longer than 64 characters"));
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_one_spelling() {
        for text in ["v1.1.0", "1.1", "01.1.0", "1.1.0+build", "1.1.0 ", ""] {
            assert!(parse_version(text).is_err(), "{text:?}");
        }
        assert!(parse_version("1.10.0-rc.1").is_ok());
    }
}
