//! Handing over an artifact: what it may be follows from what the task has handed over before.

use super::call::artifacts::ArtifactsSave;
use super::{Gate, Stop};
use crate::ids::Digest;
use crate::limit::Limit;

impl Gate {
    /// Hands over bytes as an artifact of the task, and gives their hash. The same again, also in a later attempt,
    /// changes nothing; other bytes under a name that the task has are refused.
    ///
    /// # Errors
    /// [`Stop`], as for every call.
    pub async fn save_artifact(
        &mut self,
        name: String,
        media_type: String,
        bytes: Vec<u8>,
    ) -> Result<Digest, Stop> {
        let there = self.books.artifact(&name);
        let room = self.books.with_ledger(|ledger| ledger.left(Limit::BytesOut));
        let call = ArtifactsSave::new(name, media_type, bytes, there, room);
        let artifact = self.pass(call, |permit, outside| outside.artifacts.save(permit)).await?;
        let hash = artifact.hash;
        self.books.note_artifact(artifact);
        Ok(hash)
    }
}
