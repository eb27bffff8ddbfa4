//! `ringfence:model`

use ringfence_core::contract::Violation;
use ringfence_core::gate::{Gate, Stop};
use ringfence_core::model::{Finish, Message, Question, Reply, Role, ToolDefinition, ToolRequest};
use ringfence_core::refusal::{Refusal, RefusalKind};

use super::trap;
use crate::bindings::ringfence::model::model;

impl model::Host for Gate {
    async fn complete(&mut self, question: model::Question) -> Result<model::Reply, Stop> {
        Self::complete(self, question.into()).await.map(model::Reply::from)
    }

    async fn complete_many(
        &mut self,
        questions: Vec<model::Question>,
    ) -> wasmtime::Result<Vec<Result<model::Reply, model::Error>>> {
        let questions = questions.into_iter().map(Question::from).collect();
        let replies = Self::complete_many(self, questions).await.map_err(trap)?;
        Ok(replies.into_iter().map(|reply| reply.map(model::Reply::from).map_err(error)).collect())
    }

    fn convert_error(&mut self, stop: Stop) -> wasmtime::Result<model::Error> {
        match stop {
            Stop::Trap(reason) => Err(reason.into()),
            Stop::Tell(refusal) => Ok(error(refusal)),
        }
    }
}

fn error(refusal: Refusal) -> model::Error {
    match refusal.kind {
        RefusalKind::Denied => model::Error::Denied(refusal.message),
        RefusalKind::Invalid => model::Error::Invalid(refusal.message),
        RefusalKind::TimedOut => model::Error::TimedOut(refusal.message),
        RefusalKind::TooLarge => model::Error::TooLarge(refusal.message),
        _ => model::Error::Failed(refusal.message),
    }
}

impl From<model::Question> for Question {
    fn from(question: model::Question) -> Self {
        let model::Question { model, messages, tools, schema, max_tokens, temperature } = question;
        Self {
            model,
            or: Vec::new(),
            messages: messages.into_iter().map(Message::from).collect(),
            tools: tools.into_iter().map(ToolDefinition::from).collect(),
            schema,
            max_tokens,
            temperature,
        }
    }
}

impl From<model::Message> for Message {
    fn from(message: model::Message) -> Self {
        let model::Message { role, content, tool_requests, answers } = message;
        let role = match role {
            model::Role::System => Role::System,
            model::Role::User => Role::User,
            model::Role::Assistant => Role::Assistant,
            model::Role::Tool => Role::Tool,
        };
        let tool_requests = tool_requests
            .into_iter()
            .map(|model::ToolRequest { id, name, arguments }| ToolRequest { id, name, arguments })
            .collect();
        Self { role, content, tool_requests, answers }
    }
}

impl From<model::ToolDefinition> for ToolDefinition {
    fn from(tool: model::ToolDefinition) -> Self {
        Self { name: tool.name, description: tool.description, input_schema: tool.input_schema }
    }
}

impl From<Reply> for model::Reply {
    fn from(reply: Reply) -> Self {
        let finish = match reply.finish {
            Finish::Stop => model::Finish::Stop,
            Finish::Length => model::Finish::Length,
            Finish::ToolRequests => model::Finish::ToolRequests,
            Finish::Filtered => model::Finish::Filtered,
            Finish::Cut => model::Finish::Cut,
        };
        let tool_requests = reply
            .tool_requests
            .into_iter()
            .map(|ToolRequest { id, name, arguments }| model::ToolRequest { id, name, arguments })
            .collect();
        let violations = reply
            .violations
            .into_iter()
            .map(|Violation { path, rule, message }| model::Violation { path, rule, message })
            .collect();
        Self {
            content: reply.content,
            tool_requests,
            finish,
            violations,
            model: reply.model.to_string(),
            provider: reply.provider.to_string(),
            input_tokens: reply.usage.input_tokens,
            output_tokens: reply.usage.output_tokens,
            micro_usd: reply.usage.micro_usd,
        }
    }
}
