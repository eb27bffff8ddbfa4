//! Rules of the kind naming: how names are spelled, and that none stands twice.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::place::Place;
use crate::contract::Schema;

/// How the texts of a place are spelled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Naming {
    /// Their letter case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<Case>,
    /// What they begin with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// What they end with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// A regular expression that is found in each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Names that none may be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reserved: Vec<String>,
    /// No two are the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
}

/// A letter case. Words are of ASCII letters and digits and begin with a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Case {
    /// `two-words`
    Kebab,
    /// `two_words`
    Snake,
    /// `TWO_WORDS`
    ScreamingSnake,
    /// `twoWords`
    Camel,
    /// `TwoWords`
    Pascal,
}

impl Case {
    const fn pattern(self) -> &'static str {
        match self {
            Self::Kebab => "^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
            Self::Snake => "^[a-z][a-z0-9]*(_[a-z0-9]+)*$",
            Self::ScreamingSnake => "^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$",
            Self::Camel => "^[a-z][a-zA-Z0-9]*$",
            Self::Pascal => "^[A-Z][a-zA-Z0-9]*$",
        }
    }

    const fn example(self) -> &'static str {
        match self {
            Self::Kebab => "two-words",
            Self::Snake => "two_words",
            Self::ScreamingSnake => "TWO_WORDS",
            Self::Camel => "twoWords",
            Self::Pascal => "TwoWords",
        }
    }
}

/// A naming that can be checked.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    naming: Naming,
    case: Option<Schema>,
    pattern: Option<Schema>,
}

impl Compiled {
    pub(super) fn new(naming: &Naming) -> Result<Self, String> {
        let Naming { case, prefix, suffix, pattern, reserved, unique } = naming;
        let nothing = case.is_none() && prefix.is_none() && suffix.is_none() && pattern.is_none();
        if nothing && reserved.is_empty() && !unique {
            return Err("naming asks for nothing: case, prefix, suffix, pattern, reserved or unique".into());
        }
        let compile = |pattern: &str| {
            let schema = Schema::compile(&json!({ "pattern": pattern }).to_string());
            schema.map_err(|why| format!("naming: the pattern {pattern:?}: {why}"))
        };
        Ok(Self {
            naming: naming.clone(),
            case: case.map(|case| compile(case.pattern())).transpose()?,
            pattern: pattern.as_deref().map(compile).transpose()?,
        })
    }

    /// What is wrong with each place, with the index of the place.
    pub(super) fn wrong(&self, places: &[Place<'_>]) -> Vec<(usize, String)> {
        let mut seen = HashSet::new();
        let mut wrong = Vec::new();
        for (index, place) in places.iter().enumerate() {
            match place.value {
                None => {}
                Some(Value::String(name)) => {
                    let again = self.naming.unique && !seen.insert(name.as_str());
                    let again = again.then(|| "is the same as one before it".to_owned());
                    wrong.extend(self.misspelled(name).or(again).map(|why| (index, why)));
                }
                Some(_) => wrong.push((index, "is no text that could be spelled right".to_owned())),
            }
        }
        wrong
    }

    fn misspelled(&self, name: &str) -> Option<String> {
        let Naming { case, prefix, suffix, pattern, reserved, .. } = &self.naming;
        let value = Value::from(name);
        let fits = |schema: &Option<Schema>| schema.as_ref().is_none_or(|schema| schema.is_valid(&value));
        if let (Some(case), false) = (case, fits(&self.case)) {
            return Some(format!("is not spelled like `{}`", case.example()));
        }
        if let Some(prefix) = prefix.as_ref().filter(|prefix| !name.starts_with(*prefix)) {
            return Some(format!("does not begin with {prefix:?}"));
        }
        if let Some(suffix) = suffix.as_ref().filter(|suffix| !name.ends_with(*suffix)) {
            return Some(format!("does not end with {suffix:?}"));
        }
        if let (Some(pattern), false) = (pattern, fits(&self.pattern)) {
            return Some(format!("does not match {pattern:?}"));
        }
        reserved.iter().any(|reserved| reserved == name).then(|| "is a reserved name".to_owned())
    }
}
