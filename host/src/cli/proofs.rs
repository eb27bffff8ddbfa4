//! `ringfence audit verify`, `checkpoint`, `prove` and `witness`

use std::path::{Path, PathBuf};

use clap::Args;
use ringfence_core::audit::{Checkpoint, Continuation, Proof, PublicKey, SignedNote, from_text, to_text};
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::StreamName;
use serde_json::json;

use super::audit::stream_of;
use super::{Global, counted, operator, shown_on, take_off, time};
use crate::proofs::{self, Trust};
use crate::{carried, keys, show};

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// A checkpoint that was kept elsewhere: the log must still be the one that it was taken of
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// The public key that was signed with, or a file with it [default: that of this user's own key]
    #[arg(long, value_name = "PUBLIC")]
    key: Option<String>,
    /// Check a proof instead; needs no store
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with = "checkpoint")]
    proof: Option<PathBuf>,
}

impl Verify {
    pub(super) fn run(self, global: &Global) -> Result<(), Error> {
        let key = self.key.as_deref().map(key).transpose()?;
        if let (Some(file), Some(key)) = (&self.proof, &key) {
            return verify_proof(file, key, global);
        }
        let store = global.store()?;
        let key = key.map_or_else(keys::public, |key| Ok(Some(key)))?;
        if key.is_none() && store.log.head(&StreamName::checkpoints())?.sequence > 0 {
            return Err(Error::new(
                Code::R0441,
                "the log has signed checkpoints, and here is no key to check them with",
            )
            .hint("name the public key that was printed when they were made: --key PUBLIC"));
        }
        let outside = self.checkpoint.iter().map(|file| Ok(read_checkpoint(file)?.note));
        let trust = Trust { key, outside: outside.collect::<Result<_, Error>>()? };
        let bar = counted("checking events".into());
        let verified = proofs::verify(&store, &trust, &shown_on(&bar));
        take_off(&bar);
        let verified = verified?;
        let (streams, events, checkpoints) = (verified.streams, verified.events, verified.checkpoints);
        if global.json {
            return show::data(json!({
                "streams": streams, "events": events, "intact": true, "checkpoints": checkpoints,
                "covered": verified.covered, "outside": trust.outside.len(),
            }));
        }
        show::data(format_args!("{events} events in {streams} streams, unaltered"))?;
        if checkpoints > 0 {
            show::data(format_args!(
                "{checkpoints} signed checkpoints cover {} of them, and hold; {} from outside",
                verified.covered,
                trust.outside.len(),
            ))?;
        }
        Ok(())
    }
}

fn verify_proof(file: &Path, key: &PublicKey, global: &Global) -> Result<(), Error> {
    let proof: Proof = from_text(&read_in(file)?).map_err(|why| unreadable(file).because(why))?;
    let checkpoint = proof.check(key).map_err(|why| does_not_hold(file).because(why))?;
    let event = &proof.event;
    if global.json {
        return show::data(
            json!({ "holds": true, "event": event, "log": checkpoint.origin, "size": checkpoint.size }),
        );
    }
    show::data(format_args!(
        "proved: event {} of {} ({}, {}) is in the log {} as of {}",
        event.sequence,
        event.stream,
        event.kind,
        time(event.time),
        checkpoint.origin,
        time(checkpoint.time),
    ))
}

#[derive(Debug, Args)]
pub(super) struct CheckpointVerb {
    /// Where to; stdout where nothing is said
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Prove too that it continues an older one: its file, or its size
    #[arg(long, value_name = "FILE | SIZE")]
    since: Option<String>,
}

impl CheckpointVerb {
    pub(super) async fn run(self, global: &Global) -> Result<(), Error> {
        let since = self.since.as_deref().map(|since| match since.parse() {
            Ok(size) => Ok(size),
            Err(_) => {
                let file = Path::new(since);
                let checkpoint = read_checkpoint(file)?.note.unproved();
                Ok::<u64, Error>(checkpoint.ok_or_else(|| unreadable(file))?.size)
            }
        });
        let since = since.transpose()?;
        let store = global.store()?;
        let checkpoints = proofs::checkpoint(&store, &operator()).await?;
        let made = proofs::continuation(&checkpoints, since)?;
        let key = keys::public()?;
        if global.json {
            let checkpoint = made.note.unproved();
            let (origin, size) = checkpoint.map_or_else(Default::default, |made| (made.origin, made.size));
            show::data(json!({
                "log": origin, "size": size, "key": key.map(|key| key.to_string()),
                "notes_key": key.map(|key| key.for_notes(&origin)), "checkpoint": made.to_text(),
            }))?;
            return self
                .output
                .as_deref()
                .map_or(Ok(()), |file| carried::write(file, made.to_text().as_bytes()));
        }
        write_out(self.output.as_deref(), &made.to_text())?;
        if let Some(key) = key {
            show::note(format_args!("signed with the public key {key}"));
        }
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(super) struct Prove {
    /// A task, or a stream
    stream: String,
    /// Which event of it; the last one where nothing is said
    sequence: Option<u64>,
    /// Tell what the event says, too
    #[arg(long)]
    payload: bool,
    /// Where to; stdout where nothing is said
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Prove {
    pub(super) async fn run(self, global: &Global) -> Result<(), Error> {
        let (store, stream) = (global.store()?, stream_of(&self.stream)?);
        let proof = proofs::prove(&store, &stream, self.sequence, self.payload, &operator()).await?;
        write_out(self.output.as_deref(), &to_text(&proof))
    }
}

#[derive(Debug, Args)]
pub(super) struct Witness {
    /// The public key of the log, or a file with it
    #[arg(long, value_name = "PUBLIC")]
    key: String,
    /// Where the last checkpoint that was seen is remembered
    #[arg(long, value_name = "FILE")]
    state: PathBuf,
    /// The new one, of `audit checkpoint --since`
    checkpoint: PathBuf,
}

impl Witness {
    pub(super) fn run(self, global: &Global) -> Result<(), Error> {
        let key = key(&self.key)?;
        let state_is_there = self.state.symlink_metadata().is_ok();
        let seen: Option<Checkpoint> = if state_is_there {
            let note = SignedNote::from_text(read_in(&self.state)?);
            Some(note.open(&key).map_err(|why| unreadable(&self.state).because(why))?)
        } else {
            None
        };
        let new = read_checkpoint(&self.checkpoint)?;
        let checkpoint = new.check(seen.as_ref(), &key).map_err(|why| {
            Error::new(Code::R0521, Code::R0521.title()).because(why).hint(match &seen {
                Some(seen) => {
                    format!("ask for one that continues it: ringfence audit checkpoint --since {}", seen.size)
                }
                None => "compare the public key with the one of the log's operator".into(),
            })
        })?;
        carried::write(&self.state, new.note.as_str().as_bytes())?;
        let before = seen.map(|seen| seen.size);
        if global.json {
            return show::data(
                json!({ "log": checkpoint.origin, "size": checkpoint.size, "continues": before }),
            );
        }
        match before {
            Some(before) => show::data(format_args!("size {} continues size {before}", checkpoint.size)),
            None => show::data(format_args!("size {}, the first that was seen", checkpoint.size)),
        }
    }
}

/// A public key, or the one in a file.
pub(super) fn key(text: &str) -> Result<PublicKey, Error> {
    text.parse().or_else(|why| {
        let in_file = std::fs::read_to_string(text).ok().and_then(|text| text.parse().ok());
        in_file.ok_or_else(|| {
            Error::new(Code::R0441, format!("{text:?} is no public key, and no file with one"))
                .because(why)
                .hint("it is in checkpoint.pub beside the key; `ringfence audit checkpoint` says it too")
        })
    })
}

/// The text of a file.
pub(super) fn read_in(file: &Path) -> Result<String, Error> {
    std::fs::read_to_string(file).map_err(|why| unreadable(file).because(why))
}

/// Writes to a file, or to stdout.
pub(super) fn write_out(file: Option<&Path>, text: &str) -> Result<(), Error> {
    match file {
        Some(file) => carried::write(file, text.as_bytes()),
        None => show::data(text.strip_suffix('\n').unwrap_or(text)),
    }
}

pub(super) fn unreadable(file: &Path) -> Error {
    Error::new(Code::R0440, format!("{} cannot be read", file.display()))
        .hint("write it again, and bring it over as it is")
}

pub(super) fn does_not_hold(file: &Path) -> Error {
    Error::new(Code::R0520, format!("{} does not hold", file.display()))
        .hint("trust nothing that it says; ask for another one, and compare the public key")
}

fn read_checkpoint(file: &Path) -> Result<Continuation, Error> {
    let read = Continuation::from_text(&read_in(file)?).filter(|read| read.note.unproved().is_some());
    // What is no checkpoint says nothing against the log.
    read.ok_or_else(|| unreadable(file).because("it is not a checkpoint"))
}
