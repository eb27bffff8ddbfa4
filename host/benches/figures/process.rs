//! Whole processes: `ringfence run`, and `ringfence kill` from another one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::sample::{Figure, Sample};
use crate::world::World;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ringfence");

pub(crate) fn measure(runtime: &Runtime) -> Vec<Figure> {
    let world = runtime.block_on(World::new(&["hello", "attack_spins"]));
    let (mut run, mut print, mut kill) = (Sample::default(), Sample::default(), Sample::default());
    let folder = tempfile::tempdir().expect("a folder");
    let line = printing_a_line(folder.path());
    for _ in 0..40 {
        run.push(ended(ringfence(&world).args(["run", "hello", "--input", r#"{"name":"Ada"}"#])));
        print.push(ended(&mut Command::new(&line)));
    }
    for _ in 0..15 {
        kill.push(killed(&world));
    }
    let more = run.median().saturating_sub(print.median());
    vec![
        Figure {
            what: "`ringfence kill` from another process until the run has ended",
            to_reach: "≤ 150 ms",
            measured: kill.spread(),
        },
        Figure {
            what: "`ringfence run hello` as a whole process over a program that prints a line",
            to_reach: "≤ 40 ms more",
            measured: format!("{more:.1?} more ({:.1?} over {:.1?})", run.median(), print.median()),
        },
    ]
}

/// Builds a program that prints a line and does nothing else.
fn printing_a_line(folder: &Path) -> PathBuf {
    let (source, program) = (folder.join("line.rs"), folder.join("line"));
    std::fs::write(&source, r#"fn main() { println!("Hello, Ada!"); }"#).expect("a source file");
    let built = Command::new("rustc").arg("-O").arg("-o").arg(&program).arg(&source).status();
    assert!(built.expect("rustc").success(), "it builds");
    program
}

pub(crate) fn ringfence(world: &World) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .env("RINGFENCE_DATA", world.folder.path().join("data"))
        .env("RINGFENCE_CONFIG", world.folder.path().join("ringfence.toml"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn ended(command: &mut Command) -> Duration {
    let began = Instant::now();
    let status = command.stdout(Stdio::null()).status().expect("it starts");
    assert!(status.success(), "{command:?} ends well");
    began.elapsed()
}

/// From the start of `ringfence kill` until the killed process is gone.
fn killed(world: &World) -> Duration {
    let fuel = u64::MAX.to_string();
    let mut spinning = ringfence(world)
        .args(["run", "attack-spins", "--timeout", "60s", "--fuel", &fuel])
        .spawn()
        .expect("it starts");
    std::thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    let mut kill = ringfence(world).args(["kill", "skill:attack-spins"]).spawn().expect("it starts");
    let status = spinning.wait().expect("it ends");
    let took = began.elapsed();
    assert_eq!(status.code(), Some(4), "it was killed");
    assert!(kill.wait().expect("it ends").success(), "the kill says so");
    took
}
