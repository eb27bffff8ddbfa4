//! Whether a newer contract keeps what an older one promised: all that was taken is taken still, and nothing is given
//! that was not promised.
//!
//! The comparison never says *compatible* wrongly for what it understands, with one exception: an input property that
//! the older schema neither described nor closed off was nobody's promise, so a newer one may describe it. What is not
//! understood must be the same in both. Schemas are hostile: steps, depth and differences are counted.

mod compare;
mod known;
mod meeting;

#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::Value;

use super::Contract;
use compare::Comparison;

/// One promise that a newer version does not keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `input`, `output` or `power`, and where: a path in the schema, or the power's word.
    pub place: String,
    /// What is different.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Which of a contract's two schemas is compared, and so in which direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// What the older one took, the newer one must take.
    Input,
    /// What the newer one gives, the older one must have promised.
    Output,
}

/// How many differences are named before the rest is left out.
const MOST: usize = 16;

/// What of an older contract's promises a newer one does not keep; empty: it is compatible.
#[must_use]
pub fn differences(older: &Contract, newer: &Contract) -> Vec<Difference> {
    let mut found = of_schemas(Side::Input, older.input.source(), newer.input.source());
    found.extend(of_schemas(Side::Output, older.output.source(), newer.output.source()));
    found
}

fn of_schemas(side: Side, older: &Value, newer: &Value) -> Vec<Difference> {
    if older == newer {
        return Vec::new();
    }
    if [older, newer].into_iter().any(moves_references) {
        return vec![Difference { place: side.place(""), what: UNKNOWN.into() }];
    }
    let (narrow, wide) = match side {
        Side::Input => (older, newer),
        Side::Output => (newer, older),
    };
    let mut found = Comparison::new(side, narrow, wide).run();
    found.truncate(MOST);
    found
}

const UNKNOWN: &str = "changed in a way that is not known to be compatible";

impl Side {
    fn place(self, path: &str) -> String {
        let word = match self {
            Self::Input => "input",
            Self::Output => "output",
        };
        if path.is_empty() { word.to_owned() } else { format!("{word} {path}") }
    }
}

/// Whether references in it may mean something else than the place that they name.
fn moves_references(schema: &Value) -> bool {
    const NAMES: [&str; 6] =
        ["$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef"];
    let mut rest = vec![schema];
    while let Some(value) = rest.pop() {
        match value {
            Value::Array(items) => rest.extend(items),
            Value::Object(entries) => {
                let its_own = |name: &str| name == "$id" && std::ptr::eq(value, schema);
                if NAMES.iter().any(|name| entries.contains_key(*name) && !its_own(name)) {
                    return true;
                }
                rest.extend(entries.values());
            }
            _ => {}
        }
    }
    false
}
