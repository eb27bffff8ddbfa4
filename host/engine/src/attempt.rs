//! One attempt: a store of its own, set up with every limit before the first instruction, and gone afterwards.

use std::sync::Arc;

use ringfence_core::contract::Description;
use ringfence_core::gate::{Gate, TrapReason};
use ringfence_core::sandbox::{End, Request};
use ringfence_core::units::{Bytes, Fuel};
use wasmtime::{CallHook, Store, UpdateDeadline};

use crate::bindings::ringfence::skill::types;
use crate::bindings::{Skill, SkillPre};
use crate::limits::MemoryLimiter;
use crate::outcome;
use crate::state::{MAX_HANDLES, State};

/// The most bytes that one crossing from guest to host may carry, whatever the ledger allows.
const MAX_CROSSING: u64 = 32 << 20;

/// What is asked of a component.
pub(crate) enum Task {
    Describe,
    Run(Request),
}

/// What it answered.
pub(crate) enum Answer {
    Description(Description),
    Ran(Result<String, types::Failure>),
}

/// A store for one attempt, with every limit set.
pub(crate) fn store(
    linked: &SkillPre<State>,
    mut gate: Gate,
    fuel: Fuel,
    limiter: MemoryLimiter,
    output: Bytes,
) -> Store<State> {
    let switch = Arc::clone(gate.books().switch());
    gate.grant(fuel, limiter.allowed());
    let mut store = Store::new(linked.engine(), State::new(gate, limiter));
    store.limiter(|state| &mut state.limiter);
    store.set_fuel(fuel.0).expect("the engine counts fuel");
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| match switch.reason() {
        Some(_) => Err(TrapReason::Stopped.into()),
        None => Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))),
    });
    store.call_hook(move |mut store, hook| {
        match hook {
            CallHook::CallingHost => {
                let left = store.get_fuel()?;
                let State { gate, limiter, .. } = store.data_mut();
                gate.observe(fuel.saturating_sub(Fuel(left)), limiter.held());
            }
            // What errands used goes off before the guest's next instruction. The counter lies in the store here, and is
            // read from there when the guest goes on.
            CallHook::CallingWasm | CallHook::ReturningFromHost => {
                let owed = store.data_mut().gate.take_owed();
                if owed > 0 {
                    let left = store.get_fuel()?;
                    store.set_fuel(left.saturating_sub(owed))?;
                }
            }
            CallHook::ReturningFromWasm => {}
        }
        Ok(())
    });
    store.set_hostcall_fuel(usize::try_from(output.0.clamp(1, MAX_CROSSING)).unwrap_or(usize::MAX));
    store.set_max_component_handles(MAX_HANDLES);
    store
}

/// One attempt in its store.
pub(crate) async fn attempt(
    linked: SkillPre<State>,
    task: Task,
    mut store: Store<State>,
    fuel: Fuel,
) -> (Option<Answer>, End, Fuel) {
    let answered = match linked.instantiate_async(&mut store).await {
        Ok(skill) => call(&skill, &mut store, task).await,
        Err(error) => Err(error),
    };
    let left = store.get_fuel().unwrap_or(0);
    let ended = answered.and_then(|answer| {
        store.data().gate.check_all_repeated().map_err(TrapReason::Diverged)?;
        Ok(answer)
    });
    let (answer, end) = match ended {
        Ok(Answer::Ran(Ok(text))) => (None, End::Output(text)),
        Ok(Answer::Ran(Err(types::Failure::Retry(message)))) => (None, End::Retry(message)),
        Ok(Answer::Ran(Err(types::Failure::Stop(message)))) => (None, End::Stop(message)),
        Ok(answer @ Answer::Description(_)) => (Some(answer), End::Output(String::new())),
        Err(error) => {
            let books = store.data().gate.books();
            (None, books.with_ledger(|ledger| outcome::of_error(&error, ledger)))
        }
    };
    // After an epoch stop the engine's counter is stale: the whole reservation is spent.
    let stopped = matches!(end, End::Ended(TrapReason::Stopped));
    let used = if stopped { fuel } else { fuel.saturating_sub(Fuel(left)) };
    (answer, end, used)
}

async fn call(skill: &Skill, store: &mut Store<State>, task: Task) -> wasmtime::Result<Answer> {
    match task {
        Task::Describe => {
            let types::Contract { name, description, version, input_schema, output_schema } =
                skill.call_describe(store).await?;
            Ok(Answer::Description(Description { name, description, version, input_schema, output_schema }))
        }
        Task::Run(Request { input, violations }) => {
            let violations = violations.into_iter().map(|violation| types::Violation {
                path: violation.path,
                rule: violation.rule,
                message: violation.message,
            });
            let request = types::Request { input: input.to_string(), violations: violations.collect() };
            Ok(Answer::Ran(skill.call_run(store, &request).await?))
        }
    }
}
