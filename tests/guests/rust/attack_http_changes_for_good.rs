//! Asks a server that is granted for changes that cannot be undone.

use ringfence_sdk::http::Request;
use ringfence_sdk::prelude::*;

/// By every method there is, and says what it changed.
#[skill]
fn attack_http_changes_for_good(base: String, http: Http) -> Result<Vec<String>> {
    let methods = ["POST", "PUT", "PATCH", "DELETE", "MKCOL", "PROPPATCH"];
    let asks = methods.map(|method| Request::new(method, format!("{base}/open/a")).body("mine now"));
    Ok(asks.into_iter().filter_map(|ask| http.send(ask).ok().map(|response| response.url)).collect())
}
