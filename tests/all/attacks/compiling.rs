//! Bombs for the compiler: components under every cap that a compiler would work on until memory or patience is gone. They
//! are no guests, since none of them is ever executed.

use std::fs;
use std::process::{Command, Stdio};

use ringfence_built::bombs::{functions, loops};
use ringfence_core::error::Code;

use crate::harness::World;

/// Each component is compiled by the real child, as often as `children` has lines.
fn assert_ends_its_compiler(before: &str, bomb: &[u8]) {
    let world = World::compiling_by(&format!("echo >>children\n{before}\nexec \"$real\" \"$@\""));
    let first = world.try_load(bomb).expect_err("it does not compile");
    assert_eq!(first.code, Code::R0409, "{first}");
    assert!(first.to_string().contains("most likely at its limits of memory and CPU"), "{first}");
    let second = world.try_load(bomb).expect_err("it does not compile");
    assert_eq!(second.to_string(), first.to_string());
    let children = fs::read_to_string(world.path().join("children")).unwrap();
    assert_eq!(children.lines().count(), 1, "the verdict is kept");
    assert_eq!(world.refusals(), [Code::R0409; 2], "the log says why, and nothing else");
    world.assert_unharmed();
}

/// Forty kilobytes, for which a compiler would want more than three gigabytes.
#[test]
fn a_component_that_takes_too_much_memory_to_compile_ends_its_child_alone() {
    assert_ends_its_compiler("", &functions(1, &loops(12_000, 10_000)));
}

/// The limit of CPU that the child finds is kept where it is lower than its own.
#[test]
fn a_component_that_takes_too_much_time_to_compile_ends_its_child_alone() {
    assert_ends_its_compiler("ulimit -t 2", &functions(8, &loops(80_000, 0)));
}

/// The child has limited itself before it opens the file, which here is a pipe that nobody has written to yet.
#[test]
fn the_child_that_compiles_has_limited_itself_before_it_reads_the_component() {
    let folder = tempfile::tempdir().unwrap();
    let (pipe, output) = (folder.path().join("pipe"), folder.path().join("output"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut child = Command::new(env!("CARGO_BIN_EXE_ringfence"))
        .args(["compile-component", &std::process::id().to_string()])
        .args([&pipe, &output])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    // Opens as soon as the child opens the other end.
    let mut component = fs::File::options().write(true).open(&pipe).unwrap();
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    std::io::Write::write_all(&mut component, &ringfence_built::component("friend_says_one")).unwrap();
    drop(component);
    assert!(child.wait().unwrap().success() && output.exists(), "within its limits it compiles");
    for (name, soft, hard) in [
        ("Max address space", 2_u64 << 30, 2_u64 << 30),
        ("Max cpu time", 60, 61),
        ("Max file size", 512 << 20, 512 << 20),
        ("Max core file size", 0, 0),
    ] {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let set: Vec<&str> = line.split_whitespace().take(2).collect();
        assert_eq!(set, [soft.to_string(), hard.to_string()], "{name} in\n{limits}");
    }
}
