//! Rules of the kind dependency: what needs something else to be there.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::place::{Pattern, Place};
use crate::contract::work::Budget;

/// What must be there for the sake of a place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Dependency {
    /// Where these must be there too, if the place is; a `*` that the rule's own path has too stands for the same item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// Where what the place holds must be found: it is a reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refers_to: Option<String>,
    /// No item refers to itself, not over others either.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub acyclic: bool,
}

/// A dependency that can be checked.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    path: Pattern,
    requires: Vec<(String, Pattern)>,
    refers_to: Option<(String, Pattern)>,
    acyclic: bool,
}

impl Compiled {
    pub(super) fn new(path: &Pattern, dependency: &Dependency) -> Result<Self, String> {
        let named = |text: &String| Ok::<_, String>((text.clone(), Pattern::parse(text)?));
        let requires = dependency.requires.iter().map(named).collect::<Result<Vec<_>, _>>()?;
        let refers_to = dependency.refers_to.as_ref().map(named).transpose()?;
        if requires.is_empty() && refers_to.is_none() {
            return Err("dependency asks for nothing: requires or refers-to".into());
        }
        let shares = refers_to.as_ref().is_some_and(|(_, to)| to.stars_shared_with(path) > 0);
        if dependency.acyclic && !shares {
            return Err(
                "dependency: acyclic needs `refers-to` that begins like the rule's path, up to a `*`: \
                        the item that refers is the one that is referred to"
                    .into(),
            );
        }
        Ok(Self { path: path.clone(), requires, refers_to, acyclic: dependency.acyclic })
    }

    /// What is wrong with each place, with the index of the place.
    pub(super) fn wrong(
        &self,
        document: &Value,
        places: &[Place<'_>],
        budget: &mut Budget<'_>,
    ) -> Vec<(usize, String)> {
        let there = || places.iter().enumerate().filter_map(|(at, place)| Some((at, place, place.value?)));
        let mut wrong = Vec::new();
        for (index, place, _) in there() {
            for (name, pattern) in &self.requires {
                let others = pattern.places_beside(document, &self.path, &place.stars, budget);
                if others.is_empty() || others.iter().any(|other| other.value.is_none()) {
                    wrong.push((index, format!("needs {name}, which is not there")));
                }
            }
        }
        let Some((name, to)) = &self.refers_to else { return wrong };
        let targets = to.places(document, budget);
        let known: HashSet<&Value> = targets.iter().filter_map(|target| target.value).collect();
        let lost = there().filter(|(_, _, value)| !known.contains(value));
        wrong.extend(lost.map(|(index, ..)| (index, format!("refers to nothing in {name}"))));
        if self.acyclic {
            let shared = to.stars_shared_with(&self.path);
            let owner: HashMap<&[String], &Value> = targets
                .iter()
                .filter_map(|target| Some((target.stars.get(..shared)?, target.value?)))
                .collect();
            let edges = there().filter_map(|(index, place, value)| {
                Some(Edge { index, from: owner.get(place.stars.get(..shared)?)?, to: value })
            });
            let circle = circle(&edges.collect::<Vec<_>>());
            wrong.extend(circle.map(|index| (index, "leads back to itself".to_owned())));
        }
        wrong
    }
}

struct Edge<'a> {
    index: usize,
    from: &'a Value,
    to: &'a Value,
}

/// The first edge that closes a circle: takes away whatever nothing is left to refer to, until only circles remain.
fn circle(edges: &[Edge<'_>]) -> Option<usize> {
    let mut open: HashMap<&Value, usize> = HashMap::new();
    let mut referring: HashMap<&Value, Vec<&Value>> = HashMap::new();
    for edge in edges {
        *open.entry(edge.from).or_default() += 1;
        open.entry(edge.to).or_default();
        referring.entry(edge.to).or_default().push(edge.from);
    }
    let mut done: Vec<&Value> =
        open.iter().filter(|(_, count)| **count == 0).map(|(item, _)| *item).collect();
    while let Some(item) = done.pop() {
        open.remove(item);
        for from in referring.get(item).into_iter().flatten() {
            if let Some(count) = open.get_mut(from) {
                *count -= 1;
                if *count == 0 {
                    done.push(from);
                }
            }
        }
    }
    edges
        .iter()
        .find(|edge| open.contains_key(edge.from) && open.contains_key(edge.to))
        .map(|edge| edge.index)
}
