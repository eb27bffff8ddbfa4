//! A client behind standard input and output, one message a line.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use ringfence_core::contract::parse;
use ringfence_core::ids::SessionName;
use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequest, CallToolRequestMethod, ClientJsonRpcMessage, ClientNotification, ConstString, ErrorData,
    RequestId, ServerJsonRpcMessage,
};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage, serve_server};
use rmcp::transport::Transport;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::sync::CancellationToken;

use super::Offering;
use super::handler::Handler;
use crate::line_writer::LineWriter;

/// The longest message, in bytes.
const MAX_MESSAGE: usize = 16 << 20;

/// How long a client may take to read a message.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many requests of a client may be without an answer.
const MAX_ASKED: usize = 10_000;

/// Serves one client until it goes: all that it asks for is in this session. What runs for it then is killed.
pub async fn serve_lines<R, W>(offering: Arc<dyn Offering>, session: SessionName, input: R, output: W)
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let gone = CancellationToken::new();
    let given_up = gone.clone();
    let lines = Lines {
        input: FramedRead::new(input, LinesCodec::new_with_max_length(MAX_MESSAGE)),
        output: LineWriter::new(output, PATIENCE, move || given_up.cancel()),
        asked: HashSet::new(),
        gone: gone.clone(),
    };
    match serve_server(Handler::new(offering, Some(session), gone), lines).await {
        Ok(service) => drop(service.waiting().await),
        Err(why) => tracing::info!(%why, "the client was gone before anything began"),
    }
}

struct Lines<R, W> {
    input: FramedRead<R, LinesCodec>,
    output: LineWriter<W>,
    /// The requests that are not answered yet.
    asked: HashSet<RequestId>,
    /// The client is gone, or takes in nothing any more.
    gone: CancellationToken,
}

/// The id of a message whose rest cannot be used.
#[derive(Deserialize)]
struct Identified {
    id: Option<RequestId>,
}

/// What is answered to what is no message, and to which.
type Refused = (ErrorData, Option<RequestId>);

/// A message, or what is answered where it is none.
fn read(line: &str) -> Result<ClientJsonRpcMessage, Refused> {
    let value = parse(line)
        .map_err(|why| (ErrorData::parse_error(format!("this is no message: {why}"), None), None))?;
    if let Some(call) = call_of_tool(&value) {
        return Ok(call);
    }
    let id = Identified::deserialize(&value).ok().and_then(|identified| identified.id);
    serde_json::from_value(value)
        .map_err(|why| (ErrorData::invalid_request(format!("this is no request: {why}"), None), id))
}

/// A call of a tool, which is most of what is asked, without trying what else it might be.
fn call_of_tool(message: &Value) -> Option<ClientJsonRpcMessage> {
    let is_call = message.get("jsonrpc")? == "2.0" && message.get("method")? == CallToolRequestMethod::VALUE;
    if !is_call || message.get("result").or(message.get("error")).is_some() {
        return None;
    }
    let id = RequestId::deserialize(message.get("id")?).ok()?;
    let call = CallToolRequest::deserialize(message).ok()?;
    Some(ClientJsonRpcMessage::request(call.into(), id))
}

/// What is answered to a line that cannot be read; nothing where none can any more.
fn unreadable(why: &LinesCodecError) -> Option<Refused> {
    let error = match why {
        LinesCodecError::MaxLineLengthExceeded => {
            ErrorData::invalid_request(format!("the message has more than {MAX_MESSAGE} bytes"), None)
        }
        LinesCodecError::Io(why) if why.kind() == std::io::ErrorKind::InvalidData => {
            ErrorData::parse_error("the message is not in UTF-8", None)
        }
        LinesCodecError::Io(_) => return None,
    };
    Some((error, None))
}

impl<R, W> Transport<RoleServer> for Lines<R, W>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = std::io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        match &message {
            ServerJsonRpcMessage::Response(response) => drop(self.asked.remove(&response.id)),
            ServerJsonRpcMessage::Error(error) => drop(error.id.as_ref().map(|id| self.asked.remove(id))),
            _ => {}
        }
        self.output.write(&message)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            let line = tokio::select! {
                line = self.input.next() => line,
                () = self.gone.cancelled() => return None,
            };
            let (error, id) = match line {
                Some(Ok(line)) if line.trim().is_empty() => continue,
                Some(Ok(line)) => match read(&line).and_then(|message| self.ask(message)) {
                    Ok(message) => return Some(message),
                    Err(refused) => refused,
                },
                Some(Err(why)) => {
                    let refused = unreadable(&why)?;
                    // After an error the lines end once, and then they go on.
                    self.input.next().await;
                    refused
                }
                None => {
                    self.gone.cancel();
                    return None;
                }
            };
            // Not waited for: who sends what is no message, and reads no answer, is given up in the end.
            tokio::spawn(self.output.write(&ServerJsonRpcMessage::error(error, id)));
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.output.close();
        Ok(())
    }
}

impl<R, W> Lines<R, W> {
    /// Notes a request: an id stands for one until that is answered or cancelled.
    fn ask(&mut self, message: ClientJsonRpcMessage) -> Result<ClientJsonRpcMessage, Refused> {
        match &message {
            ClientJsonRpcMessage::Request(request) => {
                if self.asked.len() >= MAX_ASKED {
                    let why = format!("{MAX_ASKED} requests of this client are not answered yet");
                    return Err((ErrorData::invalid_request(why, None), Some(request.id.clone())));
                }
                if !self.asked.insert(request.id.clone()) {
                    let why = format!("the id {} is that of a request that is not answered yet", request.id);
                    return Err((ErrorData::invalid_request(why, None), None));
                }
            }
            ClientJsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.asked.remove(id);
                }
            }
            _ => {}
        }
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn so_many_requests_wait_for_their_answers_and_no_more() {
        let gone = CancellationToken::new();
        let mut lines = Lines {
            input: FramedRead::new(tokio::io::empty(), LinesCodec::new()),
            output: LineWriter::new(tokio::io::sink(), PATIENCE, || {}),
            asked: HashSet::new(),
            gone,
        };
        let mut ask = |message: String| lines.ask(read(&message)?);
        let ping = |id: usize| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}");
        assert!((0..MAX_ASKED).all(|id| ask(ping(id)).is_ok()));
        let (error, id) = ask(ping(MAX_ASKED)).expect_err("one more");
        assert!(error.message.contains("10000 requests"), "{error:?}");
        assert_eq!(id, Some(RequestId::Number(i64::try_from(MAX_ASKED).expect("it fits"))));
        let cancelled =
            "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":7}}";
        assert!(ask(cancelled.into()).is_ok() && ask(ping(MAX_ASKED)).is_ok(), "there is room for one again");
    }

    #[test]
    fn a_call_of_a_tool_is_read_as_it_would_be_with_all_else_that_it_might_be() {
        let with = |params: &str| {
            format!("{{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{params}}}")
        };
        let calls = [
            with("{\"name\":\"hello\"}"),
            with("{\"name\":\"hello\",\"arguments\":{\"name\":\"Ada\",\"more\":[1.5,null]},\"other\":1}"),
            with("{\"name\":\"hello\",\"_meta\":{\"progressToken\":\"p\",\"mine\":[2]},\"arguments\":{}}"),
            "{\"id\":\"x\",\"params\":{\"name\":\"\"},\"method\":\"tools/call\",\"jsonrpc\":\"2.0\",\"more\":{}}".into(),
        ];
        for call in &calls {
            let value = parse(call).expect("JSON");
            let direct = call_of_tool(&value).expect("a call");
            let any: ClientJsonRpcMessage = serde_json::from_value(value).expect("a message");
            assert_eq!(format!("{direct:?}"), format!("{any:?}"));
        }
        let others = [
            with("{}"),
            with("[]"),
            with("{\"name\":\"hello\"},\"result\":{}"),
            with("{\"name\":\"hello\"},\"error\":{}"),
            with("{\"name\":\"hello\"}").replace("2.0", "1.0"),
            with("{\"name\":\"hello\"}").replace(":7", ":null"),
            with("{\"name\":\"hello\"}").replace("tools/call", "tools/list"),
        ];
        assert!(others.iter().all(|other| call_of_tool(&parse(other).expect("JSON")).is_none()));
    }
}
