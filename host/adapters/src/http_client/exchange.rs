//! One request and its answer over a connection, with everything about the answer bounded.

use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::{Either, select};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING, USER_AGENT,
};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use ringfence_core::gate::{Content, HttpAnswer, HttpSend, Key};
use ringfence_core::governance::WebGrant;
use ringfence_core::refusal::{Refusal, RefusalKind};
use secrecy::ExposeSecret;

use super::connection::Stream;
use crate::secrets::Secrets;

/// The most headers of an answer.
const MAX_HEADERS: usize = 100;

/// The most bytes of an answer's head.
const MAX_HEAD: usize = 64 << 10;

/// What is sent, byte for byte: the skill's part, the host's own, and what the grant adds.
pub(super) fn request(
    call: &HttpSend,
    grant: &WebGrant,
    secrets: &Secrets,
    key: Option<Key>,
) -> Result<Request<Full<Bytes>>, Refusal> {
    let invalid = |why: &str| Refusal::new(RefusalKind::Invalid, why);
    let (method, url) = call.meant().ok_or_else(|| invalid("it is no request"))?;
    let mut headers = HeaderMap::new();
    for (name, value) in call.headers() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("a header has no name"))?;
        headers.append(name, HeaderValue::from_str(value).map_err(|_| invalid("a header has no value"))?);
    }
    if let Some(key) = key {
        let key = HeaderValue::from_str(&key.to_string()).map_err(|_| invalid("its key is no header"))?;
        headers.insert(HeaderName::from_static("idempotency-key"), key);
    }
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static("ringfence"));
    for added in &grant.headers {
        let broken =
            |why: String| Refusal::new(RefusalKind::Failed, format!("header `{}`: {why}", added.name));
        let value = secrets.fill(&added.value).map_err(broken)?;
        let name = HeaderName::from_bytes(added.name.as_bytes()).map_err(|why| broken(why.to_string()))?;
        let mut value =
            HeaderValue::from_str(value.expose_secret()).map_err(|why| broken(why.to_string()))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let host = HeaderValue::from_str(&url.authority()).map_err(|_| invalid("the host has no name"))?;
    headers.insert(HOST, host);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    let body = Full::new(Bytes::copy_from_slice(&call.body().0));
    let built = Request::builder().method(method.word()).uri(url.target()).body(body);
    let mut built = built.map_err(|_| invalid("the URL has a character that no request can have"))?;
    *built.headers_mut() = headers;
    Ok(built)
}

/// Sends a request and takes in the answer, up to so many bytes; `taken` counts those that came.
pub(super) async fn exchange(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
    allowance: u64,
    taken: &AtomicU64,
) -> Result<HttpAnswer, Refusal> {
    let mut builder = http1::Builder::new();
    builder.max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD);
    let (mut sender, connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(|why| broken(&why))?;
    let work = async {
        let response = sender.send_request(request).await.map_err(|why| broken(&why))?;
        answer(response, allowance, taken).await
    };
    // Both live in this future: dropped with it, nothing of the connection is left.
    match select(Box::pin(work), Box::pin(connection)).await {
        Either::Left((answer, _)) => answer,
        Either::Right((_, work)) => work.await,
    }
}

async fn answer(
    response: Response<Incoming>,
    allowance: u64,
    taken: &AtomicU64,
) -> Result<HttpAnswer, Refusal> {
    let (head, mut body) = response.into_parts();
    check_lengths(&head.headers)?;
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<(String, String)> =
        head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let mut size: u64 = headers.iter().map(|(name, value)| (name.len() + value.len()) as u64).sum();
    let mut content = Vec::new();
    let status = head.status.as_u16();
    if !matches!(status, 301 | 302 | 303 | 307 | 308) || !head.headers.contains_key("location") {
        check_encoding(&head.headers)?;
        // What is announced to be too large need not come.
        let announced = hyper::body::Body::size_hint(&body).lower();
        check_size(size.saturating_add(announced), allowance)?;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|why| broken(&why))?;
            if let Some(data) = frame.data_ref() {
                size += data.len() as u64;
                taken.store(size.min(allowance), Ordering::Relaxed);
                check_size(size, allowance)?;
                content.extend_from_slice(data);
            }
        }
    }
    check_size(size, allowance)?;
    Ok(HttpAnswer { status, headers, body: Content(content) })
}

fn check_size(size: u64, allowance: u64) -> Result<(), Refusal> {
    if size > allowance {
        let why = format!("the answer has more than the {allowance} bytes that may come in");
        return Err(Refusal::new(RefusalKind::TooLarge, why));
    }
    Ok(())
}

/// An answer whose end two programs could see in different places is none.
fn check_lengths(headers: &HeaderMap) -> Result<(), Refusal> {
    let lengths = headers.get_all(CONTENT_LENGTH).iter().count();
    let codings = headers.get_all(TRANSFER_ENCODING).iter().count();
    let digits = |value: &HeaderValue| value.as_bytes().iter().all(u8::is_ascii_digit);
    let chunked = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"chunked");
    let plain =
        headers.get(CONTENT_LENGTH).is_none_or(digits) && headers.get(TRANSFER_ENCODING).is_none_or(chunked);
    if lengths + codings > 1 || !plain {
        return Err(Refusal::new(RefusalKind::Failed, "the answer says twice how long it is"));
    }
    Ok(())
}

/// Nothing is unpacked here: what was packed all the same could hide what must not come in, or be huge.
fn check_encoding(headers: &HeaderMap) -> Result<(), Refusal> {
    let plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(plain) {
        return Err(Refusal::new(RefusalKind::Failed, "the answer is compressed, which was not asked for"));
    }
    Ok(())
}

/// In words of our own: what a library says may quote the server.
fn broken(why: &hyper::Error) -> Refusal {
    let what = if why.is_parse() {
        "the answer is not HTTP, or its head is too large"
    } else if why.is_incomplete_message() {
        "the connection ended before the answer did"
    } else {
        "the connection broke"
    };
    Refusal::new(RefusalKind::Failed, what)
}
