//! Makes the requests that it is told to make, and says what came of each.

use ringfence_sdk::http::Request;
use ringfence_sdk::prelude::*;

/// A request.
#[data]
pub struct Ask {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
}

/// Asks and tells.
#[skill]
fn friend_asks_the_web(asked: Vec<Ask>, http: Http) -> Result<Vec<String>> {
    let send = |ask: Ask| {
        let request = Request { headers: ask.headers, ..Request::new(ask.method, ask.url) };
        match http.send(request.body(ask.body)) {
            Ok(response) => {
                format!("{} {} {}", response.status, response.url, response.text().unwrap_or("?"))
            }
            Err(error) => format!("{error:?}"),
        }
    };
    Ok(asked.into_iter().map(send).collect())
}
