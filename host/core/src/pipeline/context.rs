//! Context: what the task is given to read is taken from its sources, held against its budget and written down. From there
//! on nothing of it is read again: not by a later attempt, not after a crash, not by a replay.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};

use super::Host;
use super::blame::Failing;
use super::claim::Claimed;
use super::emit::Over;
use super::pool::{Pooled, Stopped, killed};
use crate::audit::{Fact, Status};
use crate::context::{
    BoundContext, BoundSource, ContextOrder, ContextPackage, DeclaredSource, Found, Lacking, Origin,
    Provenance,
};
use crate::error::{Code, Error};
use crate::ids::{Agent, Digest, StreamName, TaskId};
use crate::limit::Limit;
use crate::units::Timestamp;

/// A task that has what it was promised to read, if it was promised anything. Made here alone.
pub(super) struct Bound(Box<Claimed>);

impl Bound {
    pub(super) fn into_claimed(self) -> Box<Claimed> {
        self.0
    }
}

/// Binds the package that was ordered, from its sources as they are now.
pub(super) async fn bind(host: &Host, Pooled(claimed): Pooled) -> Result<Bound, Over> {
    let Some(order) = claimed.order.context.clone() else { return Ok(Bound(claimed)) };
    match gather_in_time(host, &claimed, &order).await {
        Gathered::Context(Ok(context)) => {
            let fact = Fact::ContextBound { context };
            claimed.books.log().append(&fact);
            let Fact::ContextBound { context } = fact else {
                unreachable!("it is what was made two lines before")
            };
            claimed.books.set_context(context);
            Ok(Bound(claimed))
        }
        Gathered::Context(Err(error)) => Err(refused(claimed, error)),
        Gathered::TimeUp => Err(out_of_time(claimed)),
        Gathered::Stopped => Err(killed(claimed, "while its context was bound")),
    }
}

enum Gathered {
    Context(Result<BoundContext, Error>),
    TimeUp,
    Stopped,
}

/// A source that does not answer holds up the task no longer than its wall time, and no longer than a kill takes.
async fn gather_in_time(host: &Host, claimed: &Claimed, order: &ContextOrder) -> Gathered {
    let books = &claimed.books;
    let wall = Duration::from_millis(claimed.order.limits[Limit::WallMs]);
    let time_up = books.clock().sleep(wall.saturating_sub(claimed.elapsed()));
    let stopped = Stopped::watch(books.switch());
    let gathering = pin!(gather(host, &claimed.order.agent, order));
    match select(stopped, select(gathering, time_up)).await {
        Either::Right((Either::Left((gathered, _)), _)) => Gathered::Context(gathered),
        Either::Right((Either::Right(_), _)) => Gathered::TimeUp,
        Either::Left(_) => Gathered::Stopped,
    }
}

/// Gives a task that had bound its context in a process that is gone the very same again.
pub(super) fn again(Pooled(claimed): Pooled, recorded: BoundContext) -> Result<Bound, Over> {
    if !recorded.is_whole() {
        let error =
            Error::new(Code::R0502, format!("the context of `{}` cannot be used", claimed.order.task));
        return Err(refused(claimed, error.because("its recorded content is not what its hashes say")));
    }
    claimed.books.set_context(recorded);
    Ok(Bound(claimed))
}

fn refused(claimed: Box<Claimed>, error: Error) -> Over {
    let (skill, ring) = (Arc::clone(&claimed.order.skill), claimed.order.ring);
    let failing = Failing::Refused(error.code);
    Over::new(claimed, skill, None, ring, 0).with_error(Status::Refused, error, failing)
}

fn out_of_time(claimed: Box<Claimed>) -> Over {
    let (skill, ring) = (Arc::clone(&claimed.order.skill), claimed.order.ring);
    let exhausted = claimed.books.with_ledger(|ledger| ledger.exhausted(Limit::WallMs, 1));
    let error =
        Error::new(Code::R0201, format!("the context of `{}` was not bound in time", claimed.order.task))
            .because(exhausted)
            .hint("raise it with --timeout, or look at what holds up the sources");
    let over = Over::new(claimed, skill, None, ring, 0);
    over.with_error(Status::Stopped, error, Failing::Refused(Code::R0201)).with_limit(exhausted.into())
}

async fn gather(host: &Host, agent: &Agent, order: &ContextOrder) -> Result<BoundContext, Error> {
    let package = host.policies.newest().policy().context(&order.name)?.with(&order.tasks)?;
    let package = &package;
    let (mut sources, mut bytes, mut tokens) = (Vec::with_capacity(package.sources.len()), 0, 0);
    for declared in &package.sources {
        let mut source = take(host, agent, package, declared, bytes).await?;
        bytes += source.bytes;
        if let Some(budget) = &package.tokens {
            let counted = host.sources.count(budget.tokeniser, Arc::clone(&source.text)).await;
            let counted = counted.map_err(|why| missing(package, declared, why))?;
            tokens += counted;
            if tokens > budget.most {
                return Err(over_budget(package, declared, "tokens", tokens, budget.most));
            }
            source.tokens = Some(counted);
        }
        sources.push(source);
    }
    Ok(BoundContext::new(package.name.clone(), package.tokens.map(|budget| budget.tokeniser), sources))
}

/// One source as it is now, if it is there, fresh enough, text, and fits behind the bytes that are there already.
async fn take(
    host: &Host,
    agent: &Agent,
    package: &ContextPackage,
    declared: &DeclaredSource,
    before: u64,
) -> Result<BoundSource, Error> {
    let room = package.max_bytes.saturating_sub(before);
    let inline =
        |text: &Arc<str>| Found { bytes: text.as_bytes().to_vec(), as_of: Timestamp(0), revision: 0 };
    let found = match &declared.origin {
        Origin::Inline(text) => Ok(inline(text)),
        Origin::File(path) => host.sources.file(path.clone(), room).await,
        Origin::Memory(key) => host.sources.memory(agent.clone(), key.clone(), room).await,
        Origin::Task(task) => output_of(host, agent, task).map_err(Lacking::Missing),
        Origin::NamedTask => Err(Lacking::Missing("no task was named for it".into())),
    };
    let over =
        |bytes| over_budget(package, declared, "bytes", before.saturating_add(bytes), package.max_bytes);
    let Found { bytes, as_of, revision } = found.map_err(|lacking| match lacking {
        Lacking::Missing(why) => missing(package, declared, why),
        Lacking::TooLarge(bytes) => over(bytes),
    })?;
    let (provenance, as_of) = match &declared.origin {
        Origin::Inline(_) | Origin::NamedTask => (Provenance::Inline, None),
        Origin::File(path) => (Provenance::File { path: path.display().to_string() }, Some(as_of)),
        Origin::Memory(key) => (Provenance::Memory { key: key.clone(), revision }, Some(as_of)),
        Origin::Task(task) => (Provenance::Task { task: task.clone() }, Some(as_of)),
    };
    if let (Some(as_of), Some(max_age)) = (as_of, declared.max_age) {
        check_age(package, declared, as_of, host.clock.now(), max_age)?;
    }
    let size = bytes.len() as u64;
    if size > room {
        return Err(over(size));
    }
    let text = String::from_utf8(bytes).map_err(|why| {
        let at = why.utf8_error().valid_up_to();
        missing(package, declared, format!("it is no text in UTF-8, from byte {at} on"))
    })?;
    let hash = Digest::of(text.as_bytes());
    let name = declared.name.clone();
    Ok(BoundSource { name, provenance, as_of, hash, bytes: size, tokens: None, text: text.into() })
}

/// What an earlier task of the same caller gave. Of another caller's not even that it is there is told.
fn output_of(host: &Host, agent: &Agent, task: &TaskId) -> Result<Found, String> {
    let stream = StreamName::task(task);
    let unread = |why| format!("the log cannot be read: {why}");
    let first = host.log.read(&stream, 1, 1).map_err(unread)?;
    if first.first().is_none_or(|record| *record.event.actor != *agent.as_str()) {
        return Err(format!("there is no task `{task}` of `{agent}`"));
    }
    let last = host.log.last(&stream).map_err(unread)?.filter(|event| event.kind == "task.ended");
    let last = last.ok_or_else(|| format!("the task `{task}` is not over"))?;
    let ended = host.log.read(&stream, last.sequence, 1).map_err(unread)?;
    let payload = ended.first().and_then(|record| record.payload.as_deref());
    let payload = payload.ok_or_else(|| format!("what the task `{task}` gave was purged"))?;
    match serde_json::from_slice(payload) {
        Ok(Fact::TaskEnded { outcome }) if outcome.status == Status::Completed => {
            let output = outcome.output.unwrap_or_default();
            let text = output.as_str().map_or_else(|| output.to_string(), str::to_owned);
            Ok(Found { bytes: text.into_bytes(), as_of: last.time, revision: 0 })
        }
        Ok(_) => Err(format!("the task `{task}` did not complete")),
        Err(why) => Err(format!("the end of the task `{task}` cannot be read: {why}")),
    }
}

fn check_age(
    package: &ContextPackage,
    declared: &DeclaredSource,
    as_of: Timestamp,
    now: Timestamp,
    max_age: Duration,
) -> Result<(), Error> {
    let age = Duration::from_micros(now.saturating_sub(as_of).0);
    if age <= max_age {
        return Ok(());
    }
    let (age, allowed) = (age.as_secs(), max_age.as_secs());
    Err(Error::new(Code::R0445, format!("{} is stale", named(package, declared)))
        .because(format!(
            "it says what it says since {}, {age} seconds ago; {allowed} are allowed",
            as_of.utc()
        ))
        .hint("renew it, or raise its `max-age` under [[context]] in ringfence.toml"))
}

fn named(package: &ContextPackage, declared: &DeclaredSource) -> String {
    format!("source `{}` of context `{}`", declared.name, package.name)
}

fn missing(package: &ContextPackage, declared: &DeclaredSource, why: String) -> Error {
    let hint = match &declared.origin {
        Origin::Inline(_) => "mend the text under [[context]] in ringfence.toml",
        Origin::File(_) => {
            "let the host's user read a text file there, or name another under [[context]] in ringfence.toml"
        }
        Origin::Memory(_) => {
            "let a task of this caller keep a text there first, or take the source out of [[context]]"
        }
        Origin::Task(_) | Origin::NamedTask => {
            "name a task of this caller that has completed (ringfence tasks): under [[context]] in ringfence.toml, or with --source where that says task = \"*\""
        }
    };
    let place = match &declared.origin {
        Origin::Inline(_) => "it stands in the policy file".to_owned(),
        Origin::File(path) => format!("it is the file {}", path.display()),
        Origin::Memory(key) => format!("it is the caller's memory under the key {key:?}"),
        Origin::Task(task) => format!("it is what the task `{task}` gave"),
        Origin::NamedTask => "it is what a task gave that the order names".to_owned(),
    };
    Error::new(Code::R0444, format!("{} is missing", named(package, declared)))
        .because(place)
        .because(why)
        .hint(hint)
}

fn over_budget(
    package: &ContextPackage,
    declared: &DeclaredSource,
    limit: &str,
    used: u64,
    allowed: u64,
) -> Error {
    let title = format!("context `{}` is over its limit of {limit}: {used} of {allowed}", package.name);
    Error::new(Code::R0446, title)
        .because(format!("source `{}` is where it got there; nothing is cut off", declared.name))
        .hint(format!("shorten the sources, or raise `max-{limit}` under [[context]] in ringfence.toml"))
}
