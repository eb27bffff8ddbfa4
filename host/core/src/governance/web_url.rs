//! A URL as the host understands it: taken apart once, into one spelling. What is decided on is what is connected to.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;

use serde::{Deserialize, Serialize};

/// How a request travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that is meant where none is said.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Whom a URL names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WebHost {
    /// A name in lower case, in ASCII (`xn--…`), without a trailing dot.
    Name(String),
    /// An address; one that is mapped into IPv6 stands as the IPv4 address that it is.
    Address(IpAddr),
}

impl fmt::Display for WebHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// A URL in its one spelling.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WebUrl {
    scheme: Scheme,
    host: WebHost,
    port: u16,
    path: String,
    query: Option<String>,
}

impl WebUrl {
    /// The longest URL, in bytes.
    pub const MAX_BYTES: usize = 8 << 10;

    /// Takes a URL apart. What two programs could read differently is refused; the rest is brought into one spelling:
    /// lower case, no dot segments, no default port, no fragment, names in ASCII, addresses as such however they
    /// are written.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > Self::MAX_BYTES {
            return Err("the URL is longer than 8192 bytes");
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("the URL has a space or a control character");
        }
        if text.contains('\\') {
            return Err("the URL has a backslash");
        }
        check_authority(authority_of(text)?)?;
        let url = url::Url::parse(text).map_err(|_| "it is not a URL")?;
        Self::taken_from(&url)
    }

    /// Where a reference found at this URL leads, as in a redirect.
    ///
    /// # Errors
    /// What is wrong with it, as for [`WebUrl::parse`].
    pub fn join(&self, reference: &str) -> Result<Self, &'static str> {
        if reference.len() > Self::MAX_BYTES {
            return Err("the URL is longer than 8192 bytes");
        }
        if reference.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err("the URL has a space, a control character or a backslash");
        }
        let base = url::Url::parse(&self.to_string()).map_err(|_| "it is not a URL")?;
        let joined = base.join(reference).map_err(|_| "it is not a URL")?;
        if let Some(rest) = reference.strip_prefix("//") {
            check_authority(rest.split(['/', '?', '#']).next().unwrap_or(rest))?;
        } else if reference.split(['/', '?', '#']).next().is_some_and(|begins| begins.contains(':')) {
            return Self::parse(reference);
        }
        Self::taken_from(&joined)
    }

    fn taken_from(url: &url::Url) -> Result<Self, &'static str> {
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err("only http and https are spoken"),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the URL has credentials");
        }
        let host = match url.host().ok_or("the URL has no host")? {
            url::Host::Domain(name) => WebHost::Name(check_name(name)?.to_owned()),
            url::Host::Ipv4(address) => WebHost::Address(address.into()),
            url::Host::Ipv6(address) => WebHost::Address(IpAddr::V6(address).to_canonical()),
        };
        let port = url.port().unwrap_or_else(|| scheme.port());
        if port == 0 {
            return Err("there is no port 0");
        }
        let query = url.query().map(str::to_owned);
        Ok(Self { scheme, host, port, path: url.path().to_owned(), query })
    }

    /// How it travels.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whom it names.
    #[must_use]
    pub const fn host(&self) -> &WebHost {
        &self.host
    }

    /// Its port, also where it is the usual one.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its path, which begins with a slash.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Path and query, as a request names them.
    #[must_use]
    pub fn target(&self) -> String {
        self.query.as_ref().map_or_else(|| self.path.clone(), |query| format!("{}?{query}", self.path))
    }

    /// Host and port, as the header `host` names them.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == self.scheme.port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Scheme, host and port: what is meant by "the same site".
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme.word(), self.authority())
    }

    /// Whether every server reads its path alike. A server may decode `%2f` before it resolves `..`, cut `;…` off or
    /// merge slashes; such a path belongs to no grant that is narrowed to a path.
    #[must_use]
    pub fn path_is_plain(&self) -> bool {
        let lower = self.path.to_ascii_lowercase();
        let hidden = ["//", ";", "%2f", "%5c", "%2e", "%25", "%3b", "%00"];
        !hidden.iter().any(|piece| lower.contains(piece))
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.path)?;
        self.query.as_ref().map_or(Ok(()), |query| write!(f, "?{query}"))
    }
}

impl Serialize for WebUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What stands between `://` and the path.
fn authority_of(text: &str) -> Result<&str, &'static str> {
    let (scheme, rest) =
        text.split_once("://").ok_or("it is not a URL; it begins with http:// or https://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err("only http and https are spoken");
    }
    Ok(rest.split(['/', '?', '#']).next().unwrap_or(rest))
}

fn check_authority(authority: &str) -> Result<(), &'static str> {
    if authority.is_empty() {
        return Err("the URL has no host");
    }
    if authority.contains('@') {
        return Err("the URL has credentials");
    }
    if authority.contains('%') {
        return Err("the host is percent-encoded");
    }
    if authority.ends_with(':') {
        return Err("the URL has an empty port");
    }
    Ok(())
}

fn check_name(name: &str) -> Result<&str, &'static str> {
    if name.ends_with('.') {
        return Err("the host ends with a dot");
    }
    if name.len() > 253 {
        return Err("the host is longer than 253 bytes");
    }
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let fits = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(known);
    if !name.split('.').all(fits) {
        return Err("the host is no name of letters, digits and hyphens");
    }
    Ok(name)
}

/// The IPv4 address that an IPv6 address carries for a translator: mapped, NAT64, 6to4.
pub(super) fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let of = |high: u16, low: u16| {
        let ([one, two], [three, four]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(one, two, three, four)
    };
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => Some(of(g, h)),
        (0x2002, high, low, ..) => Some(of(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Result<String, &'static str> {
        WebUrl::parse(text).map(|url| url.to_string())
    }

    #[test]
    fn a_url_has_one_spelling() {
        for (said, meant) in [
            ("https://example.com", "https://example.com/"),
            ("HTTPS://EXAMPLE.com:443/a/../b?q=1#part", "https://example.com/b?q=1"),
            ("http://example.com/a/%2e%2e/b", "http://example.com/b"),
            ("http://example.com:8080/ä", "http://example.com:8080/%C3%A4"),
            ("http://bücher.example/", "http://xn--bcher-kva.example/"),
            ("http://ｅxample.com/", "http://example.com/"),
        ] {
            assert_eq!(canonical(said).as_deref(), Ok(meant), "{said}");
        }
    }

    #[test]
    fn an_address_is_an_address_however_it_is_written() {
        for odd in [
            "127.0.0.1",
            "2130706433",
            "0x7f000001",
            "017700000001",
            "0177.0.0.1",
            "0x7f.1",
            "127.1",
            "127.0.0.1.",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:7f00:1]",
            "１２７.0.0.1",
            "①②⑦.0.0.1",
        ] {
            assert_eq!(canonical(&format!("http://{odd}/")).as_deref(), Ok("http://127.0.0.1/"), "{odd}");
        }
        assert_eq!(canonical("http://[0:0::1]:8080/").as_deref(), Ok("http://[::1]:8080/"));
    }

    #[test]
    fn what_two_programs_could_read_differently_is_refused() {
        for bad in [
            "",
            "example.com",
            "//example.com/",
            "http:example.com",
            "http:/example.com",
            "http:///example.com",
            "file:///etc/passwd",
            "ftp://example.com/",
            "http://ada@example.com/",
            "http://ada:word@example.com/",
            "http://@example.com/",
            "http://example.com@evil.example/",
            "http://example.com:0/",
            "http://example.com:/",
            "http://example.com:99999/",
            "http://example.com./",
            "http://example.com../",
            "http://exa mple.com/",
            "http://example.com/a b",
            "http://example.com/\r\nx: y",
            "http://example.com/\t",
            "http://example.com\\@evil.example/",
            "http://ex%61mple.com/",
            "http://example..com/",
            "http://*.example.com/",
            "http://[fe80::1%25eth0]/",
            "http://256.256.256.256/",
            "http://1.2.3.4.5/",
            "http://example.com/\u{a0}",
        ] {
            assert!(WebUrl::parse(bad).is_err(), "{bad:?} is {:?}", canonical(bad));
        }
    }

    #[test]
    fn a_redirect_leads_from_where_it_was_found() {
        let base = WebUrl::parse("https://example.com/a/b?c").expect("a URL");
        let joined = |reference: &str| base.join(reference).map(|url| url.to_string());
        assert_eq!(joined("/x").as_deref(), Ok("https://example.com/x"));
        assert_eq!(joined("x").as_deref(), Ok("https://example.com/a/x"));
        assert_eq!(joined("//evil.example/x").as_deref(), Ok("https://evil.example/x"));
        assert_eq!(joined("http://2130706433/").as_deref(), Ok("http://127.0.0.1/"));
        for bad in
            ["file:///etc/passwd", "//ada@evil.example/", "http://ada@evil.example/", "a b", "javascript:1"]
        {
            assert!(base.join(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_that_servers_read_differently_is_not_plain() {
        let plain =
            |path: &str| WebUrl::parse(&format!("http://x.example{path}")).expect("a URL").path_is_plain();
        assert!(plain("/v1/items/7"));
        for odd in
            ["/v1/..%2fadmin", "/v1/..;/admin", "/v1//admin", "/v1/%252e%252e/admin", "/v1/%5c..%5cadmin"]
        {
            assert!(!plain(odd), "{odd}");
        }
    }
}
