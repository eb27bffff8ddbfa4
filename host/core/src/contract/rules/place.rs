//! Places in a document: JSON Pointers in which `*` stands for every item of an array or entry of an object.

use serde_json::Value;

use crate::contract::work::Budget;

/// Where a rule looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Named(String),
    Each,
}

/// One place that a pattern led to.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// Where it is, as a JSON Pointer; where something on the way is missing, the first that is.
    pub(super) path: String,
    /// What each `*` stood for.
    pub(super) stars: Vec<String>,
    /// What is there; `null` counts as nothing.
    pub(super) value: Option<&'a Value>,
}

impl Pattern {
    /// # Errors
    /// Why it is no JSON Pointer.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if !text.is_empty() && !text.starts_with('/') {
            return Err(format!("the path {text:?} is not a JSON Pointer: it must begin with `/`"));
        }
        let segments = text.split('/').skip(1).map(|part| match part {
            "*" => Segment::Each,
            name => Segment::Named(name.replace("~1", "/").replace("~0", "~")),
        });
        Ok(Self(segments.collect()))
    }

    /// All places that it leads to.
    pub(super) fn places<'a>(&self, document: &'a Value, budget: &mut Budget<'_>) -> Vec<Place<'a>> {
        self.places_beside(document, &Self(Vec::new()), &[], budget)
    }

    /// All places that it leads to, where its beginning is the same as that of another pattern, within the same items.
    pub(super) fn places_beside<'a>(
        &self,
        document: &'a Value,
        other: &Self,
        stars: &[String],
        budget: &mut Budget<'_>,
    ) -> Vec<Place<'a>> {
        let common = self.0.iter().zip(&other.0).take_while(|(own, other)| own == other).map(|(own, _)| own);
        let bound = common.filter(|segment| **segment == Segment::Each).count().min(stars.len());
        let (path, found, own) = (String::new(), Vec::new(), Vec::new());
        let mut walk = Walk { bound: &stars[..bound], budget, path, stars: own, found };
        walk.enter(document, &self.0);
        walk.found
    }

    /// How many of its first `*` stand where another pattern has them too.
    pub(super) fn stars_shared_with(&self, other: &Self) -> usize {
        let common = self.0.iter().zip(&other.0).take_while(|(own, other)| own == other);
        common.filter(|(own, _)| **own == Segment::Each).count()
    }
}

struct Walk<'a, 'b, 'c> {
    bound: &'b [String],
    budget: &'b mut Budget<'c>,
    path: String,
    stars: Vec<String>,
    found: Vec<Place<'a>>,
}

impl<'a> Walk<'a, '_, '_> {
    fn enter(&mut self, value: &'a Value, rest: &[Segment]) {
        if !self.budget.spend(1) {
            return;
        }
        let Some((segment, rest)) = rest.split_first() else {
            return self.find(Some(value).filter(|value| !value.is_null()));
        };
        match (segment, value) {
            (Segment::Named(name), _) => self.step(name, child(value, name), rest),
            (Segment::Each, _) if self.stars.len() < self.bound.len() => {
                let name = self.bound[self.stars.len()].clone();
                self.star(&name, child(value, &name), rest);
            }
            (Segment::Each, Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    self.star(&index.to_string(), Some(item), rest);
                }
            }
            (Segment::Each, Value::Object(entries)) => {
                for (name, entry) in entries {
                    self.star(name, Some(entry), rest);
                }
            }
            // Nothing has no items.
            (Segment::Each, _) => {}
        }
    }

    fn star(&mut self, name: &str, value: Option<&'a Value>, rest: &[Segment]) {
        if !self.budget.spend(name.len() as u64 / 64) {
            return;
        }
        self.stars.push(name.to_owned());
        self.step(name, value, rest);
        self.stars.pop();
    }

    fn step(&mut self, name: &str, value: Option<&'a Value>, rest: &[Segment]) {
        let length = self.path.len();
        self.path.push('/');
        self.path.push_str(&name.replace('~', "~0").replace('/', "~1"));
        match value {
            Some(value) => self.enter(value, rest),
            None => self.find(None),
        }
        self.path.truncate(length);
    }

    fn find(&mut self, value: Option<&'a Value>) {
        let length = self.path.len() + self.stars.iter().map(String::len).sum::<usize>();
        if !self.budget.spend(length as u64 / 64) {
            return;
        }
        self.found.push(Place { path: self.path.clone(), stars: self.stars.clone(), value });
    }
}

fn child<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        Value::Object(entries) => entries.get(name),
        _ => None,
    }
}
