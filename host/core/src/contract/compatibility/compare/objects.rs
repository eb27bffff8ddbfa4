//! Keywords about the properties of objects.

use serde_json::{Map, Value};

use super::{Comparison, Found, Place, below};
use crate::contract::compatibility::known::Known;
use crate::contract::compatibility::{MOST, Side};

impl<'a> Comparison<'a> {
    pub(super) fn required(&mut self, known: &Known<'a>, names: &'a [Value], place: Place<'_>) -> Found {
        let mut found = Vec::new();
        for name in names.iter().filter_map(Value::as_str) {
            if !self.works(known.nodes.len()) {
                return self.unknown(place.path);
            }
            if !known.requires(name) {
                let path = below(place.path, "properties", Some(name));
                found.extend(self.one(&path, "is required, was not", "was required, is not any more"));
            }
        }
        found.truncate(MOST);
        found
    }

    pub(super) fn properties(
        &mut self,
        known: &Known<'a>,
        properties: &'a Map<String, Value>,
        place: Place<'_>,
    ) -> Found {
        let mut found = Vec::new();
        for (name, schema) in properties {
            if !self.works(known.nodes.len()) || found.len() >= MOST {
                found.extend(self.unknown(place.path));
                break;
            }
            let (schemas, silent) = known.property(name);
            if silent && self.side == Side::Input && !known.requires(name) {
                continue;
            }
            let of_it = Known::of(self.narrow, &schemas);
            let more = self.step(&of_it, schema, place, "properties", Some(name));
            if silent && !more.is_empty() {
                let path = below(place.path, "properties", Some(name));
                found.extend(self.one(&path, "is described now", "was described, is not any more"));
            } else {
                found.extend(more);
            }
        }
        found
    }

    pub(super) fn others(
        &mut self,
        known: &Known<'a>,
        map: &'a Map<String, Value>,
        others: &'a Value,
        place: Place<'_>,
    ) -> Found {
        let own = map.get("properties").and_then(Value::as_object);
        let mut found = Vec::new();
        for name in known.named() {
            if found.len() >= MOST || own.is_some_and(|own| own.contains_key(name)) {
                continue;
            }
            if !self.works(known.nodes.len()) {
                return self.unknown(place.path);
            }
            let of_it = Known::of(self.narrow, &known.property(name).0);
            found.extend(self.step(&of_it, others, place, "properties", Some(name)));
        }
        let of_others = Known::of(self.narrow, &known.others());
        found.extend(self.step(&of_others, others, place, "additionalProperties", None));
        found
    }

    pub(super) fn patterns(
        &mut self,
        known: &Known<'a>,
        patterns: &'a Map<String, Value>,
        place: Place<'_>,
    ) -> Found {
        let mut found = Vec::new();
        for (pattern, schema) in patterns {
            let same = known.says("patternProperties").filter_map(|said| said.get(pattern));
            let of_it = Known::of(self.narrow, &same.collect::<Vec<_>>());
            found.extend(self.step(&of_it, schema, place, "patternProperties", Some(pattern)));
        }
        found
    }
}
