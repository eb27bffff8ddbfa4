//! Other skills that answer as a test prepared them.

use crate::Skills;
use crate::skills::{Error, Request};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

/// The prepared skills and what was asked of them.
#[derive(Clone, Default)]
pub(crate) struct Backing(Rc<RefCell<Others>>);

type Answer = Rc<dyn Fn(Value) -> Result<Value, Error>>;

#[derive(Default)]
struct Others {
    prepared: BTreeMap<String, Answer>,
    requests: Vec<Request>,
}

impl fmt::Debug for Backing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.borrow().prepared.keys()).finish()
    }
}

impl Backing {
    pub(crate) fn run(&self, skill: String, input: String) -> Result<String, Error> {
        let input: Value = serde_json::from_str(&input).expect("it was written as JSON");
        let prepared = self.0.borrow().prepared.get(&skill).cloned();
        self.0.borrow_mut().requests.push(Request { skill: skill.clone(), input: input.clone() });
        let unknown = || Error::NotFound(format!("there is no skill {skill:?}"));
        prepared.ok_or_else(unknown)?(input).map(|output| output.to_string())
    }

    pub(crate) fn run_many(
        &self,
        asked: impl Iterator<Item = (String, String)>,
    ) -> Vec<Result<String, Error>> {
        asked.map(|(skill, input)| self.run(skill, input)).collect()
    }
}

impl Skills {
    /// No other skill at all, for a native test: none is found until [`answering`](Self::answering).
    pub fn fake() -> Self {
        Self::default()
    }

    /// The same, with a skill that answers so.
    #[must_use]
    pub fn answering(self, skill: &str, answer: impl Fn(Value) -> Result<Value, Error> + 'static) -> Self {
        self.0.0.borrow_mut().prepared.insert(skill.to_owned(), Rc::new(answer));
        self
    }

    /// What was asked so far, answered or not.
    pub fn requests(&self) -> Vec<Request> {
        self.0.0.borrow().requests.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_prepared_skill_answers_and_no_other() {
        let double = |input: Value| Ok(json!(input["n"].as_u64().unwrap_or(0) * 2));
        let skills = Skills::fake().answering("double", double);
        assert_eq!(skills.run::<u64>("double", &json!({"n": 4})), Ok(8));
        assert!(matches!(skills.run::<String>("double", &json!({"n": 4})), Err(Error::Invalid(_))));
        assert!(matches!(skills.run::<u64>("triple", &json!({})), Err(Error::NotFound(_))));
        let many = ["double", "triple"].map(|skill| Request::new(skill, &json!({"n": 1})).unwrap());
        let answers = skills.run_many(many.to_vec());
        assert_eq!(answers[0], Ok(json!(2)));
        assert!(answers[1].is_err());
        assert_eq!(skills.requests().len(), 5);
    }
}
