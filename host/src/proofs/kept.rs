//! Which blobs are kept whatever is purged, and which go with their tasks: components and artifacts, which no event has as its payload.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_core::audit::Fact;
use ringfence_core::ids::{Digest, StreamName, TaskId};
use ringfence_core::stores::{Blobs, StoreError, read_facts};

use crate::wiring::Store;

/// What the log names, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Named {
    components: BTreeSet<Digest>,
    /// Each with the tasks that handed it over.
    artifacts: BTreeMap<Digest, BTreeSet<TaskId>>,
    /// Up to which event of which stream.
    seen: BTreeMap<StreamName, u64>,
}

impl Named {
    /// Reads on to the end, and says what is kept and what goes.
    pub(super) fn now(&mut self, store: &Store) -> Result<Blobs, StoreError> {
        let mut streams = store.log.streams("artifacts/")?;
        streams.push(StreamName::registry());
        for stream in streams {
            let seen = self.seen.entry(stream.clone()).or_default();
            for (sequence, fact) in read_facts(&*store.log, &stream, *seen + 1)? {
                *seen = sequence;
                match fact {
                    Fact::SkillLoaded { component, .. } => drop(self.components.insert(component)),
                    Fact::ArtifactSaved { task, artifact, .. } => {
                        self.artifacts.entry(artifact.hash).or_default().insert(task);
                    }
                    _ => {}
                }
            }
        }
        let purged = purged_with_artifacts(store)?;
        let mut blobs = Blobs { kept: self.components.clone(), gone: BTreeSet::new() };
        for (hash, tasks) in &self.artifacts {
            let goes = tasks.is_subset(&purged) && !self.components.contains(hash);
            if goes { &mut blobs.gone } else { &mut blobs.kept }.insert(*hash);
        }
        Ok(blobs)
    }
}

/// The tasks that were purged with what they handed over.
pub(crate) fn purged_with_artifacts(store: &Store) -> Result<BTreeSet<TaskId>, StoreError> {
    let facts = read_facts(&*store.log, &StreamName::control(), 1)?;
    let purged = facts.into_iter().filter_map(|(_, fact)| match fact {
        Fact::PayloadsPurged { stream, artifacts: true, .. } => stream.as_task(),
        _ => None,
    });
    Ok(purged.collect())
}
