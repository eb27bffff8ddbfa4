//! Writes the address of the machine in every way that a program might read.

use ringfence_sdk::prelude::*;

const SPELLED: [&str; 12] = [
    "127.0.0.1",
    "2130706433",
    "0x7f000001",
    "017700000001",
    "0177.0.0.01",
    "0x7f.1",
    "127.1",
    "127.0.0.1.",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "\u{ff11}\u{ff12}\u{ff17}.0.0.1",
];

/// Gets it, and says what it got hold of.
#[skill]
fn attack_http_spells_addresses(port: u16, http: Http) -> Result<Vec<String>> {
    let urls = SPELLED.map(|address| format!("http://{address}:{port}/"));
    Ok(urls.iter().filter_map(|url| http.get(url).ok().map(|response| response.url)).collect())
}
