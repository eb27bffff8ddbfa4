//! Grants: lines with a pattern of URLs, a URL, a method, an address, a network, a reference found at the URL, and a path.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use ringfence_core::capability::{Capability, Powers};
use ringfence_core::governance::{
    Access, Ask, Authority, FolderGrant, Grant, GrantBook, GuestPath, Holder, Method, Quota, Scope, Through,
    UrlPattern, Verdict, WebAsk, WebGrant, WebUrl, decide,
};
use ringfence_core::ring::{Effect, Ring};

/// Everything has one spelling, the index finds exactly what covers, and nothing inward is cleared without its network.
pub(crate) fn grant(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (pattern, url, method) = (line(), line(), line());
    let (address, network, reference, path) = (line(), line(), line(), line());
    check_path(path);
    let pattern = UrlPattern::parse(pattern);
    if let Ok(pattern) = &pattern {
        assert_eq!(UrlPattern::parse(&pattern.to_string()), Ok(pattern.clone()), "{pattern}");
    }
    let url = WebUrl::parse(url);
    if let Ok(url) = &url {
        check_url(url);
        if let Ok(joined) = url.join(reference) {
            check_url(&joined);
        }
    }
    let (Ok(pattern), Ok(url), Ok(method)) = (pattern, url, Method::parse(method)) else { return };
    let web = WebGrant {
        url: pattern,
        methods: vec![method.clone(), Method::parse("GET").expect("a method")],
        effect: Effect::Reversible,
        idempotent: false,
        networks: network.parse::<IpNet>().into_iter().collect(),
        headers: Vec::new(),
        max_bytes: 100,
        approval: None,
    };
    if let Ok(address) = address.parse() {
        check_clearing(&web, &url, address);
    }
    check_decision(&Arc::new(web), &url, &method);
}

fn check_url(url: &WebUrl) {
    let written = url.to_string();
    assert_eq!(WebUrl::parse(&written).as_ref(), Ok(url), "{written}");
    assert!(url.path().starts_with('/') && !url.path().contains(['?', '#', '\\']), "{written}");
}

/// What the book finds by host is what covers when each grant is looked at.
fn check_decision(web: &Arc<WebGrant>, url: &WebUrl, method: &Method) {
    let ring = Ring::Standard;
    let grant = Grant { http: vec![Arc::clone(web)], ..Grant::to(Holder::Ring(ring)) };
    let (agent, skill) = ("ada".parse().expect("a name"), "notes".parse().expect("a name"));
    let book = Arc::new(GrantBook::new(vec![grant]));
    let authority = Authority::new(agent, skill, ring, Powers::all(), &book);
    let asked = WebAsk { url, method, bytes: 100 };
    let ask = Ask { capability: Capability::Http, effect: Effect::Local, scope: Scope::Web(Ok(asked)) };
    let allowed = decide(&ask, &authority) == Verdict::Allow(Some(Through::Web(Arc::clone(web))));
    assert_eq!(allowed, web.covers(url, method), "{} {} {url}", web.url, method.word());
}

/// What is cleared is the address itself, and public or in the grant's network.
fn check_clearing(web: &WebGrant, url: &WebUrl, address: IpAddr) {
    let bare = WebGrant { networks: Vec::new(), ..web.clone() };
    let plain = address.to_canonical();
    if let Ok(cleared) = web.clear(url, address) {
        assert_eq!((cleared.socket().ip(), cleared.socket().port()), (plain, url.port()));
        let named = web.networks.iter().any(|network| network.contains(&plain));
        assert!(named || bare.clear(url, address).is_ok(), "{address} is inward");
    }
    let inward = match plain {
        IpAddr::V4(four) => four.is_loopback() || four.is_private() || four.is_link_local(),
        IpAddr::V6(six) => six.is_loopback() || six.is_unique_local() || six.is_unicast_link_local(),
    };
    assert!(!inward || bare.clear(url, address).is_err(), "{address} is inward");
}

/// A path that is taken leads into its folder and nowhere else, and the lines that a denial offers name it.
fn check_path(path: &str) {
    let Ok(taken) = GuestPath::parse(path) else { return };
    let rest = PathBuf::from(taken.rest);
    assert!(rest.is_relative() && !taken.folder.is_empty() && !taken.folder.contains('/'), "{path:?}");
    assert!(rest.components().all(|part| matches!(part, std::path::Component::Normal(_))), "{path:?}");
    let folder = |name: &str| FolderGrant {
        name: name.into(),
        folder: "/n".into(),
        access: Access::Read,
        quota: Quota::default(),
        effect: Effect::Reversible,
        approval: None,
    };
    for (name, covers) in [(taken.folder, true), ("another folder", taken.folder == "another folder")] {
        let files = vec![Arc::new(folder(name))];
        let book = GrantBook::new(vec![Grant { files, ..Grant::to(Holder::Ring(Ring::Standard)) }]);
        let (agent, skill) = ("ada".parse().expect("a name"), "notes".parse().expect("a name"));
        let authority = Authority::new(agent, skill, Ring::Standard, Powers::all(), &Arc::new(book));
        let ask = Ask {
            capability: Capability::Files,
            effect: Effect::Read,
            scope: Scope::Path(path, Access::Read),
        };
        let allowed = matches!(decide(&ask, &authority), Verdict::Allow(Some(Through::Folder(_))));
        assert_eq!(allowed, covers, "{path:?} in {name:?}");
    }
}
