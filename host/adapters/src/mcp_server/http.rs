//! Clients behind HTTP: each proves who it is with a token, and has sessions of its own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use ringfence_core::contract::parse;
use rmcp::model::RequestId;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::door::{Door, Room};
use super::visits::{Present, Visit};

/// The only path there is.
const PATH: &str = "/mcp";

/// What says in which session a message comes.
const SESSION: &str = "mcp-session-id";

/// The longest message, in bytes.
pub(super) const MAX_MESSAGE: usize = 4 << 20;

/// How many connections there may be at once.
const MAX_CONNECTIONS: usize = 256;

/// How many sessions a client may have at once.
const MAX_SESSIONS: usize = 64;

/// How long a client may take to send a request's head, and how long to send its body.
const PATIENCE: Duration = Duration::from_secs(10);

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// How long clients are waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// A session in which nothing is said for so long ends, and what runs in it.
    pub idle: Duration,
    /// What was asked in a session to which its client has no connection for so long ends.
    pub absence: Duration,
}

/// Serves clients over HTTP.
pub struct HttpServer {
    listener: TcpListener,
    door: Arc<Door>,
    over: CancellationToken,
}

impl HttpServer {
    /// Listens there, and lets nobody in yet. Beside loopback's own names, clients may know it under `hosts`.
    ///
    /// # Errors
    /// The system's.
    pub async fn bind(address: SocketAddr, hosts: &[String], patience: Patience) -> std::io::Result<Self> {
        let over = CancellationToken::new();
        let door = Arc::new(Door::new(hosts, patience, over.clone()));
        Ok(Self { listener: TcpListener::bind(address).await?, door, over })
    }

    /// Where clients are let in.
    #[must_use]
    pub const fn door(&self) -> &Arc<Door> {
        &self.door
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system's.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until that is over. Sessions and connections end with it.
    pub async fn serve(self, until: impl Future<Output = ()>) {
        let Self { listener, door, over } = self;
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        tokio::pin!(until);
        loop {
            let next = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, listener.accept().await)
            };
            let (Ok(place), connection) = (tokio::select! {
                () = &mut until => break,
                next = next => next,
            }) else {
                break;
            };
            match connection {
                Ok((connection, _)) => {
                    let (door, over) = (Arc::clone(&door), over.clone());
                    tokio::spawn(async move {
                        let served = connect(connection, &door);
                        tokio::select! { () = served => {}, () = over.cancelled() => {} }
                        drop(place);
                    });
                }
                // Out of handles, perhaps: there may be some again when others have gone.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        over.cancel();
    }
}

async fn connect(connection: TcpStream, door: &Arc<Door>) {
    // Who takes in nothing of what it is sent is left by the system.
    let patience = u32::try_from(PATIENCE.as_millis()).unwrap_or(u32::MAX);
    if rustix::net::sockopt::set_tcp_user_timeout(&connection, patience).is_err() {
        return;
    }
    let answer = service_fn(|request| {
        let door = Arc::clone(door);
        async move { Ok::<_, Infallible>(answer(&door, request).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(64 << 10)
        .serve_connection(TokioIo::new(connection), answer);
    // Whoever breaks a connection off knows that.
    drop(served.await);
}

async fn answer(door: &Door, request: Request<Incoming>) -> Answer {
    if request.uri().path() != PATH {
        return turn_away(StatusCode::NOT_FOUND, &format!("the way in is {PATH}"));
    }
    let token = token(&request);
    let Some(room) = token.and_then(|token| door.room_of(token)) else {
        let why = match token {
            Some(_) => "this token is nobody's here",
            None => "say who you are: Authorization: Bearer TOKEN",
        };
        let mut refused = turn_away(StatusCode::UNAUTHORIZED, why);
        refused
            .headers_mut()
            .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"ringfence\""));
        return refused;
    };
    let (head, body) = request.into_parts();
    let body = tokio::time::timeout(PATIENCE, Limited::new(body, MAX_MESSAGE).collect()).await;
    let body = match body {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(why)) if why.is::<http_body_util::LengthLimitError>() => {
            let why = format!("the message has more than {MAX_MESSAGE} bytes");
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, &why);
        }
        Ok(Err(_)) => return refuse(StatusCode::BAD_REQUEST, "the message was broken off"),
        Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT, "the message took too long to come"),
    };
    let session = head.headers.get(SESSION).and_then(|name| name.to_str().ok()).map(str::to_owned);
    if let (&Method::DELETE, Some(session)) = (&head.method, &session) {
        room.visits.end(session);
        return room.service.handle(Request::from_parts(head, Full::new(body))).await;
    }
    let visit = match &session {
        Some(session) => room.visit(session).await,
        None => None,
    };
    // Until all of the answer is taken in, or nobody takes it in any more.
    let present = visit.as_ref().map(Visit::enter);
    answered(&room, visit, head, body).await.map(|body| Attended { body, _present: present }.boxed())
}

/// What a client is answered that is known, in this session of its own if there is one.
async fn answered(room: &Room, visit: Option<Arc<Visit>>, mut head: Parts, body: Bytes) -> Answer {
    if head.method != Method::POST {
        return room.service.handle(Request::from_parts(head, Full::new(body))).await;
    }
    let read = std::str::from_utf8(&body).map_err(|why| why.to_string()).and_then(parse);
    if let (Ok(message), Some(visit)) = (&read, visit)
        && message["method"].is_string()
        && let Ok(id) = RequestId::deserialize(&message["id"])
    {
        // It goes with the request until that is answered.
        let Some(asked) = visit.ask(id) else {
            let why = format!("the id {} is that of a request that is not answered yet", message["id"]);
            return no_message(-32600, &why);
        };
        head.extensions.insert(asked);
    }
    let whole = Request::from_parts(head, Full::new(body));
    match read {
        Err(why) => no_message(-32700, &format!("this is no message: {why}")),
        Ok(message) if message["method"] == "initialize" => {
            let _one_after_another = room.beginning.lock().await;
            if room.sessions.sessions.read().await.len() < MAX_SESSIONS {
                return room.service.handle(whole).await;
            }
            let why = format!("there are {MAX_SESSIONS} sessions of this client: end some");
            let mut refused = refuse(StatusCode::SERVICE_UNAVAILABLE, &why);
            refused.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
            refused
        }
        Ok(_) => room.service.handle(whole).await,
    }
}

/// An answer, and that somebody is there to take it in.
struct Attended {
    body: BoxBody<Bytes, Infallible>,
    _present: Option<Present>,
}

impl Body for Attended {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn token(request: &Request<Incoming>) -> Option<&str> {
    let said = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = said.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Refuses, and ends the connection: a stranger keeps none.
fn turn_away(status: StatusCode, why: &str) -> Answer {
    let mut refused = refuse(status, why);
    refused.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    refused
}

fn refuse(status: StatusCode, why: &str) -> Answer {
    json_answer(status, json!({ "error": Value::from(why) }).to_string())
}

/// Refuses what comes in the place of a message, as the protocol says it.
fn no_message(code: i32, why: &str) -> Answer {
    let error = json!({ "code": code, "message": why });
    let text = json!({ "jsonrpc": "2.0", "id": null, "error": error }).to_string();
    json_answer(StatusCode::BAD_REQUEST, text)
}

fn json_answer(status: StatusCode, text: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text)).boxed());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
