//! What is known of a value: all the schemas that it keeps at once, with references and `allOf` resolved.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// A schema that a value keeps, perhaps without its alternatives: one of them was chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a> {
    pub(super) map: &'a Map<String, Value>,
    chosen: bool,
}

/// All that is known of a value.
#[derive(Debug, Clone)]
pub(super) struct Known<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    /// There is no such value.
    pub(super) never: bool,
    /// The types that are left, where only some of them are looked at.
    only: u8,
    /// The one value that is looked at.
    value: Option<&'a Value>,
}

/// What tells one [`Known`] from another.
pub(super) type Key = (Vec<(usize, bool)>, u8, usize);

const NULL: u8 = 1;
const BOOLEAN: u8 = 2;
const INTEGER: u8 = 4;
const FRACTION: u8 = 8;
pub(super) const NUMBER: u8 = INTEGER | FRACTION;
pub(super) const STRING: u8 = 16;
pub(super) const ARRAY: u8 = 32;
pub(super) const OBJECT: u8 = 64;
const ALL: u8 = 127;

impl<'a> Known<'a> {
    /// What is known of a value that keeps these schemas of a document.
    pub(super) fn of(root: &'a Value, schemas: &[&'a Value]) -> Self {
        let mut known = Self { nodes: Vec::new(), never: false, only: ALL, value: None };
        known.add(root, schemas);
        known
    }

    fn add(&mut self, root: &'a Value, schemas: &[&'a Value]) {
        let mut rest: Vec<&Value> = schemas.to_vec();
        let mut seen: BTreeSet<usize> = self.nodes.iter().map(|node| address(node.map)).collect();
        while let Some(schema) = rest.pop() {
            match schema {
                Value::Bool(false) => self.never = true,
                Value::Object(map) if seen.insert(address(map)) => {
                    self.nodes.push(Node { map, chosen: false });
                    // A reference that cannot be followed says nothing that is known.
                    rest.extend(map.get("$ref").and_then(|reference| target(root, reference)));
                    rest.extend(map.get("allOf").and_then(Value::as_array).into_iter().flatten());
                }
                _ => {}
            }
        }
    }

    /// How much there is to look at.
    pub(super) fn size(&self) -> usize {
        let listed = self.nodes.iter().filter_map(|node| node.map.get("enum")?.as_array());
        self.nodes.len() + listed.map(Vec::len).sum::<usize>() / 8
    }

    pub(super) fn key(&self) -> Key {
        let nodes = self.nodes.iter().map(|node| (address(node.map), node.chosen)).collect();
        (nodes, self.only, self.value.map_or(0, |value| std::ptr::from_ref(value) as usize))
    }

    /// The cases that it falls into: alternatives of a schema, values, or types. Empty: it is one case.
    pub(super) fn cases(&self, root: &'a Value) -> Vec<Self> {
        const MOST: usize = 20_000;
        let few = |cases: usize| cases.saturating_mul(self.nodes.len()) <= MOST;
        for (index, node) in self.nodes.iter().enumerate().filter(|(_, node)| !node.chosen) {
            let alternatives = ["anyOf", "oneOf"].map(|key| node.map.get(key).and_then(Value::as_array));
            if let Some(alternatives) = alternatives.into_iter().flatten().next()
                && few(alternatives.len())
            {
                let mut rest = self.clone();
                rest.nodes[index].chosen = true;
                let case = |alternative| {
                    let mut case = rest.clone();
                    case.add(root, &[alternative]);
                    case
                };
                return alternatives.iter().map(case).collect();
            }
        }
        if let Some(values) = self.values().filter(|values| values.len() > 1 && few(values.len())) {
            return values.into_iter().map(|value| Self { value: Some(value), ..self.clone() }).collect();
        }
        let types = self.types();
        let groups = [NULL, BOOLEAN, NUMBER, STRING, ARRAY, OBJECT].map(|group| group & types);
        let groups: Vec<_> = groups.into_iter().filter(|group| *group != 0).collect();
        if groups.len() < 2 {
            return Vec::new();
        }
        groups.into_iter().map(|only| Self { only, ..self.clone() }).collect()
    }

    /// The types that it may have.
    pub(super) fn types(&self) -> u8 {
        let of_nodes = self.nodes.iter().fold(self.only, |types, node| types & types_of(node.map));
        let of_values = self.values().map_or(ALL, |values| values.into_iter().fold(0, |t, v| t | type_of(v)));
        of_nodes & of_values
    }

    /// The values that it may have, where they are listed.
    pub(super) fn values(&self) -> Option<Vec<&'a Value>> {
        if let Some(value) = self.value {
            return Some(vec![value]);
        }
        let listed = self.nodes.iter().find_map(|node| listed(node.map))?;
        Some(listed.into_iter().filter(|value| type_of(value) & self.only != 0).collect())
    }

    /// What the schemas say for a keyword.
    pub(super) fn says(&self, keyword: &str) -> impl Iterator<Item = &'a Value> {
        self.nodes.iter().filter_map(move |node| node.map.get(keyword))
    }

    /// Whether it always has a property.
    pub(super) fn requires(&self, name: &str) -> bool {
        self.required().any(|required| required == name)
    }

    /// The properties that it always has.
    pub(super) fn required(&self) -> impl Iterator<Item = &'a str> {
        self.says("required").filter_map(Value::as_array).flatten().filter_map(Value::as_str)
    }

    /// The properties that its schemas name.
    pub(super) fn named(&self) -> BTreeSet<&'a str> {
        self.says("properties").filter_map(Value::as_object).flat_map(Map::keys).map(String::as_str).collect()
    }

    /// What its schemas say of a property, and whether none says anything.
    pub(super) fn property(&self, name: &str) -> (Vec<&'a Value>, bool) {
        let (mut schemas, mut silent) = (Vec::new(), true);
        for Node { map, .. } in &self.nodes {
            let own = map.get("properties").and_then(|properties| properties.get(name));
            let by_pattern = map.contains_key("patternProperties");
            let others = map.get("additionalProperties");
            silent &= own.is_none() && others.is_none() && !by_pattern;
            schemas.extend(own.or(others.filter(|_| !by_pattern)));
        }
        (schemas, silent)
    }

    /// What its schemas say of properties that none of them names.
    pub(super) fn others(&self) -> Vec<&'a Value> {
        let closed = self.nodes.iter().filter(|node| !node.map.contains_key("patternProperties"));
        closed.filter_map(|node| node.map.get("additionalProperties")).collect()
    }

    /// What its schemas say of every item.
    pub(super) fn items(&self) -> Vec<&'a Value> {
        let plain = self.nodes.iter().filter(|node| !node.map.contains_key("prefixItems"));
        plain.filter_map(|node| node.map.get("items")).collect()
    }
}

fn address(map: &Map<String, Value>) -> usize {
    std::ptr::from_ref(map) as usize
}

/// The schema that a reference names by its place.
pub(super) fn target<'a>(root: &'a Value, reference: &Value) -> Option<&'a Value> {
    let pointer = reference.as_str()?.strip_prefix('#')?;
    root.pointer(pointer).filter(|_| !pointer.contains('%'))
}

/// The types that a schema's own `type` leaves.
pub(super) fn types_of(map: &Map<String, Value>) -> u8 {
    match map.get("type") {
        Some(Value::String(word)) => type_named(word),
        Some(Value::Array(words)) => {
            words.iter().filter_map(Value::as_str).fold(0, |types, word| types | type_named(word))
        }
        _ => ALL,
    }
}

fn type_named(word: &str) -> u8 {
    match word {
        "null" => NULL,
        "boolean" => BOOLEAN,
        "integer" => INTEGER,
        "number" => NUMBER,
        "string" => STRING,
        "array" => ARRAY,
        "object" => OBJECT,
        _ => 0,
    }
}

pub(super) fn words(types: u8) -> String {
    let names = [
        (NULL, "null"),
        (BOOLEAN, "boolean"),
        (STRING, "string"),
        (ARRAY, "array"),
        (OBJECT, "object"),
        (INTEGER, "integer"),
        (FRACTION, "number with a fraction"),
    ];
    let number = (types & NUMBER == NUMBER).then_some("number");
    let left = if number.is_some() { types & !NUMBER } else { types };
    let names = names.into_iter().filter(|(bit, _)| left & bit != 0).map(|(_, name)| name);
    names.chain(number).collect::<Vec<_>>().join(" or ")
}

fn type_of(value: &Value) -> u8 {
    match value {
        Value::Null => NULL,
        Value::Bool(_) => BOOLEAN,
        Value::Number(number) if number.as_f64().is_some_and(|number| number.fract() != 0.0) => FRACTION,
        Value::Number(_) => INTEGER,
        Value::String(_) => STRING,
        Value::Array(_) => ARRAY,
        Value::Object(_) => OBJECT,
    }
}

/// The values that a schema lists.
pub(super) fn listed(map: &Map<String, Value>) -> Option<Vec<&Value>> {
    map.get("const").map(|only| vec![only]).or_else(|| Some(map.get("enum")?.as_array()?.iter().collect()))
}
