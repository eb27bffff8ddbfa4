//! Questions to language models: which ones can answer is found out and recorded, then one after the other is asked until
//! one does. Each that is asked is a call of its own: decided, charged and recorded as if the skill had made it.

use std::sync::Arc;

use futures::future::join_all;

use super::call::model::{ModelComplete, ModelRest, ModelRoute};
use super::{Gate, ModelWait, Opened, Stop, TrapReason};
use crate::governance::Authority;
use crate::ids::ModelName;
use crate::limit::Limit;
use crate::model::{Candidate, LeftOut, Question, Reply, Room, Routed};
use crate::refusal::{Refusal, RefusalKind};

/// How many questions may be asked at once.
const MAX_AT_ONCE: usize = 16;

/// How often each model is asked the same.
const ROUNDS: u32 = 2;

/// How long the host waits before the second round, in milliseconds.
const BACK_OFF: u64 = 500;

/// How long it waits for providers that want to be left alone, at most.
const MAX_REST: u64 = 60_000;

/// A question on its way from model to model.
struct Pending {
    question: Arc<Question>,
    candidates: Vec<Candidate>,
    asked: usize,
    end: Option<Result<Reply, Refusal>>,
    /// How soon one of those that failed may be asked again, in milliseconds.
    rest: Option<u64>,
}

impl Gate {
    /// Asks a question.
    ///
    /// # Errors
    /// [`Stop`], as for every call.
    pub async fn complete(&mut self, question: Question) -> Result<Reply, Stop> {
        let mut ends = self.complete_many(vec![question]).await?;
        ends.pop().expect("one question has one end").map_err(Stop::Tell)
    }

    /// Asks several at once. Of each round all are decided on and reserved in their order before any of them starts.
    ///
    /// # Errors
    /// [`Stop::Trap`] alone; what a single one is refused stands in its place.
    pub async fn complete_many(
        &mut self,
        questions: Vec<Question>,
    ) -> Result<Vec<Result<Reply, Refusal>>, Stop> {
        if questions.len() > MAX_AT_ONCE {
            let why = format!("{} questions at once; {MAX_AT_ONCE} are allowed", questions.len());
            return Err(TrapReason::Misuse(why).into());
        }
        let parts = questions.len() as u64;
        let mut pending = Vec::with_capacity(questions.len());
        for question in questions {
            pending.push(self.route(Arc::new(question), parts)?);
        }
        for round in 0..ROUNDS {
            if round > 0 && !self.back_off(&mut pending).await? {
                break;
            }
            while pending.iter().any(Pending::has_next) {
                self.ask_next(&mut pending).await?;
            }
        }
        Ok(pending.into_iter().map(Pending::into_end).collect())
    }

    /// Waits before those that are open are asked again; says whether one is. Who wants to be left alone for longer than there is
    /// time is not asked again.
    async fn back_off(&mut self, pending: &mut [Pending]) -> Result<bool, Stop> {
        let mut longest = None;
        for pending in pending.iter_mut().filter(|pending| pending.is_open()) {
            let rest = pending.rest.take().unwrap_or(0);
            let is_soon = rest <= BACK_OFF
                || (rest <= MAX_REST && self.local(ModelRest::new(rest, self.wall_left()))?);
            if is_soon {
                pending.asked = 0;
                longest = longest.max(Some(rest.max(BACK_OFF)));
            }
        }
        let Some(milliseconds) = longest else { return Ok(false) };
        self.sleep(ModelWait { nanoseconds: milliseconds.saturating_mul(1_000_000) }).await?;
        Ok(true)
    }

    /// Finds out who can answer.
    fn route(&mut self, question: Arc<Question>, parts: u64) -> Result<Pending, Stop> {
        self.keep_up();
        let room = self.books().with_ledger(|ledger| Room {
            tokens: ledger.left(Limit::Tokens) / parts,
            micro_usd: ledger.left(Limit::MicroUsd) / parts,
            bytes_in: ledger.left(Limit::BytesIn) / parts,
        });
        let authority = Arc::clone(&self.authority);
        let call = ModelRoute::new(&question, || {
            let models = &authority.edition().policy().models;
            let (asked, not_granted) = asked(&question, &authority);
            let asked = asked.into_iter().filter_map(|name| models.get(name));
            let mut routed = Routed::among(asked.map(|model| &**model), &question, room);
            routed.left_out.extend(not_granted);
            routed
        });
        let (candidates, end) = match self.local(call) {
            Ok(routed) if routed.candidates.is_empty() => (Vec::new(), Some(Err(nobody(&routed.left_out)))),
            Ok(routed) => (routed.candidates, None),
            Err(Stop::Tell(refusal)) => (Vec::new(), Some(Err(refusal))),
            Err(trap) => return Err(trap),
        };
        Ok(Pending { question, candidates, asked: 0, end, rest: None })
    }

    /// Puts each question that is open to its next model.
    async fn ask_next(&mut self, pending: &mut [Pending]) -> Result<(), Stop> {
        let (mut places, mut calls) = (Vec::new(), Vec::new());
        for (place, pending) in pending.iter_mut().enumerate().filter(|(_, pending)| pending.has_next()) {
            let candidate = pending.candidates[pending.asked].clone();
            pending.asked += 1;
            places.push(place);
            calls.push(ModelComplete::new(candidate, Arc::clone(&pending.question)));
        }
        let mut underway = Vec::with_capacity(calls.len());
        for (place, opened) in places.into_iter().zip(self.let_in(calls)?) {
            match opened {
                Ok(Opened::Permit(permit)) => underway.push((place, permit)),
                Ok(Opened::Recorded(reply)) => pending[place].take(Ok(reply)),
                Err(refusal) => pending[place].take(Err(refusal)),
            }
        }
        let outside = &self.outside;
        let asked = underway.into_iter().map(|(place, permit)| async move {
            (place, outside.models.complete(permit).await.paid().await)
        });
        for (place, answer) in join_all(asked).await {
            pending[place].take(match answer {
                Ok(reply) => Ok(reply),
                Err(Stop::Tell(refusal)) => Err(refusal),
                Err(trap) => return Err(trap),
            });
        }
        Ok(())
    }
}

impl Pending {
    fn take(&mut self, end: Result<Reply, Refusal>) {
        if let Err(refusal) = &end {
            self.rest = Some(self.rest.map_or(refusal.rest_ms, |soonest| soonest.min(refusal.rest_ms)));
        }
        self.end = Some(end);
    }

    /// Whether another model may do better.
    fn is_open(&self) -> bool {
        match &self.end {
            None => true,
            Some(Ok(_)) => false,
            // What may have been worked on is charged; what is left may not pay for another one.
            Some(Err(refusal)) => {
                !self.candidates.is_empty() && refusal.kind == RefusalKind::Failed && refusal.taken == 0
            }
        }
    }

    fn has_next(&self) -> bool {
        self.is_open() && self.asked < self.candidates.len()
    }

    fn into_end(self) -> Result<Reply, Refusal> {
        self.end.unwrap_or_else(|| Err(nobody(&[])))
    }
}

/// The models that a question goes to: those that it names, in its order, else all that are granted, in the order of the grants. And
/// those that it names and that are not granted.
fn asked<'a>(question: &'a Question, authority: &'a Authority) -> (Vec<&'a ModelName>, Vec<LeftOut>) {
    let named: Vec<&str> =
        question.model.iter().map(String::as_str).chain(question.or.iter().map(ModelName::as_str)).collect();
    if named.is_empty() {
        return (authority.models().collect(), Vec::new());
    }
    let mut asked = Vec::with_capacity(named.len());
    let mut not_granted = Vec::new();
    for name in named {
        match (authority.model(name), name.parse()) {
            (Some(granted), _) => asked.push(granted),
            (None, Ok(model)) => not_granted.push(LeftOut { model, why: "no grant covers it".into() }),
            (None, Err(_)) => {}
        }
    }
    (asked, not_granted)
}

fn nobody(left_out: &[LeftOut]) -> Refusal {
    let reasons: Vec<_> =
        left_out.iter().map(|left_out| format!("{}: {}", left_out.model, left_out.why)).collect();
    let why = if reasons.is_empty() { "it is declared nowhere".to_owned() } else { reasons.join("; ") };
    Refusal::new(RefusalKind::Invalid, format!("no model that is granted can answer: {why}"))
}
