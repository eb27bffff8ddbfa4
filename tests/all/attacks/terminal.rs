//! Guests that draw on the terminal of whoever looks at what they left.

use ringfence_core::audit::{Fact, Status};

use crate::cli::Operator;
use crate::harness::World;

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
