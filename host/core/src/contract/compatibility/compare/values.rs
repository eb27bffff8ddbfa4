//! Keywords about single values: lists, bounds, patterns.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::{Comparison, Found, Place};
use crate::contract::compatibility::MOST;
use crate::contract::compatibility::known::{Known, listed};
use crate::contract::compatibility::meeting::compare;
use crate::contract::schema::shorten;

impl<'a> Comparison<'a> {
    pub(super) fn listed(
        &mut self,
        known: &Known<'a>,
        map: &'a Map<String, Value>,
        place: Place<'_>,
    ) -> Found {
        let wide = listed(map).unwrap_or_default();
        let Some(narrow) = known.values() else {
            return self.one(
                place.path,
                "only listed values are taken now",
                "is not limited to listed values any more",
            );
        };
        if !self.works(narrow.len() + wide.len()) {
            return self.unknown(place.path);
        }
        let known: std::collections::HashSet<&Value> = wide.into_iter().collect();
        let more = narrow.into_iter().filter(|value| !known.contains(value)).take(MOST);
        let say = |value: &Value| {
            let value = shorten(&value.to_string());
            let (taken, given) = ("was taken, is not any more", "may be given now, was not before");
            self.one(place.path, &format!("the value {value} {taken}"), &format!("the value {value} {given}"))
        };
        more.flat_map(say).collect()
    }

    /// A bound that must be kept by one as strict: a least one (`Greater`) or a most one (`Less`).
    pub(super) fn bound(
        &self,
        known: &Known<'a>,
        key: &str,
        value: &Value,
        stricter: Ordering,
        place: Place<'_>,
    ) -> Found {
        let Value::Number(wide) = value else { return self.repeated(known, key, value, place) };
        if key.starts_with("min") && key != "minimum" && wide.as_f64() == Some(0.0) {
            return Vec::new();
        }
        let bound = |name: &str| known.says(name).filter_map(Value::as_number).collect::<Vec<_>>();
        let at_least = |narrow: &&serde_json::Number| {
            compare(narrow, wide).is_some_and(|found| found == stricter || found == Ordering::Equal)
        };
        let beyond = |narrow: &&serde_json::Number| compare(narrow, wide) == Some(stricter);
        let is_kept = bound(key).iter().any(at_least)
            || match key {
                "minimum" => bound("exclusiveMinimum").iter().any(at_least),
                "maximum" => bound("exclusiveMaximum").iter().any(at_least),
                "exclusiveMinimum" => bound("minimum").iter().any(beyond),
                "exclusiveMaximum" => bound("maximum").iter().any(beyond),
                _ => false,
            };
        if is_kept {
            return Vec::new();
        }
        let (taken, given) = (format!("{key} is {wide} now, was"), format!("{key} was {wide}, is"));
        self.one(place.path, &format!("{taken} looser or not there"), &format!("{given} looser or not there"))
    }

    /// A keyword that is kept only by the same one.
    pub(super) fn repeated(&self, known: &Known<'a>, key: &str, value: &Value, place: Place<'_>) -> Found {
        if known.says(key).any(|said| said == value) {
            return Vec::new();
        }
        self.one(
            place.path,
            &format!("`{key}` is another now"),
            &format!("`{key}` is not what was promised any more"),
        )
    }
}
