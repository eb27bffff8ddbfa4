//! What a validator says of an output: a list of violations, read as strictly as everything that a skill gives.

use serde::Deserialize;

use super::schema::shorten;
use super::{Schema, Violation, parse};

/// A violation as a validator writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Found {
    path: String,
    message: String,
}

/// What the rule of a violation begins with that a validator has found.
pub const BY_VALIDATOR: &str = "validator:";

/// The violations that a validator's answer lists, as many as of any other rule at the most and as long.
///
/// # Errors
/// Why it is no such list.
pub fn read_verdict(validator: &str, answer: &str) -> Result<Vec<Violation>, String> {
    let found: Vec<Found> =
        serde_json::from_value(parse(answer)?).map_err(|why| shorten(&why.to_string()))?;
    let is_pointer = |path: &str| path.is_empty() || path.starts_with('/');
    if let Some(wrong) = found.iter().find(|found| !is_pointer(&found.path)) {
        return Err(format!("{:?} is no JSON Pointer", shorten(&wrong.path)));
    }
    let found = found.into_iter().take(Schema::MAX_VIOLATIONS);
    Ok(found.map(|Found { path, message }| violation(validator, &path, &message)).collect())
}

/// What a validator finds, or what is found for it: that it does not even take what it was to judge.
#[must_use]
pub fn violation(validator: &str, path: &str, message: &str) -> Violation {
    let name = validator.split('@').next().unwrap_or(validator);
    Violation { path: shorten(path), rule: format!("{BY_VALIDATOR}{name}"), message: shorten(message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_a_list_of_paths_and_messages_and_nothing_else() {
        let read = |answer: &str| read_verdict("check@1.0.0", answer);
        assert_eq!(read("[]"), Ok(Vec::new()));
        let found = read(r#"[{"path":"/total","message":"too much"}]"#).expect("a verdict");
        let [Violation { path, rule, message }] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((&**path, &**rule, &**message), ("/total", "validator:check", "too much"));
        for wrong in [
            "null",
            "true",
            "{}",
            "[[]]",
            r#"[{"path":"/a"}]"#,
            r#"[{"path":1,"message":""}]"#,
            r#"[{"path":"a","message":""}]"#,
            r#"[{"path":"/a","message":"","rule":"bounds"}]"#,
            r#"[{"path":"/a","path":"/b","message":""}]"#,
            "[] []",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_verdict_is_as_bounded_as_other_violations() {
        let one = format!(r#"{{"path":"/{0}","message":"{0}"}}"#, "x".repeat(10_000));
        let found = read_verdict("check", &format!("[{one}{}]", format!(",{one}").repeat(99))).expect("one");
        assert_eq!(found.len(), Schema::MAX_VIOLATIONS);
        assert!(found.iter().all(|one| one.path.len() < 1_000 && one.message.len() < 1_000), "{found:?}");
    }
}
