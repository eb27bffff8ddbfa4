//! What an answer is charged, given what its provider says that it was, and that providers say anything.

use serde::{Deserialize, Serialize};

use super::Candidate;

/// What a provider says; none where it says nothing, or nothing that can be a number of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reported {
    /// Tokens of the question.
    pub input: Option<u64>,
    /// Tokens of the answer.
    pub output: Option<u64>,
}

/// What an answer is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the question.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Millionths of a dollar.
    pub micro_usd: u64,
    /// Whether that is what the provider says.
    pub reported: bool,
}

/// More tokens than this are no report of one answer.
const ABSURD: u64 = 100_000_000;

/// A token stands for so many bytes at most, on the whole: a provider that reports fewer tokens than follow from this says
/// what cannot be.
const MOST_BYTES: u64 = 16;

impl Usage {
    /// What is charged for a question and an answer of so many bytes.
    ///
    /// A report counts as it is, also where it is more than was set aside. Where there is none, or one that cannot be, it is
    /// the larger of what was reported and what was reckoned before.
    #[must_use]
    pub fn settle(candidate: &Candidate, question: u64, answer: u64, reported: Reported) -> Self {
        let (input, first) = charged(reported.input, question, candidate.input_tokens);
        let (output, second) = charged(reported.output, answer, answer.min(candidate.output_tokens));
        Self {
            input_tokens: input,
            output_tokens: output,
            micro_usd: candidate.price.of(input, output),
            reported: first && second,
        }
    }

    /// All tokens.
    #[must_use]
    pub const fn tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

fn charged(reported: Option<u64>, bytes: u64, reckoned: u64) -> (u64, bool) {
    match reported {
        Some(tokens) if tokens <= ABSURD && tokens >= bytes / MOST_BYTES => (tokens, true),
        Some(tokens) if tokens <= ABSURD => (tokens.max(reckoned), false),
        _ => (reckoned, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Price;

    fn settle(input: Option<u64>, output: Option<u64>) -> Usage {
        let candidate = Candidate {
            model: "m".parse().expect("a name"),
            provider: "p".parse().expect("a name"),
            called: "m".into(),
            input_tokens: 1_000,
            output_tokens: 500,
            output_bytes: 5_000,
            price: Price { input: 1_000_000, output: 2_000_000 },
            json_schema: false,
        };
        Usage::settle(&candidate, 800, 320, Reported { input, output })
    }

    #[test]
    fn an_honest_report_is_what_is_charged() {
        let usage = settle(Some(210), Some(80));
        assert_eq!(
            (usage.input_tokens, usage.output_tokens, usage.micro_usd, usage.reported),
            (210, 80, 370, true)
        );
        assert_eq!(settle(Some(210), Some(9_000)).output_tokens, 9_000, "more than was set aside");
    }

    #[test]
    fn a_report_that_is_missing_or_cannot_be_is_no_discount() {
        for absurd in [None, Some(0), Some(19), Some(u64::MAX)] {
            let usage = settle(absurd, absurd);
            assert_eq!(
                (usage.input_tokens, usage.output_tokens, usage.reported),
                (1_000, 320, false),
                "{absurd:?}"
            );
        }
    }
}
