//! Sends what it knows to a server that is granted, as the query of one request after another.

use ringfence_sdk::prelude::*;

/// Never stops.
#[skill]
fn attack_http_carries_data_out(base: String, http: Http) -> Result<String> {
    let data = "x".repeat(4_000);
    loop {
        http.get(&format!("{base}/?{data}"))?;
    }
}
