//! `ringfence build --pure`: a component that imports nothing of WASI, and a refusal where that cannot be.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::projects::home;
use super::{ADA, Operator, Said};
use crate::servers::parts;

const HELLO: &str = include_str!("../../../skills/hello/src/lib.rs");
const TARGET: &str = "wasm32-unknown-unknown";

/// What is built lies where all of these tests build it.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Where cargo and its toolchain are for the tester, and what was built for other runs of these tests.
fn as_the_tester(command: &mut assert_cmd::Command) {
    command.timeout(Duration::from_secs(600));
    command
        .env("CARGO_HOME", home("CARGO_HOME", ".cargo"))
        .env("RUSTUP_HOME", home("RUSTUP_HOME", ".rustup"))
        .env("CARGO_TARGET_DIR", PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pure"));
}

fn build(operator: &Operator, project: &Path, how: &[&str]) -> Said {
    let mut command = operator.command();
    as_the_tester(&mut command);
    let command = command.current_dir(project).args(["build", "--json"]).args(how);
    Said::from(command.output().unwrap())
}

/// Whether the toolchain has the target, which is added if it can be, as the error that misses it says.
fn has_the_target() -> bool {
    let asked =
        Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output().unwrap();
    if Path::new(String::from_utf8_lossy(&asked.stdout).trim()).is_dir() {
        return true;
    }
    let why = match Command::new("rustup").args(["target", "add", TARGET]).output() {
        Ok(added) if added.status.success() => return true,
        Ok(added) => String::from_utf8_lossy(&added.stderr).into_owned(),
        Err(why) => why.to_string(),
    };
    parts::missing(&format!(
        "pure components need another target: rustup target add {TARGET}: {}",
        why.trim()
    ));
    false
}

/// The project `hello` with this body, and what `explain` says of the component that it is built into.
fn built(operator: &Operator, project: &Path, source: &str, how: &[&str]) -> (Value, Value) {
    fs::write(project.join("src/lib.rs"), source).unwrap();
    let built = build(operator, project, how);
    assert_eq!(built.code, Some(0), "{}", built.err);
    let built = built.json();
    let (explained, _) = operator.json(&["explain", built["component"].as_str().unwrap()]);
    (built, explained)
}

fn of_wasi(explained: &Value) -> Vec<&str> {
    let imports = explained["imports"].as_array().unwrap().iter().map(|import| import.as_str().unwrap());
    imports.filter(|import| import.contains("wasi:")).collect()
}

/// Loads the component into a store of its own and greets.
fn greeting(built: &Value) -> String {
    let operator = Operator::new();
    operator.does(&["load", built["component"].as_str().unwrap()]);
    operator.does(&["run", "hello", "--input", ADA])
}

#[test]
fn a_pure_component_imports_nothing_of_wasi_and_does_the_same() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if !has_the_target() {
        return;
    }
    let operator = Operator::new();
    operator.does(&["new", "hello"]);
    let project = operator.here().join("hello");
    let (ordinary, explained) = built(&operator, &project, HELLO, &[]);
    assert!(!of_wasi(&explained).is_empty(), "{explained}");
    let (pure, explained) = built(&operator, &project, HELLO, &["--pure"]);
    assert_eq!(of_wasi(&explained), [""; 0]);
    assert_eq!((&pure["name"], &pure["powers"]), (&ordinary["name"], &ordinary["powers"]));
    let size = |built: &Value| built["bytes"].as_u64().unwrap();
    assert!(size(&pure) < size(&ordinary), "{} bytes, not {}", size(&pure), size(&ordinary));
    let greeted = greeting(&pure);
    assert!(greeted.contains("Hello, Ada!"), "{greeted}");
    assert_eq!(greeted, greeting(&ordinary));

    // What only prints and hashes gives nothing up.
    let hashed = HELLO.replacen(
        "Ok(format!(",
        "println!(\"{name}\");\n    let name = std::collections::HashMap::from([(0, name)]).remove(&0).unwrap();\n    Ok(format!(",
        1,
    );
    let (pure, explained) = built(&operator, &project, &hashed, &["--pure"]);
    assert_eq!(of_wasi(&explained), [""; 0]);
    assert_eq!(greeting(&pure), greeted);
}

#[test]
fn a_skill_that_needs_wasi_is_not_built_without_it() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if !has_the_target() {
        return;
    }
    let operator = Operator::new();
    operator.does(&["new", "hello"]);
    let project = operator.here().join("hello");
    let timed = HELLO.replacen(
        "Ok(format!(",
        "let since = std::time::Instant::now();\n    Ok(format!(\"{:?}\", since.elapsed()) + &format!(",
        1,
    );
    built(&operator, &project, &timed, &[]);
    let refused = build(&operator, &project, &["--pure"]);
    refused.failed("R0419", 2).saying("it uses wasi:clocks/monotonic-clock@").saying("Clock, Random");
    // It needs something that only another host would give.
    let foreign = HELLO.replacen(
        "Ok(format!(",
        "#[cfg(target_os = \"unknown\")]\n    {\n        #[link(wasm_import_module = \"env\")]\n        \
         unsafe extern \"C\" {\n            safe fn elsewhere();\n        }\n        elsewhere();\n    }\n    Ok(format!(",
        1,
    );
    fs::write(project.join("src/lib.rs"), foreign).unwrap();
    let refused = build(&operator, &project, &["--pure"]);
    refused.failed("R0419", 2).saying("elsewhere");
}

/// The toolchain's own answer where it has the usual target and not this one.
#[test]
fn a_target_that_is_missing_is_named_with_the_command_that_adds_it() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let operator = Operator::new();
    operator.does(&["new", "hello"]);
    let project = operator.here().join("hello");
    let empty = operator.here().join("empty");
    fs::create_dir(&empty).unwrap();
    let cargo = operator.write(
        "cargo",
        format!(
            "#!/bin/sh\ncase \"$*\" in *{TARGET}*) export RUSTFLAGS='--sysroot {}' ;; esac\nexec cargo \"$@\"\n",
            empty.display()
        ),
    );
    fs::set_permissions(&cargo, Permissions::from_mode(0o700)).unwrap();
    let mut command = operator.command();
    as_the_tester(&mut command);
    let command = command.env("CARGO", &cargo).current_dir(&project).args(["build", "--pure"]);
    let refused = Said::from(command.output().unwrap());
    refused.failed("R0413", 2).saying("rustup target add wasm32-unknown-unknown");
}
