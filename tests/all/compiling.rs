//! The child that compiles: however it ends, and whatever it says, its host goes on.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use ringfence_adapters::in_memory::InMemoryStore;
use ringfence_core::error::{Code, Error, Exit};
use ringfence_engine::{Compiler, Settings, WasmSandbox};

use crate::corpus::is_finished;
use crate::harness::World;

/// A megabyte on standard error, which is more than any pipe holds.
const MUCH: &str = "head -c 1000000 /dev/zero | tr '\\0' x >&2\n";

/// How often a child was started to compile something.
fn children(world: &World) -> usize {
    fs::read_to_string(world.path().join("children")).unwrap_or_default().lines().count()
}

/// Compiles by a child that does this as long as there is no file `mended`, and as it should from then on.
fn with_child(does: &str) -> World {
    let real = "exec \"$real\" \"$@\"\n";
    World::compiling_by(&format!("echo >>children\nif [ ! -e mended ]; then\n{does}\nfi\n{real}"))
}

/// Loading fails twice; `asked` says how many children that takes. Then the child is mended.
fn assert_does_not_compile(world: &World, code: Code, asked: usize) -> Error {
    let component = ringfence_built::component("friend_says_one");
    let error = world.try_load(&component).expect_err("it is not compiled");
    assert_eq!(error.code, code, "{error}");
    assert_eq!(world.try_load(&component).expect_err("it is not compiled").to_string(), error.to_string());
    assert_eq!(children(world), asked);
    // Where the host is at a loss, nobody has decided anything.
    let said = if code.exit() == Exit::Failed { Vec::new() } else { vec![code; 2] };
    assert_eq!(world.refusals(), said, "the log says why, and nothing else");
    fs::write(world.path().join("mended"), "").unwrap();
    world.assert_unharmed();
    let left = fs::read_dir(world.running.store.data.join("cache")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(left.iter().all(|name| is_finished(name)), "{left:?}");
    error
}

#[test]
fn a_child_that_says_much_is_not_held_up() {
    let world = with_child(MUCH);
    world.load("friend_says_one");
    world.assert_unharmed();
    assert_eq!(children(&world), 2, "one for each component");
}

#[test]
fn what_a_child_says_of_its_failure_is_cut() {
    let world = with_child(&format!("{MUCH}exit 1"));
    let error = assert_does_not_compile(&world, Code::R0409, 1);
    assert_eq!(error.causes, ["x".repeat(8_000)]);
}

#[test]
fn a_child_that_reaches_its_own_limit_tells_of_the_component_once() {
    for signal in ["XCPU", "ABRT", "SEGV"] {
        let world = with_child(&format!("kill -{signal} $$"));
        let error = assert_does_not_compile(&world, Code::R0409, 1);
        assert!(error.to_string().contains("most likely at its limits of memory and CPU"), "{error}");
    }
}

#[test]
fn a_child_that_the_machine_ends_tells_nothing_of_the_component() {
    let world = with_child("kill -KILL $$");
    assert_does_not_compile(&world, Code::R0412, 2);
    world.load("friend_says_one");
}

/// The child's own limits, which it cannot raise, made small enough for a small component.
#[test]
fn a_component_that_takes_too_much_to_compile_ends_the_child_alone() {
    let world = with_child("ulimit -v 100000");
    let component = ringfence_built::component("invoice");
    let error = world.try_load(&component).expect_err("it does not fit");
    assert_eq!(error.code, Code::R0409, "{error}");
    assert!(error.to_string().contains("most likely at its limits of memory and CPU"), "{error}");
    fs::write(world.path().join("mended"), "").unwrap();
    world.assert_unharmed();
}

#[test]
fn a_child_that_takes_too_long_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let process = folder.path().join("process");
    let script = format!("echo $$ >{}; exec sleep 600", process.display());
    let compiler = Compiler {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), script],
        cache: folder.path().to_owned(),
        key: [0; 32],
        time: Duration::from_secs(1),
        is_cut_short: false,
    };
    let settings = Settings { slots: 1, ..Settings::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let sandbox = WasmSandbox::start(&settings, compiler, Arc::new(InMemoryStore::new())).unwrap();
    let prepared = runtime.block_on(sandbox.prepare(ringfence_built::component("friend_says_one")));
    let error = prepared.expect_err("it is too late");
    assert_eq!(error.code, Code::R0409);
    assert_eq!(error.causes, ["it took longer than 1 s to compile"]);
    let process = fs::read_to_string(process).unwrap();
    assert!(!fs::exists(format!("/proc/{}", process.trim())).unwrap(), "it still runs");
    let left = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name != "at-work.lock").collect();
    assert_eq!(left, ["process"], "nothing of it is left");
}
