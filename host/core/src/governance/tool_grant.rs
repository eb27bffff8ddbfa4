//! Grants about tools: which tool of which server, with which arguments, and what that does.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::Authority;
use super::decide::{Denial, Through, ToolAsk, Verdict, asked_for, deny, undone};
use crate::audit::ApprovalTerms;
use crate::capability::Capability;
use crate::contract::{Schema, Violation};
use crate::ids::{Digest, ToolName};
use crate::ring::{Effect, required};

/// What the arguments of a tool must keep.
#[derive(Clone)]
pub struct ArgumentSchema {
    schema: Schema,
    digest: Digest,
}

impl ArgumentSchema {
    /// Compiles a JSON Schema (2020-12). It is held against arguments at each call, so it must be little work: at most 200
    /// values with each reference counted as what it points to, no reference that leads back, no `uniqueItems`.
    ///
    /// # Errors
    /// Why it was not accepted.
    pub fn compile(source: &Value) -> Result<Self, String> {
        let text = source.to_string();
        let schema = Schema::compile(&text).map_err(|why| why.to_string())?;
        if !schema.is_light() {
            return Err(
                "it is too much work for each call: say it with at most 200 values, without recursion and \
                        without `uniqueItems`"
                    .into(),
            );
        }
        Ok(Self { schema, digest: Digest::of(text.as_bytes()) })
    }

    /// Knows it again.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &Value {
        self.schema.source()
    }

    /// The first thing that is wrong with arguments.
    fn violation(&self, arguments: &Value) -> Option<Violation> {
        let too_much = || {
            let message = "there is too much of it to be held against the grant".to_owned();
            vec![Violation { path: String::new(), rule: "size".into(), message }]
        };
        self.schema.violations_here(arguments).unwrap_or_else(too_much).into_iter().next()
    }
}

impl PartialEq for ArgumentSchema {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for ArgumentSchema {}

impl fmt::Debug for ArgumentSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.schema)
    }
}

/// A tool that may be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolGrant {
    /// Which one of which server.
    pub tool: ToolName,
    /// What calling it does, as the operator says; irreversible where nothing is said. What the server says of it counts for
    /// nothing.
    pub effect: Effect,
    /// Whether calling it twice with the same arguments is as good as once.
    pub idempotent: bool,
    /// What its arguments must keep: all of these.
    pub arguments: Vec<Arc<ArgumentSchema>>,
    /// Who has to approve each call, whatever it does.
    pub approval: Option<ApprovalTerms>,
}

impl ToolGrant {
    /// What both grants allow, if they are about the same tool.
    pub(super) fn meet(&self, other: &Self) -> Option<Self> {
        let mut arguments = self.arguments.clone();
        arguments.extend(other.arguments.iter().filter(|schema| !self.arguments.contains(schema)).cloned());
        let approval = match (&self.approval, &other.approval) {
            (Some(one), Some(two)) => Some(one.meet(two)?),
            (one, two) => one.as_ref().or(two.as_ref()).cloned(),
        };
        (self.tool == other.tool).then(|| Self {
            approval,
            effect: self.effect.max(other.effect),
            idempotent: self.idempotent && other.idempotent,
            arguments,
            ..self.clone()
        })
    }

    /// The first thing that is wrong with arguments; nothing if they are granted.
    fn violation(&self, arguments: &Value) -> Option<Violation> {
        self.arguments.iter().find_map(|schema| schema.violation(arguments))
    }
}

/// Of several grants about a tool one must allow all of a call.
pub(super) fn decide_tool(asked: &ToolAsk<'_>, least: Effect, authority: &Authority) -> Verdict {
    let ToolAsk { tool, arguments } = *asked;
    let reaches = |effect: Effect| authority.ring.reaches(required(Capability::Tool, effect));
    let mut misfit = None;
    let mut too_grave = None;
    let mut marked = Vec::new();
    let mut fitting: Vec<(Arc<ToolGrant>, Effect)> = Vec::new();
    for grant in authority.tools(tool) {
        let effect = grant.effect.max(least);
        if let Some(violation) = grant.violation(arguments) {
            misfit.get_or_insert((violation, grant.effect));
            continue;
        }
        // Where the operator says of one grant that it asks, it asks, whatever the others say.
        marked.extend(grant.approval.clone());
        if reaches(effect) {
            fitting.push((grant, effect));
        } else {
            too_grave.get_or_insert(effect);
        }
    }
    let unasked = fitting.iter().find(|(_, effect)| *effect != Effect::Irreversible);
    if let Some((grant, effect)) = unasked.or(fitting.first()) {
        return asked_for(Through::Tool(Arc::clone(grant)), *effect, marked.iter(), authority);
    }
    match (too_grave, misfit) {
        (Some(effect), _) => {
            let needed = required(Capability::Tool, effect);
            let undone = undone(effect);
            deny(format!("tool `{tool}`{undone} needs ring {needed}; this run has ring {}", authority.ring))
        }
        (None, Some((violation, effect))) => {
            Verdict::Deny(unfit(tool, arguments, &violation, effect, authority))
        }
        (None, None) => {
            let why = format!("no grant covers tool `{tool}`");
            let line = format!("tools = [{{ tool = \"{tool}\", effect = \"reversible\" }}]");
            Verdict::Deny(Denial::new(why).with_line(line).in_a_grant(authority))
        }
    }
}

/// The longest text of an argument that is suggested as granted.
const LONGEST_SUGGESTED: usize = 200;

/// Why arguments are denied, and a grant of exactly this argument where it is short and plain.
fn unfit(
    tool: &ToolName,
    arguments: &Value,
    violation: &Violation,
    effect: Effect,
    authority: &Authority,
) -> Denial {
    let Violation { path, rule, message } = violation;
    let place = if path.is_empty() { "its arguments".to_owned() } else { format!("argument {path}") };
    let why = format!("tool `{tool}`: {place} breaks `{rule}` of the grant: {message}");
    let denial = Denial::new(why);
    let named = path.strip_prefix('/').filter(|name| !name.contains(['/', '~']));
    let Some((name, value)) = named.and_then(|name| Some((name, arguments.get(name)?))) else {
        return denial;
    };
    let plain = match value {
        Value::String(text) => text.len() <= LONGEST_SUGGESTED,
        Value::Bool(_) | Value::Number(_) => true,
        _ => false,
    };
    if !plain || name.len() > LONGEST_SUGGESTED {
        return denial;
    }
    // A text of JSON is one of TOML too.
    let (name, effect) = (Value::from(name), word(effect));
    let exactly = format!("{{ properties = {{ {name} = {{ const = {value} }} }} }}");
    let line = format!("tools = [{{ tool = \"{tool}\", effect = \"{effect}\", arguments = {exactly} }}]");
    denial.with_line(line).in_a_grant(authority)
}

/// As it is written in a policy file.
const fn word(effect: Effect) -> &'static str {
    match effect {
        Effect::Local | Effect::Read => "read",
        Effect::Scratch | Effect::Reversible => "reversible",
        Effect::Irreversible => "irreversible",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::capability::Powers;
    use crate::governance::{Ask, Grant, GrantBook, Holder, Policies, Policy, Scope, decide};
    use crate::refusal::RefusalKind;
    use crate::ring::Ring;

    fn grant(effect: Effect, arguments: &[Value]) -> ToolGrant {
        let compile = |source: &Value| Arc::new(ArgumentSchema::compile(source).expect("a schema"));
        let tool = "files/read_text_file".parse().expect("a name");
        let arguments = arguments.iter().map(compile).collect();
        ToolGrant { tool, effect, idempotent: true, arguments, approval: None }
    }

    fn policy(tools: Vec<ToolGrant>) -> Policy {
        let tools = tools.into_iter().map(Arc::new).collect();
        let grant = Grant { tools, ..Grant::to(Holder::Ring(Ring::Standard)) };
        Policy { grants: Arc::new(GrantBook::new(vec![grant])), ..Policy::default() }
    }

    fn began(policies: &Policies) -> Authority {
        in_ring(policies, Ring::Standard)
    }

    fn in_ring(policies: &Policies, ring: Ring) -> Authority {
        let (agent, skill) = ("ada".parse().expect("a name"), "notes".parse().expect("a name"));
        Authority::under(&policies.newest(), agent, skill, ring, Powers::all())
    }

    fn verdict(authority: &Authority, tool: &str, arguments: &Value) -> Verdict {
        let tool = tool.parse().expect("a name");
        let scope = Scope::Tool(Ok(ToolAsk { tool: &tool, arguments }));
        decide(&Ask { capability: Capability::Tool, effect: Effect::Local, scope }, authority)
    }

    fn denied(tools: Vec<ToolGrant>, tool: &str, arguments: &Value) -> Denial {
        match verdict(&began(&Policies::new(policy(tools))), tool, arguments) {
            Verdict::Deny(denial) => denial,
            other => panic!("{tool} {arguments}: {other:?}"),
        }
    }

    fn below(folder: &str) -> Value {
        let pattern = format!("^{folder}/[^./][^/]*$");
        json!({ "properties": { "path": { "pattern": pattern } }, "required": ["path"], "additionalProperties": false })
    }

    #[test]
    fn a_tool_is_granted_by_its_whole_name() {
        let granted = || vec![grant(Effect::Read, &[])];
        let policies = Policies::new(policy(granted()));
        let allowed = verdict(&began(&policies), "files/read_text_file", &json!({}));
        assert!(matches!(allowed, Verdict::Allow(Some(Through::Tool(_)))), "{allowed:?}");
        for near in
            ["file/read_text_file", "files/read_text_files", "files/Read_text_file", "files/read-text-file"]
        {
            let denial = denied(granted(), near, &json!({}));
            assert!(denial.why.contains("no grant covers tool"), "{denial:?}");
            assert!(denial.line.is_some_and(|line| line.contains(&format!("tool = \"{near}\""))));
        }
    }

    #[test]
    fn arguments_are_held_against_the_grant() {
        let granted = || vec![grant(Effect::Read, &[below("/notes")])];
        let policies = Policies::new(policy(granted()));
        let authority = began(&policies);
        let fits = verdict(&authority, "files/read_text_file", &json!({ "path": "/notes/a.md" }));
        assert!(matches!(fits, Verdict::Allow(_)), "{fits:?}");
        for (arguments, says) in [
            (json!({ "path": "/etc/passwd" }), "argument /path breaks `pattern`"),
            (json!({ "path": "/notes/../etc/passwd" }), "argument /path breaks `pattern`"),
            (json!({}), "its arguments breaks `required`"),
            (json!({ "path": "/notes/a", "head": 1 }), "its arguments breaks `additionalProperties`"),
        ] {
            let denial = denied(granted(), "files/read_text_file", &arguments);
            assert!(denial.why.contains(says), "{denial:?}");
            assert_eq!(denial.kind, RefusalKind::Denied);
        }
        let denial = denied(granted(), "files/read_text_file", &json!({ "path": "/etc/passwd" }));
        let exactly = "arguments = { properties = { \"path\" = { const = \"/etc/passwd\" } } }";
        assert!(denial.line.as_ref().is_some_and(|line| line.contains(exactly)), "{denial:?}");
    }

    #[test]
    fn what_cannot_be_undone_needs_ring_1_and_waits_and_another_grant_may_still_allow_it() {
        let denial = denied(vec![grant(Effect::Irreversible, &[])], "files/read_text_file", &json!({}));
        assert!(denial.why.contains("cannot be undone: it needs ring 1"), "{denial:?}");
        let policies = Policies::new(policy(vec![grant(Effect::Irreversible, &[])]));
        let trusted = in_ring(&policies, Ring::Trusted);
        let waits = verdict(&trusted, "files/read_text_file", &json!({}));
        assert!(matches!(waits, Verdict::Ask(Some(Through::Tool(_)), _)), "{waits:?}");
        let both = vec![grant(Effect::Irreversible, &[]), grant(Effect::Read, &[below("/notes")])];
        let policies = Policies::new(policy(both));
        let read = verdict(&began(&policies), "files/read_text_file", &json!({ "path": "/notes/a" }));
        assert!(matches!(read, Verdict::Allow(_)), "{read:?}");
    }

    #[test]
    fn a_tool_that_its_grant_marks_waits_whatever_another_grant_says() {
        let marked = ToolGrant { approval: Some(ApprovalTerms::default()), ..grant(Effect::Read, &[]) };
        // Also where that one is out of the ring's reach.
        for marked in [marked.clone(), ToolGrant { effect: Effect::Irreversible, ..marked }] {
            let policies = Policies::new(policy(vec![grant(Effect::Read, &[]), marked]));
            let waits = verdict(&began(&policies), "files/read_text_file", &json!({}));
            assert!(matches!(waits, Verdict::Ask(Some(Through::Tool(_)), _)), "{waits:?}");
        }
    }

    #[test]
    fn of_two_policies_arguments_must_fit_both() {
        let policies = Policies::new(policy(vec![grant(Effect::Read, &[])]));
        let authority = began(&policies);
        policies.take(policy(vec![grant(Effect::Reversible, &[below("/notes")])]));
        let (left, narrowed) = authority.caught_up().expect("it has changed");
        assert!(narrowed);
        let denied = verdict(&left, "files/read_text_file", &json!({ "path": "/etc/passwd" }));
        assert!(matches!(denied, Verdict::Deny(_)), "{denied:?}");
        match verdict(&left, "files/read_text_file", &json!({ "path": "/notes/a" })) {
            Verdict::Allow(Some(Through::Tool(grant))) => assert_eq!(grant.effect, Effect::Reversible),
            other => panic!("{other:?}"),
        }
        policies.take(policy(Vec::new()));
        let (none, _) = left.caught_up().expect("it has changed");
        assert!(none.granted_tools().is_empty());
        let Verdict::Deny(denial) = verdict(&none, "files/read_text_file", &json!({ "path": "/notes/a" }))
        else {
            panic!("it is allowed");
        };
        assert!(denial.why.contains("was revoked since") && denial.line.is_none(), "{denial:?}");
    }

    #[test]
    fn what_is_written_down_of_a_grant_counts_elsewhere_while_its_schema_is_granted() {
        let policies = Policies::new(policy(vec![grant(Effect::Read, &[below("/notes")])]));
        let held = began(&policies).record();
        let text = serde_json::to_string(&held).expect("it serialises");
        let held: Vec<crate::audit::HeldGrant> = serde_json::from_str(&text).expect("it is read again");
        let again = |tools: Vec<ToolGrant>| {
            let fresh = began(&Policies::new(policy(tools)));
            let before = crate::governance::recorded(&held, &fresh);
            fresh.within([before])
        };
        let arguments = json!({ "path": "/notes/a" });
        let may = |authority: &Authority| {
            matches!(verdict(authority, "files/read_text_file", &arguments), Verdict::Allow(_))
        };
        assert!(may(&again(vec![grant(Effect::Read, &[below("/notes")])])));
        assert!(!may(&again(vec![grant(Effect::Read, &[])])), "what it held cannot be told any more");
        assert!(!may(&again(Vec::new())));
    }

    #[test]
    fn a_heavy_schema_is_refused_where_it_is_written() {
        for heavy in [
            json!({ "properties": { "kid": { "$ref": "#" } } }),
            json!({ "properties": { "list": { "uniqueItems": true } } }),
            json!({ "enum": (0..300).collect::<Vec<_>>() }),
            json!({ "$ref": "https://example.com/schema" }),
            json!({ "type": "nothing" }),
        ] {
            assert!(ArgumentSchema::compile(&heavy).is_err(), "{heavy}");
        }
        let much = json!({ "path": "x".repeat(20_000_000) });
        let denial = denied(vec![grant(Effect::Read, &[below("/n")])], "files/read_text_file", &much);
        assert!(denial.why.contains("too much of it"), "{}", denial.why);
    }
}
