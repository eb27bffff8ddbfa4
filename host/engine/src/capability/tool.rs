//! `ringfence:tool`

use ringfence_core::gate::{Gate, Stop, ToolAnswer, ToolCall, ToolDescription, ToolList, ToolPart};
use ringfence_core::refusal::RefusalKind;

use crate::bindings::ringfence::tool::tool;

impl tool::Host for Gate {
    async fn list(&mut self) -> Result<Vec<tool::Description>, Stop> {
        let listed = self.pass(ToolList {}, |permit, outside| outside.tool.list(permit)).await?;
        Ok(listed.into_iter().map(tool::Description::from).collect())
    }

    async fn call(&mut self, tool: String, arguments: String) -> Result<tool::Answer, Stop> {
        let call = ToolCall::new(tool, &arguments);
        self.pass(call, |permit, outside| outside.tool.call(permit)).await.map(tool::Answer::from)
    }

    fn convert_error(&mut self, stop: Stop) -> wasmtime::Result<tool::Error> {
        match stop {
            Stop::Trap(reason) => Err(reason.into()),
            Stop::Tell(refusal) => Ok(match refusal.kind {
                RefusalKind::Denied => tool::Error::Denied(refusal.message),
                RefusalKind::Invalid => tool::Error::Invalid(refusal.message),
                RefusalKind::NotFound => tool::Error::NotFound(refusal.message),
                RefusalKind::TimedOut => tool::Error::TimedOut(refusal.message),
                RefusalKind::TooLarge => tool::Error::TooLarge(refusal.message),
                RefusalKind::Conflict | RefusalKind::Full | RefusalKind::Cycle | RefusalKind::Failed => {
                    tool::Error::Failed(refusal.message)
                }
            }),
        }
    }
}

impl From<ToolDescription> for tool::Description {
    fn from(described: ToolDescription) -> Self {
        let ToolDescription { name, description, input_schema } = described;
        Self { name, description, input_schema }
    }
}

impl From<ToolAnswer> for tool::Answer {
    fn from(answer: ToolAnswer) -> Self {
        let part = |part| match part {
            ToolPart::Text(text) => tool::Part::Text(text),
            ToolPart::Other(json) => tool::Part::Other(json),
        };
        let ToolAnswer { content, structured, is_error } = answer;
        Self { content: content.into_iter().map(part).collect(), structured, is_error }
    }
}
