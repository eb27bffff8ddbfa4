//! Asks a server that answers as none should, and takes whatever comes.

use ringfence_sdk::prelude::*;

/// Says what became of each.
#[skill]
fn attack_http_swallows_what_it_is_fed(urls: Vec<String>, http: Http) -> Result<Vec<String>> {
    let said = |url: &String| match http.get(url) {
        Ok(response) => format!("{} bytes", response.body.len()),
        Err(error) => error.to_string(),
    };
    Ok(urls.iter().map(said).collect())
}
