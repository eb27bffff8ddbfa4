//! The policy file.

use std::path::Path;

use ringfence::config::Config;
use ringfence_core::error::Code;
use ringfence_core::governance::UrlPattern;

/// A file is taken, with grants that mean what they say, or refused with its code.
pub(crate) fn policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // Nothing is there, so that no file of the machine has a say.
    let place = Path::new("/nowhere/ringfence.toml");
    match Config::read(text, place, None) {
        Ok(config) => {
            assert!(config.check_memory(config.max_memory).is_ok(), "the most is not too much");
            for grant in config.policy.grants.grants() {
                for web in &grant.http {
                    let shown = web.url.to_string();
                    assert_eq!(UrlPattern::parse(&shown), Ok(web.url.clone()), "{shown}");
                    assert!(!web.methods.is_empty(), "{shown}");
                }
                for folder in &grant.files {
                    assert!(folder.folder.is_absolute(), "{}", folder.folder.display());
                    assert!(!folder.name.is_empty() && !folder.name.contains('/'), "{:?}", folder.name);
                }
            }
        }
        Err(error) => {
            assert!(matches!(error.code, Code::R0404 | Code::R0405), "{error}");
            assert!(!error.causes.is_empty(), "it says why: {error}");
        }
    }
}
