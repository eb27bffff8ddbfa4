//! A task and an attempt as their record has them, and an attempt that begins again as it began: what a replay and a look into a task
//! share.

use std::sync::Arc;
use std::time::Duration;

use super::execute::charge_request;
use super::verdicts::Others;
use crate::audit::{Decision, Fact, TraceId};
use crate::contract::Violation;
use crate::gate::{Books, Gate, Inputs, Journal};
use crate::governance::{Authority, Cost, Exhausted, Ledger, Reservation, StopSwitch};
use crate::ids::{Agent, Digest, StreamName, TaskId};
use crate::limit::{Amounts, Limit};
use crate::sandbox::{Job, Ran, Request, Sandbox};
use crate::stores::{EventLog, StreamWriter};
use crate::system::Clock;
use crate::units::{Bytes, Fuel, Timestamp};

/// What the record says of the task as a whole.
pub(super) struct Recorded {
    component: Digest,
    pub(super) authority: Arc<Authority>,
    pub(super) input: Arc<str>,
    pub(super) limits: Amounts,
    pub(super) validators: Vec<String>,
}

/// A task that is being repeated.
pub(super) struct Rerun<'a> {
    sandbox: &'a dyn Sandbox,
    pub(super) books: Arc<Books>,
    pub(super) recorded: Recorded,
    pub(super) facts: &'a [Fact],
    pub(super) others: &'a Others<'a>,
}

impl<'a> Rerun<'a> {
    pub(super) fn new(
        sandbox: &'a dyn Sandbox,
        clock: Arc<dyn Clock>,
        scratch: Arc<dyn EventLog>,
        task: &TaskId,
        facts: &'a [Fact],
        others: &'a Others<'a>,
    ) -> Result<Self, String> {
        let first_end = facts.iter().position(|fact| matches!(fact, Fact::TaskEnded { .. }));
        let recorded = Recorded::from_facts(&facts[..first_end.unwrap_or(facts.len())], facts)?;
        let agent = recorded.authority.agent.text();
        let stream = StreamName::task(task);
        let log = StreamWriter::create(scratch, Arc::clone(&clock), stream, agent, TraceId::default());
        let switch = Arc::new(StopSwitch::default());
        let books = Arc::new(Books::new(log, Ledger::new(recorded.limits), switch, clock));
        Ok(Self { sandbox, books, recorded, facts, others })
    }

    /// Sets aside what an attempt was given; also says how many bytes it may give back.
    pub(super) fn admit(&self, started: &Started) -> Result<(Reservation, u64), Exhausted> {
        self.books.with_ledger(|ledger| {
            charge_request(ledger, &self.request(started))?;
            // Without any fuel nothing begins.
            let fixed = Amounts::NONE.with(Limit::Fuel, started.fuel.max(1));
            let reserved = ledger.reserve(&Cost { fixed, up_to: None })?;
            Ok((reserved, ledger.left(Limit::BytesOut)))
        })
    }

    /// Runs an attempt again as it began, with what its calls were answered.
    pub(super) async fn run(&self, started: &Started, journal: Journal, room: u64) -> Result<Ran, String> {
        let Recorded { component, authority, .. } = &self.recorded;
        let (here, was) = (self.sandbox.fingerprint_of(component), &started.engine);
        if *was != here {
            let attempt = started.attempt;
            return Err(format!("attempt {attempt} was recorded with engine {was}; this is {here}"));
        }
        let inputs = Inputs::new(started.seed.as_bytes(), started.start);
        let gate = Gate::replay(Arc::clone(&self.books), Arc::clone(authority), inputs, journal);
        let job = Job {
            component: *component,
            powers: authority.powers,
            request: self.request(started),
            fuel: Fuel(started.fuel),
            memory: Bytes(started.memory),
            output: Bytes(room),
            wall: Duration::from_secs(3600),
            gate,
        };
        let ran = self.sandbox.run(job).await;
        self.books.end_printing();
        Ok(ran)
    }

    /// What the skill gets.
    pub(super) fn request(&self, started: &Started) -> Request {
        Request { input: self.recorded.input.clone(), violations: started.violations.clone() }
    }
}

impl Recorded {
    /// What was asked for until then, and what it was resolved to from there on, first of all.
    pub(super) fn from_facts(until: &[Fact], from: &[Fact]) -> Result<Self, String> {
        let mut accepted: Option<(Agent, Arc<str>, Amounts)> = None;
        for fact in until {
            match fact {
                Fact::TaskAccepted { agent, input, limits, .. } => {
                    accepted = Some((agent.clone(), Arc::clone(input), *limits));
                }
                Fact::TaskDecided { decision: Decision::Amend { input: amended }, .. } => {
                    accepted.iter_mut().for_each(|(_, input, _)| *input = Arc::clone(amended));
                }
                _ => {}
            }
        }
        let resolved = from.iter().find_map(|fact| match fact {
            Fact::TaskResolved { skill, component, ring, powers, validators, limits, .. } => {
                Some((skill.clone(), *component, *ring, *powers, validators.clone(), *limits))
            }
            _ => None,
        });
        let (agent, input, limits) = accepted.ok_or("the record does not say what was asked for")?;
        let (skill, component, ring, powers, validators, own) =
            resolved.ok_or("the task was refused: nothing ran")?;
        let authority = Arc::new(Authority::new(agent, skill, ring, powers, &Arc::default()));
        Ok(Self { component, authority, input, limits: own.unwrap_or(limits), validators })
    }
}

/// An attempt as its record says that it began.
pub(super) struct Started {
    pub(super) attempt: u32,
    pub(super) start: Timestamp,
    seed: Digest,
    fuel: u64,
    memory: u64,
    engine: Arc<str>,
    violations: Vec<Violation>,
}

impl Started {
    pub(super) fn of(facts: &[Fact]) -> Result<Self, String> {
        let Some(Fact::AttemptStarted { attempt, seed, start, fuel, memory, engine, violations }) =
            facts.first()
        else {
            return Err("an attempt has no beginning".into());
        };
        let (engine, violations) = (Arc::clone(engine), violations.clone());
        Ok(Self {
            attempt: *attempt,
            start: *start,
            seed: *seed,
            fuel: *fuel,
            memory: *memory,
            engine,
            violations,
        })
    }
}
