//! Where it prints to: pipes that are closed, disks that are full, terminals that are none.

use std::fs::File;
use std::process::Stdio;

use super::{ADA, Operator, Said};

fn operator() -> Operator {
    let operator = Operator::new();
    operator.load("hello");
    operator
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let operator = operator();
    for verb in [&["skills"][..], &["run", "hello", "--input", ADA], &["--help"], &["audit", "log"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = operator.plain(env!("CARGO_BIN_EXE_ringfence").as_ref());
        let output = command.args(verb).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let said = Said::from(output);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{verb:?}");
    }
}

#[test]
fn a_result_that_cannot_be_printed_is_an_error_and_stays_on_record() {
    let operator = operator();
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let mut command = operator.plain(env!("CARGO_BIN_EXE_ringfence").as_ref());
    command.args(["run", "hello", "--input", ADA]).stdout(full()).stderr(Stdio::piped());
    Said::from(command.output().unwrap()).failed("R0412", 2).saying("cannot be printed");
    assert!(operator.does(&["tasks"]).contains("completed"));
}

#[test]
fn an_error_that_nobody_can_read_keeps_its_exit_code() {
    let operator = operator();
    let mut command = operator.plain(env!("CARGO_BIN_EXE_ringfence").as_ref());
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = command.args(["run", "nobody"]).stderr(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_pipe_gets_the_data_and_nothing_of_the_progress() {
    let operator = Operator::new();
    let loaded = operator.say(&["load", &super::built("hello")]);
    assert_eq!((loaded.out.as_str(), loaded.err.as_str()), ("hello 0.1.0\n", ""));
    let ran = operator.say(&["run", "hello", "--input", ADA]);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("Hello, Ada!\n", ""));
}

/// What comes to a terminal of 120 columns on which `ringfence` is called like this.
fn on_a_terminal(operator: &Operator, verb: &str) -> String {
    let mut script = operator.plain("/usr/bin/script".as_ref());
    let line = format!("stty cols 120 rows 40; exec \"$PROGRAM\" {verb}");
    script.args(["-qefc", &line, "/dev/null"]).stdin(Stdio::null());
    script.env("PROGRAM", env!("CARGO_BIN_EXE_ringfence")).env("TERM", "xterm").env("SHELL", "/bin/sh");
    let output = script.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{verb}: {said}");
    said
}

#[test]
fn a_terminal_is_shown_how_far_it_came_and_a_pipe_nothing_of_that() {
    let operator = operator();
    let tasks = |word: &str| {
        let line = |number| format!("{{\"skill\":\"hello\",\"id\":\"t-{word}{number}\",\"input\":{ADA}}}\n");
        operator.write("tasks.jsonl", (0..12).map(line).collect::<String>());
    };
    let submit = "task submit --file tasks.jsonl";
    let look = ["audit verify", "audit export --output out.jsonl", "store fsck"];
    let purge = "audit purge --before 2900-01-01T00:00:00Z";
    tasks("a");
    let said = on_a_terminal(&operator, submit);
    assert!(said.contains("submitting tasks [") && said.contains(" 12/12"), "{said}");
    operator.does(&["work", "--idle"]);
    let (verified, _) = operator.json(&["audit", "verify"]);
    let (events, streams) = (&verified["events"], &verified["streams"]);
    let shown = [
        vec![format!("checking events: {events}")],
        vec!["exporting [".into(), format!(" {streams}/{streams}")],
        vec![format!("checking events and indexes: {events}")],
    ];
    for (verb, shown) in look.iter().zip(shown) {
        let said = on_a_terminal(&operator, verb);
        assert!(shown.iter().all(|shown| said.contains(shown)), "{verb}: {shown:?} in {said}");
    }
    let said = on_a_terminal(&operator, purge);
    assert!(said.contains("purging tasks [") && said.contains(" 12/12"), "{said}");
    tasks("b");
    for verb in [submit].iter().chain(&look).chain(&[purge]) {
        let said = operator.say(&verb.split(' ').collect::<Vec<_>>());
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{verb}");
        assert!(!said.out.contains('\u{1b}'), "{verb}: {}", said.out);
    }
}

#[test]
fn the_environment_cannot_make_it_noisy_or_colourful() {
    let operator = operator();
    let mut command = operator.command();
    command.env("CLICOLOR_FORCE", "1").env("RINGFENCE_LOG", "not[a=filter").env("RUST_LOG", "trace");
    let said = Said::from(command.args(["run", "hello", "--input", ADA]).output().unwrap());
    assert_eq!((said.out.as_str(), said.err.as_str()), ("Hello, Ada!\n", ""));
}
