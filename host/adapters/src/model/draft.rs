//! An answer while it comes in: never larger than it may be, and cut where there is more of it than was asked for.

use std::collections::BTreeMap;

use ringfence_core::model::{Finish, Reported, ToolRequest};
use ringfence_core::refusal::{Refusal, RefusalKind};

/// A token has so many bytes at most, on the whole.
const MOST_BYTES: u64 = 16;

/// The most tools that an answer may ask for.
const MAX_REQUESTS: usize = 128;

/// What has come of an answer.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) content: String,
    pub(super) tool_requests: Vec<ToolRequest>,
    pub(super) finish: Finish,
    /// What the provider says that the model is.
    pub(super) called: String,
    pub(super) reported: Reported,
    open: BTreeMap<u64, ToolRequest>,
    bytes: u64,
    /// How many of them the model only thought.
    thought: u64,
    pieces: u64,
    most_bytes: u64,
    most_tokens: u64,
    ended: bool,
}

/// Whether there is more to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    /// There may be.
    Yes,
    /// That was all, or all that is wanted.
    No,
}

impl Draft {
    /// Nothing yet.
    pub(super) const fn new(most_bytes: u64, most_tokens: u64) -> Self {
        Self {
            content: String::new(),
            tool_requests: Vec::new(),
            finish: Finish::Stop,
            called: String::new(),
            reported: Reported { input: None, output: None },
            open: BTreeMap::new(),
            bytes: 0,
            thought: 0,
            pieces: 0,
            most_bytes,
            most_tokens,
            ended: false,
        }
    }

    /// The most bytes that it may have.
    pub(super) const fn most_bytes(&self) -> u64 {
        self.most_bytes
    }

    /// How many bytes there are.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many of them nobody is told.
    pub(super) const fn thought(&self) -> u64 {
        self.thought
    }

    /// The provider says why it ends here.
    pub(super) const fn end(&mut self, finish: Finish) {
        self.finish = finish;
        self.ended = true;
    }

    /// Whether the provider has said so.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// A piece of what it says.
    pub(super) fn say(&mut self, piece: &str) -> Result<More, Refusal> {
        let more = self.take(piece)?;
        self.content.push_str(piece);
        Ok(more)
    }

    /// A piece of what it thinks before it says anything. It is paid like all else, and told to nobody.
    pub(super) fn think(&mut self, piece: &str) -> Result<More, Refusal> {
        self.thought += piece.len() as u64;
        self.take(piece)
    }

    /// A piece of a tool request, by its place in the answer.
    pub(super) fn ask(
        &mut self,
        place: u64,
        id: Option<&str>,
        name: Option<&str>,
        arguments: &str,
    ) -> Result<More, Refusal> {
        for piece in [id, name].into_iter().flatten() {
            self.bytes += piece.len() as u64;
        }
        let more = self.take(arguments)?;
        if self.open.len() >= MAX_REQUESTS && !self.open.contains_key(&place) {
            return Err(Refusal::new(
                RefusalKind::TooLarge,
                format!("it asks for more than {MAX_REQUESTS} tools"),
            ));
        }
        let empty = || ToolRequest { id: String::new(), name: String::new(), arguments: String::new() };
        let request = self.open.entry(place).or_insert_with(empty);
        request.id.push_str(id.unwrap_or_default());
        request.name.push_str(name.unwrap_or_default());
        request.arguments.push_str(arguments);
        Ok(more)
    }

    /// Each piece stands for a token at least, and a token for not so many bytes.
    fn take(&mut self, piece: &str) -> Result<More, Refusal> {
        self.bytes += piece.len() as u64;
        self.pieces += u64::from(!piece.is_empty());
        if self.bytes > self.most_bytes {
            let why = format!("the answer has more than {} bytes", self.most_bytes);
            return Err(Refusal::new(RefusalKind::TooLarge, why));
        }
        if self.pieces > self.most_tokens || self.bytes / MOST_BYTES > self.most_tokens {
            self.end(Finish::Cut);
            return Ok(More::No);
        }
        Ok(More::Yes)
    }

    /// All of it.
    pub(super) fn finished(mut self) -> Self {
        self.tool_requests = std::mem::take(&mut self.open).into_values().collect();
        if self.finish == Finish::Stop && !self.tool_requests.is_empty() {
            self.finish = Finish::ToolRequests;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_with_more_tokens_than_were_asked_for_is_cut() {
        let mut draft = Draft::new(1_000, 3);
        assert_eq!([(); 3].map(|()| draft.say("a").expect("it fits")), [More::Yes; 3]);
        assert_eq!((draft.say("b").expect("it fits"), draft.finish), (More::No, Finish::Cut));
        assert_eq!(Draft::new(1_000, 3).say(&"x".repeat(64)).expect("it fits"), More::No, "in one piece");
    }

    #[test]
    fn an_answer_with_more_bytes_than_may_come_in_is_none() {
        let refused = Draft::new(10, 1_000).say("eleven byte").expect_err("it is too large");
        assert_eq!(refused.kind, RefusalKind::TooLarge);
        let mut draft = Draft::new(1 << 20, 10_000);
        let flood = (0..200).try_for_each(|place| draft.ask(place, Some("i"), Some("n"), "{}").map(drop));
        assert_eq!(flood.expect_err("too many").kind, RefusalKind::TooLarge);
    }

    #[test]
    fn tool_requests_come_in_pieces_and_stay_apart() {
        let mut draft = Draft::new(1_000, 100);
        draft.ask(1, Some("b"), Some("two"), "{\"x\"").expect("it fits");
        draft.ask(0, Some("a"), Some("one"), "{}").expect("it fits");
        draft.ask(1, None, None, ":1}").expect("it fits");
        let draft = draft.finished();
        let seen: Vec<_> =
            draft.tool_requests.iter().map(|one| (&one.id[..], &one.name[..], &one.arguments[..])).collect();
        assert_eq!(seen, [("a", "one", "{}"), ("b", "two", "{\"x\":1}")]);
        assert_eq!(draft.finish, Finish::ToolRequests);
    }
}
