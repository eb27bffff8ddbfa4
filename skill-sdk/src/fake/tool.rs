//! Prepared tools.

use crate::Tool;
use crate::tool::{Answer, Description, Error};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The prepared tools and what was called.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backing(Rc<RefCell<Shelf>>);

#[derive(Debug, Default)]
struct Shelf {
    described: Vec<Description>,
    prepared: BTreeMap<String, Result<Answer, Error>>,
    calls: Vec<(String, Value)>,
}

impl Backing {
    pub(crate) fn list(&self) -> Result<Vec<Description>, Error> {
        Ok(self.0.borrow().described.clone())
    }

    pub(crate) fn call(&self, tool: &str, arguments: &str) -> Result<Answer, Error> {
        let value: Value = serde_json::from_str(arguments).map_err(|why| Error::Invalid(why.to_string()))?;
        if !value.is_object() {
            return Err(Error::Invalid("the arguments are no object".into()));
        }
        let mut shelf = self.0.borrow_mut();
        shelf.calls.push((tool.to_owned(), value));
        let denied = || Err(Error::Denied(format!("no grant covers tool `{tool}`")));
        shelf.prepared.get(tool).cloned().unwrap_or_else(denied)
    }
}

impl Tool {
    /// No tool at all, for a native test: every call is denied until [`answering`](Self::answering).
    pub fn fake() -> Self {
        Self::default()
    }

    /// The same, with this tool granted, listed and answered so, whatever its arguments.
    #[must_use]
    pub fn answering(self, tool: &str, answer: Result<Answer, Error>) -> Self {
        {
            let mut shelf = self.0.0.borrow_mut();
            shelf.described.retain(|described| described.name != tool);
            let (description, input_schema) = (String::new(), "{\"type\":\"object\"}".to_owned());
            shelf.described.push(Description { name: tool.to_owned(), description, input_schema });
            shelf.prepared.insert(tool.to_owned(), answer);
        }
        self
    }

    /// What was called so far, denied or not, with which arguments.
    pub fn calls(&self) -> Vec<(String, Value)> {
        self.0.0.borrow().calls.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn what_was_not_prepared_is_denied() {
        let tool = Tool::fake().answering("files/read", Ok(Answer::ok("text")));
        let answer = tool.call("files/read", &json!({ "path": "/a" })).unwrap();
        assert_eq!(answer.success().unwrap().text(), "text");
        assert!(matches!(tool.call("files/write", &json!({})), Err(Error::Denied(_))));
        assert!(matches!(tool.call_text("files/read", "[]"), Err(Error::Invalid(_))));
        assert!(matches!(tool.call_text("files/read", "{"), Err(Error::Invalid(_))));
        assert_eq!(tool.calls()[0], ("files/read".to_owned(), json!({ "path": "/a" })));
        assert_eq!(tool.list().unwrap().len(), 1);
    }

    #[test]
    fn a_tool_that_fails_is_an_answer() {
        let failed = Answer { is_error: true, ..Answer::ok("no such file") };
        let tool = Tool::fake().answering("files/read", Ok(failed));
        let answer = tool.call("files/read", &json!({})).unwrap();
        assert_eq!(answer.success(), Err(Error::Failed("no such file".into())));
        let structured = Answer { structured: Some("[1,2]".into()), ..Answer::default() };
        assert_eq!(structured.json::<Vec<u8>>(), Ok(vec![1, 2]));
        assert!(matches!(Answer::ok("x").json::<Vec<u8>>(), Err(Error::Invalid(_))));
    }
}
