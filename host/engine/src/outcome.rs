//! What the engine's errors mean.

use ringfence_core::gate::TrapReason;
use ringfence_core::governance::Exhausted;
use ringfence_core::limit::Limit;
use ringfence_core::refusal::Refusal;
use ringfence_core::sandbox::End;
use wasmtime::Trap;

/// How an attempt ended that did not return. `fuel` and `output` are what it was allowed.
pub(crate) fn of_error(error: &wasmtime::Error, fuel: u64, output: u64) -> End {
    if let Some(reason) = error.downcast_ref::<TrapReason>() {
        return End::Ended(reason.clone());
    }
    if let Some(refusal) = error.downcast_ref::<Refusal>() {
        return End::Trapped(refusal.to_string());
    }
    let exhausted = |limit, allowed| {
        End::Ended(TrapReason::Exhausted(Exhausted { limit, used: allowed, allowed, asked: 1 }))
    };
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => return exhausted(Limit::Fuel, fuel),
        Some(Trap::Interrupt) => return End::Ended(TrapReason::Stopped),
        _ => {}
    }
    let message = error.root_cause().to_string();
    if message.contains("too much data") || message.contains("hostcall fuel") {
        return exhausted(Limit::BytesOut, output);
    }
    End::Trapped(message)
}
