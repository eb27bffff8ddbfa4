//! Reading the context: a skill names a source, and gets the text that was bound under that name or an error. There is
//! nothing else that a name could lead to.

use std::sync::Arc;

use super::call::context::{ContextList, ContextRead, Listed};
use super::{Divergence, Gate, Stop};
use crate::refusal::{Refusal, RefusalKind};

impl Gate {
    /// The sources of the task's context, in the operator's order.
    ///
    /// # Errors
    /// [`Stop`], as for every call.
    pub fn list_context(&mut self) -> Result<Vec<Listed>, Stop> {
        self.local(ContextList::new(self.books.context()))
    }

    /// The text of a source of the task's context.
    ///
    /// # Errors
    /// [`Stop`], as for every call; `not-found` if the task has no such source.
    pub fn read_context(&mut self, name: String) -> Result<Arc<str>, Stop> {
        let context = self.books.context();
        let found = context.as_ref().and_then(|context| context.source(&name));
        match (self.local(ContextRead::new(name, found))?, found) {
            (Some(read), Some(found)) if read.hash == found.hash => Ok(Arc::clone(&found.text)),
            (None, None) => Err(Stop::Tell(Refusal::new(
                RefusalKind::NotFound,
                "the task was given no source of this name",
            ))),
            _ => {
                let why = "`context.read` was answered with another text than is bound".to_owned();
                Err(Divergence { number: self.books.last_call(), why }.into())
            }
        }
    }
}
