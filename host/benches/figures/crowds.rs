//! Many at once: what a waiting guest takes, and what a second core brings.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::sample::Figure;
use crate::world::World;

pub(crate) const HELLO: &str = r#"{"name":"Ada"}"#;
const FOR_EVER: &str = r#"{"nanoseconds":600000000000}"#;
/// The argument with which this program measures runs a second and prints nothing else.
const THROUGHPUT: &str = "--throughput";
/// The argument with which it does so for suspended guests, of the kind that the next argument names.
const SUSPENDED: &str = "--suspended";

pub(crate) fn measure(_: &Runtime) -> Vec<Figure> {
    let mut figures = suspended();
    figures.push(cores());
    figures
}

/// Whole governed tasks whose guests sleep: instance, stack, ledger, stream and all.
fn suspended() -> Vec<Figure> {
    let program = std::env::current_exe().expect("this program");
    let guests = [
        (
            "attack_clock_sleeps_for_an_hour",
            "suspended guests per GiB, with all of their tasks: small ones",
            "≥ 20,000",
        ),
        ("attack_clock_sleeps", "… made with the SDK (190 KB)", ""),
    ];
    let measured = guests.into_iter().map(|(guest, what, to_reach)| {
        // In a process of its own: nothing is warm from before, and the address space is free.
        let printed = Command::new(&program).args([SUSPENDED, guest]).output().expect("this program");
        let measured = String::from_utf8_lossy(&printed.stdout).trim().to_owned();
        Figure { what, to_reach, measured }
    });
    measured.collect()
}

async fn asleep(guest: &str) -> String {
    const MANY: usize = 9_000;
    let world = World::with_slots(&[guest], 9_600).await;
    let before = resident();
    let free = world.running.sandbox.free_places();
    for _ in 0..MANY {
        let order = world.order(&guest.replace('_', "-"), FOR_EVER);
        let host = Arc::clone(&world.running.host);
        tokio::spawn(async move { host.run(order).await });
    }
    while world.running.sandbox.free_places() + MANY > free {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let each = (resident() - before) / MANY as u64;
    world.running.host.switches.kill(&ringfence_core::governance::KillTarget::All, "bench");
    format!("{} a GiB ({:.1} KiB each, {MANY} at once)", (1 << 30) / each, each as f64 / 1024.0)
}

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("a number") * 4096
}

fn cores() -> Figure {
    let program = std::env::current_exe().expect("this program");
    let on = |cores: &str| {
        let mut child = Command::new("taskset");
        let printed = child.args(["-c", cores]).arg(&program).arg(THROUGHPUT).output().expect("taskset");
        String::from_utf8_lossy(&printed.stdout).trim().parse::<f64>().expect("runs a second")
    };
    let mut ratios: Vec<(f64, f64)> = (0..3).map(|_| (on("0"), on("0,1"))).collect();
    ratios.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
    let (one, two) = ratios[1];
    Figure {
        what: "governed runs a second on 2 cores over 1 core",
        to_reach: "≥ 1.6",
        measured: format!("{:.2} ({two:.0} over {one:.0})", two / one),
    }
}

/// Does what a process of its own was started for, if it was.
pub(crate) fn is_child() -> bool {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let runtime = || ringfence::machine::runtime().expect("a runtime");
    match asked.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [THROUGHPUT] => println!("{}", runtime().block_on(throughput())),
        [SUSPENDED, guest] => println!("{}", runtime().block_on(asleep(guest))),
        _ => return false,
    }
    true
}

async fn throughput() -> f64 {
    const CALLERS: usize = 8;
    let world = Arc::new(World::new(&["hello"]).await);
    let counted = Arc::new(AtomicU64::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let callers = (0..CALLERS).map(|_| {
        let (world, counted, over) = (Arc::clone(&world), Arc::clone(&counted), Arc::clone(&over));
        tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                let emitted = world.running.host.run(world.order("hello", HELLO)).await;
                assert!(emitted.outcome.output.is_some(), "a governed run completes");
                // Nobody is a hundred runs ahead of the disk.
                if counted.fetch_add(1, Ordering::Relaxed) % 100 == 99 {
                    emitted.durable().await.expect("a log");
                }
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (began, first) = (Instant::now(), counted.load(Ordering::Relaxed));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let done = counted.load(Ordering::Relaxed) - first;
    let rate = done as f64 / began.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.expect("no panic");
    }
    rate
}
