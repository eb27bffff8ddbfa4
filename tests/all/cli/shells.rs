//! Completions and manual: every verb that people call, and no other.

use std::io::Write;
use std::process::Stdio;

use super::Operator;

/// The verbs that the help names.
fn verbs(operator: &Operator) -> Vec<String> {
    let help = operator.does(&["--help"]);
    let listed = help.split("Commands:\n").nth(1).unwrap();
    let lines = listed.lines().take_while(|line| line.starts_with("  "));
    let verbs: Vec<_> = lines
        .filter(|line| !line.starts_with("   "))
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect();
    assert!(verbs.len() > 10 && verbs.contains(&"run".to_owned()), "{verbs:?}");
    verbs
}

#[test]
fn every_shell_gets_a_script_with_every_verb_and_no_hidden_one() {
    let operator = Operator::with_nothing();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = operator.does(&["completions", shell]);
        for verb in verbs(&operator) {
            assert!(script.contains(&verb), "{verb} for {shell}");
        }
        for hidden in ["compile-component", "validate-value"] {
            assert!(!script.contains(hidden), "{hidden} for {shell}");
        }
    }
    assert_eq!(operator.say(&["completions", "cmd"]).code, Some(2));
    assert!(!operator.data.exists(), "nothing is made for it");
}

#[test]
fn bash_understands_its_script() {
    let operator = Operator::with_nothing();
    let script = operator.does(&["completions", "bash"]);
    let mut bash = operator.plain("bash".as_ref()).arg("-n").stdin(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
}

#[test]
fn there_is_a_page_of_the_manual_for_every_verb_and_none_for_a_hidden_one() {
    let operator = Operator::with_nothing();
    operator.does(&["man", "--out", "man/man1"]);
    let pages = std::fs::read_dir(operator.here().join("man/man1")).unwrap();
    let pages: Vec<_> = pages.map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    let of_verbs = verbs(&operator).into_iter().map(|verb| format!("ringfence-{verb}.1"));
    for page in of_verbs.chain(["ringfence.1", "ringfence-audit-log.1"].map(str::to_owned)) {
        assert!(pages.contains(&page), "{page} in {pages:?}");
        let text = std::fs::read_to_string(operator.here().join("man/man1").join(&page)).unwrap();
        assert!(text.contains(".TH") && text.contains(".SH SYNOPSIS"), "{page}");
    }
    let hidden = ["compile-component", "validate-value", "help"];
    assert!(!pages.iter().any(|page| hidden.iter().any(|hidden| page.contains(hidden))), "{pages:?}");
    let first = operator.does(&["man"]);
    assert!(first.contains("ringfence\\-run(1)") || first.contains("ringfence\\-run"), "{first}");
}
