//! Which addresses are the public internet. Everything else is denied unless a grant names its network.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::web_url::carried;

/// A block of addresses: an address, the length of its prefix, and what it is.
type Block4 = ([u8; 4], u32, &'static str);

const NOT_PUBLIC: [Block4; 17] = [
    ([0, 0, 0, 0], 8, "an unspecified address"),
    ([10, 0, 0, 0], 8, "a private address"),
    ([100, 64, 0, 0], 10, "an address shared by a provider"),
    ([127, 0, 0, 0], 8, "this machine"),
    ([169, 254, 0, 0], 16, "a link-local address, where clouds keep their metadata"),
    ([168, 63, 129, 16], 32, "a cloud's metadata"),
    ([172, 16, 0, 0], 12, "a private address"),
    ([192, 0, 0, 0], 24, "an address for protocols"),
    ([192, 0, 2, 0], 24, "an address for documentation"),
    ([192, 88, 99, 0], 24, "a relay"),
    ([192, 168, 0, 0], 16, "a private address"),
    ([198, 18, 0, 0], 15, "an address for benchmarks"),
    ([198, 51, 100, 0], 24, "an address for documentation"),
    ([203, 0, 113, 0], 24, "an address for documentation"),
    ([224, 0, 0, 0], 4, "a multicast address"),
    ([255, 255, 255, 255], 32, "a broadcast address"),
    ([240, 0, 0, 0], 4, "a reserved address"),
];

/// What an address is, if it is not public. One that carries an IPv4 address is what that is.
pub(super) fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => not_public_4(address),
        IpAddr::V6(address) => match carried(address) {
            Some(inner) => not_public_4(inner),
            None => not_public_6(address),
        },
    }
}

fn not_public_4(address: Ipv4Addr) -> Option<&'static str> {
    let bits = u32::from(address);
    let inside = |(network, length, _): &&Block4| {
        let network = u32::from_be_bytes(*network);
        (bits ^ network) >> (32 - length) == 0
    };
    NOT_PUBLIC.iter().find(inside).map(|(_, _, what)| *what)
}

/// Only 2000::/3 is given out; of that some blocks are special.
fn not_public_6(address: Ipv6Addr) -> Option<&'static str> {
    let [a, b, ..] = address.segments();
    match (a, b) {
        _ if address.is_unspecified() => Some("an unspecified address"),
        _ if address.is_loopback() => Some("this machine"),
        (0xfc00..=0xfdff, _) => Some("a private address"),
        (0xfe80..=0xfebf, _) => Some("a link-local address"),
        (0xff00..=0xffff, _) => Some("a multicast address"),
        (0x2001, 0x0db8) | (0x3fff, 0..=0x0fff) => Some("an address for documentation"),
        (0x2001, 0..=0x01ff) => Some("an address for protocols"),
        (0x2000..=0x3fff, _) => None,
        _ => Some("a reserved address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(address: &str) -> Option<&'static str> {
        not_public(address.parse().expect("an address"))
    }

    #[test]
    fn an_address_that_leads_inward_is_seen_in_every_form() {
        for inward in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "168.63.129.16",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2002:c0a8:101::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
            "100::1",
            "5f00::1",
            "4000::1",
        ] {
            assert!(what(inward).is_some(), "{inward}");
        }
    }

    #[test]
    fn the_public_internet_is_public() {
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "64:ff9b::101:101",
            "2002:101:101::1",
            "2001:4860::8888",
        ] {
            assert_eq!(what(public), None, "{public}");
        }
    }
}
