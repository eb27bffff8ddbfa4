//! Whether it matters to a call how many grants there are.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringfence_core::capability::{Capability, Powers};
use ringfence_core::governance::{
    Access, Ask, Authority, FolderGrant, Grant, GrantBook, Holder, Method, Quota, Scope, UrlPattern, Verdict,
    WebAsk, WebGrant, WebUrl, decide,
};
use ringfence_core::ring::{Effect, Ring};
use tokio::runtime::Runtime;

use crate::sample::{Figure, Sample, ratio};

const CALLS: u32 = 2_000;

pub(crate) fn measure(_: &Runtime) -> Vec<Figure> {
    let (few, many) = (authority(10), authority(10_000));
    let (mut web, mut folders) =
        ([Sample::default(), Sample::default()], [Sample::default(), Sample::default()]);
    for _ in 0..60 {
        for (authority, place) in [(&few, 0), (&many, 1)] {
            web[place].push(ask_the_web(authority));
            folders[place].push(ask_for_a_file(authority));
        }
    }
    let [few, many] = &mut web;
    let [few_folders, many_folders] = &mut folders;
    vec![Figure {
        what: "grant matching with 10,000 grants over with 10: hosts, folders",
        to_reach: "≤ 1.5",
        measured: format!(
            "{:.2}, {:.2}",
            ratio(many.median(), few.median()),
            ratio(many_folders.median(), few_folders.median())
        ),
    }]
}

fn authority(grants: usize) -> Authority {
    let get = || Method::parse("GET").expect("a method");
    let grant = |number: usize| {
        let folder = FolderGrant {
            name: format!("f{number}"),
            folder: "/f".into(),
            access: Access::Read,
            quota: Quota::default(),
            effect: Effect::Reversible,
            approval: None,
        };
        let front = if number.is_multiple_of(2) { "*." } else { "" };
        let web = WebGrant {
            url: UrlPattern::parse(&format!("https://{front}site-{number}.example")).expect("a pattern"),
            methods: vec![get()],
            effect: Effect::Irreversible,
            idempotent: false,
            networks: Vec::new(),
            headers: Vec::new(),
            max_bytes: u64::MAX,
            approval: None,
        };
        let (holder, files) = (Holder::Ring(Ring::Standard), vec![Arc::new(folder)]);
        Grant { files, http: vec![Arc::new(web)], ..Grant::to(holder) }
    };
    let book = Arc::new(GrantBook::new((0..grants).map(grant).collect()));
    let name = "bench".parse().expect("a name");
    Authority::new("bench".parse().expect("a name"), name, Ring::Standard, Powers::all(), &book)
}

fn ask_the_web(authority: &Authority) -> Duration {
    let url = WebUrl::parse("https://www.site-4.example/a/b?c").expect("a URL");
    let method = Method::parse("GET").expect("a method");
    let scope = Scope::Web(Ok(WebAsk { url: &url, method: &method, bytes: 100 }));
    ask(&Ask { capability: Capability::Http, effect: Effect::Read, scope }, authority)
}

fn ask_for_a_file(authority: &Authority) -> Duration {
    ask(
        &Ask {
            capability: Capability::Files,
            effect: Effect::Read,
            scope: Scope::Path("f7/a/b", Access::Read),
        },
        authority,
    )
}

fn ask(ask: &Ask<'_>, authority: &Authority) -> Duration {
    let began = Instant::now();
    for _ in 0..CALLS {
        assert!(matches!(black_box(decide(black_box(ask), authority)), Verdict::Allow(Some(_))));
    }
    began.elapsed() / CALLS
}
