//! An explanation as programs see it.

use ringfence_core::governance::{Authority, Grant, Holder};
use serde_json::{Value, json};

use super::stand::{Methods, change, effect_of, methods, raised, stand};
use crate::cli::time;
use crate::explain::Explained;

/// The explanation as data; its shape is in the help of the verb.
pub(super) fn to_json(explained: &Explained, tools: Option<&[String]>) -> Value {
    let Explained { contract, caller, authority, .. } = explained;
    let powers = explained.powers.iter().map(|power| {
        json!({
            "power": power.capability,
            "stand": power.stand.word(),
            "needs_ring": power.needs,
            "why": power.denial.as_ref().map(|denial| &denial.why),
        })
    });
    let lines = explained.lines.iter().map(|lines| json!({ "lines": lines.lines, "example": lines.example }));
    let compile = json!({
        "cached": explained.cached,
        "ms": explained.compiled.map(|took| took.as_secs_f64() * 1_000.0),
    });
    json!({
        "name": contract.name,
        "version": contract.version,
        "description": contract.description,
        "digest": explained.digest,
        "bytes": explained.bytes,
        "loaded": explained.loaded,
        "withdrawn": explained.withdrawn.as_ref().map(|how| json!({ "by": &*how.by, "at": time(how.at), "reason": how.reason })),
        "compile": compile,
        "imports": explained.imports,
        "caller": {
            "agent": caller.agent, "ring": caller.ring, "ceiling": explained.ceiling,
            "effective_ring": authority.ring, "tools": tools,
        },
        "own": { "ring": explained.own.ring, "limits": explained.own.limits },
        "validators": explained.validators,
        "may_run": explained.may_run(),
        "needs_ring": explained.needs,
        "advice": explained.advice(),
        "powers": Value::from_iter(powers),
        "grants": Value::from_iter(authority.grants().map(|grant| grant_to_json(grant, authority))),
        "effects": Value::from_iter(raised(explained).map(|raised| json!({
            "call": raised.call, "effect": raised.effect, "stand": raised.stand,
        }))),
        "lines": Value::from_iter(lines),
        "input_schema": contract.input.source(),
        "output_schema": contract.output.source(),
    })
}

fn grant_to_json(grant: &Grant, authority: &Authority) -> Value {
    let (of_ring, caller) = match &grant.holder {
        Holder::Ring(ring) => (Some(*ring), None),
        Holder::Caller(agent) => (None, Some(agent)),
    };
    let files = grant.files.iter().map(|folder| {
        json!({
            "name": folder.name, "folder": folder.folder.to_string_lossy(), "access": folder.access,
            "quota": folder.quota.bytes, "max_files": folder.quota.files,
            "effect": folder.effect, "approval": folder.approval.is_some(), "changes": change(folder, authority),
        })
    });
    let http = grant.http.iter().map(|web| {
        let Methods { may, asks, may_not } = methods(web, authority);
        let headers = web.headers.iter().map(|header| &header.name);
        json!({
            "url": web.url.to_string(), "methods": may, "approved_methods": asks, "denied_methods": may_not, "effect": web.effect,
            "networks": web.networks, "headers": Value::from_iter(headers.cloned()),
            "max_bytes": web.max_bytes,
        })
    });
    let tools = grant.tools.iter().map(|tool| {
        json!({
            "tool": tool.tool, "effect": tool.effect, "idempotent": tool.idempotent,
            "stand": stand(effect_of(tool, authority), tool.approval.is_some(), authority.ring),
            "approval": tool.approval.as_ref().map(|terms| json!({
                "of": terms.of, "from": terms.from, "expires-ms": terms.lasts / 1_000,
            })),
            "arguments": Value::from_iter(tool.arguments.iter().map(|schema| schema.source().clone())),
        })
    });
    json!({
        "ring": of_ring, "caller": caller, "skill": grant.skill,
        "files": Value::from_iter(files), "http": Value::from_iter(http), "models": Value::from_iter(grant.models.iter().map(|model| model.to_string())), "tools": Value::from_iter(tools),
    })
}
