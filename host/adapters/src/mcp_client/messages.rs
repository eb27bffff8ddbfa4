//! What a server says, message by message, whichever way it comes: bounded in its depth, its values and its number.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ringfence_core::contract::parse;
use rmcp::model::{
    CallToolResult, ClientJsonRpcMessage, ClientNotification, ClientRequest, ErrorCode, ErrorData, RequestId,
    ServerJsonRpcMessage, ServerNotification, ServerResult,
};
use serde::Deserialize;
use serde_json::Value;

/// The longest message, in bytes.
pub(super) const MAX_MESSAGE: usize = 16 << 20;

/// How many texts in one connection may be no messages.
const MAX_MALFORMED: u32 = 100;

/// How many messages may come between two answers.
const MAX_UNASKED: u32 = 10_000;

/// How soon a stream that broke off is opened again at first, and at last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));

/// What is said when a message is longer than it may be.
pub(super) const TOO_LONG: &str = "it sent a message of more than 16 MiB";

/// What is said of an answer that cannot be read.
pub(super) const UNREADABLE: &str = "its answer is no message, or has more than 100,000 values or 100 levels";

/// What became of a connection: why it is over, once it is, and whether its server has said that its tools are others now.
#[derive(Debug, Clone, Default)]
pub(super) struct Fate {
    why: Arc<Mutex<Option<&'static str>>>,
    news: Arc<AtomicBool>,
}

impl Fate {
    /// The first reason counts.
    pub(super) fn seal(&self, why: &'static str) {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
    }

    pub(super) fn why(&self) -> Option<&'static str> {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it has said so since the last time that this was asked.
    pub(super) fn take_news(&self) -> bool {
        self.news.swap(false, Ordering::SeqCst)
    }
}

/// The connection is over; its fate says why.
#[derive(Debug)]
pub(super) struct Over;

/// Reads all that comes over one connection.
#[derive(Debug)]
pub(super) struct Reader {
    fate: Fate,
    /// What was asked and not answered yet, by its id as text: some write a number so.
    asked: HashMap<String, Asked>,
    malformed: u32,
    unasked: u32,
    opened: u32,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// That a tool is called.
    Call,
    /// Something else.
    Other,
}

/// The id of a message whose rest cannot be used.
#[derive(Deserialize)]
struct Identified {
    id: Option<RequestId>,
    method: Option<serde::de::IgnoredAny>,
}

impl Reader {
    pub(super) fn new(fate: Fate) -> Self {
        Self { fate, asked: HashMap::new(), malformed: 0, unasked: 0, opened: 0 }
    }

    /// What the host says: the answers to its questions are no chatter.
    pub(super) fn said(&mut self, message: &ClientJsonRpcMessage) {
        match message {
            ClientJsonRpcMessage::Request(request) => {
                let is_call = matches!(request.request, ClientRequest::CallToolRequest(_));
                self.asked.insert(request.id.to_string(), if is_call { Asked::Call } else { Asked::Other });
            }
            ClientJsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.asked.remove(&id.to_string());
                }
            }
            _ => {}
        }
    }

    /// The next message. What is none is passed over.
    pub(super) fn read(&mut self, text: &[u8]) -> Result<Option<ServerJsonRpcMessage>, Over> {
        let Some(message) = self.message(text) else {
            self.pass_over()?;
            return Ok(None);
        };
        let answered = match &message {
            ServerJsonRpcMessage::Response(response) => Some(&response.id),
            ServerJsonRpcMessage::Error(error) => error.id.as_ref(),
            _ => None,
        };
        if let ServerJsonRpcMessage::Notification(said) = &message
            && matches!(said.notification, ServerNotification::ToolListChangedNotification(_))
        {
            self.fate.news.store(true, Ordering::SeqCst);
        }
        if answered.is_some_and(|id| self.asked.remove(&id.to_string()).is_some()) {
            (self.unasked, self.opened) = (0, 0);
        }
        Ok(Some(message))
    }

    /// A message, or an error in its place where it has an id and its rest cannot be used.
    fn message(&self, text: &[u8]) -> Option<ServerJsonRpcMessage> {
        let text = std::str::from_utf8(text).ok()?;
        let read = parse(text).and_then(|value| match self.result_of_call(&value) {
            Some(result) => Ok(result),
            None => serde_json::from_value(value).map_err(|why| why.to_string()),
        });
        match read {
            Ok(message) => Some(message),
            Err(_) => {
                let Identified { id, method } = serde_json::from_str(text).ok()?;
                let error = ErrorData::new(ErrorCode::PARSE_ERROR, UNREADABLE, None);
                id.filter(|_| method.is_none()).map(|id| ServerJsonRpcMessage::error(error, Some(id)))
            }
        }
    }

    /// The answer to a call is read as one, whatever else it looks like; and without trying what else it might be.
    fn result_of_call(&self, message: &Value) -> Option<ServerJsonRpcMessage> {
        let has = |key| message.get(key).is_some();
        if message.get("jsonrpc")? != "2.0" || has("method") || has("error") {
            return None;
        }
        let id = RequestId::deserialize(message.get("id")?).ok()?;
        let result =
            message.get("result").filter(|_| self.asked.get(&id.to_string()) == Some(&Asked::Call))?;
        let result = CallToolResult::deserialize(result).ok()?;
        Some(ServerJsonRpcMessage::response(ServerResult::CallToolResult(result), id))
    }

    /// Something comes. What is an answer is forgotten again.
    pub(super) fn hear(&mut self) -> Result<(), Over> {
        self.unasked += 1;
        self.over_if(self.unasked > MAX_UNASKED, "it sends without being asked")
    }

    /// Something came that is of no use.
    pub(super) fn pass_over(&mut self) -> Result<(), Over> {
        self.malformed += 1;
        self.over_if(self.malformed > MAX_MALFORMED, "it sends what are no messages")
    }

    /// How long to wait before a stream is opened: ever longer, until an answer comes.
    pub(super) fn pause(&mut self) -> Duration {
        let (first, longest) = PAUSES;
        let doublings = self.opened.checked_sub(1);
        self.opened = self.opened.saturating_add(1);
        doublings
            .map_or(Duration::ZERO, |doublings| first.saturating_mul(1 << doublings.min(16)).min(longest))
    }

    fn over_if(&self, is_over: bool, why: &'static str) -> Result<(), Over> {
        if is_over {
            self.fate.seal(why);
            return Err(Over);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{CallToolRequest, CallToolRequestParams};

    use super::*;

    #[test]
    fn an_answer_that_cannot_be_read_is_an_error_to_its_call() {
        let deep =
            format!("{{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}1{}}}", "[".repeat(101), "]".repeat(101));
        let many = format!("{{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":[{}1]}}", "1,".repeat(100_000));
        let twice = "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"a\":1,\"a\":2}}".to_owned();
        for text in [deep, many, twice] {
            match Reader::new(Fate::default()).message(text.as_bytes()) {
                Some(ServerJsonRpcMessage::Error(error)) => {
                    assert_eq!((error.id, &*error.error.message), (Some(RequestId::Number(7)), UNREADABLE));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn the_answer_to_a_call_is_one_whatever_else_it_looks_like() {
        let answers = [
            "{\"action\":\"accept\",\"content\":[]}",
            "{\"tools\":[],\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}",
            "{\"content\":[],\"isError\":true}",
            "{\"structuredContent\":null}",
        ];
        for answer in answers {
            let mut reader = Reader::new(Fate::default());
            let call = CallToolRequest::new(CallToolRequestParams::new("say"));
            reader.said(&ClientJsonRpcMessage::request(call.into(), RequestId::Number(1)));
            let text = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{answer}}}");
            let read = reader.read(text.as_bytes()).expect("it goes on");
            let Some(ServerJsonRpcMessage::Response(response)) = read else { panic!("{answer}: {read:?}") };
            assert!(matches!(response.result, ServerResult::CallToolResult(_)), "{answer}");
            assert!(reader.asked.is_empty());
        }
        for other in
            ["{}", "{\"resultType\":\"input_required\",\"content\":[]}", "{\"content\":[{\"type\":\"?\"}]}"]
        {
            let mut reader = Reader::new(Fate::default());
            reader.asked.insert("1".into(), Asked::Call);
            let text = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{other}}}");
            let read = reader.read(text.as_bytes()).expect("it goes on");
            let Some(ServerJsonRpcMessage::Response(response)) = read else { panic!("{other}: {read:?}") };
            assert!(!matches!(response.result, ServerResult::CallToolResult(_)), "{other}");
        }
    }

    #[test]
    fn answers_to_nobodys_question_are_chatter() {
        let fate = Fate::default();
        let mut reader = Reader::new(fate.clone());
        let answer = b"{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":{}}";
        let mut hear = || reader.hear().and_then(|()| reader.read(answer));
        assert!((0..MAX_UNASKED).all(|_| hear().is_ok()) && hear().is_err());
        assert_eq!(fate.why(), Some("it sends without being asked"));
        let mut reader = Reader::new(Fate::default());
        for _ in 0..=MAX_UNASKED {
            reader.asked.insert("1".into(), Asked::Other);
            assert!(reader.hear().and_then(|()| reader.read(answer)).is_ok(), "these were asked for");
        }
    }

    #[test]
    fn a_stream_that_breaks_off_is_opened_ever_more_slowly_until_an_answer_comes() {
        let mut reader = Reader::new(Fate::default());
        let pauses: Vec<_> = (0..12).map(|_| reader.pause().as_millis()).collect();
        assert_eq!(pauses[..4], [0, 100, 200, 400]);
        assert_eq!(pauses[11], 60_000);
        reader.asked.insert("1".into(), Asked::Other);
        reader.read(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}").expect("an answer");
        assert!(reader.pause().is_zero());
    }
}
