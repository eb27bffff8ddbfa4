//! One request and its stream of events, with everything about the answer bounded.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use futures::FutureExt;
use reqwest::header::RETRY_AFTER;
use ringfence_core::refusal::{Refusal, RefusalKind};
use serde_json::Value;

use super::draft::{Draft, More};
use super::health::LONGEST_REST;
use super::rest;
use super::sse::Events;

/// What comes over the wire is so many times the answer in it, at most.
const MOST_WRAPPING: u64 = 256;

/// The most bytes of an error that is read.
const MAX_ERROR: usize = 64 << 10;

/// Reads the events of one dialect into a draft.
pub(super) trait Read {
    fn event(&mut self, event: &str, draft: &mut Draft) -> Result<More, Refusal>;
}

/// Sends a request and reads its answer; `taken` counts the bytes of it that came.
pub(super) async fn exchange(
    request: reqwest::RequestBuilder,
    mut reader: impl Read,
    mut draft: Draft,
    taken: &AtomicU64,
) -> Result<Draft, Refusal> {
    let sent = request.send().await;
    let mut response = sent.map_err(|why| {
        // Sent and not answered: nobody knows what it did for us.
        taken.store(u64::from(!why.is_connect()), Ordering::Relaxed);
        broken(&why)
    })?;
    if !response.status().is_success() {
        return Err(refused(response).await);
    }
    // From here on it may have worked for us.
    taken.store(1, Ordering::Relaxed);
    let mut events = Events::default();
    let mut left = (4 << 20) + draft.most_bytes().saturating_mul(MOST_WRAPPING).min(256 << 20);
    while let Some(chunk) = response.chunk().await.map_err(|why| broken(&why))? {
        let too_long = || Refusal::new(RefusalKind::TooLarge, "the provider sends more than any answer has");
        left = left.checked_sub(chunk.len() as u64).ok_or_else(too_long)?;
        for event in events.take(&chunk).map_err(|_| too_long())? {
            let more = reader.event(&event, &mut draft)?;
            taken.store(draft.bytes().max(1), Ordering::Relaxed);
            if more == More::No {
                // The end of the body, if it has come too: then the connection serves the next question. It is not waited for.
                drop(response.chunk().now_or_never());
                return Ok(draft.finished());
            }
        }
    }
    if draft.has_ended() {
        return Ok(draft.finished());
    }
    Err(Refusal::new(RefusalKind::Failed, "the answer broke off"))
}

/// An event as JSON.
pub(super) fn json(event: &str) -> Result<Value, Refusal> {
    let broken = |_| Refusal::new(RefusalKind::Failed, "the provider sends what is no JSON");
    serde_json::from_str(event).map_err(broken)
}

/// What a provider says in place of an answer.
pub(super) fn complaint(error: &Value) -> Refusal {
    let message = error["message"].as_str().or_else(|| error.as_str()).unwrap_or("it does not say why");
    Refusal::new(RefusalKind::Failed, format!("the provider says: {}", plain(message)))
}

async fn refused(mut response: reqwest::Response) -> Refusal {
    let status = response.status().as_u16();
    let rest = match status {
        429 | 503 => response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()),
        _ => None,
    };
    let rest = rest.and_then(|said| rest::read(said, SystemTime::now())).map(|rest| rest.min(LONGEST_REST));
    let mut body = Vec::new();
    while body.len() < MAX_ERROR
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(MAX_ERROR);
    let text = String::from_utf8_lossy(&body);
    let said = serde_json::from_str::<Value>(&text).ok();
    let error = said.as_ref().map(|said| &said["error"]);
    let message =
        error.and_then(|error| error["message"].as_str().or_else(|| error.as_str())).unwrap_or(&text);
    let kind = match status {
        400 | 422 => RefusalKind::Invalid,
        413 => RefusalKind::TooLarge,
        408 | 504 => RefusalKind::TimedOut,
        _ => RefusalKind::Failed,
    };
    let refusal = |more: &str| {
        Refusal::new(kind, format!("the provider answers with status {status}{more}: {}", plain(message)))
    };
    match rest {
        None => refusal(""),
        Some(rest) => {
            let rest_ms = super::milliseconds(rest);
            let more = format!(" and wants to be left alone for {} s", rest_ms.div_ceil(1_000));
            refusal(&more).resting(rest_ms)
        }
    }
}

fn plain(message: &str) -> String {
    message.chars().map(|one| if one.is_control() { ' ' } else { one }).collect()
}

/// An error of the connection, without the URL in it.
fn broken(why: &reqwest::Error) -> Refusal {
    if why.is_timeout() {
        return Refusal::new(RefusalKind::TimedOut, "the provider does not answer in time");
    }
    let what = if why.is_connect() {
        "the provider cannot be reached"
    } else {
        "the connection to the provider broke"
    };
    Refusal::new(RefusalKind::Failed, what)
}
