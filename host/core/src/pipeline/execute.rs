//! Execute: one attempt in a fresh sandbox, with everything that it gets recorded before.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::Host;
use super::resolve::Resolved;
use crate::audit::Fact;
use crate::contract::Violation;
use crate::error::Code;
use crate::gate::{Gate, Inputs, Journal, Running, TrapReason};
use crate::governance::{Cost, Exhausted, Ledger, Reservation};
use crate::ids::Digest;
use crate::limit::{Amounts, Limit};
use crate::sandbox::{End, Job, Ran, Request};
use crate::units::{Bytes, Fuel, Timestamp};

/// An attempt that is over, whatever became of it.
pub(super) struct Executed {
    pub(super) resolved: Resolved,
    pub(super) ran: Ran,
    /// What those who judge its output were asked, in a process that is gone.
    pub(super) judging: Option<Journal>,
}

/// Everything that the host makes up for an attempt: recorded when it first begins, and the same when it is run again.
pub(super) struct Begun {
    pub(super) attempt: u32,
    pub(super) seed: Digest,
    pub(super) start: Timestamp,
    pub(super) fuel: u64,
    pub(super) memory: u64,
    pub(super) engine: Arc<str>,
    pub(super) violations: Vec<Violation>,
    /// The calls that it has made already, if it was begun by a process that is gone.
    pub(super) journal: Option<Journal>,
    /// What those who judge its output were asked then.
    pub(super) judging: Option<Journal>,
}

/// Begins an attempt.
pub(super) async fn execute(host: &Host, mut resolved: Resolved) -> Executed {
    let books = &resolved.claimed.books;
    let (fuel, memory) =
        books.with_ledger(|ledger| (ledger.left(Limit::Fuel), ledger.allowed(Limit::MemoryBytes)));
    let begun = Begun {
        attempt: resolved.attempts + 1,
        seed: Digest::from_bytes(host.entropy.seed()),
        start: host.clock.now(),
        fuel,
        memory,
        engine: host.sandbox.fingerprint_of(&resolved.skill.component),
        violations: std::mem::take(&mut resolved.violations),
        journal: None,
        judging: None,
    };
    books.log().append(&Fact::AttemptStarted {
        attempt: begun.attempt,
        seed: begun.seed,
        start: begun.start,
        fuel,
        memory,
        engine: Arc::clone(&begun.engine),
        violations: begun.violations.clone(),
    });
    attempt(host, resolved, begun).await
}

/// Goes on with an attempt that was begun in a process that is gone.
pub(super) async fn go_on(host: &Host, mut resolved: Resolved, begun: Begun) -> Executed {
    resolved.attempts = begun.attempt;
    let (was, is) = (&begun.engine, host.sandbox.fingerprint_of(&resolved.skill.component));
    if *was != is {
        let why =
            format!("it was begun with engine {was}, and this is {is}: it cannot go on from its record");
        return Executed { resolved, ran: nothing(End::HostFailed(Code::R0505, why)), judging: None };
    }
    attempt(host, resolved, begun).await
}

async fn attempt(host: &Host, mut resolved: Resolved, mut begun: Begun) -> Executed {
    let judging = begun.judging.take();
    let (reserved, running) = match set_out(host, &mut resolved, begun) {
        Ok(running) => running,
        Err(exhausted) => {
            return Executed { resolved, ran: nothing(End::NotAdmitted(exhausted)), judging: None };
        }
    };
    let ran = running.await;
    let books = &resolved.claimed.books;
    // An attempt that will be run again prints what it has printed so far once more.
    if !matches!(ran.end, End::Ended(TrapReason::Unresolved(_))) {
        books.end_printing();
    }
    let elapsed = u64::try_from(resolved.claimed.elapsed().as_millis()).unwrap_or(u64::MAX);
    books.with_ledger(|ledger| {
        ledger.settle(reserved, &Amounts::NONE.with(Limit::Fuel, ran.fuel.0));
        ledger.peak(Limit::MemoryBytes, ran.memory.0);
        ledger.peak(Limit::WallMs, elapsed);
    });
    Executed { resolved, ran, judging }
}

/// Reserves what the attempt may use, and lets it into its sandbox. Apart from [`attempt`], so that nothing of what it takes to set out
/// is kept while it runs.
fn set_out<'h>(
    host: &'h Host,
    resolved: &mut Resolved,
    begun: Begun,
) -> Result<(Reservation, BoxFuture<'h, Ran>), Exhausted> {
    resolved.attempts = begun.attempt;
    let books = &resolved.claimed.books;
    if begun.attempt > 1 {
        books.set_past();
    }
    let request = Request { input: Arc::clone(&resolved.claimed.order.input), violations: begun.violations };
    let output = books.with_ledger(|ledger| ledger.left(Limit::BytesOut));
    let elapsed = resolved.claimed.elapsed();
    let admitted = books.with_ledger(|ledger| admit(ledger, &request, elapsed));
    let (reserved, wall) = admitted?;
    let contract = &resolved.skill.contract;
    let (version, component) = (contract.version.clone(), resolved.skill.component);
    books.set_running(Running { attempt: begun.attempt, version, component });
    let inputs = Inputs::new(begun.seed.as_bytes(), begun.start);
    let (authority, outside) = (Arc::clone(&resolved.authority), Arc::clone(&host.outside));
    let gate = match begun.journal {
        None => Gate::new(Arc::clone(books), authority, outside, inputs),
        Some(journal) => Gate::resume(Arc::clone(books), authority, outside, inputs, journal),
    };
    let seat = resolved.claimed.seat.as_ref().filter(|_| !host.sandbox.takes_room(&component));
    seat.inspect(|seat| seat.lend());
    let running = host.sandbox.run(Job {
        component,
        powers: resolved.authority.powers,
        request,
        fuel: Fuel(begun.fuel),
        memory: Bytes(begun.memory),
        output: Bytes(output),
        wall,
        gate,
    });
    Ok((reserved, running))
}

const fn nothing(end: End) -> Ran {
    Ran { end, fuel: Fuel(0), memory: Bytes(0) }
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
