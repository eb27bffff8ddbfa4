//! The host's language models.

use super::{Error, Finish, Message, Question, Reply, Role, ToolRequest};
use crate::Violation;
use crate::bindings::ringfence::model::model;

#[derive(Debug, Clone, Default)]
pub(crate) struct Backing;

impl Backing {
    pub(crate) fn complete(&self, question: Question) -> Result<Reply, Error> {
        model::complete(&asked(question)).map(reply).map_err(error)
    }

    pub(crate) fn complete_many(&self, questions: Vec<Question>) -> Vec<Result<Reply, Error>> {
        let asked: Vec<_> = questions.into_iter().map(asked).collect();
        let replies = model::complete_many(&asked).into_iter();
        replies.map(|answer| answer.map(reply).map_err(error)).collect()
    }
}

fn asked(question: Question) -> model::Question {
    let tools = question.tools.into_iter().map(|tool| model::ToolDefinition {
        name: tool.name,
        description: tool.description,
        input_schema: tool.input_schema,
    });
    model::Question {
        model: question.model,
        messages: question.messages.into_iter().map(message).collect(),
        tools: tools.collect(),
        schema: question.schema,
        max_tokens: question.max_tokens,
        temperature: question.temperature,
    }
}

fn message(message: Message) -> model::Message {
    let role = match message.role {
        Role::System => model::Role::System,
        Role::User => model::Role::User,
        Role::Assistant => model::Role::Assistant,
        Role::Tool => model::Role::Tool,
    };
    let requests = message.tool_requests.into_iter().map(|asked| model::ToolRequest {
        id: asked.id,
        name: asked.name,
        arguments: asked.arguments,
    });
    model::Message {
        role,
        content: message.content,
        tool_requests: requests.collect(),
        answers: message.answers,
    }
}

fn reply(reply: model::Reply) -> Reply {
    let finish = match reply.finish {
        model::Finish::Stop => Finish::Stop,
        model::Finish::Length => Finish::Length,
        model::Finish::ToolRequests => Finish::ToolRequests,
        model::Finish::Filtered => Finish::Filtered,
        model::Finish::Cut => Finish::Cut,
    };
    let requests = reply.tool_requests.into_iter().map(|asked| ToolRequest {
        id: asked.id,
        name: asked.name,
        arguments: asked.arguments,
    });
    let violations = reply.violations.into_iter().map(|wrong| Violation {
        path: wrong.path,
        rule: wrong.rule,
        message: wrong.message,
    });
    Reply {
        content: reply.content,
        tool_requests: requests.collect(),
        finish,
        violations: violations.collect(),
        model: reply.model,
        provider: reply.provider,
        input_tokens: reply.input_tokens,
        output_tokens: reply.output_tokens,
        micro_usd: reply.micro_usd,
    }
}

fn error(error: model::Error) -> Error {
    match error {
        model::Error::Denied(reason) => Error::Denied(reason),
        model::Error::Invalid(reason) => Error::Invalid(reason),
        model::Error::TimedOut(reason) => Error::TimedOut(reason),
        model::Error::TooLarge(reason) => Error::TooLarge(reason),
        model::Error::Failed(reason) => Error::Failed(reason),
    }
}
