//! What a later policy, or another host, leaves of what a run was granted.

use super::*;
use crate::capability::Capability;
use crate::governance::{
    Access, Ask, Grant, Holder, Method, Quota, Scope, Through, UrlPattern, Verdict, WebAsk, WebGrant, WebUrl,
    decide, recorded,
};

fn folder(path: &str, access: Access, bytes: u64) -> Arc<FolderGrant> {
    let quota = Quota { bytes, files: 7 };
    Arc::new(FolderGrant {
        name: "notes".into(),
        folder: path.into(),
        access,
        quota,
        effect: Effect::Reversible,
        approval: None,
    })
}

fn web(url: &str, networks: &[&str], effect: Effect, header: &str, max_bytes: u64) -> Arc<WebGrant> {
    let header = crate::governance::AddedHeader { name: "x-a".into(), value: header.into() };
    Arc::new(WebGrant {
        url: UrlPattern::parse(url).expect("a pattern"),
        methods: ["GET", "POST"].map(|method| Method::parse(method).expect("a method")).to_vec(),
        effect,
        idempotent: true,
        networks: networks.iter().map(|network| network.parse().expect("a network")).collect(),
        headers: vec![header],
        max_bytes,
        approval: None,
    })
}

fn policy(files: Vec<Arc<FolderGrant>>, http: Vec<Arc<WebGrant>>) -> Policy {
    let grant = Grant { files, http, ..Grant::to(Holder::Ring(Ring::Standard)) };
    Policy { grants: Arc::new(GrantBook::new(vec![grant])), ..Policy::default() }
}

fn began(policies: &Policies) -> Authority {
    let (agent, skill) = ("ada".parse().expect("a name"), "notes".parse().expect("a name"));
    Authority::under(&policies.newest(), agent, skill, Ring::Standard, Powers::all())
}

fn through(authority: &Authority, effect: Effect) -> Option<FolderGrant> {
    let access = if effect == Effect::Read { Access::Read } else { Access::Write };
    let ask = Ask { capability: Capability::Files, effect, scope: Scope::Path("notes/a", access) };
    match decide(&ask, authority) {
        Verdict::Allow(Some(Through::Folder(folder))) => Some(FolderGrant::clone(&folder)),
        _ => None,
    }
}

fn web_through(authority: &Authority, method: &str, url: &str) -> Option<WebGrant> {
    let (url, method) = (WebUrl::parse(url).expect("a URL"), Method::parse(method).expect("a method"));
    let scope = Scope::Web(Ok(WebAsk { url: &url, method: &method, bytes: 1 }));
    let ask = Ask { capability: Capability::Http, effect: Effect::Read, scope };
    match decide(&ask, authority) {
        Verdict::Allow(Some(Through::Web(grant))) => Some(WebGrant::clone(&grant)),
        _ => None,
    }
}

#[test]
fn of_two_policies_a_task_has_what_both_grant() {
    let policies = Policies::new(policy(vec![folder("/n", Access::Write, 10)], Vec::new()));
    let authority = began(&policies);
    assert!(authority.caught_up().is_none(), "nothing has changed");
    policies.take(policy(vec![folder("/n", Access::Write, 99), folder("/m", Access::Write, 5)], Vec::new()));
    let (wider, narrowed) = authority.caught_up().expect("it has changed");
    assert!(narrowed, "a quota is another grant, whichever way it changed");
    assert_eq!(through(&wider, Effect::Reversible).map(|folder| folder.quota.bytes), Some(10));
    policies.take(policy(vec![folder("/n", Access::Read, 99)], Vec::new()));
    let (reads, _) = wider.caught_up().expect("it has changed");
    assert!(through(&reads, Effect::Reversible).is_none());
    assert!(through(&reads, Effect::Read).is_some());
    // The same name elsewhere is another folder; and what is lost stays lost.
    policies.take(policy(vec![folder("/m", Access::Write, 10)], Vec::new()));
    policies.take(policy(vec![folder("/n", Access::Write, 10)], Vec::new()));
    let (none, narrowed) = reads.caught_up().expect("it has changed");
    assert!(narrowed && through(&none, Effect::Read).is_none());
    assert!(through(&began(&policies), Effect::Reversible).is_some(), "a new one has it");
}

#[test]
fn a_grant_of_the_web_that_was_narrowed_is_as_narrow_for_what_runs() {
    let wide = web("https://*.a.example", &["10.0.0.0/8", "::1/128"], Effect::Read, "h", 9);
    let policies = Policies::new(policy(Vec::new(), vec![wide]));
    let authority = began(&policies);
    let narrow =
        web("https://x.a.example/v1/*", &["10.1.0.0/16", "127.0.0.0/8"], Effect::Reversible, "h", 99);
    policies.take(policy(Vec::new(), vec![narrow]));
    let (left, narrowed) = authority.caught_up().expect("it has changed");
    let grant = web_through(&left, "GET", "https://x.a.example/v1/y").expect("both cover it");
    assert!(narrowed && web_through(&left, "GET", "https://x.a.example/").is_none());
    assert_eq!((grant.max_bytes, grant.effect, grant.idempotent), (9, Effect::Reversible, true));
    assert_eq!(grant.networks, ["10.1.0.0/16".parse().expect("a network")]);
    let other = web("https://*.a.example", &[], Effect::Read, "another", 9);
    policies.take(policy(Vec::new(), vec![other]));
    let (left, _) = left.caught_up().expect("it has changed");
    assert!(web_through(&left, "GET", "https://x.a.example/v1/y").is_none(), "with another header");
}

#[test]
fn what_is_written_down_of_the_grants_says_what_is_left_of_them_elsewhere() {
    let all = || {
        let web = web("https://a.example/v1/*", &["10.0.0.0/8"], Effect::Reversible, "h", 9);
        policy(vec![folder("/n", Access::Write, 10)], vec![web])
    };
    let policies = Policies::new(all());
    let held = began(&policies).record();
    let text = serde_json::to_string(&held).expect("it serialises");
    assert!(!text.contains("/n\"") && !text.contains("\"h\""), "no path and no header: {text}");
    let held: Vec<HeldGrant> = serde_json::from_str(&text).expect("it is read again");
    let again = |policy: Policy| {
        let fresh = began(&Policies::new(policy));
        let before = recorded(&held, &fresh);
        fresh.within([before])
    };
    let same = again(all());
    assert!(!same.has_lost());
    assert_eq!(
        through(&same, Effect::Reversible),
        Some(FolderGrant::clone(&folder("/n", Access::Write, 10)))
    );
    assert_eq!(
        web_through(&same, "POST", "https://a.example/v1/x"),
        Some(WebGrant::clone(&web("https://a.example/v1/*", &["10.0.0.0/8"], Effect::Reversible, "h", 9)))
    );
    let wider = again(policy(
        vec![folder("/n", Access::Write, 99), folder("/m", Access::Write, 99)],
        vec![web("https://a.example", &[], Effect::Read, "h", 99)],
    ));
    assert_eq!(through(&wider, Effect::Reversible).map(|folder| folder.quota.bytes), Some(10));
    assert!(web_through(&wider, "GET", "https://a.example/").is_none(), "it did not hold that");
    let left = web_through(&wider, "GET", "https://a.example/v1/x").expect("both cover it");
    assert!((left.max_bytes, left.networks.len()) == (9, 0));
    let less = again(policy(
        vec![folder("/m", Access::Write, 10)],
        vec![web("https://a.example", &[], Effect::Read, "another", 99)],
    ));
    assert!(less.has_lost() && through(&less, Effect::Read).is_none());
    assert!(web_through(&less, "GET", "https://a.example/v1/x").is_none());
}
