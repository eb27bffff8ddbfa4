//! Which reading of a field to give, from nothing but the violations of the attempt before. Knows no field.
//!
//! The attempt's number is unknown, and so is what the attempt before gave; both follow from the violations. If any
//! is of another rule than `retry`, the host saw an output, and a field that it did not complain of had its first
//! reading that fits the schema. If it did complain, that reading is rejected, and the next one that fits is given.

use ringfence_sdk::prelude::*;

/// One way to read a field. The first of a field's readings is the one at face value.
#[derive(Debug, Clone)]
pub(crate) struct Reading<T> {
    pub(crate) value: T,
    /// How a violation's message would quote it.
    pub(crate) quoted: String,
    /// Whether the schema admits it, as far as the skill can tell.
    pub(crate) fits: bool,
}

impl Reading<String> {
    pub(crate) fn text(value: impl Into<String>, fits: bool) -> Self {
        let value = value.into();
        Self { quoted: value.clone(), value, fits }
    }
}

/// The choice among readings in one attempt.
pub(crate) struct Choice<'a> {
    violations: &'a Violations,
    /// The host saw an output of the attempt before.
    seen: bool,
    /// The skill itself gave up the attempt before.
    retried: bool,
}

impl<'a> Choice<'a> {
    pub(crate) fn new(violations: &'a Violations) -> Self {
        let retried = violations.of_rule("retry").next().is_some();
        let seen = violations.iter().any(|violation| violation.rule != "retry");
        Self { violations, seen, retried }
    }

    /// The reading to give for the field at these paths; none if there is none at all. A field without a reading
    /// that is left keeps the one that was rejected, so that its violation remains for a person.
    ///
    /// A retry concerns the readings that do not fit at face value: only amounts are given up by the skill itself.
    pub(crate) fn pick<'r, T>(&self, readings: &'r [Reading<T>], paths: &[&str]) -> Option<&'r Reading<T>> {
        let face = readings.first()?;
        if !self.seen {
            let next = readings.iter().find(|reading| reading.fits);
            let gave_up = self.retried && paths.contains(&"/total");
            return if gave_up { next.or(Some(face)) } else { Some(face) };
        }
        let fitting = readings.iter().position(|reading| reading.fits).unwrap_or(0);
        let Some(rejected) = self.rejected(readings, fitting, paths) else {
            return readings.get(fitting);
        };
        let next = readings.iter().skip(rejected + 1).find(|reading| reading.fits);
        next.or_else(|| readings.get(rejected))
    }

    /// The last reading that the violations reject, if they reject any.
    fn rejected<T>(&self, readings: &[Reading<T>], fitting: usize, paths: &[&str]) -> Option<usize> {
        let here = paths.iter().flat_map(|path| self.violations.at(path));
        let rejected = here.map(|violation| {
            if !violation.rule.starts_with("rule:") && !readings[0].fits {
                return 0;
            }
            // An operator's rule rejects a reading that fits the schema. Its message may tell which.
            let quoted = |reading: &Reading<T>| reading.fits && violation.message.contains(&reading.quoted);
            readings.iter().rposition(quoted).unwrap_or(fitting)
        });
        rejected.max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pick(violations: &[(&str, &str, &str)]) -> String {
        let readings = [
            Reading::text("3/4/25", false),
            Reading::text("2025-04-03", true),
            Reading::text("2025-03-04", true),
        ];
        let violations: Violations = violations.iter().map(|(p, r, m)| Violation::new(*p, *r, *m)).collect();
        Choice::new(&violations).pick(&readings, &["/date"]).unwrap().value.clone()
    }

    #[test]
    fn without_violations_it_is_the_face_value() {
        assert_eq!(pick(&[]), "3/4/25");
        assert_eq!(pick(&[("", "retry", "amounts")]), "3/4/25");
    }

    #[test]
    fn the_schema_asks_for_the_first_that_fits() {
        assert_eq!(pick(&[("/date", "pattern", "no")]), "2025-04-03");
    }

    #[test]
    fn a_field_that_was_accepted_keeps_the_reading_that_it_must_have_had() {
        assert_eq!(pick(&[("/currency", "rule:forbidden", "no")]), "2025-04-03");
    }

    #[test]
    fn an_operators_rule_asks_for_the_next_and_at_the_end_remains_violated() {
        assert_eq!(pick(&[("/date", "rule:bounds", "too late")]), "2025-03-04");
        assert_eq!(pick(&[("/date", "rule:bounds", "2025-03-04 is too late")]), "2025-03-04");
    }
}
