//! A web of prepared responses.

use crate::Http;
use crate::http::{Error, Request, Response};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The prepared responses and what was asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backing(Rc<RefCell<Web>>);

#[derive(Debug, Default)]
struct Web {
    prepared: BTreeMap<(String, String), Result<Response, Error>>,
    requests: Vec<Request>,
}

impl Backing {
    pub(crate) fn send(&self, request: Request) -> Result<Response, Error> {
        let mut web = self.0.borrow_mut();
        let key = (request.method.clone(), request.url.clone());
        let Request { method, url, .. } = &request;
        let denied = || Err(Error::Denied(format!("no grant covers {method} {url}")));
        let answer = web.prepared.get(&key).cloned().unwrap_or_else(denied);
        web.requests.push(request);
        answer.map(|response| {
            // Where it was led on to, or where it was asked.
            let url = if response.url.is_empty() { key.1 } else { response.url };
            Response { url, ..response }
        })
    }
}

impl Http {
    /// No web at all, for a native test: every request is denied until [`answering`](Self::answering).
    pub fn fake() -> Self {
        Self::default()
    }

    /// The same, with this method and URL granted and answered so.
    #[must_use]
    pub fn answering(self, method: &str, url: &str, answer: Result<Response, Error>) -> Self {
        self.0.0.borrow_mut().prepared.insert((method.to_owned(), url.to_owned()), answer);
        self
    }

    /// What was asked so far, denied or not.
    pub fn requests(&self) -> Vec<Request> {
        self.0.0.borrow().requests.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_prepared_is_denied() {
        let http = Http::fake().answering("GET", "https://a.example/", Ok(Response::ok("A")));
        assert_eq!(http.get("https://a.example/").unwrap().text(), Ok("A"));
        assert_eq!(http.get("https://a.example/").unwrap().url, "https://a.example/");
        assert!(matches!(http.get("https://b.example/"), Err(Error::Denied(_))));
        assert!(matches!(http.post("https://a.example/", "x"), Err(Error::Denied(_))));
        assert_eq!(http.requests().len(), 4);
    }

    #[test]
    fn what_is_sent_and_comes_as_json_is_data() {
        let url = "https://a.example/";
        let http = Http::fake().answering("POST", url, Ok(Response::ok("[1,2]")));
        let request = Request::new("POST", url).json(&vec!["x"]).unwrap();
        let response = http.send(request).unwrap().success().unwrap();
        assert_eq!(response.json::<Vec<u8>>(), Ok(vec![1, 2]));
        assert!(matches!(response.json::<String>(), Err(Error::Invalid(_))));
        let sent = &http.requests()[0];
        assert_eq!(sent.body, b"[\"x\"]");
        assert_eq!(sent.headers, [("content-type".to_owned(), "application/json".to_owned())]);
    }

    #[test]
    fn an_error_of_the_server_is_a_response() {
        let missing = Response { status: 404, ..Response::ok("gone") }.with_header("X-Why", "moved");
        let http = Http::fake().answering("GET", "https://a.example/", Ok(missing));
        let response = http.get("https://a.example/").unwrap();
        assert_eq!((response.is_success(), response.header("x-why")), (false, Some("moved")));
        assert!(matches!(response.success(), Err(Error::Failed(why)) if why.contains("status 404")));
    }
}
