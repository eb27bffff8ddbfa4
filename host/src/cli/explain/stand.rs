//! How it stands with what a grant says and what policy raises: allowed, asked about, or forbidden in the ring of a run.

use ringfence_core::gate::RAISABLE;
use ringfence_core::governance::{Access, Authority, FolderGrant, ToolGrant, WebGrant};
use ringfence_core::ring::{Effect, Ring, effect_floor};

use crate::explain::Explained;

/// The methods of a grant: those that a run in a ring may use, those that wait for approval, and those that it may not use.
pub(super) struct Methods<'a> {
    pub(super) may: Vec<&'a str>,
    pub(super) asks: Vec<&'a str>,
    pub(super) may_not: Vec<&'a str>,
}

pub(super) fn methods<'a>(web: &'a WebGrant, authority: &Authority) -> Methods<'a> {
    let mut methods = Methods { may: Vec::new(), asks: Vec::new(), may_not: Vec::new() };
    for method in &web.methods {
        let effect = web.effect_of(method).max(authority.least_effect("http.send"));
        let list = match stand(effect, web.approval.is_some(), authority.ring) {
            "forbidden" => &mut methods.may_not,
            "approval" => &mut methods.asks,
            _ => &mut methods.may,
        };
        list.push(method.word());
    }
    methods
}

/// Whether a run in a ring may have an effect, and whether people are asked before.
pub(super) fn stand(effect: Effect, is_marked: bool, ring: Ring) -> &'static str {
    match ring.reaches(effect_floor(effect)) {
        false => "forbidden",
        true if !is_marked && effect != Effect::Irreversible => "allowed",
        true => "approval",
    }
}

/// How it stands with changes of a folder, if it may be written; of several grants about it the gravest and strictest counts.
pub(super) fn change(folder: &FolderGrant, authority: &Authority) -> Option<&'static str> {
    let all = || authority.grants().flat_map(|grant| &grant.files).filter(|other| other.name == folder.name);
    let effect = all().map(|folder| folder.effect).max()?;
    let is_marked = all().any(|folder| folder.approval.is_some());
    (folder.access == Access::Write).then(|| stand(effect, is_marked, authority.ring))
}

pub(super) fn effect_of(tool: &ToolGrant, authority: &Authority) -> Effect {
    tool.effect.max(authority.least_effect("tool.call"))
}

/// A call that does more by policy than the host says.
pub(super) struct Raised {
    pub(super) call: &'static str,
    pub(super) effect: Effect,
    pub(super) stand: &'static str,
}

/// Of the powers that it asks for.
pub(super) fn raised(explained: &Explained) -> impl Iterator<Item = Raised> {
    let is_asked = |call: &str| {
        explained.powers.iter().any(|power| call.split('.').next() == Some(power.capability.word()))
    };
    RAISABLE.into_iter().filter(move |(call, _)| is_asked(call)).filter_map(|(call, known)| {
        let effect = explained.authority.least_effect(call);
        let stand = stand(effect, false, explained.authority.ring);
        (effect > known).then_some(Raised { call, effect, stand })
    })
}
