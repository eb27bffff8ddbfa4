//! What an account says of a day.

use serde::{Deserialize, Serialize};

use crate::limit::Amounts;

/// What was spent on a day, with what is set aside for calls whose end is not known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spent {
    /// The day, in UTC: `2026-01-31`. Later days come later as text.
    pub day: String,
    /// How much.
    pub spent: Amounts,
}
