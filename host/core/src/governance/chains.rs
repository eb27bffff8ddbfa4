//! What a chain of skills may do, held against a plain model: ring and grants of each link, one after the other, and nothing
//! that follows from how grants are filed or authority is handed down.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;

use super::{
    Access, Ask, Authority, Edition, FolderGrant, Grant, GrantBook, Holder, Method, Policies, Policy, Quota,
    Scope, ToolAsk, ToolGrant, UrlPattern, Verdict, WebAsk, WebGrant, WebUrl, decide,
};
use crate::capability::{Capability, Powers};
use crate::ids::{Agent, SkillName, ToolName};
use crate::ring::{Effect, Ring};

const SKILLS: [&str; 3] = ["a", "b", "c"];
const RINGS: [Ring; 3] = [Ring::Trusted, Ring::Standard, Ring::Sandboxed];
const LONGEST: usize = 5;
const DRAWS: u64 = 160;

/// What a grant is about, and a call after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
    Web,
    Tool,
}

const KINDS: [Kind; 4] = [Kind::Read, Kind::Write, Kind::Web, Kind::Tool];

/// Numbers that are the same each time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).expect("31 bits") % below
    }
}

/// A grant as the model knows it.
#[derive(Debug)]
struct Plain {
    /// 0 for ada, 1 for eve, above that a ring's number and 1.
    holder: usize,
    /// The skill that it is bound to, by its place; 3 for none.
    skill: usize,
    kind: Kind,
    /// Whether it says of its folder that no change of it can be undone.
    grave: bool,
}

/// Everything that is drawn.
#[derive(Debug)]
struct Drawn {
    ring: usize,
    /// The most privileged ring of each skill.
    ceilings: [usize; 3],
    grants: [Plain; 2],
}

impl Drawn {
    fn new(draw: &mut Draw) -> Self {
        let mut grant = || Plain {
            holder: draw.below(5),
            skill: draw.below(4),
            kind: KINDS[draw.below(4)],
            grave: draw.below(2) == 0,
        };
        let grants = [grant(), grant()];
        // Mostly a ring that may do something.
        let mut ring = || [1, 1, 1, 2, 2, 3][draw.below(6)];
        Self { ring: ring(), ceilings: [ring(), ring(), ring()], grants }
    }

    /// The model: what counts for all of a chain counts for each link of it. Whether people are asked, where it may.
    fn may(&self, chain: &[usize], kind: Kind) -> Option<bool> {
        let ring = chain.iter().map(|link| self.ceilings[*link]).fold(self.ring, usize::max);
        let counts = |grant: &&Plain| {
            let held = match grant.holder {
                0 => true,
                1 => false,
                of_ring => ring < of_ring,
            };
            let bound = grant.skill == 3 || chain.iter().all(|link| *link == grant.skill);
            held && bound && (grant.kind == kind || (grant.kind, kind) == (Kind::Write, Kind::Read))
        };
        // The gravest word on a folder counts.
        let asks = kind == Kind::Write && self.grants.iter().filter(counts).any(|grant| grant.grave);
        // All four need ring 2, however privileged the caller of a grant is.
        let needed = if asks { 1 } else { 2 };
        (ring <= needed && self.grants.iter().any(|grant| counts(&grant))).then_some(asks)
    }

    fn policy(&self) -> Policy {
        let grants = self.grants.iter().map(real).collect();
        let ceilings: HashMap<_, _> =
            SKILLS.into_iter().map(name).zip(self.ceilings.map(|ring| RINGS[ring - 1])).collect();
        Policy { grants: Arc::new(GrantBook::new(grants)), ceilings, ..Policy::default() }
    }
}

fn name(text: &str) -> SkillName {
    text.parse().expect("a name")
}

fn agent(text: &str) -> Agent {
    text.parse().expect("a name")
}

fn tool() -> ToolName {
    "files/read".parse().expect("a tool")
}

/// The grant that the model's stands for.
fn real(plain: &Plain) -> Grant {
    let holder = match plain.holder {
        0 => Holder::Caller(agent("ada")),
        1 => Holder::Caller(agent("eve")),
        ring => Holder::Ring(RINGS[ring - 2]),
    };
    let effect = if plain.grave { Effect::Irreversible } else { Effect::Reversible };
    let folder = |access, effect| FolderGrant {
        name: "notes".into(),
        folder: "/n".into(),
        access,
        quota: Quota::default(),
        effect,
        approval: None,
    };
    let web = || WebGrant {
        url: UrlPattern::parse("https://*.example").expect("a pattern"),
        methods: vec![Method::parse("GET").expect("a method")],
        effect: Effect::Reversible,
        idempotent: false,
        networks: Vec::new(),
        headers: Vec::new(),
        max_bytes: 1,
        approval: None,
    };
    let tool = || ToolGrant {
        tool: tool(),
        effect: Effect::Reversible,
        idempotent: false,
        arguments: Vec::new(),
        approval: None,
    };
    let grant = Grant { skill: SKILLS.get(plain.skill).copied().map(name), ..Grant::to(holder) };
    match plain.kind {
        Kind::Read => Grant { files: vec![Arc::new(folder(Access::Read, Effect::Reversible))], ..grant },
        Kind::Write => Grant { files: vec![Arc::new(folder(Access::Write, effect))], ..grant },
        Kind::Web => Grant { http: vec![Arc::new(web())], ..grant },
        Kind::Tool => Grant { tools: vec![Arc::new(tool())], ..grant },
    }
}

/// The authority of a skill, as the pipeline makes it: for its caller, or for one that asks for it.
fn authority(
    edition: &Arc<Edition>,
    caller: Ring,
    skill: &SkillName,
    asking: Option<&Authority>,
) -> Authority {
    let ring = edition.policy().effective_ring(caller, skill);
    let Some(asking) = asking else {
        return Authority::under(edition, agent("ada"), skill.clone(), ring, Powers::all());
    };
    let chain = asking.chain.iter().chain([&asking.skill]).cloned().collect();
    let ring = asking.ring_for(skill, ring);
    Authority::under(edition, agent("ada"), skill.clone(), ring, Powers::all())
        .asked_by(chain)
        .asked_under(asking)
}

fn decided(authority: &Authority, kind: Kind) -> Option<bool> {
    let url = WebUrl::parse("https://a.example/x").expect("a URL");
    let (get, tool, none) = (Method::parse("GET").expect("a method"), tool(), json!({}));
    let (capability, effect, scope) = match kind {
        Kind::Read => (Capability::Files, Effect::Read, Scope::Path("notes/a", Access::Read)),
        Kind::Write => (Capability::Files, Effect::Reversible, Scope::Path("notes/a", Access::Write)),
        Kind::Web => {
            let asked = WebAsk { url: &url, method: &get, bytes: 1 };
            (Capability::Http, Effect::Read, Scope::Web(Ok(asked)))
        }
        Kind::Tool => {
            let asked = ToolAsk { tool: &tool, arguments: &none };
            (Capability::Tool, Effect::Reversible, Scope::Tool(Ok(asked)))
        }
    };
    match decide(&Ask { capability, effect, scope }, authority) {
        Verdict::Allow(Some(_)) => Some(false),
        Verdict::Ask(Some(_), _) => Some(true),
        Verdict::Deny(_) => None,
        other => panic!("{other:?}"),
    }
}

/// Every chain of up to five, in any order, under grants, ceilings and a ring that are drawn.
#[test]
fn a_chain_may_do_what_each_link_of_it_may_and_nothing_else() {
    let mut allowed = [0_u32; 4];
    let (mut denied, mut asked) = (0_u32, 0_u32);
    for seed in 0..DRAWS {
        let drawn = Drawn::new(&mut Draw(seed));
        let edition = Policies::new(drawn.policy()).newest();
        let caller = RINGS[drawn.ring - 1];
        let mut chains: Vec<(Vec<usize>, Option<Authority>)> = vec![(Vec::new(), None)];
        for _ in 0..LONGEST {
            let mut longer = Vec::new();
            for (chain, asking) in &chains {
                for (link, skill) in SKILLS.into_iter().enumerate() {
                    let authority = authority(&edition, caller, &name(skill), asking.as_ref());
                    longer.push(([&chain[..], &[link]].concat(), Some(authority)));
                }
            }
            for (chain, authority) in &longer {
                let authority = authority.as_ref().expect("each has one");
                for (kind, allowed) in KINDS.into_iter().zip(&mut allowed) {
                    let may = drawn.may(chain, kind);
                    assert_eq!(
                        decided(authority, kind),
                        may,
                        "seed {seed}: {kind:?} for {chain:?} under {drawn:?}"
                    );
                    asked += u32::from(may == Some(true));
                    if may.is_some() { *allowed += 1 } else { denied += 1 }
                }
            }
            chains = longer;
        }
    }
    // What is drawn shows all of it.
    assert!(asked > 50, "{asked}");
    assert!(allowed.iter().all(|allowed| *allowed > 100) && denied > 1_000, "{allowed:?} {denied}");
}
