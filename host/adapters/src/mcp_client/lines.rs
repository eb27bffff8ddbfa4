//! Messages over the standard input and output of a process, one a line, with everything that comes in bounded.

use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Fuse};
use rmcp::RoleClient;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader};

use super::child::Owned;
use super::messages::{Fate, MAX_MESSAGE, Reader, TOO_LONG};
use crate::line_writer::LineWriter;

/// How long a server may take to read a message.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long what a process said at last may be on its way.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// A process as a way for messages.
pub(super) struct Lines<R, W> {
    input: BufReader<R>,
    /// The line so far.
    line: Vec<u8>,
    output: LineWriter<W>,
    fate: Fate,
    reader: Reader,
    /// The process is gone, whoever else may hold its output open.
    gone: Fuse<BoxFuture<'static, ()>>,
    /// Ends with this.
    _process: Option<Owned>,
}

impl<R: AsyncRead + Send + Unpin, W: AsyncWrite + Send + Unpin + 'static> Lines<R, W> {
    pub(super) fn of(process: Owned, input: R, output: W, fate: Fate) -> Self {
        let end = process.end();
        Self { _process: Some(process), ..Self::new(input, output, fate, end) }
    }

    /// Until `end`, when the process has ended.
    fn new(input: R, output: W, fate: Fate, end: impl Future<Output = ()> + Send + 'static) -> Self {
        let unheard = fate.clone();
        let output = LineWriter::new(output, PATIENCE, move || unheard.seal("it takes in nothing"));
        let gone = async {
            end.await;
            tokio::time::sleep(LAST_WORDS).await;
        };
        let (input, reader) = (BufReader::new(input), Reader::new(fate.clone()));
        Self { input, line: Vec::new(), output, fate, reader, gone: gone.boxed().fuse(), _process: None }
    }

    /// The next line, without its end; nothing when there are no more. What was read of a line is kept when this is dropped.
    async fn next_line(&mut self) -> Option<Vec<u8>> {
        loop {
            let chunk = tokio::select! {
                biased;
                chunk = self.input.fill_buf() => chunk,
                () = &mut self.gone => Ok(&[][..]),
            };
            let Ok(chunk) = chunk else {
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
        self.reader.said(&message);
        self.output.write(&message)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        loop {
            let line = self.next_line().await?;
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            self.reader.hear().ok()?;
            if let Some(message) = self.reader.read(&line).ok()? {
                return Some(message);
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.output.close();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::ServerJsonRpcMessage;
    use tokio::io::AsyncWriteExt;

    use super::*;

    fn from(bytes: &[u8]) -> (Lines<std::io::Cursor<Vec<u8>>, tokio::io::Sink>, Fate) {
        let fate = Fate::default();
        let input = std::io::Cursor::new(bytes.to_vec());
        (Lines::new(input, tokio::io::sink(), fate.clone(), std::future::pending()), fate)
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
    async fn who_talks_without_being_asked_is_left() {
        let note = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":1,\"progress\":1}}\n";
        let (mut lines, fate) = from(note.repeat(10_001).as_bytes());
        let mut count = 0;
        while lines.receive().await.is_some() {
            count += 1;
        }
        assert_eq!((count, fate.why()), (10_000, Some("it sends without being asked")));
    }

    #[tokio::test]
    async fn a_process_that_has_ended_is_gone_although_its_output_is_held_open_and_its_last_words_count() {
        let (input, mut held) = tokio::io::duplex(1_000);
        let fate = Fate::default();
        let mut lines = Lines::new(input, tokio::io::sink(), fate.clone(), std::future::ready(()));
        held.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n").await.expect("room");
        assert!(lines.receive().await.is_some());
        assert!(lines.receive().await.is_none());
        assert_eq!(fate.why(), Some("it ended"));
    }
}
