//! A server that listens on the web: each message is a request of its own, to exactly the address that the operator named.
//! No proxy, no redirect, no cookie; what comes back is bounded.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::Arc;
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
use rmcp::model::ClientJsonRpcMessage;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::{
    StreamableHttpClient, StreamableHttpClientTransportConfig, StreamableHttpError,
    StreamableHttpPostResponse,
};
use secrecy::ExposeSecret;
use sse_stream::{Error as SseError, Sse, SseStream};

use super::lines::{MAX_MESSAGE, read_message};
use super::server::Ground;
use crate::http_client::connection::Trust;
use crate::http_client::names::{NameServer, Names, SystemNames};

/// The most headers of an answer.
const MAX_HEADERS: usize = 100;

/// The most bytes of an answer's head.
const MAX_HEAD: usize = 64 << 10;

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json";

type Failure = StreamableHttpError<Infallible>;

/// A way to a server.
pub(super) fn transport(
    url: &WebUrl,
    headers: &BTreeMap<String, String>,
    ground: &Ground,
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
            None => Box::new(SystemNames),
        },
        match &ground.http.ca {
            Some(file) => Trust::with(&std::fs::read(file).map_err(|why| format!("ca: {why}"))?)?,
            None => Trust::default(),
        },
    );
    let grant = granted(url)?;
    let patience = ground.http.connect_timeout;
    let client = WebClient(Arc::new(Client { url: url.clone(), own, names, trust, grant, patience }));
    let mut config = StreamableHttpClientTransportConfig::with_uri(url.to_string());
    config.max_sse_event_size = MAX_MESSAGE;
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
}

impl Client {
    async fn send(
        &self,
        method: Method,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Response<Incoming>, Failure> {
        let broken = |why: &str| Failure::Io(std::io::Error::other(why.to_owned()));
        let addresses = match self.url.host() {
            WebHost::Address(address) => vec![*address],
            WebHost::Name(name) => self.names.addresses(name).await.map_err(|why| broken(&why))?,
        };
        let cleared: Result<Vec<_>, _> =
            addresses.into_iter().map(|address| self.grant.clear(&self.url, address)).collect();
        let cleared = cleared.map_err(|denial| broken(&denial.why))?;
        let stream = self.trust.connect(&self.url, &cleared, self.patience).await;
        let stream = stream.map_err(|refusal| broken(&refusal.message))?;
        let mut builder = http1::Builder::new();
        builder.max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD);
        let opened = builder.handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = opened.map_err(|_| broken("the connection broke"))?;
        // Over when the answer has been read or is dropped.
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(self.url.target())
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| broken("it is no request"))?;
        *request.headers_mut() = headers;
        let host =
            HeaderValue::from_str(&self.url.authority()).map_err(|_| broken("the host has no name"))?;
        request.headers_mut().insert(HOST, host);
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("ringfence"));
        request.headers_mut().extend(self.own.clone());
        sender.send_request(request).await.map_err(|_| broken("the connection broke"))
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
        headers.insert(SESSION, value.map_err(|_| unexpected("its session has no name that can be sent"))?);
    }
    Ok(headers)
}

fn unexpected(why: &'static str) -> Failure {
    Failure::UnexpectedServerResponse(why.into())
}

/// All of a body that is no stream.
async fn whole(mut body: Incoming) -> Result<Vec<u8>, Failure> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| unexpected("its answer is cut off"))?;
        if let Some(data) = frame.data_ref() {
            if whole.len() + data.len() > MAX_MESSAGE {
                return Err(Failure::ResponseBodyTooLarge { max_size: MAX_MESSAGE });
            }
            whole.extend_from_slice(data);
        }
    }
    Ok(whole)
}

/// Events of a stream, each bounded.
fn events(body: Incoming) -> BoxStream<'static, Result<Sse, SseError>> {
    let mut size = 0;
    let mut before = 0;
    let bounded = body.into_data_stream().map(move |chunk| {
        let chunk: Bytes = chunk.map_err(std::io::Error::other)?;
        for byte in chunk.iter().filter(|byte| **byte != b'\r') {
            // An empty line ends an event.
            size = if *byte == b'\n' && before == b'\n' { 0 } else { size + 1 };
            before = *byte;
        }
        if size > MAX_MESSAGE {
            return Err(std::io::Error::other("an event has more than 16 MiB"));
        }
        Ok(chunk)
    });
    SseStream::from_bytes_stream(Box::pin(bounded)).boxed()
}

fn kind(response: &Response<Incoming>) -> &str {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim()
}

impl StreamableHttpClient for WebClient {
    type Error = Infallible;

    async fn post_message(
        &self,
        _: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        _: Option<String>,
        more: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let mut headers = headers(session.as_deref(), "application/json, text/event-stream", more)?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        let response = self.0.send(Method::POST, headers, serde_json::to_vec(&message)?).await?;
        match response.status() {
            StatusCode::ACCEPTED | StatusCode::NO_CONTENT => return Ok(StreamableHttpPostResponse::Accepted),
            StatusCode::NOT_FOUND if session.is_some() => return Err(Failure::SessionExpired),
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(unexpected("it wants other credentials"));
            }
            _ => return Err(unexpected("it answers with an error")),
        }
        let given = response.headers().get(SESSION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        match kind(&response) {
            EVENTS => Ok(StreamableHttpPostResponse::Sse(events(response.into_body()), given)),
            JSON => {
                let body = whole(response.into_body()).await?;
                let message = read_message(&body).ok_or(unexpected("its answer is no message"))?;
                Ok(StreamableHttpPostResponse::Json(message, given))
            }
            _ if !matches!(message, ClientJsonRpcMessage::Request(_)) => {
                Ok(StreamableHttpPostResponse::Accepted)
            }
            _ => Err(Failure::UnexpectedContentType(None)),
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
        let mut headers = headers(session.as_deref(), EVENTS, more)?;
        if let Some(last) = last {
            let value = HeaderValue::from_str(&last);
            headers
                .insert(LAST_EVENT, value.map_err(|_| unexpected("its event has no name that can be sent"))?);
        }
        let response = self.0.send(Method::GET, headers, Vec::new()).await?;
        match (response.status(), kind(&response)) {
            (StatusCode::OK, EVENTS) => Ok(events(response.into_body())),
            (StatusCode::NOT_FOUND, _) if session.is_some() => Err(Failure::SessionExpired),
            _ => Err(Failure::ServerDoesNotSupportSse),
        }
    }
}
