//! Messages over the standard input and output of a process, one a line, with everything that comes in bounded.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ringfence_core::contract::parse;
use rmcp::RoleClient;
use rmcp::model::{ErrorCode, ErrorData, RequestId, ServerJsonRpcMessage};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

/// The longest message, in bytes.
pub(super) const MAX_MESSAGE: usize = 16 << 20;

/// How many lines in one connection may be no messages.
const MAX_MALFORMED: u32 = 100;

/// How many messages may come between two answers.
const MAX_UNASKED: u32 = 10_000;

/// How long a server may take to read a message.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a connection is over, once it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Fate(Arc<Mutex<Option<&'static str>>>);

impl Fate {
    /// The first reason counts.
    pub(super) fn seal(&self, why: &'static str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
    }

    pub(super) fn why(&self) -> Option<&'static str> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is said when a message is longer than it may be.
pub(super) const TOO_LONG: &str = "it sent a message of more than 16 MiB";

/// A process as a way for messages.
pub(super) struct Lines<R, W> {
    input: BufReader<R>,
    /// The line so far.
    line: Vec<u8>,
    output: Arc<tokio::sync::Mutex<Option<W>>>,
    fate: Fate,
    malformed: u32,
    unasked: u32,
}

/// The id of a message whose rest cannot be used.
#[derive(Deserialize)]
struct Identified {
    id: Option<RequestId>,
    method: Option<serde::de::IgnoredAny>,
}

impl<R: AsyncRead + Send + Unpin, W: AsyncWrite + Send + Unpin> Lines<R, W> {
    pub(super) fn new(input: R, output: W, fate: Fate) -> Self {
        let output = Arc::new(tokio::sync::Mutex::new(Some(output)));
        Self { input: BufReader::new(input), line: Vec::new(), output, fate, malformed: 0, unasked: 0 }
    }

    /// The next line, without its end; nothing when there are no more. What was read of a line is kept when this is dropped.
    async fn next_line(&mut self) -> Option<Vec<u8>> {
        loop {
            let Ok(chunk) = self.input.fill_buf().await else {
                self.fate.seal("its output cannot be read");
                return None;
            };
            if chunk.is_empty() {
                self.fate.seal("it ended");
                return None;
            }
            let (part, taken, is_whole) = match chunk.iter().position(|byte| *byte == b'\n') {
                Some(end) => (&chunk[..end], end + 1, true),
                None => (chunk, chunk.len(), false),
            };
            if self.line.len() + part.len() > MAX_MESSAGE {
                self.fate.seal(TOO_LONG);
                return None;
            }
            self.line.extend_from_slice(part);
            self.input.consume(taken);
            if is_whole {
                return Some(std::mem::take(&mut self.line));
            }
        }
    }
}

/// A message, or an error in its place where it has an id and its rest cannot be used.
pub(super) fn read_message(text: &[u8]) -> Option<ServerJsonRpcMessage> {
    let text = std::str::from_utf8(text).ok()?;
    let read = parse(text).and_then(|value| serde_json::from_value(value).map_err(|why| why.to_string()));
    match read {
        Ok(message) => Some(message),
        Err(_) => {
            let Identified { id, method } = serde_json::from_str(text).ok()?;
            let error = ErrorData::new(ErrorCode::PARSE_ERROR, UNREADABLE, None);
            id.filter(|_| method.is_none()).map(|id| ServerJsonRpcMessage::error(error, Some(id)))
        }
    }
}

/// What is said of an answer that cannot be read.
pub(super) const UNREADABLE: &str = "its answer is no message, or has more than 100,000 values or 100 levels";

impl<R, W> Transport<RoleClient> for Lines<R, W>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = std::io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let (output, fate) = (Arc::clone(&self.output), self.fate.clone());
        async move {
            let mut line = serde_json::to_vec(&message)?;
            line.push(b'\n');
            // In a task of its own: a line that is cut off would spoil all that come after it.
            let written = tokio::spawn(async move {
                let mut output = output.lock().await;
                let open = output.as_mut().ok_or(std::io::ErrorKind::BrokenPipe)?;
                let all = async {
                    open.write_all(&line).await?;
                    open.flush().await
                };
                let done = tokio::time::timeout(PATIENCE, all).await;
                let done = done.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
                if done.is_err() {
                    fate.seal("it takes in nothing");
                    *output = None;
                }
                done
            });
            written.await.map_err(std::io::Error::other)?
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        loop {
            let line = self.next_line().await?;
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let Some(message) = read_message(&line) else {
                self.malformed += 1;
                if self.malformed > MAX_MALFORMED {
                    self.fate.seal("it sends what are no messages");
                    return None;
                }
                continue;
            };
            match &message {
                ServerJsonRpcMessage::Response(_) | ServerJsonRpcMessage::Error(_) => self.unasked = 0,
                _ => self.unasked += 1,
            }
            if self.unasked > MAX_UNASKED {
                self.fate.seal("it sends without being asked");
                return None;
            }
            return Some(message);
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.output.lock().await.take();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(bytes: &[u8]) -> (Lines<std::io::Cursor<Vec<u8>>, tokio::io::Sink>, Fate) {
        let fate = Fate::default();
        (Lines::new(std::io::Cursor::new(bytes.to_vec()), tokio::io::sink(), fate.clone()), fate)
    }

    #[tokio::test]
    async fn what_is_no_message_is_passed_over_up_to_a_bound() {
        let answer = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n";
        let (mut lines, fate) =
            from(format!("\n  \nnothing\n{{\"a\":\n\u{fffd}\n{answer}{{\"cut").as_bytes());
        assert!(matches!(lines.receive().await, Some(ServerJsonRpcMessage::Response(_))));
        assert!(lines.receive().await.is_none());
        assert_eq!(fate.why(), Some("it ended"));
        let (mut lines, fate) = from(format!("{}{answer}", "x\n".repeat(101)).as_bytes());
        assert!(lines.receive().await.is_none());
        assert_eq!(fate.why(), Some("it sends what are no messages"));
    }

    #[tokio::test]
    async fn a_line_that_does_not_end_ends_the_connection() {
        let (mut lines, fate) = from(&vec![b'x'; MAX_MESSAGE + 1]);
        assert!(lines.receive().await.is_none());
        assert_eq!(fate.why(), Some(TOO_LONG));
    }

    #[tokio::test]
    async fn an_answer_that_cannot_be_read_is_an_error_to_its_call() {
        let deep =
            format!("{{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}1{}}}", "[".repeat(101), "]".repeat(101));
        let many = format!("{{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":[{}1]}}", "1,".repeat(100_000));
        let twice = "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"a\":1,\"a\":2}}".to_owned();
        for text in [deep, many, twice] {
            match read_message(text.as_bytes()) {
                Some(ServerJsonRpcMessage::Error(error)) => {
                    assert_eq!((error.id, &*error.error.message), (Some(RequestId::Number(7)), UNREADABLE));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn who_talks_without_being_asked_is_left() {
        let note = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":1,\"progress\":1}}\n";
        let (mut lines, fate) = from(note.repeat(10_001).as_bytes());
        let mut count = 0;
        while lines.receive().await.is_some() {
            count += 1;
        }
        assert_eq!((count, fate.why()), (10_000, Some("it sends without being asked")));
    }
}
