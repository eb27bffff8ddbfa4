//! The comparison: whether every value that keeps a narrow schema keeps a wide one, keyword by keyword.

mod alternatives;
mod objects;
mod values;

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::known::{ARRAY, Key, Known, NUMBER, OBJECT, STRING, target, types_of, words};
use super::meeting::same;
use super::{Difference, MOST, Side, UNKNOWN};

/// How many steps a comparison may take.
const WORK: u32 = 100_000;

/// How deep it may go.
const DEEPEST: usize = 64;

/// The comparison of two documents.
pub(super) struct Comparison<'a> {
    side: Side,
    narrow: &'a Value,
    wide: &'a Value,
    work: u32,
    /// What holds, or is being found out since so many steps into the data.
    holds: HashMap<Pair, Option<usize>>,
    /// The same in order, to be forgotten where an attempt fails.
    trail: Vec<Pair>,
}

type Pair = (Key, usize);
type Found = Vec<Difference>;

/// Where the comparison is.
#[derive(Clone, Copy)]
struct Place<'p> {
    path: &'p str,
    depth: usize,
    /// How many steps lead into the data.
    into: usize,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(side: Side, narrow: &'a Value, wide: &'a Value) -> Self {
        Self { side, narrow, wide, work: WORK, holds: HashMap::new(), trail: Vec::new() }
    }

    pub(super) fn run(mut self) -> Found {
        let (known, wide) = (Known::of(self.narrow, &[self.narrow]), self.wide);
        self.keeps(&known, wide, Place { path: "", depth: 0, into: 0 })
    }

    /// What of a schema is not kept by a value of which so much is known.
    fn keeps(&mut self, known: &Known<'a>, schema: &'a Value, place: Place<'_>) -> Found {
        if known.never {
            return Vec::new();
        }
        let map = match schema {
            Value::Bool(true) => return Vec::new(),
            Value::Bool(false) => {
                return self.one(place.path, "is not taken any more", "is given now, and was not before");
            }
            Value::Object(map) => map,
            _ => return self.unknown(place.path),
        };
        if place.depth > DEEPEST || !self.works(1 + known.size()) {
            return self.one(place.path, "is too much to compare", "is too much to compare");
        }
        let pair = (known.key(), std::ptr::from_ref(schema) as usize);
        match self.holds.get(&pair) {
            Some(Some(into)) if *into >= place.into => return self.unknown(place.path),
            Some(_) => return Vec::new(),
            None => {}
        }
        let before = self.trail.len();
        self.trail.push(pair.clone());
        self.holds.insert(pair.clone(), Some(place.into));
        let found = self.in_cases(known, map, schema, place);
        if found.is_empty() {
            self.holds.insert(pair, None);
        } else {
            // What was built on it falls with it.
            for fallen in self.trail.drain(before..) {
                self.holds.remove(&fallen);
            }
        }
        found
    }

    /// As a whole, or else case by case.
    fn in_cases(
        &mut self,
        known: &Known<'a>,
        map: &'a Map<String, Value>,
        schema: &'a Value,
        place: Place<'_>,
    ) -> Found {
        let whole = self.keywords(known, map, place);
        let alternatives = |map: &Map<String, Value>| map.contains_key("anyOf") || map.contains_key("oneOf");
        if whole.is_empty() || !(alternatives(map) || known.nodes.iter().any(|node| alternatives(node.map))) {
            return whole;
        }
        let cases = known.cases(self.narrow);
        if cases.is_empty() {
            return whole;
        }
        for case in cases {
            let found = self.keeps(&case, schema, Place { depth: place.depth + 1, ..place });
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }

    fn keywords(&mut self, known: &Known<'a>, map: &'a Map<String, Value>, place: Place<'_>) -> Found {
        let mut found = Vec::new();
        let types = known.types();
        if types == 0 {
            return found;
        }
        let deeper = Place { depth: place.depth + 1, ..place };
        let mut opaque = BTreeMap::new();
        for (key, value) in map {
            if found.len() >= MOST {
                break;
            }
            let more = match (key.as_str(), value) {
                ("$schema" | "$id" | "$comment" | "$defs" | "definitions" | "title", _)
                | ("description" | "examples" | "default" | "deprecated" | "readOnly" | "writeOnly", _) => {
                    continue;
                }
                ("$ref", reference) => match target(self.wide, reference) {
                    Some(target) => self.keeps(known, target, deeper),
                    None => self.unknown(place.path),
                },
                ("allOf", Value::Array(all)) => {
                    let mut found = Vec::new();
                    for schema in all {
                        found.extend(self.keeps(known, schema, deeper));
                    }
                    found
                }
                ("anyOf", Value::Array(any)) => self.any_of(known, any, deeper),
                ("oneOf", Value::Array(one)) => self.one_of(known, map, one, deeper),
                ("type", _) => match types & !types_of(map) {
                    0 => continue,
                    more => {
                        let more = words(more);
                        let (taken, given) =
                            (format!("{more} was taken, is not any more"), format!("may be {more} now"));
                        self.one(place.path, &taken, &format!("{given}, was not before"))
                    }
                },
                ("enum" | "const", _) => self.listed(known, map, place),
                ("minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum", _)
                    if types & NUMBER == 0 =>
                {
                    continue;
                }
                ("minLength" | "maxLength" | "pattern", _) if types & STRING == 0 => continue,
                ("minItems" | "maxItems" | "uniqueItems" | "items", _) if types & ARRAY == 0 => continue,
                ("minProperties" | "maxProperties" | "required" | "properties", _)
                | ("additionalProperties" | "patternProperties", _)
                    if types & OBJECT == 0 =>
                {
                    continue;
                }
                ("minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties", _) => {
                    self.bound(known, key, value, Ordering::Greater, place)
                }
                ("maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties", _) => {
                    self.bound(known, key, value, Ordering::Less, place)
                }
                ("pattern" | "format" | "multipleOf", _) => self.repeated(known, key, value, place),
                ("uniqueItems", Value::Bool(false)) => continue,
                ("uniqueItems", Value::Bool(true)) => self.repeated(known, key, value, place),
                ("required", Value::Array(names)) => self.required(known, names, place),
                ("properties", Value::Object(properties)) => self.properties(known, properties, place),
                ("additionalProperties", others) => self.others(known, map, others, place),
                ("patternProperties", Value::Object(patterns)) => self.patterns(known, patterns, place),
                ("items", items) if !map.contains_key("prefixItems") => {
                    let known = Known::of(self.narrow, &known.items());
                    self.step(&known, items, place, "items", None)
                }
                _ => {
                    opaque.insert(key.as_str(), value);
                    continue;
                }
            };
            found.extend(more);
        }
        if !opaque.is_empty() && found.len() < MOST {
            found.extend(self.opaque(known, map, &opaque, place));
        }
        found
    }

    /// One step into the data.
    fn step(
        &mut self,
        known: &Known<'a>,
        schema: &'a Value,
        place: Place<'_>,
        keyword: &str,
        name: Option<&str>,
    ) -> Found {
        let path = below(place.path, keyword, name);
        self.keeps(known, schema, Place { path: &path, depth: place.depth + 1, into: place.into + 1 })
    }

    /// What is not understood must be the same, all of it in one place.
    fn opaque(
        &mut self,
        known: &Known<'a>,
        map: &'a Map<String, Value>,
        opaque: &BTreeMap<&str, &Value>,
        place: Place<'_>,
    ) -> Found {
        // These depend on everything that stands beside them.
        let whole = opaque.keys().any(|key| key.starts_with("unevaluated"));
        if self.has_the_same(known, |key| whole || opaque.contains_key(key) || !is_understood(key), map) {
            return Vec::new();
        }
        let paths = opaque.keys().map(|key| below(place.path, key, None));
        paths.flat_map(|path| self.unknown(&path)).take(MOST).collect()
    }

    /// Whether one of the known schemas has exactly the same of some keywords, and of all that they refer to.
    fn has_the_same(
        &mut self,
        known: &Known<'a>,
        counts: impl Fn(&str) -> bool,
        map: &Map<String, Value>,
    ) -> bool {
        let part = |map: &Map<String, Value>| -> Map<String, Value> {
            let kept = map.iter().filter(|(key, _)| counts(key));
            kept.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        let wide = part(map);
        let cost = 1 + Value::Object(wide.clone()).to_string().len() / 64;
        for node in &known.nodes {
            if !self.works(cost) {
                return false;
            }
            if same((self.narrow, self.wide), &part(node.map), &wide, &mut self.work) {
                return true;
            }
        }
        false
    }

    fn works(&mut self, steps: usize) -> bool {
        self.work = self.work.saturating_sub(u32::try_from(steps).unwrap_or(u32::MAX));
        self.work > 0
    }

    fn unknown(&self, path: &str) -> Found {
        self.one(path, UNKNOWN, UNKNOWN)
    }

    fn alternatives(&self, path: &str) -> Found {
        self.one(
            path,
            "what was taken fits no alternative, or more than one",
            "what is given fits no alternative that was promised, or more than one",
        )
    }

    fn one(&self, path: &str, input: &str, output: &str) -> Found {
        let what = if self.side == Side::Input { input } else { output };
        vec![Difference { place: self.side.place(path), what: what.to_owned() }]
    }
}

/// Whether a keyword is compared by what it means, or means nothing.
fn is_understood(key: &str) -> bool {
    const UNDERSTOOD: &[&str] = &[
        "$schema",
        "$id",
        "$comment",
        "$defs",
        "definitions",
        "title",
        "description",
        "examples",
        "default",
        "deprecated",
        "readOnly",
        "writeOnly",
        "$ref",
        "allOf",
        "anyOf",
        "oneOf",
        "type",
        "enum",
        "const",
        "minimum",
        "exclusiveMinimum",
        "maximum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
        "pattern",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "required",
        "properties",
        "additionalProperties",
        "patternProperties",
        "format",
        "multipleOf",
    ];
    UNDERSTOOD.contains(&key)
}

fn below(path: &str, keyword: &str, name: Option<&str>) -> String {
    let Some(name) = name else { return format!("{path}/{keyword}") };
    let cut: String = name.chars().take(40).collect();
    let more = if cut.len() < name.len() { "…" } else { "" };
    format!("{path}/{keyword}/{}{more}", cut.replace('~', "~0").replace('/', "~1"))
}
