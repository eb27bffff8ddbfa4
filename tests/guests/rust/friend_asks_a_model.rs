//! Asks models what it is told to ask them, one after the other or all at once, and says what they answered.

use ringfence_sdk::model::{Message, Question, Role, ToolDefinition};
use ringfence_sdk::prelude::*;

/// What to ask.
#[data]
#[derive(Default)]
pub struct Asked {
    /// What the user says.
    prompt: String,
    /// Which model.
    #[serde(default)]
    model: Option<String>,
    /// What the answer should keep to.
    #[serde(default)]
    schema: Option<String>,
    /// The most tokens of it.
    #[serde(default)]
    max_tokens: Option<u32>,
    /// The name of a tool that it may ask for.
    #[serde(default)]
    tool: Option<String>,
    /// What the tool has answered, if it was asked for before.
    #[serde(default)]
    tool_answer: Option<String>,
}

/// What to do.
#[data]
pub struct Questions {
    /// In this order.
    questions: Vec<Asked>,
    /// Whether all at once.
    #[serde(default)]
    at_once: bool,
}

fn question(asked: Asked) -> Question {
    let tools = asked.tool.map(|name| ToolDefinition {
        name,
        description: "Looks something up.".to_owned(),
        input_schema: r#"{"type":"object","properties":{"word":{"type":"string"}}}"#.to_owned(),
    });
    let mut question = Question::of(asked.prompt).system("You are brief.");
    if let Some(answer) = asked.tool_answer {
        let request = ringfence_sdk::model::ToolRequest {
            id: "call-1".to_owned(),
            name: "look".to_owned(),
            arguments: r#"{"word":"x"}"#.to_owned(),
        };
        let said = |role, content, tool_requests, answers| Message { role, content, tool_requests, answers };
        question.messages.push(said(Role::Assistant, String::new(), vec![request], None));
        question.messages.push(said(Role::Tool, answer, Vec::new(), Some("call-1".to_owned())));
    }
    Question {
        model: asked.model,
        tools: tools.into_iter().collect(),
        schema: asked.schema,
        max_tokens: asked.max_tokens,
        temperature: Some(0.0),
        ..question
    }
}

/// Asks models, and says what became of each question.
#[skill]
fn friend_asks_a_model(asked: Questions, model: Model) -> Result<Vec<String>> {
    let Questions { questions, at_once } = asked;
    let questions = questions.into_iter().map(question);
    let replies = if at_once {
        model.complete_many(questions.collect())
    } else {
        questions.map(|question| model.complete(question)).collect()
    };
    Ok(replies.into_iter().map(|reply| format!("{reply:?}")).collect())
}
