//! How long what is over is kept.

use std::time::Duration;

use serde::Deserialize;

use crate::quantity;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Retention {
    payloads: Option<String>,
}

/// The age from which on payloads are purged. A section that says nothing would keep them without being noticed.
pub(super) fn age(section: Option<&Retention>) -> Result<Option<Duration>, String> {
    let Some(Retention { payloads }) = section else { return Ok(None) };
    let text = payloads.as_deref().ok_or("[retention] says nothing: payloads = \"90d\"")?;
    quantity::age(text).map(Some).map_err(|why| format!("retention.payloads: {why}"))
}
