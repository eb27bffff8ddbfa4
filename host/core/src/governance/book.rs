//! All grants, found by who asks for what: how many there are makes no difference to a call.

use std::collections::HashMap;
use std::iter::Peekable;
use std::slice;
use std::sync::Arc;

use super::web_url::WebHost;
use super::{FolderGrant, Grant, Holder, ToolGrant, WebGrant};
use crate::ids::{Agent, ModelName, SkillName, ToolName};
use crate::ring::Ring;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    /// The caller.
    pub(super) agent: &'a Agent,
    /// Its effective ring.
    pub(super) ring: Ring,
    /// What runs for it.
    pub(super) skill: &'a SkillName,
    /// The skills that asked for it.
    pub(super) chain: &'a [SkillName],
}

impl<'a> Asker<'a> {
    /// As whom it holds grants.
    fn holders(self) -> impl Iterator<Item = Holder> + 'a {
        let rings = [Ring::Trusted, Ring::Standard, Ring::Sandboxed].into_iter();
        let rings = rings.filter(move |least| self.ring.reaches(*least)).map(Holder::Ring);
        std::iter::once(Holder::Caller(self.agent.clone())).chain(rings)
    }

    /// Whether nothing but this skill has a hand in it.
    pub(super) fn is_all(&self, skill: &SkillName) -> bool {
        self.skill == skill && self.chain.iter().all(|link| link == skill)
    }
}

/// The operator's grants, in order.
#[derive(Debug, Clone, Default)]
pub struct GrantBook {
    grants: Vec<Grant>,
    /// Where the grants of a holder stand.
    places: HashMap<Holder, Vec<usize>>,
    folders: Index<FolderGrant>,
    hosts: Index<WebGrant>,
    domains: Index<WebGrant>,
    tools: Index<ToolGrant>,
    models: Index<ModelName>,
    /// The same models by holder, each with the place of its grant.
    in_order: HashMap<Holder, Vec<(usize, Filed<ModelName>)>>,
}

impl GrantBook {
    /// Files the grants under what they are about.
    #[must_use]
    pub fn new(grants: Vec<Grant>) -> Self {
        let mut book = Self::default();
        for (place, grant) in grants.iter().enumerate() {
            book.places.entry(grant.holder.clone()).or_default().push(place);
            for folder in &grant.files {
                book.folders.put(grant, folder.name.clone(), folder);
            }
            for web in &grant.http {
                let index = if web.url.below { &mut book.domains } else { &mut book.hosts };
                index.put(grant, web.url.host.to_string(), web);
            }
            for tool in &grant.tools {
                book.tools.put(grant, tool.tool.to_string(), tool);
            }
            for model in &grant.models {
                let filed = book.models.put(grant, model.to_string(), model);
                book.in_order.entry(grant.holder.clone()).or_default().push((place, filed));
            }
        }
        Self { grants, ..book }
    }

    /// All of them, as they were given.
    #[must_use]
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// The grants that count for somebody, in the operator's order. Those of others make no difference to it.
    pub(super) fn counting<'a>(&'a self, asker: Asker<'a>) -> impl Iterator<Item = &'a Grant> {
        let mut places: Vec<usize> =
            asker.holders().filter_map(|holder| self.places.get(&holder)).flatten().copied().collect();
        places.sort_unstable();
        let grants = places.into_iter().map(|place| &self.grants[place]);
        grants.filter(move |grant| grant.skill.as_ref().is_none_or(|only| asker.is_all(only)))
    }

    /// Whether somebody was granted exactly this.
    pub(super) fn grants_folder(&self, asker: Asker<'_>, folder: &FolderGrant) -> bool {
        self.folders.find(asker, &folder.name).any(|granted| **granted == *folder)
    }

    /// The model of a name, if somebody was granted it.
    pub(super) fn model<'a>(&'a self, asker: Asker<'a>, name: &'a str) -> Option<&'a ModelName> {
        self.models.find(asker, name).next().map(|model| &**model)
    }

    /// The models that somebody was granted, in the operator's order. The first one costs no look at the others.
    pub(super) fn models<'a>(&'a self, asker: Asker<'a>) -> impl Iterator<Item = &'a ModelName> {
        let of_holder = |holder| self.in_order.get(&holder).map(|filed| filed.iter().peekable());
        let mut lists: Vec<_> = asker.holders().filter_map(of_holder).collect();
        let in_order = std::iter::from_fn(move || {
            let place =
                |list: &mut Peekable<slice::Iter<'a, (usize, Filed<ModelName>)>>| Some(list.peek()?.0);
            let next = lists.iter_mut().filter_map(|list| Some((place(list)?, list)));
            next.min_by_key(|(place, _)| *place).and_then(|(_, list)| list.next())
        });
        in_order.filter(move |(_, filed)| filed.counts_for(asker)).map(|(_, filed)| &*filed.thing)
    }

    /// Whether somebody was granted exactly this.
    pub(super) fn grants_web(&self, asker: Asker<'_>, web: &WebGrant) -> bool {
        let index = if web.url.below { &self.domains } else { &self.hosts };
        index.find(asker, &web.url.host.to_string()).any(|granted| **granted == *web)
    }

    /// Whether somebody was granted exactly this.
    pub(super) fn grants_tool(&self, asker: Asker<'_>, tool: &ToolGrant) -> bool {
        self.tools.find(asker, &tool.tool.to_string()).any(|granted| **granted == *tool)
    }

    /// What somebody was granted about a tool.
    pub(super) fn tools<'a>(
        &'a self,
        asker: Asker<'a>,
        tool: &'a ToolName,
    ) -> impl Iterator<Item = &'a Arc<ToolGrant>> {
        self.tools.find(asker, tool.as_str())
    }

    /// The folders of a name that somebody was granted.
    pub(super) fn folders<'a>(
        &'a self,
        asker: Asker<'a>,
        name: &'a str,
    ) -> impl Iterator<Item = &'a Arc<FolderGrant>> {
        self.folders.find(asker, name)
    }

    /// What somebody was granted about a host, the exact ones first.
    pub(super) fn hosts<'a>(
        &'a self,
        asker: Asker<'a>,
        host: &'a WebHost,
        written: &'a str,
    ) -> impl Iterator<Item = &'a Arc<WebGrant>> {
        let name = if matches!(host, WebHost::Name(_)) { written } else { "" };
        let domains = name.match_indices('.').map(|(dot, _)| &name[dot + 1..]);
        self.hosts.find(asker, written).chain(domains.flat_map(move |end| self.domains.find(asker, end)))
    }
}

/// Things by their holder and a key.
#[derive(Debug, Clone)]
struct Index<T>(HashMap<Holder, HashMap<String, Vec<Filed<T>>>>);

#[derive(Debug)]
struct Filed<T> {
    /// Only while this skill runs.
    skill: Option<SkillName>,
    thing: Arc<T>,
}

impl<T> Clone for Filed<T> {
    fn clone(&self) -> Self {
        Self { skill: self.skill.clone(), thing: Arc::clone(&self.thing) }
    }
}

impl<T> Filed<T> {
    fn counts_for(&self, asker: Asker<'_>) -> bool {
        self.skill.as_ref().is_none_or(|only| asker.is_all(only))
    }
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Index<T> {
    fn put(&mut self, grant: &Grant, key: String, thing: &Arc<T>) -> Filed<T> {
        let filed = Filed { skill: grant.skill.clone(), thing: Arc::clone(thing) };
        self.0.entry(grant.holder.clone()).or_default().entry(key).or_default().push(filed.clone());
        filed
    }

    fn find<'a>(&'a self, asker: Asker<'a>, key: &'a str) -> impl Iterator<Item = &'a Arc<T>> {
        asker.holders().flat_map(move |holder| {
            let filed = self.0.get(&holder).and_then(|keys| keys.get(key)).into_iter().flatten();
            filed.filter(move |filed| filed.counts_for(asker)).map(|filed| &filed.thing)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::governance::{Access, Method, Quota, UrlPattern, WebUrl};
    use crate::ring::Effect;

    fn grant(holder: Holder, skill: Option<&str>, url: &str) -> Grant {
        let web = WebGrant {
            url: UrlPattern::parse(url).expect("a pattern"),
            methods: vec![Method::parse("GET").expect("a method")],
            effect: Effect::Irreversible,
            idempotent: false,
            networks: Vec::new(),
            headers: Vec::new(),
            max_bytes: 1,
            approval: None,
        };
        let folder = FolderGrant {
            name: "notes".into(),
            folder: "/n".into(),
            access: Access::Read,
            quota: Quota::default(),
            effect: Effect::Reversible,
            approval: None,
        };
        let skill = skill.map(|name| name.parse().expect("a name"));
        Grant { skill, files: vec![Arc::new(folder)], http: vec![Arc::new(web)], ..Grant::to(holder) }
    }

    /// How many grants about a host, and of a folder, somebody finds.
    fn found(book: &GrantBook, agent: &str, ring: Ring, skill: &str, url: &str) -> (usize, usize) {
        let (agent, skill) = (agent.parse().expect("a name"), skill.parse().expect("a name"));
        let asker = Asker { agent: &agent, ring, skill: &skill, chain: &[] };
        let url = WebUrl::parse(url).expect("a URL");
        let hosts = book.hosts(asker, url.host(), &url.host().to_string()).count();
        (hosts, book.folders(asker, "notes").count())
    }

    #[test]
    fn a_grant_counts_for_its_ring_and_the_more_privileged() {
        let book = GrantBook::new(vec![grant(Holder::Ring(Ring::Standard), None, "https://a.example")]);
        for (ring, count) in [(Ring::Trusted, 1), (Ring::Standard, 1), (Ring::Sandboxed, 0)] {
            assert_eq!(found(&book, "ada", ring, "notes", "https://a.example"), (count, count), "{ring}");
        }
    }

    #[test]
    fn a_grant_counts_for_its_caller_and_its_skill_alone() {
        let ada = Holder::Caller("ada".parse().expect("a name"));
        let book = GrantBook::new(vec![grant(ada, Some("notes"), "https://a.example")]);
        assert_eq!(found(&book, "ada", Ring::Standard, "notes", "https://a.example"), (1, 1));
        assert_eq!(found(&book, "eve", Ring::Standard, "notes", "https://a.example"), (0, 0));
        assert_eq!(found(&book, "ada", Ring::Standard, "other", "https://a.example"), (0, 0));
        // No name means everybody.
        let all = Holder::Caller("all".parse().expect("a name"));
        let book = GrantBook::new(vec![grant(all, None, "https://a.example")]);
        assert_eq!(found(&book, "all", Ring::Sandboxed, "notes", "https://a.example"), (1, 1));
        assert_eq!(found(&book, "ada", Ring::Trusted, "notes", "https://a.example"), (0, 0));
    }

    #[test]
    fn the_names_below_a_host_are_not_the_host() {
        let book = GrantBook::new(vec![grant(Holder::Ring(Ring::Standard), None, "https://*.a.example")]);
        for (url, count) in [
            ("https://b.a.example", 1),
            ("https://c.b.a.example", 1),
            ("https://a.example", 0),
            ("https://ba.example", 0),
            ("https://1.2.3.4", 0),
        ] {
            assert_eq!(found(&book, "ada", Ring::Standard, "notes", url).0, count, "{url}");
        }
    }

    #[test]
    fn models_are_found_by_name_and_in_the_operators_order_whoever_holds_them() {
        let model = |holder: Holder, skill: Option<&str>, name: &str| {
            let skill = skill.map(|name| name.parse().expect("a name"));
            Grant { skill, models: vec![Arc::new(name.parse().expect("a name"))], ..Grant::to(holder) }
        };
        let ada = || Holder::Caller("ada".parse().expect("a name"));
        let book = GrantBook::new(vec![
            model(Holder::Ring(Ring::Standard), None, "first"),
            model(ada(), None, "second"),
            model(Holder::Caller("eve".parse().expect("a name")), None, "eves"),
            model(Holder::Ring(Ring::Trusted), None, "trusted"),
            model(ada(), Some("other"), "others"),
            model(Holder::Ring(Ring::Standard), Some("notes"), "last"),
        ]);
        let (agent, skill) = ("ada".parse().expect("a name"), "notes".parse().expect("a name"));
        let asker = |ring| Asker { agent: &agent, ring, skill: &skill, chain: &[] };
        let names = |ring| book.models(asker(ring)).map(ModelName::as_str).collect::<Vec<_>>();
        assert_eq!(names(Ring::Standard), ["first", "second", "last"]);
        assert_eq!(names(Ring::Trusted), ["first", "second", "trusted", "last"]);
        assert_eq!(names(Ring::Sandboxed), ["second"]);
        for name in ["first", "second", "eves", "trusted", "others", "last", "firs"] {
            let found = book.model(asker(Ring::Standard), name).map(ModelName::as_str);
            assert_eq!(found, names(Ring::Standard).contains(&name).then_some(name), "{name}");
        }
    }
}
