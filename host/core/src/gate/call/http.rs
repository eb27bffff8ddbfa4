//! One request on the web. Where it leads on is another one.

use serde::{Deserialize, Serialize};

use super::{Call, Content, Repetition};
use crate::capability::Capability;
use crate::governance::{Cost, Method, Scope, WebAsk, WebUrl};
use crate::limit::{Amounts, Limit};
use crate::ring::Effect;

/// The largest answer, in bytes.
const MAX_ANSWER: u64 = 16 << 20;

/// The most headers of a request.
const MAX_HEADERS: usize = 64;

/// The most bytes of a request's headers.
const MAX_HEADER_BYTES: usize = 16 << 10;

/// Headers that belong to the host: they say where a message goes and where it ends, or make another request of it.
const HOSTS_OWN: [&str; 18] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "idempotency-key",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// The same, by how they begin.
const HOSTS_OWN_KINDS: [&str; 3] = ["proxy-", "sec-", "x-forwarded-"];

/// Sends one request.
#[derive(Debug, Serialize)]
pub struct HttpSend {
    /// As the skill says it.
    method: String,
    /// In its one spelling, or as the skill says it where it has none.
    url: String,
    /// Names in lower case, in the skill's order.
    headers: Vec<(String, String)>,
    /// What is sent.
    body: Content,
    #[serde(skip)]
    meant: Result<(Method, WebUrl), &'static str>,
}

/// What one request is answered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpAnswer {
    /// 200 and so on.
    pub status: u16,
    /// Names in lower case, in the server's order.
    pub headers: Vec<(String, String)>,
    /// Nothing where the status leads elsewhere.
    pub body: Content,
}

impl HttpSend {
    /// A request. One that cannot be sent is no request of any policy; the gate says so.
    #[must_use]
    pub fn new(method: String, url: &str, headers: Vec<(String, String)>, body: Content) -> Self {
        Self::to(method, WebUrl::parse(url).map_err(|why| (url.to_owned(), why)), headers, body)
    }

    pub(in crate::gate) fn to(
        method: String,
        url: Result<WebUrl, (String, &'static str)>,
        mut headers: Vec<(String, String)>,
        body: Content,
    ) -> Self {
        headers.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
        let written = url.as_ref().map_or_else(|(said, _)| said.clone(), ToString::to_string);
        let meant = url.map_err(|(_, why)| why).and_then(|url| {
            check_headers(&headers)?;
            let method = Method::parse(&method)?;
            if matches!(method.word(), "GET" | "HEAD") && !body.0.is_empty() {
                return Err("GET and HEAD have no body");
            }
            Ok((method, url))
        });
        Self { method, url: written, headers, body, meant }
    }

    /// Method and URL. A call that has none never gets a permit.
    #[must_use]
    pub const fn meant(&self) -> Option<(&Method, &WebUrl)> {
        match &self.meant {
            Ok((method, url)) => Some((method, url)),
            Err(_) => None,
        }
    }

    /// The skill's headers.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// What is sent.
    #[must_use]
    pub const fn body(&self) -> &Content {
        &self.body
    }

    fn bytes(&self) -> u64 {
        (self.method.len() + self.url.len() + header_bytes(&self.headers) + self.body.0.len()) as u64
    }
}

impl Call for HttpSend {
    const CAPABILITY: Capability = Capability::Http;
    const NAME: &'static str = "http.send";
    const EFFECT: Effect = Effect::Irreversible;
    type Answer = HttpAnswer;

    fn effect(&self) -> Effect {
        self.meant().map_or(Self::EFFECT, |(method, _)| method.effect())
    }

    fn scope(&self) -> Scope<'_> {
        let ask = |(method, url)| WebAsk { url, method, bytes: self.bytes() };
        Scope::Web(self.meant.as_ref().map(|(method, url)| ask((method, url))).map_err(|why| *why))
    }

    /// PUT and DELETE are idempotent by RFC 9110; for others the server must know the request again.
    fn repetition(&self) -> Repetition {
        match self.meant() {
            Some((method, _)) if method.effect() == Effect::Read => Repetition::Harmless,
            Some((method, _)) if matches!(method.word(), "PUT" | "DELETE") => Repetition::Keyed,
            _ => Repetition::Again,
        }
    }

    fn cost(&self) -> Cost {
        let fixed = Amounts::NONE.with(Limit::BytesOut, self.bytes());
        Cost { fixed, up_to: Some((Limit::BytesIn, MAX_ANSWER)) }
    }

    fn used(&self, answer: &HttpAnswer) -> Amounts {
        let bytes = header_bytes(&answer.headers) + answer.body.0.len();
        self.cost().fixed.with(Limit::BytesIn, bytes as u64)
    }
}

fn header_bytes(headers: &[(String, String)]) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.len()).sum()
}

fn check_headers(headers: &[(String, String)]) -> Result<(), &'static str> {
    if headers.len() > MAX_HEADERS {
        return Err("a request has 64 headers at most");
    }
    if header_bytes(headers) > MAX_HEADER_BYTES {
        return Err("the headers of a request have 16384 bytes at most");
    }
    headers.iter().try_for_each(|(name, value)| check_header(name, value))
}

/// Whether a header can be sent: its name, which is in lower case, and its value.
///
/// # Errors
/// What is wrong with it.
pub fn check_header(name: &str, value: &str) -> Result<(), &'static str> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Err("the name of a header is no word of letters, digits and hyphens");
    }
    if HOSTS_OWN.contains(&name) || HOSTS_OWN_KINDS.iter().any(|kind| name.starts_with(kind)) {
        return Err("a header is one that only the host sends");
    }
    if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) || value.trim() != value {
        return Err("the value of a header has other characters than visible ASCII and single spaces within");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(method: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<&'static str> {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        HttpSend::new(method.into(), "http://x.example/", headers, Content(body.to_vec())).meant.err()
    }

    #[test]
    fn a_header_of_the_hosts_own_or_with_a_line_in_it_is_no_header_of_a_skill() {
        for name in
            ["Host", "HOST", "Connection", "Content-Length", "Transfer-Encoding", "TE", "Trailer", "Upgrade"]
        {
            assert!(why("GET", &[(name, "x")], b"").is_some(), "{name}");
        }
        for name in
            ["Proxy-Authorization", "Expect", "Keep-Alive", "X-HTTP-Method-Override", "Accept-Encoding"]
        {
            assert!(why("GET", &[(name, "x")], b"").is_some(), "{name}");
        }
        for name in ["", "a b", "a:b", "a\r\nb", "ä", "a\0"] {
            assert!(why("GET", &[(name, "x")], b"").is_some(), "{name:?}");
        }
        for value in ["a\r\nHost: evil", "a\nb", "\0", "ä", " a", "a\t", "\u{7f}"] {
            assert!(why("GET", &[("x", value)], b"").is_some(), "{value:?}");
        }
        assert_eq!(why("GET", &[("Accept", "text/html, */*;q=0.5"), ("x-empty", "")], b""), None);
    }

    #[test]
    fn headers_are_counted() {
        assert!(why("GET", &[("x", "y"); 65], b"").is_some());
        assert!(why("GET", &[("x", &"y".repeat(17_000))], b"").is_some());
        assert_eq!(why("GET", &[("x", "y"); 64], b""), None);
    }

    #[test]
    fn a_method_is_a_word_in_capitals_and_asks_for_an_answer() {
        for method in ["", "get", "GET /", "CONNECT", "TRACE", "G\r\nX"] {
            assert!(why(method, &[], b"").is_some(), "{method:?}");
        }
        assert!(why("GET", &[], b"body").is_some());
        assert_eq!(why("POST", &[], b"body"), None);
    }
}
