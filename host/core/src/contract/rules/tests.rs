//! Each kind of rule kept and broken.

use futures::FutureExt;
use serde_json::{Value, json};

use super::{Rule, RuleFile, RuleSet};
use crate::contract::work::{Nowhere, UNCHECKED};

fn compiled(rule: Value) -> Result<RuleSet, String> {
    RuleSet::compile(&[serde_json::from_value::<Rule>(rule).map_err(|why| why.to_string())?])
}

fn broken(rule: &Value, output: &Value) -> Vec<(String, String)> {
    let rules = compiled(rule.clone()).expect("a rule that can be kept");
    let violations = rules.violations(output, &Nowhere).now_or_never().expect("nothing to wait for");
    violations.into_iter().map(|violation| (violation.path, violation.rule)).collect()
}

fn at(kind: &str, paths: &[&str]) -> Vec<(String, String)> {
    paths.iter().map(|path| ((*path).to_owned(), format!("rule:{kind}"))).collect()
}

#[test]
fn what_is_required_must_be_there_and_not_be_null() {
    let rule = json!({"path": "/a/b", "required": true});
    assert_eq!(broken(&rule, &json!({"a": {}})), at("required", &["/a/b"]));
    assert_eq!(broken(&rule, &json!({"a": {"b": null}})), at("required", &["/a/b"]));
    assert_eq!(broken(&rule, &json!({"a": {"b": 0}})), vec![]);
}

#[test]
fn what_is_required_is_missed_even_where_its_parent_is_missing() {
    let rule = json!({"path": "/a/b", "required": true});
    assert_eq!(broken(&rule, &json!({})), at("required", &["/a"]));
    assert_eq!(broken(&rule, &json!({"a": 7})), at("required", &["/a/b"]));
}

#[test]
fn what_is_forbidden_must_not_be_there() {
    let rule = json!({"path": "/items/*/secret", "forbidden": true});
    assert_eq!(broken(&rule, &json!({"items": [{}, {"secret": 1}]})), at("forbidden", &["/items/1/secret"]));
}

#[test]
fn bounds_count_numbers_characters_and_entries() {
    let rule = |path: &str| json!({"path": path, "bounds": {"min": 1, "max": 3}});
    let output = json!({"n": 4, "text": "äöüß", "list": [], "flag": true, "fine": 3});
    for path in ["/n", "/text", "/list", "/flag"] {
        assert_eq!(broken(&rule(path), &output).len(), 1, "{path}");
    }
    assert_eq!(broken(&rule("/fine"), &output), vec![]);
    assert_eq!(broken(&rule("/absent"), &output), vec![]);
}

#[test]
fn a_schema_holds_at_each_place() {
    let rule = json!({"path": "/lines/*", "schema": {"required": ["amount"], "properties": {"amount": {"minimum": 0}}}});
    let output = json!({"lines": [{"amount": 1}, {}, {"amount": -1}]});
    assert_eq!(broken(&rule, &output), at("schema", &["/lines/1", "/lines/2/amount"]));
}

#[test]
fn names_are_spelled_as_the_operator_wants() {
    let output = json!({"names": ["two-words", "Two-words", "tmp-x", 7, "two-words", "x.rs"]});
    let rule = |naming: Value| json!({"path": "/names/*", "naming": naming});
    let kebab = at("naming", &["/names/1", "/names/3", "/names/5"]);
    assert_eq!(broken(&rule(json!({"case": "kebab"})), &output), kebab);
    let unique = at("naming", &["/names/3", "/names/4"]);
    assert_eq!(broken(&rule(json!({"unique": true})), &output), unique);
    let reserved = at("naming", &["/names/2", "/names/3"]);
    assert_eq!(broken(&rule(json!({"reserved": ["tmp-x"]})), &output), reserved);
    let pattern = at("naming", &["/names/0", "/names/1", "/names/2", "/names/3", "/names/4"]);
    assert_eq!(broken(&rule(json!({"pattern": "\\.rs$"})), &output), pattern);
    assert_eq!(broken(&rule(json!({"prefix": "t", "suffix": "s"})), &output).len(), 4);
    for (case, right) in [
        ("snake", "a_b1"),
        ("screaming-snake", "A_B1"),
        ("camel", "aB1"),
        ("pascal", "AbC1"),
        ("kebab", "a-b1"),
    ] {
        let rule = json!({"path": "/n", "naming": {"case": case}});
        assert_eq!(broken(&rule, &json!({"n": right})), vec![], "{case}");
        assert_eq!(broken(&rule, &json!({"n": "a b"})).len(), 1, "{case}");
    }
}

#[test]
fn what_needs_something_needs_it_in_the_same_item() {
    let rule =
        json!({"path": "/lines/*/discount", "dependency": {"requires": ["/lines/*/reason", "/approved"]}});
    let output = json!({"approved": "eve", "lines": [{"discount": 1, "reason": "old"}, {"discount": 1}, {}]});
    assert_eq!(broken(&rule, &output), at("dependency", &["/lines/1/discount"]));
    assert_eq!(broken(&rule, &json!({"lines": [{"discount": 1, "reason": "old"}]})).len(), 1);
}

#[test]
fn a_reference_leads_somewhere_and_never_back() {
    let rule =
        json!({"path": "/steps/*/needs/*", "dependency": {"refers-to": "/steps/*/id", "acyclic": true}});
    let steps = |needs: [&[&str]; 3]| {
        let steps = ["a", "b", "c"].iter().zip(needs);
        json!({"steps": steps.map(|(id, needs)| json!({"id": id, "needs": needs})).collect::<Vec<_>>()})
    };
    assert_eq!(broken(&rule, &steps([&[], &["a"], &["a", "b"]])), vec![]);
    assert_eq!(broken(&rule, &steps([&["z"], &["a"], &[]])), at("dependency", &["/steps/0/needs/0"]));
    assert_eq!(broken(&rule, &steps([&[], &["c", "a"], &["b"]])), at("dependency", &["/steps/1/needs/0"]));
    assert_eq!(broken(&rule, &steps([&["a"], &[], &[]])), at("dependency", &["/steps/0/needs/0"]));
}

#[test]
fn what_follows_is_asked_of_the_items_that_the_conditions_hold_for() {
    let rule = json!({"path": "/lines/*", "policy": {
        "when": [{"path": "/currency", "schema": {"const": "EUR"}}, {"path": "/lines/*/amount", "schema": {"minimum": 100}}],
        "then": [{"path": "/lines/*/approved-by", "exists": true}, {"path": "/lines/*/waived", "exists": false}],
    }});
    let output = |currency: &str| {
        json!({"currency": currency, "lines": [
            {"amount": 1}, {"amount": 100}, {"amount": 100, "approved-by": "eve"},
            {"amount": 100, "approved-by": "eve", "waived": true}]})
    };
    assert_eq!(broken(&rule, &output("EUR")), at("policy", &["/lines/1", "/lines/3"]));
    assert_eq!(broken(&rule, &output("USD")), vec![]);
}

#[test]
fn an_operator_may_say_it_in_his_own_words() {
    let rules = compiled(json!({"path": "/a", "required": true, "message": "ask finance"})).expect("a rule");
    let found = rules.violations(&json!({}), &Nowhere).now_or_never().expect("nothing to wait for");
    assert_eq!(found[0].message, "ask finance");
}

#[test]
fn rules_that_cannot_be_kept_are_refused() {
    for (rule, why) in [
        (json!({"path": "a", "required": true}), "JSON Pointer"),
        (json!({"path": "/a"}), "asks for nothing"),
        (json!({"path": "/a", "required": true, "forbidden": true}), "both"),
        (json!({"path": "/a", "bounds": {"min": 2, "max": 1}}), "allow nothing"),
        (json!({"path": "/a", "schema": {"type": "nonsense"}}), "schema"),
        (json!({"path": "/a", "schema": {"$ref": "http://127.0.0.1/x"}}), "outside"),
        (json!({"path": "/a", "naming": {}}), "asks for nothing"),
        (json!({"path": "/a", "naming": {"pattern": "("}}), "pattern"),
        (json!({"path": "/a", "naming": {"case": "shouting"}}), "shouting"),
        (json!({"path": "/a", "dependency": {}}), "asks for nothing"),
        (json!({"path": "/a", "dependency": {"refers-to": "/b/*", "acyclic": true}}), "acyclic"),
        (json!({"path": "/a", "policy": {"then": []}}), "asks for nothing"),
        (json!({"path": "/a", "policy": {"then": [{"path": "/b"}]}}), "asks for nothing"),
    ] {
        let refused = compiled(rule.clone()).expect_err("it cannot be kept");
        assert!(refused.contains(why), "{rule}: {refused}");
    }
}

#[test]
fn an_output_that_is_too_much_for_the_rules_breaks_them() {
    let rule = json!({"path": "/a/*", "policy": {"when": [{"path": "/b/*", "schema": {"const": 1}}],
        "then": [{"path": "/c", "exists": true}]}});
    let many = vec![0; 2_000];
    let found = broken(&rule, &json!({"a": many, "b": many}));
    assert_eq!(found, vec![(String::new(), UNCHECKED.to_owned())]);
}

#[test]
fn a_rule_file_is_held_against_its_own_tests() {
    let file = |violations: &[&str]| {
        let file = json!({"skill": "invoice", "rule": [{"path": "/total", "bounds": {"max": 10}}],
            "test": [{"name": "no large sums", "output": {"total": 11}, "violations": violations}]});
        serde_json::from_value::<RuleFile>(file).expect("a rule file").run_tests().expect("rules")
    };
    assert_eq!(file(&["bounds /total"]), vec![]);
    let failures = file(&["required /total"]);
    assert_eq!(failures[0].missing, ["required /total"]);
    assert_eq!(failures[0].unexpected, ["bounds /total"]);
}
