//! A request of a skill and where it leads on. Each hop is a call of its own: decided, charged and recorded as if the
//! skill had made it.

use super::{Content, Gate, HttpAnswer, HttpSend, Stop};
use crate::governance::WebUrl;
use crate::refusal::{Refusal, RefusalKind};

/// How often a request may be led on.
const MAX_REDIRECTS: usize = 3;

/// What goes along to another site. All else could be a credential.
const HARMLESS: [&str; 4] = ["accept", "accept-language", "content-type", "user-agent"];

/// A request as a skill makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// GET and so on.
    pub method: String,
    /// Of what.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Vec<u8>,
}

/// What a skill gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// 200 and so on.
    pub status: u16,
    /// Where the answer came from, in its one spelling.
    pub url: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// What came.
    pub body: Vec<u8>,
}

impl Gate {
    /// Sends a request and follows where it leads, at most three times.
    ///
    /// # Errors
    /// [`Stop`], as for every call, at whichever hop.
    pub async fn fetch(&mut self, request: HttpRequest) -> Result<HttpResponse, Stop> {
        let HttpRequest { mut method, url, mut headers, mut body } = request;
        let mut target = WebUrl::parse(&url).map_err(|why| (url, why));
        for _ in 0..=MAX_REDIRECTS {
            let call = HttpSend::to(method.clone(), target.clone(), headers.clone(), Content(body.clone()));
            let answer = self.pass(call, |permit, outside| outside.http.send(permit)).await?;
            let Ok(here) = &target else { return Err(nowhere()) };
            let Some(reference) = leads_to(&answer) else {
                let HttpAnswer { status, headers, body } = answer;
                return Ok(HttpResponse { status, url: here.to_string(), headers, body: body.0 });
            };
            let there = here.join(reference).map_err(|why| (reference.to_owned(), why));
            if there.as_ref().map_or(true, |there| there.origin() != here.origin()) {
                headers.retain(|(name, _)| HARMLESS.iter().any(|kept| name.eq_ignore_ascii_case(kept)));
            }
            if becomes_get(answer.status, &method) {
                "GET".clone_into(&mut method);
                body.clear();
                headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
            }
            target = there;
        }
        let why = format!("it was led on more than {MAX_REDIRECTS} times");
        Err(Stop::Tell(Refusal::new(RefusalKind::Failed, why)))
    }
}

/// Where an answer leads, if it leads on.
fn leads_to(answer: &HttpAnswer) -> Option<&str> {
    if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    answer.headers.iter().find(|(name, _)| name == "location").map(|(_, value)| value.as_str())
}

/// As browsers do it.
fn becomes_get(status: u16, method: &str) -> bool {
    match status {
        301 | 302 => method == "POST",
        303 => method != "GET" && method != "HEAD",
        _ => false,
    }
}

fn nowhere() -> Stop {
    Stop::Tell(Refusal::new(RefusalKind::Invalid, "it is not a URL"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_becomes_a_get_where_browsers_make_one_of_it() {
        for (status, method, get) in [
            (301, "POST", true),
            (302, "POST", true),
            (303, "POST", true),
            (303, "PUT", true),
            (301, "PUT", false),
            (307, "POST", false),
            (308, "POST", false),
            (303, "HEAD", false),
        ] {
            assert_eq!(becomes_get(status, method), get, "{status} {method}");
        }
    }

    #[test]
    fn only_a_redirect_with_a_place_leads_on() {
        let answer = |status, headers: &[(&str, &str)]| HttpAnswer {
            status,
            headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            body: Content::default(),
        };
        assert_eq!(leads_to(&answer(302, &[("location", "/x")])), Some("/x"));
        assert_eq!(leads_to(&answer(200, &[("location", "/x")])), None);
        assert_eq!(leads_to(&answer(302, &[])), None);
    }
}
