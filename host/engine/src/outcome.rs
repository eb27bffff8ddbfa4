//! What the engine's errors mean.

use ringfence_core::error::Code;
use ringfence_core::gate::TrapReason;
use ringfence_core::governance::Ledger;
use ringfence_core::limit::Limit;
use ringfence_core::refusal::Refusal;
use ringfence_core::sandbox::End;
use wasmtime::{PoolConcurrencyLimitError, Trap};

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
    let message = error.root_cause().to_string();
    if message.contains(TOO_MUCH_DATA) {
        let asked = ledger.left(Limit::BytesOut).saturating_add(1);
        return End::Ended(ledger.exhausted(Limit::BytesOut, asked).into());
    }
    End::Trapped(message)
}

/// How wasmtime says that a guest hands the host more bytes at once than it may; its type is private.
const TOO_MUCH_DATA: &str = "too much data is being copied between the host and the guest";
