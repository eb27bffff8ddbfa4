//! The models that the operator has, and which of them can answer a question.

use serde::{Deserialize, Serialize};

use super::Question;
use crate::ids::{ModelName, ProviderName};

/// What tokens cost, in millionths of a United States dollar for a million of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Price {
    /// Those of a question.
    pub input: u64,
    /// Those of an answer.
    pub output: u64,
}

impl Price {
    /// What so many tokens cost, in millionths of a dollar, rounded up.
    #[must_use]
    pub fn of(&self, input: u64, output: u64) -> u64 {
        let cost = |price: u64, tokens: u64| u128::from(price).saturating_mul(u128::from(tokens));
        let all = cost(self.input, input).saturating_add(cost(self.output, output)).div_ceil(1_000_000);
        u64::try_from(all).unwrap_or(u64::MAX)
    }

    /// How many tokens of an answer so much money buys; `None` if they cost nothing.
    fn answer_for(&self, micro_usd: u64) -> Option<u64> {
        let all = u128::from(micro_usd).saturating_mul(1_000_000);
        let tokens = all.checked_div(u128::from(self.output))?;
        Some(u64::try_from(tokens).unwrap_or(u64::MAX))
    }
}

/// A model as the operator declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The operator's name of it.
    pub name: ModelName,
    /// Who provides it.
    pub provider: ProviderName,
    /// What its provider calls it.
    pub called: String,
    /// How many tokens a question and its answer may have together.
    pub context_tokens: u64,
    /// The most tokens of an answer.
    pub max_output_tokens: u64,
    /// Whether it can ask for tools.
    pub tools: bool,
    /// Whether its provider can hold it to a JSON Schema.
    pub json_schema: bool,
    /// A token of it has at least so many bytes on the whole.
    pub bytes_per_token: u32,
    /// What it costs.
    pub price: Price,
}

/// What is left for a question and its answer.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Tokens.
    pub tokens: u64,
    /// Millionths of a dollar.
    pub micro_usd: u64,
    /// Bytes that may come in.
    pub bytes_in: u64,
}

/// The longest answer, in bytes.
const MAX_ANSWER: u64 = 4 << 20;

/// A model that can answer a question, with all that is set aside for that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The operator's name of it.
    pub model: ModelName,
    /// Who provides it.
    pub provider: ProviderName,
    /// What its provider calls it.
    pub called: String,
    /// The most tokens that the question has.
    pub input_tokens: u64,
    /// The most tokens that the answer may have.
    pub output_tokens: u64,
    /// The most bytes that it may have.
    pub output_bytes: u64,
    /// What it costs.
    pub price: Price,
    /// Whether its provider can hold it to a JSON Schema.
    pub json_schema: bool,
}

/// Why a model cannot answer a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Which.
    pub model: ModelName,
    /// Why.
    pub why: String,
}

/// Which models a question goes to, in this order, until one answers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Routed {
    /// Those that can answer.
    pub candidates: Vec<Candidate>,
    /// Those that are granted and cannot.
    pub left_out: Vec<LeftOut>,
}

impl Routed {
    /// Holds a question against the models that it may go to, in the order of the grants. What is left pays only for some of
    /// them: then those are left out that it does not pay for. If it pays for none, all are asked for, so that the ledger says
    /// which limit it is.
    pub fn among<'a>(models: impl IntoIterator<Item = &'a Model>, question: &Question, room: Room) -> Self {
        let mut routed = Self::default();
        for model in models {
            match model.candidate(question, room) {
                Ok(candidate) => routed.candidates.push(candidate),
                Err(why) => routed.left_out.push(LeftOut { model: model.name.clone(), why }),
            }
        }
        if routed.candidates.iter().any(|candidate| candidate.fits(room)) {
            let dear = routed.candidates.extract_if(.., |candidate| !candidate.fits(room));
            let why = |candidate: Candidate| LeftOut {
                model: candidate.model,
                why: "it costs more than is left".into(),
            };
            routed.left_out.extend(dear.map(why));
        }
        routed
    }
}

impl Model {
    fn candidate(&self, question: &Question, room: Room) -> Result<Candidate, String> {
        if !question.tools.is_empty() && !self.tools {
            return Err("it cannot ask for tools".into());
        }
        let input = question.tokens(self.bytes_per_token);
        let context = self.context_tokens;
        let Some(space) = context.checked_sub(input).filter(|space| *space > 0) else {
            return Err(format!(
                "the question may have {input} tokens; question and answer have {context} at most"
            ));
        };
        let asked = question.max_tokens.map_or(self.max_output_tokens, u64::from);
        let wanted = asked.min(self.max_output_tokens).min(space);
        let by_tokens = room.tokens.saturating_sub(input);
        let money = room.micro_usd.checked_sub(self.price.of(input, 0));
        let by_money = money.map_or(Some(0), |money| self.price.answer_for(money)).unwrap_or(u64::MAX);
        let affordable = by_tokens.min(by_money);
        let output = if affordable == 0 { wanted } else { wanted.min(affordable) };
        Ok(Candidate {
            model: self.name.clone(),
            provider: self.provider.clone(),
            called: self.called.clone(),
            input_tokens: input,
            output_tokens: output,
            output_bytes: MAX_ANSWER.min(room.bytes_in.max(1)),
            price: self.price,
            json_schema: self.json_schema,
        })
    }
}

impl Candidate {
    /// Tokens of question and answer together.
    #[must_use]
    pub const fn tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    /// What both cost at most, in millionths of a dollar.
    #[must_use]
    pub fn micro_usd(&self) -> u64 {
        self.price.of(self.input_tokens, self.output_tokens)
    }

    /// Whether both are within what is left.
    #[must_use]
    pub fn fits(&self, room: Room) -> bool {
        self.tokens() <= room.tokens && self.micro_usd() <= room.micro_usd
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { tokens: 10_000, micro_usd: 1_000, bytes_in: 1_000 };

    fn model() -> Model {
        Model {
            name: "small".parse().expect("a name"),
            provider: "local".parse().expect("a name"),
            called: "m".into(),
            context_tokens: 4_096,
            max_output_tokens: 1_024,
            tools: false,
            json_schema: false,
            bytes_per_token: 1,
            price: Price { input: 150_000, output: 600_000 },
        }
    }

    fn output(model: &Model, question: &Question, room: Room) -> Option<u64> {
        Routed::among([model], question, room).candidates.first().map(|candidate| candidate.output_tokens)
    }

    #[test]
    fn an_answer_may_be_as_long_as_the_model_the_context_the_skill_and_what_is_left_allow() {
        let (model, short) = (model(), Question::of("x".repeat(36)));
        assert_eq!(output(&model, &short, ROOM), Some(1_024));
        assert_eq!(output(&model, &Question { max_tokens: Some(7), ..short.clone() }, ROOM), Some(7));
        assert_eq!(output(&model, &Question::of("x".repeat(4_000)), ROOM), Some(32));
        assert_eq!(output(&model, &short, Room { tokens: 150, ..ROOM }), Some(50));
        // 100 tokens cost 15, so that 60 are left for tokens at 0.6 each.
        assert_eq!(output(&model, &short, Room { micro_usd: 75, ..ROOM }), Some(100));
    }

    #[test]
    fn where_nothing_is_left_all_is_asked_for_and_the_ledger_says_no() {
        for room in [Room { tokens: 0, ..ROOM }, Room { micro_usd: 3, ..ROOM }] {
            let routed = Routed::among([&model()], &Question::of("x"), room);
            assert!(!routed.candidates[0].fits(room), "{room:?}");
        }
    }

    #[test]
    fn a_model_that_cannot_be_paid_for_is_left_out_where_another_can() {
        let free = Model { name: "free".parse().expect("a name"), price: Price::default(), ..model() };
        let room = Room { micro_usd: 0, ..ROOM };
        let routed = Routed::among([&model(), &free], &Question::of("x"), room);
        assert_eq!(routed.candidates.iter().map(|one| one.model.as_str()).collect::<Vec<_>>(), ["free"]);
        assert_eq!(routed.left_out[0].model.as_str(), "small");
    }

    #[test]
    fn a_model_that_cannot_answer_is_left_out_with_the_reason() {
        let tool = super::super::ToolDefinition {
            name: "t".into(),
            description: String::new(),
            input_schema: "{}".into(),
        };
        let asks = Question { tools: vec![tool], ..Question::of("x") };
        for question in [asks, Question::of("x".repeat(5_000))] {
            let routed = Routed::among([&model()], &question, ROOM);
            assert_eq!((routed.candidates.len(), routed.left_out.len()), (0, 1), "{routed:?}");
        }
    }

    #[test]
    fn prices_round_up_and_do_not_overflow() {
        let price = Price { input: 1, output: 0 };
        assert_eq!((price.of(0, 9), price.of(1, 0), price.of(1_000_001, 0)), (0, 1, 2));
        assert_eq!(Price { input: u64::MAX, output: u64::MAX }.of(u64::MAX, u64::MAX), u64::MAX);
    }
}
