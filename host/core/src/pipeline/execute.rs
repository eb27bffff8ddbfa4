//! Execute: one attempt in a fresh sandbox, with everything that it gets recorded before.

use std::time::Duration;

use super::Host;
use super::resolve::Resolved;
use crate::audit::Fact;
use crate::gate::{Gate, Inputs};
use crate::governance::{Cost, Exhausted, Ledger, Reservation};
use crate::ids::Digest;
use crate::limit::{Amounts, Limit};
use crate::sandbox::{End, Job, Ran, Request};
use crate::units::{Bytes, Fuel};

/// An attempt that is over, whatever became of it.
pub(super) struct Executed {
    pub(super) resolved: Resolved,
    pub(super) ran: Ran,
}

pub(super) async fn execute(host: &Host, mut resolved: Resolved) -> Executed {
    resolved.attempts += 1;
    let books = std::sync::Arc::clone(&resolved.claimed.books);
    let request = Request {
        input: std::sync::Arc::clone(&resolved.claimed.order.input),
        violations: std::mem::take(&mut resolved.violations),
    };
    let seed = host.entropy.seed();
    let start = host.clock.now();
    let (fuel, memory, output) = books.with_ledger(|ledger| {
        (ledger.left(Limit::Fuel), ledger.allowed(Limit::MemoryBytes), ledger.left(Limit::BytesOut))
    });
    books.log().append(&Fact::AttemptStarted {
        attempt: resolved.attempts,
        seed: Digest::from_bytes(seed),
        start,
        fuel,
        memory,
        engine: std::sync::Arc::clone(host.sandbox.fingerprint()),
        violations: request.violations.clone(),
    });
    let admitted = books.with_ledger(|ledger| admit(ledger, &request, resolved.claimed.elapsed()));
    let (fuel_reserved, wall) = match admitted {
        Ok(admitted) => admitted,
        Err(exhausted) => {
            let end = End::NotAdmitted(exhausted);
            return Executed { resolved, ran: Ran { end, fuel: Fuel(0), memory: Bytes(0) } };
        }
    };
    let gate = Gate::new(
        std::sync::Arc::clone(&books),
        std::sync::Arc::clone(&resolved.authority),
        std::sync::Arc::clone(&host.outside),
        Inputs::new(&seed, start),
    );
    let job = Job {
        component: resolved.skill.component,
        powers: resolved.authority.powers,
        request,
        fuel: Fuel(fuel),
        memory: Bytes(memory),
        output: Bytes(output),
        wall,
        gate,
    };
    let ran = host.sandbox.run(job).await;
    books.end_printing();
    books.with_ledger(|ledger| {
        ledger.settle(fuel_reserved, &Amounts::NONE.with(Limit::Fuel, ran.fuel.0));
        ledger.peak(Limit::MemoryBytes, ran.memory.0);
        ledger.peak(Limit::WallMs, u64::try_from(resolved.claimed.elapsed().as_millis()).unwrap_or(u64::MAX));
    });
    Executed { resolved, ran }
}

/// Sets aside all fuel that is left, and charges the request's bytes.
fn admit(
    ledger: &mut Ledger,
    request: &Request,
    elapsed: Duration,
) -> Result<(Reservation, Duration), Exhausted> {
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    ledger.peak(Limit::WallMs, elapsed_ms);
    let wall_ms = ledger.allowed(Limit::WallMs).saturating_sub(elapsed_ms);
    if wall_ms == 0 {
        return Err(ledger.exhausted(Limit::WallMs, 1));
    }
    charge_request(ledger, request)?;
    let fuel = ledger.reserve(&Cost { fixed: Amounts::NONE, up_to: Some((Limit::Fuel, u64::MAX)) })?;
    Ok((fuel, Duration::from_millis(wall_ms)))
}

/// Charges what goes into the skill with a request.
pub(super) fn charge_request(ledger: &mut Ledger, request: &Request) -> Result<(), Exhausted> {
    let violations = request.violations.iter();
    let bytes: usize = violations.map(|one| one.path.len() + one.rule.len() + one.message.len()).sum();
    let fixed = Amounts::NONE.with(Limit::BytesIn, (bytes + request.input.len()) as u64);
    let input = ledger.reserve(&Cost { fixed, up_to: None })?;
    ledger.charge(input);
    Ok(())
}
