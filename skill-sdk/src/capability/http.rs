//! Requests to what the operator granted of the web.

use crate::{Host, Provided};
use std::fmt;

#[cfg(not(target_family = "wasm"))]
use crate::fake::http as backing;

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Policy forbids it, there or where it was led on to.
    Denied(String),
    /// It is no request that could be sent, or its answer is not what it was taken for.
    Invalid(String),
    /// It took longer than it may.
    TimedOut(String),
    /// There is more of it than may come in.
    TooLarge(String),
    /// The server could not be reached, or did not answer as HTTP does.
    Failed(String),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(reason) => write!(formatter, "http was denied: {reason}"),
            Self::Invalid(reason) => write!(formatter, "not a request to make: {reason}"),
            Self::TimedOut(reason) => write!(formatter, "http took too long: {reason}"),
            Self::TooLarge(reason) => write!(formatter, "the answer is too large: {reason}"),
            Self::Failed(reason) => write!(formatter, "http failed: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

/// What to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// In capital letters: `GET`.
    pub method: String,
    /// Where, beginning with `http://` or `https://`.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// What to send.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self { method: method.into(), url: url.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// The same, with a header more.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same, sending this.
    #[must_use]
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// The same, sending this as JSON.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it cannot be written as JSON.
    pub fn json(self, body: &impl serde::Serialize) -> Result<Self, Error> {
        let json = serde_json::to_vec(body).map_err(|why| Error::Invalid(why.to_string()))?;
        Ok(self.header("content-type", "application/json").body(json))
    }
}

/// What came. An error of the server's is a response too: look at the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 200 and so on.
    pub status: u16,
    /// Where it came from, after redirects.
    pub url: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// What came, all of it.
    pub body: Vec<u8>,
}

impl Response {
    /// A response to prepare a fake with: text that came with status 200.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, url: String::new(), headers: Vec::new(), body: body.into() }
    }

    /// The same with a header more.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// Whether the status is one of success: 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The response if its status is one of success.
    ///
    /// # Errors
    /// [`Error::Failed`] with the status.
    pub fn success(self) -> Result<Self, Error> {
        if self.is_success() {
            return Ok(self);
        }
        Err(Error::Failed(format!("{} answered with status {}", self.url, self.status)))
    }

    /// The first header of this name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let fits = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        self.headers.iter().find(fits).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is not UTF-8.
    pub fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.body).map_err(|_| Error::Invalid(format!("{} is not UTF-8 text", self.url)))
    }

    /// The body as data.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is not this data as JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|why| Error::Invalid(format!("{}: {why}", self.url)))
    }
}

/// The power to make requests to what the operator granted.
///
/// The host resolves and checks every address, follows at most three redirects, each held against the grants anew, and
/// adds the headers that the operator granted, which a skill never sees. It refuses headers that say where a message
/// goes or ends (`host`, `content-length`, …), credentials in a URL, and what is larger or slower than it may be.
#[derive(Debug, Clone, Default)]
pub struct Http(pub(crate) backing::Backing);

impl Http {
    /// Gets what a URL names.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn get(&self, url: &str) -> Result<Response, Error> {
        self.send(Request::new("GET", url))
    }

    /// Posts something to a URL.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn post(&self, url: &str, body: impl Into<Vec<u8>>) -> Result<Response, Error> {
        self.send(Request::new("POST", url).body(body))
    }

    /// Sends a request.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn send(&self, request: Request) -> Result<Response, Error> {
        self.0.send(request)
    }
}

impl Provided for Http {
    #[cfg(target_family = "wasm")]
    fn provide(_: &Host) -> Self {
        Self::default()
    }

    #[cfg(not(target_family = "wasm"))]
    fn provide(host: &Host) -> Self {
        host.http.clone()
    }
}

#[cfg(target_family = "wasm")]
mod backing {
    //! The host's way to the web.

    use super::{Error, Request, Response};
    use crate::bindings::ringfence::http::http;

    #[derive(Debug, Clone, Default)]
    pub(crate) struct Backing;

    impl Backing {
        pub(crate) fn send(&self, request: Request) -> Result<Response, Error> {
            let Request { method, url, headers, body } = request;
            let http::Response { status, url, headers, body } =
                http::send(&http::Request { method, url, headers, body }).map_err(error)?;
            Ok(Response { status, url, headers, body })
        }
    }

    fn error(error: http::Error) -> Error {
        match error {
            http::Error::Denied(reason) => Error::Denied(reason),
            http::Error::Invalid(reason) => Error::Invalid(reason),
            http::Error::TimedOut(reason) => Error::TimedOut(reason),
            http::Error::TooLarge(reason) => Error::TooLarge(reason),
            http::Error::Failed(reason) => Error::Failed(reason),
        }
    }
}
