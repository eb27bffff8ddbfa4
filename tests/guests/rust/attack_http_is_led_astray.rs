//! Asks a server that is granted, which leads it on to what is not.

use ringfence_sdk::http::Request;
use ringfence_sdk::prelude::*;

/// Takes along what it would like others to see, and says what it got hold of.
#[skill]
fn attack_http_is_led_astray(urls: Vec<String>, http: Http) -> Result<Vec<String>> {
    let asks = urls.into_iter().map(|url| Request::new("GET", url).header("authorization", "Bearer mine"));
    let gets = asks.filter_map(|ask| http.send(ask).ok());
    Ok(gets.map(|response| format!("{} {:?}", response.url, response.text())).collect())
}
