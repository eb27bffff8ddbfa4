//! What is done for the log by itself.

use std::time::Duration;

use serde::Deserialize;

use crate::quantity;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Audit {
    checkpoint_every: Option<String>,
}

/// How often a worker signs a checkpoint.
pub(super) fn checkpoint_every(section: &Audit) -> Result<Option<Duration>, String> {
    let every = section.checkpoint_every.as_deref().map(quantity::age);
    every.transpose().map_err(|why| format!("audit.checkpoint-every: {why}"))
}
