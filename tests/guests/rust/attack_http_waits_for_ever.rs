//! Asks a server that never answers.

use ringfence_sdk::prelude::*;

/// Waits.
#[skill]
fn attack_http_waits_for_ever(url: String, http: Http) -> Result<String> {
    Ok(http.get(&url)?.url)
}
