//! Whether it matters to a call how many grants there are.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringfence_core::capability::{Capability, Powers};
use ringfence_core::governance::{
    Access, Ask, Authority, FolderGrant, Grant, GrantBook, Holder, Method, Quota, Scope, ToolAsk, ToolGrant,
    UrlPattern, Verdict, WebAsk, WebGrant, WebUrl, decide,
};
use ringfence_core::ring::{Effect, Ring};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::sample::{Figure, Sample, ratio};

const CALLS: u32 = 2_000;

/// In the order of the figure.
const ASKED: [fn(&Authority) -> Duration; 4] = [ask_the_web, ask_for_a_file, ask_for_a_tool, ask_a_model];

pub(crate) fn measure(_: &Runtime) -> Vec<Figure> {
    let (few, many) = (authority(10), authority(10_000));
    let mut samples = ASKED.map(|_| [Sample::default(), Sample::default()]);
    for _ in 0..60 {
        for (authority, place) in [(&few, 0), (&many, 1)] {
            for (ask, sample) in ASKED.into_iter().zip(&mut samples) {
                sample[place].push(ask(authority));
            }
        }
    }
    let ratios = samples.map(|[mut few, mut many]| format!("{:.2}", ratio(many.median(), few.median())));
    vec![Figure {
        what: "grant matching with 10,000 grants over with 10: hosts, folders, tools, models",
        to_reach: "≤ 1.5",
        measured: ratios.join(", "),
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
        let tool = ToolGrant {
            tool: format!("server-{number}/tool").parse().expect("a tool"),
            effect: Effect::Read,
            idempotent: false,
            arguments: Vec::new(),
            approval: None,
        };
        let model = format!("model-{number}").parse().expect("a model");
        let (holder, files) = (Holder::Ring(Ring::Standard), vec![Arc::new(folder)]);
        let (tools, models) = (vec![Arc::new(tool)], vec![Arc::new(model)]);
        Grant { files, http: vec![Arc::new(web)], tools, models, ..Grant::to(holder) }
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

fn ask_for_a_tool(authority: &Authority) -> Duration {
    let (tool, arguments) = ("server-7/tool".parse().expect("a tool"), json!({}));
    let scope = Scope::Tool(Ok(ToolAsk { tool: &tool, arguments: &arguments }));
    ask(&Ask { capability: Capability::Tool, effect: Effect::Local, scope }, authority)
}

fn ask_a_model(authority: &Authority) -> Duration {
    let scope = Scope::Model(Ok(Some("model-7")));
    ask(&Ask { capability: Capability::Model, effect: Effect::Read, scope }, authority)
}

fn ask(ask: &Ask<'_>, authority: &Authority) -> Duration {
    let began = Instant::now();
    for _ in 0..CALLS {
        assert!(matches!(black_box(decide(black_box(ask), authority)), Verdict::Allow(_)));
    }
    began.elapsed() / CALLS
}
