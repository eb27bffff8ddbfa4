//! What the engine's errors mean.

use ringfence_core::error::Code;
use ringfence_core::gate::TrapReason;
use ringfence_core::governance::Ledger;
use ringfence_core::limit::Limit;
use ringfence_core::refusal::Refusal;
use ringfence_core::sandbox::End;
use wasmtime::{PoolConcurrencyLimitError, Trap};

use crate::limits::OutOfHostMemory;

/// How an attempt ended that did not return. The ledger knows what was allowed in all.
pub(crate) fn of_error(error: &wasmtime::Error, ledger: &Ledger) -> End {
    if let Some(reason) = error.downcast_ref::<TrapReason>() {
        return End::Ended(reason.clone());
    }
    if let Some(refusal) = error.downcast_ref::<Refusal>() {
        return End::Trapped(refusal.to_string());
    }
    match error.downcast_ref::<Trap>() {
        // All that was left had been set aside for the attempt, so the whole allowance is used.
        Some(Trap::OutOfFuel) => return End::Ended(ledger.exhausted(Limit::Fuel, 1).into()),
        Some(Trap::Interrupt) => return End::Ended(TrapReason::Stopped),
        _ => {}
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return End::HostFailed(Code::R0506, "no sandbox is free".into());
    }
    if error.is::<OutOfHostMemory>() {
        return End::HostFailed(Code::R0506, format!("{OutOfHostMemory}: {}", error.root_cause()));
    }
    let message = error.root_cause().to_string();
    if message.contains(TOO_MUCH_DATA) {
        let asked = ledger.left(Limit::BytesOut).saturating_add(1);
        return End::Ended(ledger.exhausted(Limit::BytesOut, asked).into());
    }
    End::Trapped(message)
}

/// How wasmtime says that a guest hands the host more bytes at once than it may; its type is private.
const TOO_MUCH_DATA: &str = "too much data is being copied between the host and the guest";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ringfence_core::limit::Amounts;
    use wasmtime::ResourceLimiter;

    use super::*;
    use crate::limits::MemoryLimiter;

    #[test]
    fn a_growth_that_the_machine_cannot_give_is_the_hosts_failure_and_no_trap() {
        let mut limiter = MemoryLimiter::new(1, Arc::default());
        let failed = || wasmtime::Error::msg("cannot allocate memory");
        for grown in [limiter.memory_grow_failed(failed()), limiter.table_grow_failed(failed())] {
            let error = grown.expect_err("the run ends");
            let end = of_error(&error, &Ledger::new(Amounts::NONE));
            let End::HostFailed(code, why) = end else { panic!("{end:?}") };
            assert_eq!(code, Code::R0506);
            assert_eq!(why, "the host has no memory for the guest: cannot allocate memory");
        }
    }
}
