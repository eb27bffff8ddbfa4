//! Asks for granted names that lead to the inside: to a cloud's metadata, to the machine, first outside and then inside.

use ringfence_sdk::prelude::*;

/// Gets each of them three times, and says what it got hold of.
#[skill]
fn attack_http_reaches_inward_by_name(urls: Vec<String>, http: Http) -> Result<Vec<String>> {
    let gets = urls.iter().flat_map(|url| [http.get(url), http.get(url), http.get(url)]);
    Ok(gets.filter_map(|got| got.ok().map(|response| response.url)).collect())
}
