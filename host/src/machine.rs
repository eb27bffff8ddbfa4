//! What this machine can carry.

use std::fs::File;

use ringfence_core::error::{Code, Error};
use ringfence_engine::memory_maps;
use tokio::runtime::Runtime;

/// As many file handles as the runtime, the store and a compiling child take, with some to spare.
const HANDLES: usize = 48;

/// Looks whether there are file handles to work with: libraries that find none panic.
///
/// # Errors
/// `R0001` if there are not.
pub(crate) fn check_handles() -> Result<(), Error> {
    let opened: Result<Vec<_>, _> = (0..HANDLES).map(|_| File::open("/dev/null")).collect();
    opened.map(drop).map_err(|why| {
        Error::new(Code::R0001, "this process has too few file handles to work with")
            .because(why)
            .hint("raise its limit: ulimit -n 4096, or LimitNOFILE= of the service")
    })
}

/// The runtime in which guests run. Its workers stand back for the host's own threads (the log's writer, the follower of
/// kills), so that a kill need not wait until a spinning guest has had its turn.
///
/// # Errors
/// `R0001` if the machine has no threads to give.
pub fn runtime() -> Result<Runtime, Error> {
    /// On the scale from -20 to 19 of `nice`.
    const STANDING_BACK: i32 = 10;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().event_interval(4).on_thread_start(|| {
        // On Linux this is the thread's own. Where it is not allowed the worker stays as it is.
        let _priority = rustix::process::nice(STANDING_BACK);
    });
    runtime.build().map_err(|why| Error::new(Code::R0001, "the runtime does not start").because(why))
}

/// As many slots as were asked for, or as many as the kernel's limit on memory maps carries with a margin: a process
/// that needs one more map than that is lost with all its runs.
pub(crate) fn affordable_slots(asked: u32) -> u32 {
    let Some(limit) = max_map_count() else { return asked };
    let slots = affordable(asked, limit);
    if slots < asked {
        tracing::warn!("vm.max_map_count is {limit}: only {slots} of {asked} slots can be live at once");
    }
    slots
}

/// How many memory maps all engines may take together: an engine that takes no more work keeps its own while another one takes them.
pub(crate) fn maps_for_engines() -> u64 {
    max_map_count().map_or(u64::MAX, free)
}

fn max_map_count() -> Option<u64> {
    std::fs::read_to_string("/proc/sys/vm/max_map_count").ok()?.trim().parse().ok()
}

/// A tenth of the maps, and a thousand more, are left to everything else in the process.
const fn free(limit: u64) -> u64 {
    (limit - limit / 10).saturating_sub(1_024)
}

fn affordable(asked: u32, limit: u64) -> u32 {
    let carried = free(limit) / memory_maps(1).all_live;
    asked.min(u32::try_from(carried).unwrap_or(u32::MAX)).max(1)
}

#[cfg(test)]
mod tests {
    use super::affordable;

    #[test]
    fn no_more_sandboxes_are_live_than_the_kernel_has_maps_for() {
        assert_eq!(affordable(1_000, 65_530), 1_000);
        assert_eq!(affordable(10_000, 65_530), 9_658);
        assert_eq!(affordable(1_000, 5_000), 579);
        assert_eq!(affordable(1_000, 0), 1);
    }
}
