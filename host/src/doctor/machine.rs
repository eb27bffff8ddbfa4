//! The machine: the compiler for skills, the limits of this process, the kernel, the clock.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use ringfence_core::units::Timestamp;
use ringfence_engine::memory_maps;
use rustix::process::{Resource, getrlimit};

use super::Finding;

const TARGET: &str = "wasm32-wasip2";

/// Whether skills can be built. A host that only runs them does not need it.
pub(super) fn target() -> Finding {
    const CHECK: &str = "target";
    let mut rustc = Command::new("rustc");
    // A look installs nothing.
    rustc.env("RUSTUP_AUTO_INSTALL", "0").args(["--print", "target-libdir", "--target", TARGET]);
    let folder = rustc.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let folder = folder.ok().filter(|output| output.status.success());
    let folder = folder.and_then(|output| String::from_utf8(output.stdout).ok());
    let Some(folder) = folder else {
        let says = "there is no Rust here; it is needed to build skills, and not to run them";
        return Finding::warning(
            CHECK,
            says,
            "install Rust, if skills are to be built here: https://rustup.rs",
        );
    };
    let there = fs::read_dir(folder.trim()).is_ok_and(|mut files| files.next().is_some());
    if there {
        return Finding::good(CHECK, format!("{TARGET} is installed"));
    }
    let says = format!("{TARGET} is not installed; it is needed to build skills, and not to run them");
    Finding::warning(CHECK, says, format!("rustup target add {TARGET}"))
}

/// The limits of this process and of the kernel, held against the engine's slots.
pub(super) fn limits(slots: u32) -> Vec<Finding> {
    vec![
        files(getrlimit(Resource::Nofile).current),
        address_space(slots),
        maps(slots),
        kernel(),
        overcommit(),
    ]
}

fn files(limit: Option<u64>) -> Finding {
    const CHECK: &str = "open files";
    let Some(limit) = limit else { return Finding::good(CHECK, "as many as one likes") };
    let says = format!("at most {limit} at once");
    let advice = "raise it: ulimit -n 4096, or LimitNOFILE= of the service";
    match limit {
        ..64 => Finding::problem(CHECK, format!("{says}, which is too few to run and compile"), advice),
        64..1024 => Finding::warning(CHECK, format!("{says}; many runs at once need more"), advice),
        _ => Finding::good(CHECK, says),
    }
}

fn address_space(slots: u32) -> Finding {
    const CHECK: &str = "address space";
    // Two memories a slot, each with 4 GiB kept free for it.
    let needed = u64::from(slots) * 2 * (4 << 30);
    match getrlimit(Resource::As).current {
        Some(limit) if limit < needed => {
            let says = format!("limited to {limit} bytes; {slots} slots reserve {needed}");
            let advice = "ulimit -v unlimited, or fewer `slots` under [engine] in ringfence.toml";
            Finding::problem(CHECK, says, advice)
        }
        _ => Finding::good(CHECK, format!("enough for {slots} slots")),
    }
}

fn number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn maps(slots: u32) -> Finding {
    maps_of(slots, number("/proc/sys/vm/max_map_count"))
}

fn maps_of(slots: u32, limit: Option<u64>) -> Finding {
    const CHECK: &str = "memory maps";
    let needed = memory_maps(slots);
    let Some(limit) = limit else {
        let advice = "see that a process may have as many: sysctl vm.max_map_count";
        let says = format!("how many there may be cannot be read; {slots} slots need {}", needed.all_live);
        return Finding::warning(CHECK, says, advice);
    };
    let says = format!("vm.max_map_count is {limit}; {slots} slots need {}", needed.all_live);
    let advice =
        format!("sysctl -w vm.max_map_count={}, or fewer `slots` under [engine]", needed.all_live * 2);
    match limit {
        limit if limit < needed.at_start => Finding::problem(CHECK, says, advice),
        limit if limit < needed.all_live => Finding::warning(CHECK, says, advice),
        _ => Finding::good(CHECK, says),
    }
}

fn kernel() -> Finding {
    kernel_of(fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim())
}

fn kernel_of(release: &str) -> Finding {
    const CHECK: &str = "kernel";
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next(), numbers.next());
    match version {
        (Some(major), Some(minor)) if (major, minor) >= (6, 7) => {
            Finding::good(CHECK, format!("{release} can tell which pages a sandbox has touched"))
        }
        _ => {
            let says = format!("{release:?} cannot tell which pages a sandbox has touched; 6.7 can");
            Finding::warning(CHECK, says, "it works, and each run costs more; a newer kernel mends it")
        }
    }
}

fn overcommit() -> Finding {
    overcommit_of(number("/proc/sys/vm/overcommit_memory"))
}

fn overcommit_of(mode: Option<u64>) -> Finding {
    const CHECK: &str = "overcommit";
    match mode {
        Some(2) => Finding::warning(
            CHECK,
            "vm.overcommit_memory is 2: what the pool reserves may be refused",
            "sysctl -w vm.overcommit_memory=0, or fewer `slots` under [engine] in ringfence.toml",
        ),
        Some(mode) => Finding::good(CHECK, format!("vm.overcommit_memory is {mode}")),
        None => Finding::good(CHECK, "the kernel says nothing of it"),
    }
}

/// Whether the clock can be right; `newest` is when the newest event was written.
pub(super) fn clock(newest: Option<Timestamp>) -> Finding {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    clock_of(u64::try_from(now.as_micros()).unwrap_or(u64::MAX), newest)
}

fn clock_of(now: u64, newest: Option<Timestamp>) -> Finding {
    const CHECK: &str = "clock";
    /// 2025-01-01 and 2100-01-01, in microseconds since 1970.
    const SANE: std::ops::Range<u64> = 1_735_689_600_000_000..4_102_444_800_000_000;
    const A_MINUTE: u64 = 60_000_000;
    let shown = crate::cli::time(Timestamp(now));
    if !SANE.contains(&now) {
        return Finding::problem(CHECK, format!("it says {shown}"), "set it: timedatectl set-ntp true");
    }
    if let Some(newest) = newest.filter(|newest| newest.0 > now + A_MINUTE) {
        let says = format!("it says {shown}, and the log has an event of {}", crate::cli::time(newest));
        return Finding::warning(
            CHECK,
            says,
            "find out when the clock was wrong; times in the log are its times",
        );
    }
    Finding::good(CHECK, format!("it says {shown}"))
}

#[cfg(test)]
mod tests {
    use super::super::Verdict::{Good, Problem, Warning};
    use super::*;

    #[test]
    fn a_machine_that_lacks_something_is_told_what() {
        assert_eq!(files(Some(32)).verdict, Problem);
        assert_eq!(files(Some(256)).verdict, Warning);
        assert_eq!(files(Some(65_536)).verdict, Good);
        assert_eq!(maps_of(1_000, Some(65_530)).verdict, Good);
        assert_eq!(maps_of(1_000, Some(5_999)).verdict, Warning);
        assert_eq!(maps_of(1_000, Some(1_999)).verdict, Problem);
        assert_eq!(maps_of(1_000, None).verdict, Warning);
        for (release, verdict) in
            [("6.7.0", Good), ("6.18.44-x", Good), ("10.0", Good), ("6.6.99", Warning), ("", Warning)]
        {
            assert_eq!(kernel_of(release).verdict, verdict, "{release}");
        }
        assert_eq!((overcommit_of(Some(2)).verdict, overcommit_of(Some(0)).verdict), (Warning, Good));
    }

    #[test]
    fn a_clock_that_cannot_be_right_is_seen() {
        let in_2026 = 1_767_225_600_000_000;
        assert_eq!(clock_of(0, None).verdict, Problem);
        assert_eq!(clock_of(in_2026, Some(Timestamp(in_2026 - 1))).verdict, Good);
        assert_eq!(clock_of(in_2026, Some(Timestamp(in_2026 + 3_600_000_000))).verdict, Warning);
    }
}
