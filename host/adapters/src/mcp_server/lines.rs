//! A client behind standard input and output, one message a line.

use std::sync::Arc;

use futures::StreamExt;
use ringfence_core::contract::parse;
use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ErrorData, RequestId, ServerJsonRpcMessage};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage, serve_server};
use rmcp::transport::Transport;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

use super::Offering;
use super::handler::Handler;

/// The longest message, in bytes.
const MAX_MESSAGE: usize = 16 << 20;

/// Serves one client until it goes.
pub async fn serve_lines<R, W>(offering: Arc<dyn Offering>, input: R, output: W)
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let lines = Lines {
        input: FramedRead::new(input, LinesCodec::new_with_max_length(MAX_MESSAGE)),
        output: Arc::new(tokio::sync::Mutex::new(output)),
    };
    match serve_server(Handler::new(offering), lines).await {
        Ok(service) => drop(service.waiting().await),
        Err(why) => tracing::info!(%why, "the client was gone before anything began"),
    }
}

struct Lines<R, W> {
    input: FramedRead<R, LinesCodec>,
    output: Arc<tokio::sync::Mutex<W>>,
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
    let id = Identified::deserialize(&value).ok().and_then(|identified| identified.id);
    serde_json::from_value(value)
        .map_err(|why| (ErrorData::invalid_request(format!("this is no request: {why}"), None), id))
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

async fn write<W: AsyncWrite + Send + Unpin + 'static>(
    output: Arc<tokio::sync::Mutex<W>>,
    message: ServerJsonRpcMessage,
) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(&message)?;
    line.push(b'\n');
    // In a task of its own: a line that is cut off would spoil all that come after it.
    let written = tokio::spawn(async move {
        let mut output = output.lock().await;
        output.write_all(&line).await?;
        output.flush().await
    });
    written.await.map_err(std::io::Error::other)?
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
        write(Arc::clone(&self.output), message)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            let (error, id) = match self.input.next().await {
                Some(Ok(line)) if line.trim().is_empty() => continue,
                Some(Ok(line)) => match read(&line) {
                    Ok(message) => return Some(message),
                    Err(refused) => refused,
                },
                Some(Err(why)) => {
                    let refused = unreadable(&why)?;
                    // After an error the lines end once, and then they go on.
                    self.input.next().await;
                    refused
                }
                None => return None,
            };
            let refused = ServerJsonRpcMessage::error(error, id);
            write(Arc::clone(&self.output), refused).await.ok()?;
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.output.lock().await.shutdown().await
    }
}
