//! Resolve: which component runs, in which effective ring, with which powers. What may not run ends here, before
//! any of its instructions.

use std::sync::Arc;

use super::Host;
use super::blame::Failing;
use super::claim::Claimed;
use super::context::Bound;
use super::emit::Over;
use super::history::RecordedSkill;
use super::validators;
use crate::audit::{Fact, HeldGrant, Status};
use crate::capability::{Capability, Powers};
use crate::contract::{RuleSet, UNCHECKED, Violation, parse, violations};
use crate::error::{Code, Error};
use crate::governance::{Authority, Edition, recorded};
use crate::ids::SkillName;
use crate::limit::Amounts;
use crate::registry::Loaded;
use crate::ring::{Ring, floor};
use crate::sandbox::Ceilings;

/// A task that may run.
pub(super) struct Resolved {
    pub(super) claimed: Box<Claimed>,
    pub(super) skill: Arc<Loaded>,
    pub(super) authority: Arc<Authority>,
    pub(super) rules: RuleSet,
    /// Who judges what keeps the rules: exactly these versions.
    pub(super) validators: Vec<String>,
    /// What was wrong with the attempt before.
    pub(super) violations: Vec<Violation>,
    /// How many attempts were made.
    pub(super) attempts: u32,
}

pub(super) async fn resolve(host: &Host, bound: Bound) -> Result<Resolved, Over> {
    let claimed = bound.into_claimed();
    let skill = match host.registry.find(&claimed.order.skill) {
        Ok(skill) => skill,
        Err(error) => {
            let failing = Failing::Refused(error.code);
            return Err(Over::refused(claimed, None, error, failing));
        }
    };
    claimed.place.runs(&skill.contract.name, &skill.contract.version);
    // Withdrawn since it was found: from here on a kill of the version reaches this task, up to here it did not.
    if let Err(error) = host.registry.is_offered(&skill) {
        let failing = Failing::Refused(error.code);
        return Err(Over::refused(claimed, None, error, failing));
    }
    let edition = host.policies.newest();
    let refused = |error: Error| {
        let failing = Failing::Refused(error.code);
        (error, failing)
    };
    let own = match own_ceilings(host, &skill) {
        Ok(own) => own,
        Err(error) => return Err(Over::refused(claimed, None, error, Failing::Refused(Code::R0502))),
    };
    let ring = ring_under(&edition, &claimed, &skill.contract.name, &own);
    claimed.books.log().set_ring(ring);
    let granted = match check_powers(&claimed, &skill, ring, &own).map_err(refused) {
        Ok(powers) => check_input(host, &claimed, &skill).await.map(|()| powers),
        Err(refused) => Err(refused),
    };
    let rules = edition.policy().rules.get(&skill.contract.name).cloned().unwrap_or_default();
    let judges = if claimed.judges { Ok(Vec::new()) } else { validators::pin(&host.registry, &rules) };
    let (powers, validators) = match granted.and_then(|powers| Ok((powers, judges.map_err(refused)?))) {
        Ok(may_run) => may_run,
        Err((error, failing)) => return Err(Over::refused(claimed, Some((&skill, ring)), error, failing)),
    };
    let resolved = resolved(&edition, claimed, skill, ring, powers, &[], validators);
    let Resolved { claimed, skill, authority, validators, .. } = &resolved;
    let is_granted = GRANTED.into_iter().any(|capability| authority.powers.contains(capability));
    let is_bound = edition.policy().effects.iter().next().is_some();
    claimed.books.log().append(&Fact::TaskResolved {
        skill: skill.contract.name.clone(),
        version: skill.contract.version.clone(),
        component: skill.component,
        ring,
        powers: authority.powers,
        policy: edition.policy().digest,
        held: (is_granted || is_bound).then(|| authority.record()),
        limits: narrowed(claimed, &own),
        validators: validators.clone(),
    });
    Ok(resolved)
}

/// The powers that grants are about, by themselves or for those who are asked.
const GRANTED: [Capability; 5] =
    [Capability::Files, Capability::Http, Capability::Model, Capability::Skills, Capability::Tool];

/// What the program narrows by itself.
fn own_ceilings(host: &Host, skill: &Loaded) -> Result<Ceilings, Error> {
    host.sandbox.ceilings(&skill.component).map_err(|why| {
        let name = &skill.contract.name;
        Error::new(Code::R0502, format!("agent `{name}` cannot be read")).because(why)
    })
}

/// Takes what the program does not want off the task's ledger; what is left, if that is less.
fn narrowed(claimed: &Claimed, own: &Ceilings) -> Option<Amounts> {
    claimed.books.with_ledger(|ledger| {
        let before = ledger.allowed_in_all();
        ledger.narrow(&own.limits);
        Some(ledger.allowed_in_all()).filter(|left| *left != before)
    })
}

fn ring_under(edition: &Edition, claimed: &Claimed, name: &SkillName, own: &Ceilings) -> Ring {
    let ring = edition.policy().effective_ring(claimed.order.ring, name);
    let ring = own.ring.map_or(ring, |own| ring.least_privileged(own));
    claimed.asked_by.as_ref().map_or(ring, |asking| asking.ring_for(name, ring))
}

/// `held`: what it held when it was resolved first, and each time that it lost something, if another process did that.
fn resolved(
    edition: &Arc<Edition>,
    claimed: Box<Claimed>,
    skill: Arc<Loaded>,
    ring: Ring,
    powers: Powers,
    held: &[Vec<HeldGrant>],
    validators: Vec<String>,
) -> Resolved {
    let name = skill.contract.name.clone();
    let rules = edition.policy().rules.get(&name).cloned().unwrap_or_default();
    let authority = Authority::under(edition, claimed.order.agent.clone(), name, ring, powers)
        .asked_by(claimed.chain.clone());
    let before: Vec<_> = held.iter().map(|held| recorded(held, &authority)).collect();
    let authority = authority.within(before);
    let authority = match &claimed.asked_by {
        Some(asking) => authority.asked_under(asking),
        None => authority,
    };
    let (authority, violations) = (Arc::new(authority), Vec::new());
    Resolved { claimed, skill, authority, rules, validators, violations, attempts: 0 }
}

/// The same component again for a task that was resolved by a process that is gone; what policy takes away since then is
/// gone, and what it adds does not count.
pub(super) fn again(host: &Host, bound: Bound, recorded: &RecordedSkill) -> Result<Resolved, Over> {
    let claimed = bound.into_claimed();
    let RecordedSkill { skill: name, version, component, ring, powers, held, validators } = recorded;
    let found = host.registry.find(&format!("{name}@{version}")).and_then(|skill| {
        host.registry.is_offered(&skill)?;
        if skill.component == *component {
            return Ok(skill);
        }
        Err(Error::new(
            Code::R0502,
            format!("skill `{name}` {version} is not what it was when the task began"),
        ))
    });
    let skill = match found {
        Ok(skill) => skill,
        Err(error) => {
            let failing = Failing::Refused(error.code);
            return Err(Over::refused(claimed, None, error, failing));
        }
    };
    claimed.place.runs(name, version);
    let edition = host.policies.newest();
    let own = match own_ceilings(host, &skill) {
        Ok(own) => own,
        Err(error) => return Err(Over::refused(claimed, None, error, Failing::Refused(Code::R0502))),
    };
    narrowed(&claimed, &own);
    let ring = ring_under(&edition, &claimed, name, &own).least_privileged(*ring);
    claimed.books.log().set_ring(ring);
    if let Err(error) = check_powers(&claimed, &skill, ring, &own) {
        let failing = Failing::Refused(error.code);
        return Err(Over::refused(claimed, Some((&skill, ring)), error, failing));
    }
    let resolved = resolved(&edition, claimed, skill, ring, *powers, held, validators.clone());
    if ring != recorded.ring || !held.is_empty() && resolved.authority.has_lost() {
        resolved.claimed.books.log().append(&resolved.authority.narrowing());
    }
    Ok(resolved)
}

/// Ring ∩ imports ∩ task, if that leaves the skill all that it imports.
fn check_powers(claimed: &Claimed, skill: &Loaded, ring: Ring, own: &Ceilings) -> Result<Powers, Error> {
    let name = &skill.contract.name;
    let version = &skill.contract.version;
    if let Some(forbidden) = skill.powers.without(ring.powers()).iter().next() {
        let needed = skill.powers.iter().map(floor).fold(Ring::Sandboxed, Ring::more_privileged);
        return Err(refused_import(Code::R0101, name, version, forbidden)
            .because(format!("ring {ring} may not use `{forbidden}`; ring {} may", floor(forbidden)))
            .hint(match own.ring.filter(|own| !own.reaches(needed)) {
                Some(own) => {
                    format!("its own file says ring {own}: an agent that needs `{forbidden}` says more")
                }
                None => {
                    format!("run it with --ring {needed}, if its caller is to be trusted with `{forbidden}`")
                }
            }));
    }
    let only = claimed.order.only.unwrap_or_else(Powers::all);
    if let Some(missing) = skill.powers.without(only).iter().next() {
        return Err(refused_import(Code::R0103, name, version, missing)
            .because(format!("the task was granted {} and nothing else", words(only)))
            .hint(format!("run it without --only, or add `{missing}` to it")));
    }
    Ok(skill.powers)
}

fn words(powers: Powers) -> String {
    let words: Vec<_> = powers.iter().map(Capability::word).collect();
    if words.is_empty() { "no power".to_owned() } else { words.join(", ") }
}

fn refused_import(code: Code, name: &SkillName, version: &semver::Version, capability: Capability) -> Error {
    Error::new(code, format!("skill `{name}` {version} was refused `{capability}`"))
        .because(format!("it imports {}", capability.interface()))
}

async fn check_input(
    host: &Host,
    claimed: &Claimed,
    skill: &Loaded,
) -> Result<(), (Error, Failing<'static>)> {
    let name = &skill.contract.name;
    let value = parse(&claimed.order.input).map_err(|why| {
        let error = Error::new(Code::R0402, format!("the input for skill `{name}` is not JSON"))
            .because(why)
            .hint("give one JSON value: --input '{\"name\": \"Ada\"}', --input @FILE or --input -");
        (error, Failing::Refused(Code::R0402))
    })?;
    let violations = violations(&skill.contract.input, &value, &*host.validator).await;
    if violations.is_empty() {
        return Ok(());
    }
    let wrong = Error::new(Code::R0403, format!("the input breaks the contract of skill `{name}`"));
    let described = violations.iter().fold(wrong, |error, violation| {
        let place = if violation.path.is_empty() { "the input" } else { &violation.path };
        error.because(format!("{place}: {}", violation.message))
    });
    let unchecked = violations.iter().any(|violation| violation.rule == UNCHECKED);
    let failing = if unchecked { Failing::Unchecked } else { Failing::Refused(Code::R0403) };
    Err((described.hint(format!("see what it takes: ringfence skills {name}")), failing))
}

impl Over {
    fn refused(
        claimed: Box<Claimed>,
        skill: Option<(&Loaded, Ring)>,
        error: Error,
        failing: Failing<'_>,
    ) -> Self {
        let ring = skill.map_or(claimed.order.ring, |(_, ring)| ring);
        let version = skill.map(|(skill, _)| skill.contract.version.clone());
        let name =
            skill.map_or_else(|| Arc::clone(&claimed.order.skill), |(skill, _)| skill.contract.name.text());
        Self::new(claimed, name, version, ring, 0).with_error(Status::Refused, error, failing)
    }
}
