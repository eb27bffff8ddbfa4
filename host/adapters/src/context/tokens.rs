//! Tokens, counted with the published vocabularies. One is read when it is first counted with, and never before.

use bpe_openai::{Tokenizer, cl100k_base, o200k_base};
use ringfence_core::context::Tokeniser;

/// How many tokens a text has. Names of special tokens are text like any other: no text makes one.
pub(super) fn count(tokeniser: Tokeniser, text: &str) -> u64 {
    let vocabulary: &Tokenizer = match tokeniser {
        Tokeniser::O200kBase => o200k_base(),
        Tokeniser::Cl100kBase => cl100k_base(),
    };
    vocabulary.count(text) as u64
}
