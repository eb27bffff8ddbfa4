//! Alternatives: `anyOf` and `oneOf`.

use serde_json::{Map, Value};

use super::{Comparison, Found, Place};
use crate::contract::compatibility::known::Known;
use crate::contract::compatibility::meeting::never_meet;

impl<'a> Comparison<'a> {
    pub(super) fn any_of(&mut self, known: &Known<'a>, any: &'a [Value], place: Place<'_>) -> Found {
        let mut closest: Option<Found> = None;
        for schema in any {
            let found = self.keeps(known, schema, place);
            if found.is_empty() {
                return found;
            }
            // The alternative that fits but for something inside of it says most.
            let inside = found.iter().all(|difference| difference.place != self.side.place(place.path));
            if inside && closest.as_ref().is_none_or(|closest| found.len() < closest.len()) {
                closest = Some(found);
            }
        }
        closest.unwrap_or_else(|| self.alternatives(place.path))
    }

    pub(super) fn one_of(
        &mut self,
        known: &Known<'a>,
        map: &'a Map<String, Value>,
        one: &'a [Value],
        place: Place<'_>,
    ) -> Found {
        let roots = (self.narrow, self.wide);
        if self.has_the_same(known, |key| key == "oneOf", map) {
            return Vec::new();
        }
        let mut closest = None;
        for (index, schema) in one.iter().enumerate() {
            let found = self.keeps(known, schema, place);
            if !found.is_empty() {
                if found.iter().all(|difference| difference.place != self.side.place(place.path)) {
                    closest.get_or_insert(found);
                }
                continue;
            }
            let mut alone = true;
            let this = Known::of(self.wide, &[schema]);
            for (_, other) in one.iter().enumerate().filter(|(other, _)| *other != index) {
                let other = Known::of(self.wide, &[other]);
                alone = alone
                    && self.works(1 + other.nodes.len() + known.nodes.len())
                    && (never_meet(roots, known, &other, 0, &mut self.work)
                        || never_meet((roots.1, roots.1), &this, &other, 0, &mut self.work));
                if !alone {
                    break;
                }
            }
            return if alone { Vec::new() } else { self.alternatives(place.path) };
        }
        closest.unwrap_or_else(|| self.alternatives(place.path))
    }
}
