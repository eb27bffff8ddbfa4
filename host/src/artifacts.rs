//! What skills have handed over: listed, found by hash or by task and name, traced back, and read.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use ringfence_core::artifact::Artifact;
use ringfence_core::audit::{Answered, Fact};
use ringfence_core::error::{Code, Error};
use ringfence_core::gate::{ArtifactsSave, Call};
use ringfence_core::ids::{Agent, Digest, SkillName, StreamName, TaskId};
use ringfence_core::ring::Ring;
use ringfence_core::stores::{StoreError, read_facts};
use ringfence_core::units::Timestamp;
use semver::Version;

use crate::proofs;
use crate::wiring::Store;

/// The streams of all artifacts begin so.
const STREAMS: &str = "artifacts/";

/// How many events are read at once.
const PAGE: u64 = 256;

/// The fewest digits that stand for a hash.
const FEWEST_DIGITS: usize = 4;

/// An artifact as it is listed.
#[derive(Debug, Clone)]
pub struct ArtifactLine {
    /// What was handed over.
    pub artifact: Artifact,
    /// By which task.
    pub task: TaskId,
    /// By which skill.
    pub skill: SkillName,
    /// For whom.
    pub agent: Agent,
    /// In which ring.
    pub ring: Option<Ring>,
    /// When.
    pub saved: Timestamp,
    /// As which event of its caller's stream of artifacts.
    pub sequence: u64,
    /// Whether its bytes were purged with its task.
    pub purged: bool,
}

/// Which artifacts are meant.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Those of this task.
    pub task: Option<TaskId>,
    /// Those of this skill, whatever its version.
    pub skill: Option<SkillName>,
}

/// Where an artifact comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Which version of the skill handed it over.
    pub version: Version,
    /// Its component.
    pub component: Digest,
    /// Which task asked for the one that handed it over, if one did.
    pub parent: Option<TaskId>,
    /// The event of the task's stream that says so; none if the host died in the middle of the call.
    pub sequence: Option<u64>,
}

/// Artifacts, the latest first, at most so many.
///
/// # Errors
/// The store's.
pub fn list(store: &Store, wanted: &Wanted, most: usize) -> Result<Vec<ArtifactLine>, Error> {
    let fits = |line: &ArtifactLine| {
        wanted.task.as_ref().is_none_or(|task| line.task == *task)
            && wanted.skill.as_ref().is_none_or(|skill| line.skill == *skill)
    };
    let streams = match &wanted.task {
        // A task has one caller, whose artifacts lie together.
        Some(task) => caller_of(store, task)?.iter().map(StreamName::artifacts).collect(),
        None => store.log.streams(STREAMS)?,
    };
    let mut found = Vec::new();
    for stream in streams {
        collect(store, &stream, most, fits, &mut found)?;
    }
    found.sort_by_key(latest);
    found.truncate(most);
    mark(store, &mut found)?;
    Ok(found)
}

/// Marks those whose bytes were purged. What has its task's payloads was not.
fn mark(store: &Store, lines: &mut [ArtifactLine]) -> Result<(), Error> {
    let mut is_any = false;
    for line in lines.iter() {
        let second = store.log.read(&StreamName::task(&line.task), 2, 1)?;
        is_any |= second.first().is_some_and(|record| record.payload.is_none());
    }
    if is_any {
        let purged = proofs::purged_with_artifacts(store)?;
        lines.iter_mut().for_each(|line| line.purged = purged.contains(&line.task));
    }
    Ok(())
}

/// Sorts the latest to the front.
const fn latest(line: &ArtifactLine) -> Reverse<(Timestamp, u64)> {
    Reverse((line.saved, line.sequence))
}

/// Adds the last artifacts of one caller that fit, at most so many.
fn collect(
    store: &Store,
    stream: &StreamName,
    most: usize,
    fits: impl Fn(&ArtifactLine) -> bool,
    found: &mut Vec<ArtifactLine>,
) -> Result<(), Error> {
    let Some(agent) = stream.as_str().strip_prefix(STREAMS).and_then(|name| name.parse::<Agent>().ok())
    else {
        return Ok(());
    };
    let (mut end, mut left) = (store.log.head(stream)?.sequence, most);
    while end > 0 && left > 0 {
        let start = end.saturating_sub(PAGE - 1).max(1);
        let page = store.log.read(stream, start, usize::try_from(end - start + 1).unwrap_or(usize::MAX))?;
        for record in page.iter().rev() {
            let fact = record.payload.as_deref().and_then(|payload| serde_json::from_slice(payload).ok());
            let Some(Fact::ArtifactSaved { task, skill, artifact, .. }) = fact else { continue };
            let event = &record.event;
            let (ring, saved, sequence) = (event.ring, event.time, event.sequence);
            let line = ArtifactLine {
                artifact,
                task,
                skill,
                agent: agent.clone(),
                ring,
                saved,
                sequence,
                purged: false,
            };
            if left > 0 && fits(&line) {
                left -= 1;
                found.push(line);
            }
        }
        end = start - 1;
    }
    Ok(())
}

/// The artifacts that `HASH` or `TASK/NAME` stands for, the latest first: at least one, all with the same bytes.
///
/// # Errors
/// `R0416` if there is none, `R0417` if it fits others too, and the store's.
pub fn find(store: &Store, reference: &str) -> Result<Vec<ArtifactLine>, Error> {
    let shown: String = reference.chars().take(200).collect();
    let none = |why: Option<String>| {
        let error = Error::new(Code::R0416, format!("there is no artifact `{shown}`"));
        why.into_iter().fold(error, Error::because).hint("see all: ringfence artifacts")
    };
    let found = if let Some((task, name)) = reference.split_once('/') {
        let task: TaskId = task.parse().map_err(|why| none(Some(format!("{why}"))))?;
        let wanted = Wanted { task: Some(task), skill: None };
        let mut lines = list(store, &wanted, usize::MAX)?;
        lines.retain(|line| line.artifact.name.as_str() == name);
        lines
    } else {
        let digits = reference.to_ascii_lowercase();
        if digits.len() < FEWEST_DIGITS || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
            let why = format!("say TASK/NAME, or {FEWEST_DIGITS} or more digits of the hash");
            return Err(none(Some(why)));
        }
        let mut found = Vec::new();
        let fits = |line: &ArtifactLine| line.artifact.hash.to_string().starts_with(&digits);
        for stream in store.log.streams(STREAMS)? {
            collect(store, &stream, usize::MAX, fits, &mut found)?;
        }
        mark(store, &mut found)?;
        found.sort_by_key(|line| (line.purged, latest(line)));
        found
    };
    let hashes: BTreeMap<Digest, &ArtifactLine> =
        found.iter().map(|line| (line.artifact.hash, line)).collect();
    if hashes.len() > 1 {
        let several = Error::new(Code::R0417, format!("`{shown}` fits more than one artifact"));
        let several = hashes.values().take(10).fold(several, |error, line| {
            error.because(format!("{} is {} of task {}", line.artifact.hash, line.artifact.name, line.task))
        });
        return Err(several.hint("give more digits of the hash, or TASK/NAME"));
    }
    if found.is_empty() {
        return Err(none(None));
    }
    Ok(found)
}

/// The bytes of an artifact, held against their hash.
///
/// # Errors
/// `R0509` if they are not there or not what was handed over, and the store's.
pub fn read(store: &Store, line: &ArtifactLine) -> Result<Vec<u8>, Error> {
    let lost = |why: String| {
        let message =
            format!("the bytes of artifact `{}` of task {} are lost", line.artifact.name, line.task);
        let hint = "restore a backup of the store, or run the task's skill again";
        Error::new(Code::R0509, message).because(why).hint(hint)
    };
    if line.purged {
        let Artifact { name, .. } = &line.artifact;
        let message = format!("the bytes of artifact `{name}` of task {} were purged", line.task);
        return Err(Error::new(Code::R0509, message).hint("see by whom: ringfence audit log control"));
    }
    let Artifact { bytes: size, hash, .. } = line.artifact;
    match store.blobs.get(&hash) {
        Ok(Some(bytes)) if bytes.len() as u64 == size && Digest::of(&bytes) == hash => Ok(bytes),
        Ok(Some(bytes)) => Err(lost(format!("the store has {} other bytes", bytes.len()))),
        Ok(None) => Err(lost(format!("the store has nothing under {hash}"))),
        Err(why @ StoreError::Damaged(_)) => Err(lost(why.to_string())),
        Err(why) => Err(why.into()),
    }
}

/// Who ordered a task, if there is such a task.
fn caller_of(store: &Store, task: &TaskId) -> Result<Option<Agent>, Error> {
    let first = store.log.read(&StreamName::task(task), 1, 1)?;
    // Its first event is its caller's, and says so when its payload is gone.
    Ok(first.first().and_then(|record| record.event.actor.parse().ok()))
}

/// Which version a task ran, if its stream still says so.
#[must_use]
pub fn version_of(store: &Store, task: &TaskId) -> Option<Version> {
    let second = store.log.read(&StreamName::task(task), 2, 1).ok()?;
    match serde_json::from_slice(second.first()?.payload.as_deref()?).ok()? {
        Fact::TaskResolved { version, .. } => Some(version),
        _ => None,
    }
}

/// Traces an artifact back through its task's stream.
///
/// # Errors
/// The store's; `R0502` if the stream does not say what ran.
pub fn trace(store: &Store, line: &ArtifactLine) -> Result<Origin, Error> {
    let stream = StreamName::task(&line.task);
    let (mut resolved, mut parent, mut saving, mut at) = (None, None, BTreeSet::new(), None);
    for (sequence, fact) in read_facts(&*store.log, &stream, 1)? {
        match fact {
            Fact::TaskAccepted { parent: asked_by, .. } => parent = asked_by,
            Fact::TaskResolved { version, component, .. } => resolved = Some((version, component)),
            // Each attempt counts its calls anew.
            Fact::AttemptStarted { .. } => saving.clear(),
            Fact::CallBegun { call } if call.call == ArtifactsSave::NAME => {
                saving.insert(call.number);
            }
            Fact::CallEnded { number, answer: Answered::Answer(answer) } if saving.remove(&number) => {
                let is_it = serde_json::from_value::<Artifact>(answer).is_ok_and(|it| it == line.artifact);
                at = at.or_else(|| is_it.then_some(sequence));
            }
            _ => {}
        }
    }
    let unsaid =
        || Error::new(Code::R0502, Code::R0502.title()).because(format!("{stream} does not say what ran"));
    let (version, component) = resolved.ok_or_else(unsaid)?;
    Ok(Origin { version, component, parent, sequence: at })
}
