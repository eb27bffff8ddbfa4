//! What the operator says of loaded versions as a whole.

use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Registry {
    #[serde(default)]
    pub(super) withdrawn: Withdrawn,
}

/// What becomes of running work of a version that is withdrawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Withdrawn {
    /// It goes on to its end.
    #[default]
    Finish,
    /// It is ended at once.
    Kill,
}
