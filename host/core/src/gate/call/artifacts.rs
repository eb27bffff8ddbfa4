//! Files and documents that a skill hands over.

use serde::{Serialize, Serializer};

use super::Call;
use crate::artifact::Artifact;
use crate::capability::Capability;
use crate::governance::{Cost, Scope};
use crate::ids::Digest;
use crate::limit::{Amounts, Limit};
use crate::refusal::{Refusal, RefusalKind};
use crate::ring::Effect;

/// Hands over bytes as an artifact of the task. In the log they are their number and their hash.
#[derive(Debug, Serialize)]
pub struct ArtifactsSave {
    name: String,
    media_type: String,
    #[serde(serialize_with = "number_of")]
    bytes: Vec<u8>,
    hash: Digest,
    #[serde(skip)]
    meant: Meant,
}

/// What the arguments stand for.
#[derive(Debug)]
enum Meant {
    /// One that the task does not have yet.
    New(Artifact),
    /// One that the task has already, byte for byte: nothing is to be done.
    Again(Artifact),
    /// None.
    Nothing(Refusal),
}

fn number_of<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(bytes.len() as u64)
}

impl ArtifactsSave {
    /// The call with these arguments, by a task that has `there` under the name. Bytes for which there is no `room` on
    /// the ledger are not looked at: it ends the run.
    pub(in crate::gate) fn new(
        name: String,
        media_type: String,
        bytes: Vec<u8>,
        there: Option<Artifact>,
        room: u64,
    ) -> Self {
        let hash = Digest::of(&bytes);
        let refused = |kind, why: String| Meant::Nothing(Refusal::new(kind, why));
        let checked = if bytes.len() as u64 > room {
            Err(format!("it has {} bytes; {room} are left", bytes.len()))
        } else {
            Artifact::check(&name, &media_type, &bytes, hash)
        };
        let meant = match (checked, there) {
            (Err(why), _) => refused(RefusalKind::Invalid, why),
            (Ok(artifact), None) => Meant::New(artifact),
            (Ok(artifact), Some(there)) if artifact == there => Meant::Again(artifact),
            (Ok(artifact), Some(_)) => {
                let why = format!(
                    "the task has another artifact {:?}, and an artifact never changes",
                    artifact.name
                );
                refused(RefusalKind::Conflict, why)
            }
        };
        Self { name, media_type, bytes, hash, meant }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What is to be kept; none if the task has it already.
    #[must_use]
    pub const fn artifact(&self) -> Option<&Artifact> {
        match &self.meant {
            Meant::New(artifact) => Some(artifact),
            Meant::Again(_) | Meant::Nothing(_) => None,
        }
    }

    /// The answer where nothing is to be kept.
    ///
    /// # Errors
    /// Why there is none: the gate lets no such call out.
    pub fn known(&self) -> Result<Artifact, Refusal> {
        match &self.meant {
            Meant::New(artifact) | Meant::Again(artifact) => Ok(artifact.clone()),
            Meant::Nothing(refusal) => Err(refusal.clone()),
        }
    }
}

impl Call for ArtifactsSave {
    const CAPABILITY: Capability = Capability::Artifacts;
    const NAME: &'static str = "artifacts.save";
    const EFFECT: Effect = Effect::Scratch;
    type Answer = Artifact;

    fn effect(&self) -> Effect {
        match &self.meant {
            Meant::New(_) => Effect::Scratch,
            Meant::Again(_) | Meant::Nothing(_) => Effect::Local,
        }
    }

    fn scope(&self) -> Scope<'_> {
        Scope::Artifact(match &self.meant {
            Meant::New(_) | Meant::Again(_) => Ok(()),
            Meant::Nothing(refusal) => Err(refusal),
        })
    }

    fn cost(&self) -> Cost {
        let said = self.name.len() + self.media_type.len() + self.bytes.len();
        let said = Amounts::NONE.with(Limit::BytesOut, said as u64);
        let fixed = match &self.meant {
            Meant::New(artifact) => said.with(Limit::Artifacts, 1).with(Limit::ArtifactBytes, artifact.bytes),
            Meant::Again(_) | Meant::Nothing(_) => said,
        };
        Cost { fixed, up_to: None }
    }

    fn used(&self, _: &Artifact) -> Amounts {
        self.cost().fixed
    }
}
