//! A server that listens on the web: each message is a request of its own, to exactly the address that the operator named.
//! No proxy, no redirect, no cookie; what comes back is bounded.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use ringfence_core::governance::{Method as Verb, UrlPattern, WebGrant, WebHost, WebUrl};
use ringfence_core::ring::Effect;
use rmcp::model::{ClientJsonRpcMessage, JsonRpcResponse, RequestId, ServerJsonRpcMessage, ServerResult};
use rmcp::transport::common::client_side_sse::ExponentialBackoff;
use rmcp::transport::streamable_http_client::{
    StreamableHttpClient, StreamableHttpClientTransportConfig, StreamableHttpError,
    StreamableHttpPostResponse,
};
use rmcp::transport::{DynamicTransportError, StreamableHttpClientTransport};
use secrecy::ExposeSecret;
use sse_stream::{Error as SseError, Sse, SseStream};

use super::messages::{Fate, MAX_MESSAGE, Over, Reader, TOO_LONG};
use super::server::Ground;
use crate::http_client::connection::Trust;
use crate::http_client::names::{NameServer, Names, SystemNames};

/// The most headers of an answer.
const MAX_HEADERS: usize = 100;

/// The most bytes of an answer's head.
const MAX_HEAD: usize = 64 << 10;

/// The longest pause before a stream that cannot be had is asked for again.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json";

/// What is said where a server has forgotten the session: it did not take what was asked.
pub(super) const LOST: &str = "it has forgotten the session";

/// What is said where a server answers with an error of the web.
pub(super) const REFUSED: &str = "it answers with an error";

const UNREACHED: &str = "it cannot be reached";
const BROKEN: &str = "the connection broke";

type Failure = StreamableHttpError<Told>;

/// Why there is no answer, in words of our own.
#[derive(Debug)]
pub(super) struct Told(&'static str);

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Told {}

/// What was said when something could not be sent.
pub(super) fn told(error: &DynamicTransportError) -> Option<&'static str> {
    match error.error.downcast_ref() {
        Some(Failure::Client(Told(why))) => Some(why),
        _ => None,
    }
}

const fn failure(why: &'static str) -> Failure {
    Failure::Client(Told(why))
}

/// A way to a server.
pub(super) fn transport(
    url: &WebUrl,
    headers: &BTreeMap<String, String>,
    ground: &Ground,
    fate: &Fate,
) -> Result<StreamableHttpClientTransport<WebClient>, String> {
    let mut own = HeaderMap::new();
    for (name, template) in headers {
        let value = ground.secrets.fill(template)?;
        let broken = |_| format!("header `{name}` cannot be sent");
        let mut value = HeaderValue::from_str(value.expose_secret()).map_err(broken)?;
        value.set_sensitive(true);
        own.insert(
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no header"))?,
            value,
        );
    }
    let (names, trust): (Box<dyn Names>, _) = (
        match ground.http.nameserver {
            Some(server) => Box::new(NameServer::at(server)?),
            None => Box::new(SystemNames::new()),
        },
        match &ground.http.ca {
            Some(file) => Trust::with(&std::fs::read(file).map_err(|why| format!("ca: {why}"))?)?,
            None => Trust::default(),
        },
    );
    let grant = granted(url)?;
    let patience = ground.http.connect_timeout;
    let reader = Arc::new(Mutex::new(Reader::new(fate.clone())));
    let fate = fate.clone();
    let client = Client { url: url.clone(), own, names, trust, grant, patience, fate, reader };
    let client = WebClient(Arc::new(client));
    let mut config = StreamableHttpClientTransportConfig::with_uri(url.to_string());
    config.max_sse_event_size = MAX_MESSAGE;
    // A server that forgot us may list other tools by now: nothing goes on under what was listed before.
    config.reinit_on_expired_session = false;
    let mut again = ExponentialBackoff::default();
    again.max_delay = Some(LONGEST_RETRY);
    config.retry_config = Arc::new(again);
    Ok(StreamableHttpClientTransport::with_client(client, config))
}

/// The operator names the server, so every address that its name has is cleared, this machine's too.
fn granted(url: &WebUrl) -> Result<WebGrant, String> {
    let networks = ["0.0.0.0/0", "::/0"].map(|all| all.parse().map_err(|_| "no network".to_owned()));
    Ok(WebGrant {
        url: UrlPattern::parse(&url.origin())?,
        methods: vec![Verb::parse("POST")?],
        effect: Effect::Irreversible,
        idempotent: false,
        networks: networks.into_iter().collect::<Result<_, _>>()?,
        headers: Vec::new(),
        approval: None,
        max_bytes: u64::MAX,
    })
}

/// Sends what rmcp wants to be sent.
#[derive(Clone)]
pub(super) struct WebClient(Arc<Client>);

struct Client {
    url: WebUrl,
    own: HeaderMap,
    names: Box<dyn Names>,
    trust: Trust,
    grant: WebGrant,
    patience: Duration,
    fate: Fate,
    /// Of all that comes over this connection, however many requests it takes.
    reader: Arc<Mutex<Reader>>,
}

impl Client {
    async fn send(
        &self,
        method: Method,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Response<Incoming>, Failure> {
        // What names and addresses are behind it is for the operator.
        let unreached = || failure(UNREACHED);
        let addresses = match self.url.host() {
            WebHost::Address(address) => vec![*address],
            WebHost::Name(name) => self.names.addresses(name, name).await.map_err(|_| unreached())?,
        };
        let cleared: Result<Vec<_>, _> =
            addresses.into_iter().map(|address| self.grant.clear(&self.url, address)).collect();
        let cleared = cleared.map_err(|_| unreached())?;
        let stream = self.trust.connect(&self.url, &cleared, self.patience).await;
        let stream = stream.map_err(|_| unreached())?;
        let mut builder = http1::Builder::new();
        builder.max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD);
        let opened = builder.handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = opened.map_err(|_| failure(BROKEN))?;
        // Over when the answer has been read or is dropped.
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(self.url.target())
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| unreached())?;
        *request.headers_mut() = headers;
        let host = HeaderValue::from_str(&self.url.authority()).map_err(|_| unreached())?;
        request.headers_mut().insert(HOST, host);
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("ringfence"));
        request.headers_mut().extend(self.own.clone());
        sender.send_request(request).await.map_err(|_| failure(BROKEN))
    }

    fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection is over.
    fn over(&self) -> Failure {
        failure(self.fate.why().unwrap_or(BROKEN))
    }

    /// Events of a stream, each with a message or nothing; of answers only that to `question`, where the stream is for one.
    fn events(
        self: Arc<Self>,
        body: Incoming,
        question: Option<RequestId>,
    ) -> BoxStream<'static, Result<Sse, SseError>> {
        let broken = |why: &'static str| SseError::Body(Box::new(Told(why)));
        let client = Arc::clone(&self);
        let (mut size, mut lines) = (0, Lines::default());
        let bounded = body.into_data_stream().map(move |chunk| {
            let chunk: Bytes = chunk.map_err(std::io::Error::other)?;
            for byte in &chunk {
                size += 1;
                // An empty line ends an event, also one that says nothing.
                if lines.ends_empty(*byte) {
                    size = 0;
                    client.reader().hear().map_err(|Over| std::io::Error::other(client.over()))?;
                }
            }
            if size > MAX_MESSAGE {
                client.fate.seal(TOO_LONG);
                return Err(std::io::Error::other(TOO_LONG));
            }
            Ok(chunk)
        });
        let read = move |event: Result<Sse, SseError>| {
            let mut event = event?;
            // An event of another kind, or an empty one, keeps a stream open or gives it a place to go on from.
            let is_message = matches!(event.event.as_deref(), None | Some("" | "message"));
            let data = event.data.take().filter(|data| is_message && !data.trim().is_empty());
            let Some(data) = data else { return Ok(event) };
            let mut reader = self.reader();
            let message = reader.read(data.as_bytes()).map_err(|Over| broken(BROKEN))?;
            event.data = match message {
                None => None,
                Some(message) if question.as_ref().is_some_and(|id| answers_another(&message, id)) => {
                    reader.pass_over().map_err(|Over| broken(BROKEN))?;
                    None
                }
                // In place of what cannot be used, and so that an answer stays what it was read as.
                Some(
                    read @ (ServerJsonRpcMessage::Error(_)
                    | ServerJsonRpcMessage::Response(JsonRpcResponse {
                        result: ServerResult::CallToolResult(_),
                        ..
                    })),
                ) => serde_json::to_string(&read).ok(),
                Some(_) => Some(data),
            };
            Ok(event)
        };
        SseStream::from_bytes_stream(Box::pin(bounded)).map(read).boxed()
    }
}

/// The lines of a stream of events. Each ends with a line feed, a carriage return, or both.
#[derive(Debug, Default)]
struct Lines {
    /// How many bytes the line has so far.
    length: usize,
    before: u8,
}

impl Lines {
    /// Whether this byte ends a line that is empty.
    fn ends_empty(&mut self, byte: u8) -> bool {
        let before = std::mem::replace(&mut self.before, byte);
        match byte {
            b'\n' if before == b'\r' => false,
            b'\n' | b'\r' => std::mem::take(&mut self.length) == 0,
            _ => {
                self.length += 1;
                false
            }
        }
    }
}

/// Whether a message is an answer, and to something else than this question.
fn answers_another(message: &ServerJsonRpcMessage, question: &RequestId) -> bool {
    // Some write a number as text.
    let question = question.to_string();
    match message {
        ServerJsonRpcMessage::Response(response) => response.id.to_string() != question,
        ServerJsonRpcMessage::Error(error) => error.id.as_ref().is_some_and(|id| id.to_string() != question),
        _ => false,
    }
}

fn headers(
    session: Option<&str>,
    accept: &'static str,
    more: HashMap<HeaderName, HeaderValue>,
) -> Result<HeaderMap, Failure> {
    let mut headers: HeaderMap = more.into_iter().collect();
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    if let Some(session) = session {
        let value = HeaderValue::from_str(session);
        headers.insert(SESSION, value.map_err(|_| failure("its session has no name that can be sent"))?);
    }
    Ok(headers)
}

/// All of a body that is no stream.
async fn whole(mut body: Incoming) -> Result<Vec<u8>, Failure> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| failure("its answer is cut off"))?;
        if let Some(data) = frame.data_ref() {
            if whole.len() + data.len() > MAX_MESSAGE {
                return Err(failure(TOO_LONG));
            }
            whole.extend_from_slice(data);
        }
    }
    Ok(whole)
}

fn kind(response: &Response<Incoming>) -> &str {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim()
}

impl StreamableHttpClient for WebClient {
    type Error = Told;

    async fn post_message(
        &self,
        _: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        _: Option<String>,
        more: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        if self.0.fate.why().is_some() {
            return Err(self.0.over());
        }
        let question = match &message {
            ClientJsonRpcMessage::Request(request) => Some(request.id.clone()),
            _ => None,
        };
        self.0.reader().said(&message);
        let mut headers = headers(session.as_deref(), "application/json, text/event-stream", more)?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        let response = self.0.send(Method::POST, headers, serde_json::to_vec(&message)?).await?;
        match response.status() {
            StatusCode::ACCEPTED | StatusCode::NO_CONTENT => return Ok(StreamableHttpPostResponse::Accepted),
            StatusCode::NOT_FOUND if session.is_some() => {
                self.0.fate.seal(LOST);
                return Err(failure(LOST));
            }
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(failure("it wants other credentials"));
            }
            status if status.is_redirection() => {
                return Err(failure("it leads elsewhere, which is not followed"));
            }
            _ => return Err(failure(REFUSED)),
        }
        let given = response.headers().get(SESSION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        match kind(&response) {
            EVENTS => {
                let events = Arc::clone(&self.0).events(response.into_body(), question);
                Ok(StreamableHttpPostResponse::Sse(events, given))
            }
            JSON => {
                let body = whole(response.into_body()).await?;
                let read = self.0.reader().read(&body).map_err(|Over| self.0.over())?;
                let message = read.ok_or(failure("its answer is no message"))?;
                if question.is_some_and(|id| answers_another(&message, &id)) {
                    return Err(failure("it answers another question"));
                }
                Ok(StreamableHttpPostResponse::Json(message, given))
            }
            _ if question.is_none() => Ok(StreamableHttpPostResponse::Accepted),
            _ => Err(failure("its answer is neither JSON nor a stream of events")),
        }
    }

    async fn delete_session(
        &self,
        _: Arc<str>,
        session: Arc<str>,
        _: Option<String>,
        more: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failure> {
        let headers = headers(Some(&session), JSON, more)?;
        let response = self.0.send(Method::DELETE, headers, Vec::new()).await?;
        match response.status() {
            StatusCode::METHOD_NOT_ALLOWED => Err(Failure::ServerDoesNotSupportDeleteSession),
            _ => Ok(()),
        }
    }

    async fn get_stream(
        &self,
        _: Arc<str>,
        session: Option<Arc<str>>,
        last: Option<String>,
        _: Option<String>,
        more: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Failure> {
        let pause = self.0.reader().pause();
        tokio::time::sleep(pause).await;
        if self.0.fate.why().is_some() {
            // What it says to this is taken as the end of the stream.
            return Err(Failure::ServerDoesNotSupportSse);
        }
        let mut headers = headers(session.as_deref(), EVENTS, more)?;
        if let Some(last) = last {
            let value = HeaderValue::from_str(&last);
            headers.insert(LAST_EVENT, value.map_err(|_| Failure::ServerDoesNotSupportSse)?);
        }
        let response = self.0.send(Method::GET, headers, Vec::new()).await?;
        match (response.status(), kind(&response)) {
            (StatusCode::OK, EVENTS) => Ok(Arc::clone(&self.0).events(response.into_body(), None)),
            _ => Err(Failure::ServerDoesNotSupportSse),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_line_ends_an_event_whichever_way_lines_end() {
        for end in ["\n", "\r", "\r\n"] {
            let text = format!("data: a{end}data: b{end}{end}:{end}{end}{end}");
            let mut lines = Lines::default();
            let empty = text.bytes().filter(|byte| lines.ends_empty(*byte)).count();
            assert_eq!(empty, 3, "{text:?}");
        }
    }
}
