//! The operator's rules: in the policy file, in files of their own with tests beside them, and in force.

use serde_json::json;

use super::{ADA, Operator};

/// Rules of every kind on `hello`, which gives a text.
const RULES: &str = r#"
skill = "hello"

[[rule]]
path = ""
schema = { type = "string", maxLength = 100 }

[[rule]]
path = ""
naming = { suffix = "!", reserved = ["Hello, Mallory!"] }

[[rule]]
path = ""
policy = { when = [{ path = "", schema = { pattern = "Eve" } }], then = [{ path = "", exists = false }] }
message = "Eve is not greeted"

[[test]]
name = "a greeting"
output = "Hello, Ada!"

[[test]]
name = "nobody greets Mallory or Eve"
output = "Hello, Eve"
violations = ["naming", "policy"]
"#;

#[test]
fn a_rule_file_is_tested_and_then_in_force() {
    let operator = Operator::new();
    operator.load("hello");
    std::fs::create_dir(operator.here().join("rules")).unwrap();
    operator.write("rules/hello.toml", RULES);
    let said = operator.does(&["rules", "test", "rules/hello.toml"]);
    assert_eq!(said, "rules/hello.toml: 3 rules, 2 of 2 tests pass\n");
    operator.write("ringfence.toml", "[[rule-file]]\nfile = \"rules/hello.toml\"\n");
    assert_eq!(operator.does(&["rules"]).lines().count(), 3);
    let (listed, _) = operator.json(&["rules"]);
    assert_eq!(listed[0]["skill"], "hello");
    assert_eq!(listed[0]["rules"][1]["naming"], json!({ "suffix": "!", "reserved": ["Hello, Mallory!"] }));

    operator.does(&["run", "hello", "--input", ADA]);
    for (name, rule, message) in
        [("Mallory", "rule:naming", "is a reserved name"), ("Eve", "rule:policy", "Eve is not greeted")]
    {
        let input = json!({ "name": name }).to_string();
        let (run, exit) = operator.json(&["run", "hello", "--input", &input]);
        assert_eq!((exit, &run["error"]["code"]), (1, &json!("R0302")), "{run}");
        let found = json!([{"path": "", "rule": rule, "message": message}]);
        assert_eq!(run["violations"], found, "{run}");
    }
    operator.does(&["audit", "verify"]);
}

#[test]
fn what_a_rule_does_not_say_is_not_shown() {
    let operator = Operator::new();
    operator.write("ringfence.toml", "[[rule]]\nskill = \"a\"\npath = \"/t\"\nbounds = { min = 1 }\n");
    assert_eq!(operator.does(&["rules"]), "a  /t: bounds {\"min\":1.0}\n");
}

#[test]
fn a_rule_file_whose_tests_fail_is_refused_and_nothing_runs() {
    let operator = Operator::new();
    operator.load("hello");
    let wrong = RULES.replace("\"naming\", \"policy\"", "\"naming\", \"bounds\"");
    operator.write("hello.rules.toml", wrong);
    let tested = operator.say(&["rules", "test", "hello.rules.toml"]);
    assert_eq!(tested.code, Some(1), "{}", tested.err);
    for line in
        ["1 of 2 tests pass", "nobody greets", "expected and not found: bounds", "not expected: policy"]
    {
        assert!(tested.out.contains(line), "{line:?} in {}", tested.out);
    }
    let (tested, exit) = operator.json(&["rules", "test", "hello.rules.toml"]);
    assert_eq!((exit, &tested[0]["failures"][0]["missing"]), (1, &json!(["bounds"])));
    operator.write("ringfence.toml", "[[rule-file]]\nfile = \"hello.rules.toml\"\n");
    operator.say(&["run", "hello", "--input", ADA]).failed("R0404", 2).saying("nobody greets Mallory or Eve");
}

#[test]
fn a_broken_rule_file_is_named() {
    let operator = Operator::new();
    let named = |content: &str| {
        operator.write("hello.rules.toml", content);
        operator.write("ringfence.toml", "[[rule-file]]\nfile = \"hello.rules.toml\"\n");
        operator.say(&["skills"])
    };
    named("skill = \"hello\"\nrule = 3").failed("R0404", 2).saying("hello.rules.toml").saying("line 2");
    named("skill = \"hello\"\n[[rule]]\npath = \"\"\nnamming = {}").failed("R0405", 2).saying("`naming`");
    named("skill = \"Hello\"\n[[rule]]\npath = \"\"\nrequired = true").failed("R0404", 2).saying("Hello");
    named("skill = \"hello\"\n[[rule]]\npath = \"\"").failed("R0404", 2).saying("asks for nothing");
    operator.write("ringfence.toml", "[[rule-file]]\nfile = \"missing.toml\"\n");
    operator.say(&["skills"]).failed("R0404", 2).saying("missing.toml");
    operator.write("ringfence.toml", "");
    operator.say(&["rules", "test"]).failed("R0414", 2);
}

#[test]
fn no_skill_may_be_granted_the_folder_of_a_rule_file() {
    let operator = Operator::new();
    std::fs::create_dir(operator.here().join("rules")).unwrap();
    operator.write("rules/hello.toml", RULES);
    let grant = "[[rule-file]]\nfile = \"rules/hello.toml\"\n\
        [[grant]]\nring = 2\nfiles = [{ folder = \"rules\", access = \"write\" }]\n";
    operator.write("ringfence.toml", grant);
    operator.say(&["skills"]).failed("R0404", 2).saying("reaches the host's own");
}
