//! What was wrong with the output of the attempt before. A skill that takes them can repair just that.

use std::ops::Deref;

/// One thing that was wrong with the output of the attempt before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where, as an RFC 6901 JSON Pointer into the output: `/lines/0/amount`. Empty: the whole output.
    pub path: String,
    /// Which rule: a JSON Schema keyword (`pattern`), an operator's rule (`rule:bounds`), a skill that judges
    /// (`validator:check-invoice`), or `retry` for the skill's own [`Failure::retry`](crate::Failure::retry).
    pub rule: String,
    /// What is wrong, for a reader.
    pub message: String,
}

impl Violation {
    /// A violation, for a test.
    pub fn new(path: impl Into<String>, rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), rule: rule.into(), message: message.into() }
    }
}

/// What was wrong with the output of the attempt before; empty on the first attempt. Not a power: asking for it
/// needs no privilege.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// No violations: the first attempt.
    pub fn none() -> Self {
        Self::default()
    }

    /// The violations at this JSON Pointer or below it: `/lines` finds `/lines/0/amount`, and `/date` does not
    /// find `/dates`. The empty pointer finds those of the output as a whole only.
    pub fn at(&self, path: &str) -> impl Iterator<Item = &Violation> {
        self.0.iter().filter(move |violation| {
            let rest = violation.path.strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || (!path.is_empty() && rest.starts_with('/')))
        })
    }

    /// The violations of this rule, wherever they are.
    pub fn of_rule(&self, rule: &str) -> impl Iterator<Item = &Violation> {
        self.0.iter().filter(move |violation| violation.rule == rule)
    }
}

impl Deref for Violations {
    type Target = [Violation];

    fn deref(&self) -> &[Violation] {
        &self.0
    }
}

impl FromIterator<Violation> for Violations {
    fn from_iter<I: IntoIterator<Item = Violation>>(violations: I) -> Self {
        Self(violations.into_iter().collect())
    }
}

impl From<Vec<Violation>> for Violations {
    fn from(violations: Vec<Violation>) -> Self {
        Self(violations)
    }
}

impl IntoIterator for Violations {
    type Item = Violation;
    type IntoIter = std::vec::IntoIter<Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Violations {
    type Item = &'a Violation;
    type IntoIter = std::slice::Iter<'a, Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_finds_what_is_below_it_and_not_what_merely_begins_alike() {
        let violations = Violations::from(vec![
            Violation::new("/lines/0/amount", "type", ""),
            Violation::new("/lines2", "type", ""),
            Violation::new("", "retry", ""),
        ]);
        assert_eq!(violations.at("/lines").count(), 1);
        assert_eq!(violations.at("").count(), 1);
        assert_eq!(violations.of_rule("type").count(), 2);
    }
}
