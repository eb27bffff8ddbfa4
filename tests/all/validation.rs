//! Guards around what skills and operators write: a validation that never ends, and a grant that reaches the host.

use std::path::PathBuf;
use std::time::Duration;

use ringfence::config::{Config, Places};
use ringfence_adapters::validator::ChildValidator;
use ringfence_core::contract::Validator;
use ringfence_core::error::Code;
use serde_json::{Value, json};

fn validator() -> ChildValidator {
    ChildValidator {
        program: PathBuf::from(env!("CARGO_BIN_EXE_ringfence")),
        arguments: vec!["validate-value".into(), std::process::id().to_string()],
        time: Duration::from_secs(10),
    }
}

fn validate(schema: &Value, value: &Value) -> Result<usize, String> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(validator().violations(schema, value)).map(|violations| violations.len())
}

#[test]
fn a_child_says_what_the_host_would_have_said() {
    let schema = json!({"items": {"type": "string"}});
    assert_eq!(validate(&schema, &json!(["a", 1, "b", 2])), Ok(2));
    assert_eq!(validate(&schema, &json!(["a"])), Ok(0));
}

#[test]
fn a_schema_that_fans_out_for_ever_ends_with_its_child() {
    let mut definitions = serde_json::Map::new();
    for level in 0..40 {
        let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
        definitions.insert(format!("d{level}"), json!({"allOf": [next, next]}));
    }
    definitions.insert("d40".into(), json!({"type": "string"}));
    let schema = json!({"$ref": "#/$defs/d0", "$defs": definitions});
    let why = validate(&schema, &json!("s")).expect_err("it never ends by itself");
    assert!(why.contains("more time or memory"), "{why}");
}

#[test]
fn no_grant_reaches_the_policy_or_the_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ringfence.toml");
    let find = |granted: &str| {
        let grant = format!(
            "[[grant]]\nring = 2\nfiles = [{{ folder = \"{granted}\", access = \"read\", name = \"x\" }}]\n"
        );
        std::fs::write(&file, grant).unwrap();
        Config::find(&Places { config: Some(file.clone()), data: None })
    };
    for reaching in [".", "..", ".ringfence", ".ringfence/cache"] {
        let error = find(reaching).expect_err(reaching);
        assert_eq!(error.code, Code::R0404, "{reaching}: {error}");
        assert!(error.to_string().contains("the host's own"), "{error}");
    }
    assert!(find("notes").is_ok(), "a folder beside them is fine");
}
