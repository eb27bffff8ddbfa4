//! Guests that draw on the terminal of whoever looks at what they left.

use ringfence_core::audit::{Fact, Status};
use ringfence_core::error::Code;

use super::{RAN, assert_traps};
use crate::cli::{Operator, built};
use crate::harness::{Expected, Fuel, World, assert_attack_fails, assert_load_is_refused};

/// What is left of the drawing: every character that a terminal would act on is spelt out.
const SHOWN: &str =
    "\\u{1b}[2J\\u{1b}]0;owned\\u{7}\\u{9b}31m\\u{d}error[R0001]: forged\\u{202e}gnp.exe\\u{200b}\\u{7f}";
const DRAWING: &str =
    "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\rerror[R0001]: forged\u{202e}gnp.exe\u{200b}\u{7f}";

fn assert_draws_nothing(text: &str) {
    let acts = |c: char| (c.is_control() && c != '\n') || "\u{200b}\u{202e}".contains(c);
    assert!(!text.contains(acts), "{text:?}");
}

#[test]
pub(crate) fn attack_output_draws_on_the_terminal() {
    let operator = Operator::new();
    operator.load("attack_output_draws_on_the_terminal");
    let name = "attack-output-draws-on-the-terminal";

    let ran = operator.say(&["run", name, "--input", r#"{"fail":false}"#]);
    assert_eq!((ran.code, ran.out.trim_end()), (Some(0), SHOWN));
    assert_draws_nothing(&ran.err);
    let (exact, _) = operator.json(&["run", name, "--input", r#"{"fail":false}"#]);
    assert_eq!(exact["output"], DRAWING, "JSON is exact");

    let failed = operator.say(&["run", name, "--input", r#"{"fail":true}"#]);
    failed.failed("R0301", 1).saying(SHOWN);
    assert_draws_nothing(&failed.err);
    assert!(!failed.err.lines().any(|line| line.starts_with("error[R0001]")), "it does not pose as the host");

    for verb in
        [&["skills"][..], &["skills", name], &["tasks"], &["audit", "log"], &["audit", "log", "registry"]]
    {
        assert_draws_nothing(&operator.does(verb));
    }
    let task = exact["task"].as_str().unwrap();
    let log = operator.does(&["audit", "log", task]);
    assert_draws_nothing(&log);
    assert!(log.contains("output.printed") && log.contains("forged"), "{log}");
    operator.does(&["audit", "verify"]);

    let world = World::new();
    world.load("attack_output_draws_on_the_terminal");
    let order = world.order("attack_output_draws_on_the_terminal", r#"{"fail":true}"#);
    let expected = Expected {
        status: Status::Failed,
        code: Some(Code::R0301),
        says: DRAWING,
        hit: None,
        events: &[
            "task.accepted",
            "task.resolved",
            "attempt.started",
            "call",
            "output.printed × 2",
            "attempt.ended",
            "task.ended",
        ],
        fuel: Fuel::Same,
    };
    assert_attack_fails(&world, order, &expected);
}

#[test]
pub(crate) fn attack_name_draws_on_the_terminal() {
    let operator = Operator::new();
    let load = |json: &[&str]| {
        operator.say(&[&["load", &built("attack_name_draws_on_the_terminal")], json].concat())
    };
    let said = load(&[]);
    said.failed("R0410", 2).saying("is not a skill name");
    assert_draws_nothing(&said.err);
    assert!(!said.err.lines().any(|line| line.starts_with("error[R0001]")), "it does not pose as the host");
    assert_eq!(load(&["--json"]).json()["error"]["code"], "R0410");
    let says = "is not a skill name";
    assert_load_is_refused(&World::new(), "attack_name_draws_on_the_terminal", Code::R0410, says);
}

#[test]
pub(crate) fn attack_schema_draws_on_the_terminal() {
    let operator = Operator::new();
    operator.load("attack_schema_draws_on_the_terminal");
    let name = "attack-schema-draws-on-the-terminal";
    let whole = operator.does(&["skills", name]);
    assert!(whole.contains("\\u{9b}31m\\u{202e}gnp"), "{whole}");
    assert_draws_nothing(&whole);
    for verb in [&["skills"][..], &["audit", "log", "registry"]] {
        assert_draws_nothing(&operator.does(verb));
    }
    let said = operator.say(&["run", name, "--input", "7", "--json"]);
    assert_draws_nothing(&said.err);
    assert_eq!(
        operator.json(&["skills", name]).0["input_schema"]["title"],
        "\u{9b}31m\u{202e}gnp",
        "JSON is exact"
    );
    assert_traps("attack_schema_draws_on_the_terminal", "unreachable", &RAN);
}

#[test]
pub(crate) fn attack_description_forges_lines() {
    let operator = Operator::new();
    operator.load("attack_description_forges_lines");
    let list = operator.does(&["skills"]);
    assert_eq!(list.lines().count(), 1, "one line for one skill: {list}");
    let whole = operator.does(&["skills", "attack-description-forges-lines"]);
    for of_the_host in ["component ", "powers ", "runs in ", "input "] {
        let lines = whole.lines().filter(|line| line.starts_with(of_the_host));
        assert_eq!(lines.count(), 1, "{of_the_host:?} in {whole}");
    }
    assert_traps("attack_description_forges_lines", "unreachable", &RAN);
}

/// What was asked for is on record as it was asked for, and listed in one line.
#[test]
fn a_skill_that_was_asked_for_by_several_lines_forges_none() {
    let operator = Operator::new();
    let forged = "x\nt-00000000000000000000000000000000  1970-01-01T00:00:00.000Z  completed  hello";
    let said = operator.say(&["run", forged]);
    said.failed("R0401", 2);
    assert!(!said.err.lines().any(|line| line.starts_with("t-0000")), "{}", said.err);
    for verb in [&["tasks"][..], &["events"], &["audit", "log", &operator.streams()[0]]] {
        let listed = operator.does(verb);
        assert!(!listed.lines().any(|line| line.starts_with("t-0000")), "{listed}");
    }
    assert_eq!(operator.does(&["tasks"]).lines().count(), 1);
}

#[test]
fn what_a_guest_prints_is_on_record_to_the_byte() {
    let world = World::new();
    world.load("attack_output_draws_on_the_terminal");
    let emitted = world.run(world.order("attack_output_draws_on_the_terminal", r#"{"fail":false}"#));
    assert_eq!(emitted.outcome.status, Status::Completed, "{:?}", emitted.outcome);
    let printed: String = world
        .facts(&emitted.task)
        .into_iter()
        .filter_map(|fact| match fact {
            Fact::Printed { text, .. } => Some(text),
            _ => None,
        })
        .collect();
    assert_eq!(printed.matches(DRAWING).count(), 2, "{printed:?}");
    world.assert_unharmed();
}
