//! Grants about the web: which URLs, by which methods, at which addresses, with which headers of the operator's.

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::decide::Denial;
use super::network::not_public;
use super::web_url::{Scheme, WebHost, WebUrl};
use crate::audit::ApprovalTerms;
use crate::ring::Effect;

/// What a request does, by its method.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Method(String);

impl Method {
    /// A method: upper-case letters.
    ///
    /// # Errors
    /// It is none, or one that asks a server for something else than an answer.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() || text.len() > 16 || !text.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err("a method is written in capital letters: GET");
        }
        if ["CONNECT", "TRACE"].contains(&text) {
            return Err("CONNECT and TRACE are not spoken");
        }
        Ok(Self(text.to_owned()))
    }

    /// Its word.
    #[must_use]
    pub fn word(&self) -> &str {
        &self.0
    }

    /// What it does to the world, where nobody knows better: whatever does not promise to change nothing counts as
    /// something that cannot be undone.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match self.word() {
            "GET" | "HEAD" | "OPTIONS" => Effect::Read,
            _ => Effect::Irreversible,
        }
    }
}

/// Which URLs a grant covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlPattern {
    scheme: Scheme,
    /// An exact host, or what stands behind `*.`.
    pub(super) host: WebHost,
    /// Whether it covers the names below the host, and not the host itself.
    pub(super) below: bool,
    port: u16,
    path: PathPattern,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PathPattern {
    Every,
    Exactly(String),
    /// Everything that begins with this, which ends with a slash.
    Below(String),
}

impl UrlPattern {
    /// Reads `https://example.com` (every path), `https://*.example.com` (every name below it, not itself),
    /// `https://example.com/v1/*` (everything below a path) or `https://example.com/v1/status` (exactly that).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or("it begins with http:// or https://")?;
        let below = rest.starts_with("*.");
        let rest = rest.strip_prefix("*.").unwrap_or(rest);
        let has_path = rest.contains('/');
        let (plain, everything_below) = match rest.strip_suffix("/*") {
            Some(before) => (format!("{scheme}://{before}/"), true),
            None => (format!("{scheme}://{rest}"), false),
        };
        if plain.contains(['*', '?', '#']) {
            return Err(
                "`*` stands for names in front of a host or for all below a path; nothing else may vary"
                    .into(),
            );
        }
        let url = WebUrl::parse(&plain).map_err(str::to_owned)?;
        if below && !matches!(url.host(), WebHost::Name(_)) {
            return Err("`*.` stands before a name, not before an address".into());
        }
        if !url.path_is_plain() {
            return Err("its path is one that servers read differently".into());
        }
        let path = match (has_path, everything_below) {
            (false, _) => PathPattern::Every,
            (true, true) if url.path() == "/" => PathPattern::Every,
            (true, true) => PathPattern::Below(url.path().to_owned()),
            (true, false) => PathPattern::Exactly(url.path().to_owned()),
        };
        Ok(Self { scheme: url.scheme(), host: url.host().clone(), below, port: url.port(), path })
    }

    /// Whether it covers a URL, of which the host is known to fit.
    fn covers_rest(&self, url: &WebUrl) -> bool {
        let path = match &self.path {
            PathPattern::Every => true,
            PathPattern::Exactly(path) => url.path_is_plain() && url.path() == path,
            PathPattern::Below(path) => url.path_is_plain() && url.path().starts_with(path.as_str()),
        };
        path && url.scheme() == self.scheme && url.port() == self.port
    }

    fn covers_host(&self, host: &WebHost) -> bool {
        match (&self.host, host) {
            (WebHost::Name(end), WebHost::Name(name)) if self.below => {
                name.strip_suffix(end.as_str()).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
            }
            (granted, asked) => !self.below && granted == asked,
        }
    }
}

impl fmt::Display for UrlPattern {
    /// As it is written in a policy file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let below = if self.below { "*." } else { "" };
        write!(f, "{}://{below}{}", self.scheme.word(), self.host)?;
        if self.port != self.scheme.port() {
            write!(f, ":{}", self.port)?;
        }
        match &self.path {
            PathPattern::Every => Ok(()),
            PathPattern::Exactly(path) => f.write_str(path),
            PathPattern::Below(path) => write!(f, "{path}*"),
        }
    }
}

/// A header that the host adds to each request under a grant. The values of secrets are not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedHeader {
    /// Its name, in lower case.
    pub name: String,
    /// Its value; `{secret:NAME}` stands for a secret.
    pub value: String,
}

/// What the web may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebGrant {
    /// Which URLs.
    pub url: UrlPattern,
    /// By which methods.
    pub methods: Vec<Method>,
    /// What the other methods than GET, HEAD and OPTIONS do; irreversible where the operator does not say otherwise.
    pub effect: Effect,
    /// Whether its servers do a request once however often it comes with the same `Idempotency-Key`.
    pub idempotent: bool,
    /// Addresses that are not public and to which its hosts may lead all the same.
    pub networks: Vec<IpNet>,
    /// What the host adds to each request.
    pub headers: Vec<AddedHeader>,
    /// The most bytes of a request, and of the answer to it.
    pub max_bytes: u64,
    /// Who has to approve each request under it, whatever it does; nobody where nothing is said, but for what cannot be undone.
    pub approval: Option<ApprovalTerms>,
}

impl WebGrant {
    /// Whether it covers a request.
    #[must_use]
    pub fn covers(&self, url: &WebUrl, method: &Method) -> bool {
        self.url.covers_host(url.host()) && self.url.covers_rest(url) && self.methods.contains(method)
    }

    /// What both grants allow of a request that both cover. Where they add other headers, that is nothing.
    pub(super) fn meet(&self, other: &Self) -> Option<Self> {
        let common = |one: &Self, two: &Self| {
            let within = |network: &&IpNet| two.networks.iter().any(|other| other.contains(*network));
            one.networks.iter().filter(within).copied().collect::<Vec<_>>()
        };
        let mut networks = common(self, other);
        networks.extend(common(other, self));
        networks.sort_unstable();
        networks.dedup();
        let both = |method: &&Method| other.methods.contains(method);
        let approval = match (&self.approval, &other.approval) {
            (Some(one), Some(two)) => Some(one.meet(two)?),
            (one, two) => one.as_ref().or(two.as_ref()).cloned(),
        };
        (self.headers == other.headers).then(|| Self {
            approval,
            methods: self.methods.iter().filter(both).cloned().collect(),
            effect: self.effect.max(other.effect),
            idempotent: self.idempotent && other.idempotent,
            networks,
            max_bytes: self.max_bytes.min(other.max_bytes),
            ..self.clone()
        })
    }

    /// What a method does under it.
    #[must_use]
    pub fn effect_of(&self, method: &Method) -> Effect {
        if method.effect() == Effect::Read { Effect::Read } else { self.effect }
    }

    /// Clears an address that a host of the grant resolved to. Nothing is connected to but what was cleared.
    ///
    /// # Errors
    /// Why it may not be connected to, and the line that would change it.
    pub fn clear(&self, url: &WebUrl, address: IpAddr) -> Result<ClearedAddress, Denial> {
        let address = address.to_canonical();
        let Some(what) = not_public(address) else {
            return Ok(ClearedAddress(SocketAddr::new(address, url.port())));
        };
        if self.networks.iter().any(|network| network.contains(&address)) {
            return Ok(ClearedAddress(SocketAddr::new(address, url.port())));
        }
        let network = IpNet::from(address);
        Err(Denial::new(format!("{} leads to {address}, {what}", url.host()))
            .with_line(format!("http = [{{ url = \"{}\", networks = [\"{network}\"] }}]", url.origin())))
    }
}

/// An address that a grant lets a call connect to. Only [`WebGrant::clear`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClearedAddress(SocketAddr);

impl ClearedAddress {
    /// Where to connect.
    #[must_use]
    pub const fn socket(self) -> SocketAddr {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(pattern: &str, url: &str) -> bool {
        let url = WebUrl::parse(url).unwrap_or_else(|why| panic!("{url}: {why}"));
        let pattern = UrlPattern::parse(pattern).unwrap_or_else(|why| panic!("{pattern}: {why}"));
        pattern.covers_host(url.host()) && pattern.covers_rest(&url)
    }

    #[test]
    fn a_pattern_covers_what_it_says() {
        assert!(covers("https://example.com", "https://example.com/a/b?c"));
        assert!(covers("https://EXAMPLE.com:443", "https://example.com/"));
        assert!(covers("https://*.example.com", "https://a.b.example.com/"));
        assert!(covers("https://example.com/v1/*", "https://example.com/v1/a/b"));
        assert!(covers("https://example.com/v1", "https://example.com/v1?x=1"));
        assert!(covers("http://127.0.0.1:8080", "http://2130706433:8080/"));
        assert!(covers("https://bücher.example", "https://xn--bcher-kva.example/"));
    }

    #[test]
    fn a_pattern_is_shown_as_it_is_written() {
        for text in [
            "https://example.com",
            "https://*.example.com:8443",
            "http://127.0.0.1:8080/v1/*",
            "http://[::1]:8080/v1/status",
            "https://example.com/",
        ] {
            let pattern = UrlPattern::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(pattern.to_string(), text);
            assert_eq!(UrlPattern::parse(&pattern.to_string()), Ok(pattern));
        }
    }

    #[test]
    fn near_misses_of_a_pattern_are_not_covered() {
        for (pattern, near) in [
            ("https://example.com", "http://example.com/"),
            ("https://example.com", "https://example.com:8443/"),
            ("https://example.com", "https://example.com.evil/"),
            ("https://example.com", "https://www.example.com/"),
            ("https://example.com", "https://example.co/"),
            ("https://example.com", "https://example-com/"),
            ("https://example.com", "https://ex\u{430}mple.com/"),
            ("https://*.example.com", "https://example.com/"),
            ("https://*.example.com", "https://evilexample.com/"),
            ("https://*.example.com", "https://a.example.com.evil/"),
            ("https://example.com/v1/*", "https://example.com/v1"),
            ("https://example.com/v1/*", "https://example.com/v10/a"),
            ("https://example.com/v1/*", "https://example.com/v1/../admin"),
            ("https://example.com/v1/*", "https://example.com/v1/%2e%2e/admin"),
            ("https://example.com/v1/*", "https://example.com/v1/..%2fadmin"),
            ("https://example.com/v1/*", "https://example.com/V1/a"),
            ("https://example.com/v1", "https://example.com/v1/"),
            ("https://example.com/", "https://example.com/a"),
        ] {
            assert!(!covers(pattern, near), "{pattern} covers {near}");
        }
    }

    #[test]
    fn a_pattern_that_could_mean_more_than_it_says_is_refused() {
        for wrong in [
            "example.com",
            "https://*",
            "https://*.",
            "https://a.*.example.com",
            "https://*example.com",
            "https://example.com/*/a",
            "https://example.com/a*",
            "https://example.com/?q=*",
            "https://example.com/a//b",
            "https://*.127.0.0.1",
            "https://ada@example.com",
            "file:///etc",
            "https://example.com:*",
        ] {
            assert!(UrlPattern::parse(wrong).is_err(), "{wrong}");
        }
    }

    fn grant(networks: &[&str]) -> WebGrant {
        WebGrant {
            url: UrlPattern::parse("http://intern.example").expect("a pattern"),
            methods: vec![Method::parse("GET").expect("a method")],
            effect: Effect::Irreversible,
            idempotent: false,
            networks: networks.iter().map(|network| network.parse().expect("a network")).collect(),
            headers: Vec::new(),
            max_bytes: 1,
            approval: None,
        }
    }

    #[test]
    fn an_address_inward_needs_its_network_in_the_grant() {
        let url = WebUrl::parse("http://intern.example/").expect("a URL");
        let clear = |networks: &[&str], address: &str| {
            grant(networks).clear(&url, address.parse().expect("an address"))
        };
        let denial = clear(&[], "10.0.0.7").expect_err("private");
        assert!(denial.why.contains("leads to 10.0.0.7, a private address"), "{}", denial.why);
        assert!(denial.line.is_some_and(|line| line.contains("networks = [\"10.0.0.7/32\"]")));
        let cleared = clear(&["10.0.0.0/8"], "::ffff:10.0.0.7").expect("granted");
        assert_eq!(cleared.socket().to_string(), "10.0.0.7:80");
        assert!(clear(&["10.0.0.0/8"], "169.254.169.254").is_err());
        assert!(clear(&["10.0.0.0/8"], "2002:a00:7::").is_err(), "another machine answers there");
        assert!(clear(&[], "1.1.1.1").is_ok());
    }
}
