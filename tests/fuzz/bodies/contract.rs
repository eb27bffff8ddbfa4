//! Contracts, as they are met at load: lines with a name, a version, what an older one takes, what a newer one takes, and what
//! they give.

use ringfence_core::contract::{Contract, Description, Schema, differences};
use serde_json::{Value, json};

/// A contract is taken or refused with a reason, and of two that are called compatible the newer one gives nothing that the
/// older one did not promise.
pub(crate) fn contract(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default().to_owned();
    let (name, version) = (line(), line());
    let (taken, takes, given, gives) = (line(), line(), line(), line());
    let check = |input_schema: String, output_schema: String| {
        let description = Description {
            name: name.clone(),
            description: text.to_owned(),
            version: version.clone(),
            input_schema,
            output_schema,
        };
        let checked = Contract::check(&description);
        match &checked {
            Err(why) => assert!(!why.is_empty(), "it says why"),
            Ok(contract) => {
                assert_eq!(contract.name.as_str(), name);
                assert_eq!(contract.version.to_string(), version);
                assert!(contract.version.build.is_empty() && text.len() <= Contract::MAX_DESCRIPTION);
            }
        }
        checked.ok()
    };
    let (Some(older), Some(newer)) = (check(taken, given), check(takes, gives)) else { return };
    for one in [&older, &newer] {
        assert!(differences(one, one).is_empty(), "it keeps its own promises");
    }
    compare(&older, &newer);
    compare(&newer, &older);
}

fn compare(older: &Contract, newer: &Contract) {
    let found = differences(older, newer);
    assert!(found.len() <= 32, "{} differences are named", found.len());
    for difference in &found {
        assert!(
            difference.place.starts_with("input") || difference.place.starts_with("output"),
            "{difference}"
        );
        assert!(!difference.what.is_empty(), "{difference}");
    }
    assert_eq!(found, differences(older, newer), "the same each time");
    if found.is_empty() {
        for value in values() {
            assert!(implies(&newer.output, &older.output, &value), "{value} was not promised");
            // What an object may hold beside what the older one described was nobody's promise.
            let plain = !value.is_object() && !value.is_array();
            assert!(!plain || implies(&older.input, &newer.input, &value), "{value} was taken");
        }
    }
}

/// Whether a value that keeps the one schema keeps the other too; where it is too much work to tell, nothing is said.
fn implies(one: &Schema, other: &Schema, value: &Value) -> bool {
    let (Some(one), Some(other)) = (one.violations_here(value), other.violations_here(value)) else {
        return true;
    };
    !one.is_empty() || other.is_empty()
}

fn values() -> Vec<Value> {
    let texts = ["", "a", "ab", "%", "2026-01-31"].map(Value::from);
    let numbers = [json!(-1), json!(0), json!(1), json!(1.0), json!(1.5), json!(u64::MAX), json!(1e300)];
    let objects =
        [json!({}), json!({"a": 1}), json!({"a": "a"}), json!({"a": 1, "b": null}), json!({"total": 1})];
    let lists = [json!([]), json!([0]), json!([0, 0]), json!(["a", 1]), json!([[]]), json!([{}])];
    let words = [Value::Null, json!(true), json!(false)];
    [&texts[..], &numbers, &objects, &lists, &words].concat()
}
