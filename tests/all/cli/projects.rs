//! A stranger's path: a new project, built, loaded and run, as the README tells it.

use std::fs;
use std::path::PathBuf;

use super::{Operator, Said};

#[test]
fn a_stranger_gets_from_nothing_to_a_greeting() {
    let operator = Operator::new();
    operator.does(&["new", "greeter"]);
    let project = operator.here().join("greeter");
    let here = |arguments: &[&str]| {
        let mut command = operator.command();
        // Cargo and its toolchain are where the tester has them; all that is built is the project's own.
        command
            .timeout(std::time::Duration::from_secs(300))
            .current_dir(&project)
            .env_remove("CARGO_TARGET_DIR");
        command
            .env("CARGO_HOME", home("CARGO_HOME", ".cargo"))
            .env("RUSTUP_HOME", home("RUSTUP_HOME", ".rustup"));
        Said::from(command.args(arguments).output().unwrap())
    };
    here(&["load", "."]).failed("R0412", 2).saying("ringfence build");
    let built = here(&["build"]).done();
    assert!(built.trim().ends_with("greeter.wasm"), "{built}");
    assert_eq!(here(&["load", "."]).done(), "greeter 0.1.0\n");
    let greeted = here(&["run", "greeter", "--input", r#"{"name":"Ada"}"#]).done();
    assert!(greeted.contains("Ada"), "{greeted}");

    // The description of the function is that of SKILL.md; what the author wrote below it stays.
    let skill = fs::read_to_string(project.join("SKILL.md")).unwrap();
    assert!(skill.starts_with("---\nname: greeter\ndescription: "), "{skill}");
    fs::write(project.join("SKILL.md"), format!("{skill}\nWritten by hand.\n")).unwrap();
    let source = fs::read_to_string(project.join("src/lib.rs")).unwrap();
    let doc = source.lines().find(|line| line.starts_with("/// ")).unwrap();
    let changed = source.replacen(doc, "/// Greets: with \"care\".", 1);
    fs::write(project.join("src/lib.rs"), &changed).unwrap();
    here(&["build"]).done();
    let skill = fs::read_to_string(project.join("SKILL.md")).unwrap();
    assert!(skill.contains("description: \"Greets: with \\\"care\\\".\"\n"), "{skill}");
    assert!(skill.contains("Written by hand."), "{skill}");
    here(&["load", "."]).failed("R0411", 2).saying("raise the version");

    fs::write(project.join("src/lib.rs"), changed.replacen("fn greeter", "fn greeter(", 1)).unwrap();
    here(&["build"]).failed("R0413", 2);
    assert_eq!(
        fs::read_to_string(project.join("SKILL.md")).unwrap(),
        skill,
        "a failed build changes nothing"
    );
}

pub(super) fn home(key: &str, usual: &str) -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(usual);
    std::env::var_os(key).map_or_else(home, Into::into)
}

#[test]
fn a_name_that_is_none_makes_no_project() {
    let operator = Operator::new();
    let long = "a".repeat(65);
    let wrong = [
        "Greeter",
        "9lives",
        "a--b",
        "-a",
        "a-",
        "a_b",
        "caf\u{e9}",
        "a\u{1b}[2J",
        "..",
        ".",
        "/",
        "",
        " ",
        "fn",
        "self",
        "core",
        "std",
        "test",
        "ringfence-sdk",
        &long,
    ];
    for name in wrong {
        let said = operator.say(&["new", "--", name]);
        said.failed("R0414", 2);
        assert!(!said.err.contains('\u{1b}'), "{}", said.err);
    }
    assert_eq!(fs::read_dir(operator.here()).unwrap().count(), 0, "nothing was made");
}

#[test]
fn a_folder_that_is_there_is_not_touched() {
    let operator = Operator::new();
    fs::create_dir(operator.here().join("greeter")).unwrap();
    operator.write("greeter/mine", "mine");
    operator.say(&["new", "greeter"]).failed("R0412", 2).saying("is there already");
    assert_eq!(fs::read_dir(operator.here().join("greeter")).unwrap().count(), 1);
    operator.say(&["build", "greeter"]).failed("R0412", 2).saying("ringfence new");
    operator.does(&["new", "elsewhere/greeter"]);
    assert!(operator.here().join("elsewhere/greeter/Cargo.toml").is_file());
}
