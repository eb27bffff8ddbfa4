//! Asks for URLs that are nearly those of a grant.

use ringfence_sdk::prelude::*;

/// Granted is `http://granted.test:PORT/open/*`.
const NEAR: [&str; 22] = [
    "https://granted.test:PORT/open/a",
    "http://granted.test/open/a",
    "http://granted.test:1/open/a",
    "http://granted.test.evil.test:PORT/open/a",
    "http://grante.test:PORT/open/a",
    "http://xgranted.test:PORT/open/a",
    "http://a.granted.test:PORT/open/a",
    "http://granted.test.:PORT/open/a",
    "http://gr\u{430}nted.test:PORT/open/a",
    "http://granted.test:PORT@evil.test/open/a",
    "http://ada:word@granted.test:PORT/open/a",
    "http://granted.test:PORT/open",
    "http://granted.test:PORT/opened/a",
    "http://granted.test:PORT/OPEN/a",
    "http://granted.test:PORT/open/../closed",
    "http://granted.test:PORT/open/%2e%2e/closed",
    "http://granted.test:PORT/open/..%2fclosed",
    "http://granted.test:PORT/open/..;/closed",
    "http://granted.test:PORT/open/..%252fclosed",
    "http://granted.test:PORT/open//closed",
    "http://granted.test:PORT/open/..\\closed",
    "http://granted.test:PORT\\@evil.test/open/a",
];

/// Gets them, and says what it got hold of.
#[skill]
fn attack_http_near_miss_of_a_grant(port: u16, http: Http) -> Result<Vec<String>> {
    let urls = NEAR.map(|url| url.replace("PORT", &port.to_string()));
    Ok(urls.iter().filter_map(|url| http.get(url).ok().map(|response| response.url)).collect())
}
