//! Decisions on calls, one grant or two at a time.

use super::*;
use crate::capability::Powers;
use crate::governance::{Grant, GrantBook, Holder, Policies, Policy, Quota, recorded};
use crate::ring::Effect::{Irreversible, Reversible};
use crate::ring::Ring;

fn authority(ring: Ring, access: Option<Access>) -> Authority {
    let folder = |access| {
        let quota = Quota::default();
        Arc::new(FolderGrant {
            name: "notes".into(),
            folder: "/n".into(),
            access,
            quota,
            effect: Effect::Reversible,
            approval: None,
        })
    };
    let files = access.map(folder).into_iter().collect();
    let grant = Grant { files, ..Grant::to(Holder::Ring(Ring::Standard)) };
    let name = |text: &str| text.parse().expect("a name");
    let (agent, skill) = ("ada".parse().expect("a name"), name("notes"));
    Authority::new(agent, skill, ring, Powers::all(), &Arc::new(GrantBook::new(vec![grant])))
}

fn allowed(authority: &Authority, effect: Effect, path: &str) -> bool {
    let access = if effect == Effect::Read { Access::Read } else { Access::Write };
    let ask = Ask { capability: Capability::Files, effect, scope: Scope::Path(path, access) };
    matches!(decide(&ask, authority), Verdict::Allow(Some(_)))
}

#[test]
fn a_folder_is_granted_by_its_whole_name() {
    let granted = authority(Ring::Standard, Some(Access::Write));
    assert!(allowed(&granted, Effect::Reversible, "notes/a.md"));
    for near in ["note/a", "notes2/a", "Notes/a", "notes./a", "notes /a"] {
        assert!(!allowed(&granted, Effect::Read, near), "{near}");
    }
}

#[test]
fn a_change_of_a_folder_that_a_grant_marks_waits_whatever_another_grant_says() {
    let terms = terms(2, &[]);
    let marked =
        holding(Ring::Standard, &[writes(Reversible, None), writes(Reversible, Some(terms.clone()))]);
    assert_eq!(change(&marked), Ok(Some(terms)));
    assert!(allowed(&marked, Effect::Read, "notes/a"), "reading changes nothing");
}

fn terms(of: u32, from: &[&str]) -> ApprovalTerms {
    let from = from.iter().map(|name| name.parse().expect("a name")).collect();
    ApprovalTerms { of, from, ..ApprovalTerms::default() }
}

fn writes(effect: Effect, approval: Option<ApprovalTerms>) -> FolderGrant {
    let (access, quota) = (Access::Write, Quota::default());
    FolderGrant { name: "notes".into(), folder: "/n".into(), access, quota, effect, approval }
}

fn holding(ring: Ring, folders: &[FolderGrant]) -> Authority {
    let files = folders.iter().cloned().map(Arc::new).collect();
    let grant = Grant { files, ..Grant::to(Holder::Ring(Ring::Standard)) };
    let (agent, skill) = ("ada".parse().expect("a name"), "notes".parse().expect("a name"));
    Authority::new(agent, skill, ring, Powers::all(), &Arc::new(GrantBook::new(vec![grant])))
}

/// Who has to approve a change of the folder, where it may be made; why not, where it may not.
fn change(authority: &Authority) -> Result<Option<ApprovalTerms>, String> {
    let scope = Scope::Path("notes/a", Access::Write);
    match decide(&Ask { capability: Capability::Files, effect: Reversible, scope }, authority) {
        Verdict::Allow(_) => Ok(None),
        Verdict::Ask(_, terms) => Ok(Some(terms)),
        Verdict::Deny(denial) => Err(denial.why),
    }
}

#[test]
fn a_change_of_a_folder_is_what_the_gravest_of_its_grants_says() {
    let (free, grave) = (writes(Reversible, None), writes(Irreversible, None));
    for both in [[free.clone(), grave.clone()], [grave.clone(), free.clone()]] {
        let why = change(&holding(Ring::Standard, &both)).expect_err("it cannot be undone");
        assert_eq!(
            why,
            "skill `notes`: a change of folder `notes` cannot be undone: it needs ring 1; this run has ring 2"
        );
        assert!(allowed(&holding(Ring::Standard, &both), Effect::Read, "notes/a"), "reading changes nothing");
        assert_eq!(change(&holding(Ring::Trusted, &both)), Ok(Some(ApprovalTerms::default())));
    }
    assert_eq!(change(&holding(Ring::Standard, &[free])), Ok(None));
    let marked = writes(Irreversible, Some(terms(2, &[])));
    assert_eq!(change(&holding(Ring::Trusted, &[grave, marked])), Ok(Some(terms(2, &[]))));
}

#[test]
fn of_several_grants_that_ask_the_strictest_counts_whichever_stands_first() {
    let (one, two) = (terms(1, &["ada", "bob"]), terms(2, &["bob", "eve"]));
    for both in [[&one, &two], [&two, &one]] {
        let folders = both.map(|terms| writes(Reversible, Some(terms.clone())));
        assert_eq!(change(&holding(Ring::Standard, &folders)), Ok(Some(terms(2, &["bob"]))));
    }
    let apart = [terms(1, &["ada"]), terms(1, &["eve"])].map(|terms| writes(Reversible, Some(terms)));
    let why = change(&holding(Ring::Standard, &apart)).expect_err("nobody could approve it for both");
    assert!(why.ends_with("nobody is named in all of them"), "{why}");
}

fn policy(folders: &[FolderGrant]) -> Policy {
    let files = folders.iter().cloned().map(Arc::new).collect();
    let grant = Grant { files, ..Grant::to(Holder::Ring(Ring::Standard)) };
    Policy { grants: Arc::new(GrantBook::new(vec![grant])), ..Policy::default() }
}

fn begun(policies: &Policies) -> Authority {
    let (agent, skill) = ("ada".parse().expect("a name"), "notes".parse().expect("a name"));
    Authority::under(&policies.newest(), agent, skill, Ring::Trusted, Powers::all())
}

#[test]
fn a_grant_that_comes_later_and_asks_or_is_graver_counts_for_what_runs_already() {
    let free = writes(Reversible, None);
    let asks = |of, from: &[&str]| writes(Reversible, Some(terms(of, from)));
    for (added, expected) in [
        (asks(2, &[]), Ok(Some(terms(2, &[])))),
        (writes(Irreversible, None), Ok(Some(ApprovalTerms::default()))),
        (free.clone(), Ok(None)),
    ] {
        let policies = Policies::new(policy(std::slice::from_ref(&free)));
        let first = begun(&policies);
        policies.take(policy(&[free.clone(), added]));
        let (since, narrowed) = first.caught_up().expect("it has changed");
        assert_eq!((change(&since), narrowed), (expected.clone(), expected != Ok(None)));
    }
    // Also where nobody could approve it for both: what another grant leaves is not all that counts.
    let policies = Policies::new(policy(&[asks(1, &["ada"])]));
    let first = begun(&policies);
    policies.take(policy(&[asks(1, &["ada"]), asks(1, &["eve"])]));
    let why = change(&first.caught_up().expect("it has changed").0).expect_err("nobody could approve it");
    assert!(why.contains("nobody is named in all of them"), "{why}");
}

#[test]
fn a_grant_that_found_no_room_in_the_record_still_asks_when_the_task_goes_on() {
    let free = writes(Reversible, None);
    let others = (0..300).map(|number| FolderGrant { name: format!("f{number}"), ..free.clone() });
    let mut folders: Vec<_> = std::iter::once(free.clone()).chain(others).collect();
    folders.push(writes(Irreversible, Some(terms(2, &[]))));
    let first = begun(&Policies::new(policy(&folders)));
    let fresh = begun(&Policies::new(policy(&folders)));
    let before = recorded(&first.record(), &fresh);
    assert_eq!(change(&fresh.within([before])), Ok(Some(terms(2, &[]))));
}

#[test]
fn reading_is_not_writing() {
    let granted = authority(Ring::Standard, Some(Access::Read));
    assert!(allowed(&granted, Effect::Read, "notes/a.md"));
    assert!(!allowed(&granted, Effect::Reversible, "notes/a.md"));
}

#[test]
fn no_grant_lifts_a_ring() {
    assert!(!allowed(&authority(Ring::Sandboxed, Some(Access::Write)), Effect::Read, "notes/a.md"));
}

#[test]
fn without_a_grant_the_denial_names_the_lines_that_would_change_it() {
    let ask = Ask {
        capability: Capability::Files,
        effect: Effect::Read,
        scope: Scope::Path("notes/a", Access::Read),
    };
    let Verdict::Deny(denial) = decide(&ask, &authority(Ring::Standard, None)) else {
        panic!("it was allowed");
    };
    let line = "[[grant]]\nring = 2\nskill = \"notes\"\nfiles = [{ folder = \"notes\", access = \"read\" }]";
    assert_eq!(denial.line.as_deref(), Some(line));
}

#[test]
fn what_cannot_be_undone_is_asked_about_in_ring_1_and_denied_in_any_other() {
    let ask = Ask { capability: Capability::Log, effect: Effect::Irreversible, scope: Scope::Whole };
    assert!(matches!(decide(&ask, &authority(Ring::Trusted, None)), Verdict::Ask(None, _)));
    assert!(matches!(decide(&ask, &authority(Ring::Standard, None)), Verdict::Deny(_)));
}

#[test]
fn skills_ask_for_one_another_five_deep_and_no_deeper() {
    let name = |text: &str| text.parse::<SkillName>().expect("a name");
    for before in 0..8 {
        let chain = ["a", "b", "c", "d", "e", "f", "g"].iter().take(before).map(|link| name(link));
        let authority = authority(Ring::Standard, None).asked_by(chain.collect());
        let scope = Scope::Skill("next@1");
        let ask = Ask { capability: Capability::Skills, effect: Effect::Read, scope };
        match decide(&ask, &authority) {
            Verdict::Allow(None) => assert!(before < 4, "{before} asked for it"),
            Verdict::Deny(denial) => {
                assert!(before >= 4, "{before} asked for it: {denial:?}");
                assert_eq!(denial.kind, RefusalKind::Invalid);
                assert!(denial.why.ends_with("skills may ask for one another 5 deep"), "{denial:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

fn web(url: &str, effect: Effect, approval: Option<u32>) -> Arc<WebGrant> {
    Arc::new(WebGrant {
        url: crate::governance::UrlPattern::parse(url).expect("a pattern"),
        methods: ["GET", "POST"].map(|method| Method::parse(method).expect("a method")).to_vec(),
        effect,
        idempotent: false,
        networks: Vec::new(),
        headers: Vec::new(),
        max_bytes: 10,
        approval: approval.map(|of| ApprovalTerms { of, ..ApprovalTerms::default() }),
    })
}

/// Who has to approve a request, where it may be made; `None` where it may not.
fn asked(ring: Ring, grants: &[Arc<WebGrant>], method: &str) -> Option<Option<u32>> {
    let http = grants.to_vec();
    let holder = Holder::Ring(Ring::Standard);
    let grant = Grant { http, ..Grant::to(holder) };
    let name = |text: &str| text.parse().expect("a name");
    let (agent, book) = ("ada".parse().expect("a name"), Arc::new(GrantBook::new(vec![grant])));
    let authority = Authority::new(agent, name("notes"), ring, Powers::all(), &book);
    let (url, method) =
        (WebUrl::parse("https://a.example/x").expect("a URL"), Method::parse(method).expect("a method"));
    let scope = Scope::Web(Ok(WebAsk { url: &url, method: &method, bytes: 1 }));
    match decide(&Ask { capability: Capability::Http, effect: Effect::Read, scope }, &authority) {
        Verdict::Allow(_) => Some(None),
        Verdict::Ask(_, terms) => Some(Some(terms.of)),
        Verdict::Deny(_) => None,
    }
}

#[test]
fn a_request_is_asked_about_where_its_grant_says_so_or_where_it_cannot_be_undone() {
    use Ring::{Standard, Trusted};
    let free = web("https://a.example", Reversible, None);
    let marked = web("https://*.example", Reversible, Some(3));
    let unsaid = web("https://a.example", Irreversible, None);
    let said = web("https://a.example", Irreversible, Some(2));
    for (ring, grants, method, expected) in [
        (Standard, vec![&free], "POST", Some(None)),
        (Standard, vec![&marked], "POST", Some(Some(3))),
        (Standard, vec![&marked], "GET", Some(Some(3))),
        (Standard, vec![&free, &marked], "POST", Some(Some(3))),
        (Trusted, vec![&said, &marked], "POST", Some(Some(3))),
        (Trusted, vec![&marked, &said], "POST", Some(Some(3))),
        (Standard, vec![&unsaid], "POST", None),
        (Standard, vec![&said], "POST", None),
        (Standard, vec![&said, &free], "POST", Some(Some(2))),
        (Standard, vec![&unsaid], "GET", Some(None)),
        (Trusted, vec![&unsaid], "POST", Some(Some(1))),
        (Trusted, vec![&said], "POST", Some(Some(2))),
        (Trusted, vec![&unsaid, &free], "POST", Some(None)),
        (Trusted, vec![&unsaid], "DELETE", None),
    ] {
        let grants: Vec<_> = grants.into_iter().cloned().collect();
        assert_eq!(asked(ring, &grants, method), expected, "ring {ring}, {method}, {grants:?}");
    }
}
