//! What the policy file says of grants, rules and ceilings, checked and in the words of core.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use ringfence_core::audit::ApprovalTerms;
use ringfence_core::capability::Capability;
use ringfence_core::contract::RuleFile;
use ringfence_core::governance::{Access, FolderGrant, Grant, GrantBook, Holder, Quota};
use ringfence_core::ids::{Agent, SkillName};
use ringfence_core::pipeline::Policy;
use ringfence_core::ring::{Effect, Ring, floor};
use serde::Deserialize;

use super::{File, approval, context, effects, models, rules, tools, web};
use crate::quantity;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct GrantEntry {
    ring: Option<u8>,
    caller: Option<String>,
    skill: Option<String>,
    #[serde(default)]
    files: Vec<FolderEntry>,
    #[serde(default)]
    http: Vec<web::WebEntry>,
    #[serde(default)]
    tools: Vec<tools::ToolEntry>,
    #[serde(default)]
    models: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FolderEntry {
    folder: PathBuf,
    access: Access,
    name: Option<String>,
    quota: Option<String>,
    max_files: Option<u64>,
    effect: Option<effects::Said>,
    approval: Option<approval::ApprovalEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SkillEntry {
    name: String,
    ceiling: u8,
}

/// The policy of a file; relative folders lie in `folder`.
pub(super) fn policy(
    parsed: &File,
    folder: &Path,
    rule_files: &[(PathBuf, RuleFile)],
    secrets: &[web::SecretSource],
) -> Result<Policy, String> {
    let rules = rules::rules(&parsed.rule, rule_files)?;
    let mut ceilings = HashMap::new();
    for SkillEntry { name, ceiling } in &parsed.skill {
        let name: SkillName = name.parse().map_err(|why| format!("[[skill]]: {why}"))?;
        let ring = skill_ring(*ceiling).map_err(|why| format!("[[skill]] {name}: ceiling: {why}"))?;
        if ceilings.insert(name.clone(), ring).is_some() {
            return Err(format!("[[skill]] {name} stands twice"));
        }
    }
    let approval = approval::terms(&parsed.approval, &ApprovalTerms::default());
    let approval = approval.map_err(|why| format!("[approval]: {why}"))?;
    let effects = effects::effects(&parsed.effects).map_err(|why| format!("[effects]: {why}"))?;
    let grants = parsed.grant.iter().map(|entry| {
        grant(entry, parsed, secrets, &approval, folder).map_err(|why| format!("[[grant]]: {why}"))
    });
    let servers = super::tools::servers(&parsed.server, secrets, folder)?;
    let grants = GrantBook::new(grants.collect::<Result<_, _>>()?);
    let contexts = context::packages(&parsed.context, folder)?;
    let budgets = parsed.budget.budgets().map_err(|why| format!("[budget]: {why}"))?;
    let models = models::models(&parsed.model, &parsed.provider)?;
    Ok(Policy {
        grants: Arc::new(grants),
        effects,
        rules,
        ceilings,
        contexts,
        models,
        servers: servers.iter().map(|server| (server.name.clone(), server.way.digest())).collect(),
        approval,
        budgets,
        digest: None,
    })
}

fn grant(
    entry: &GrantEntry,
    file: &File,
    secrets: &[web::SecretSource],
    asked: &ApprovalTerms,
    folder: &Path,
) -> Result<Grant, String> {
    let holder = match (entry.ring, &entry.caller) {
        (Some(number), None) => {
            let ring = skill_ring(number)?;
            let granted = [
                (Capability::Files, entry.files.is_empty()),
                (Capability::Http, entry.http.is_empty()),
                (Capability::Tool, entry.tools.is_empty()),
                (Capability::Model, entry.models.is_empty()),
            ];
            for (capability, nothing) in granted {
                let needed = floor(capability);
                if !nothing && !ring.reaches(needed) {
                    return Err(format!("ring {ring} may not use `{capability}` at all; ring {needed} may"));
                }
            }
            Holder::Ring(ring)
        }
        (None, Some(caller)) => Holder::Caller(caller.parse::<Agent>().map_err(|why| why.to_string())?),
        (Some(_), Some(_)) => {
            return Err("it names both a ring and a caller; give each a grant of its own".into());
        }
        (None, None) => {
            return Err(
                "it names neither `ring` nor `caller`: privileges are the caller's, never a skill's".into()
            );
        }
    };
    let skill =
        entry.skill.as_deref().map(str::parse::<SkillName>).transpose().map_err(|why| why.to_string())?;
    if entry.files.is_empty() && entry.http.is_empty() && entry.models.is_empty() && entry.tools.is_empty() {
        return Err("it grants nothing: say files = [{ folder = \"…\", access = \"read\" }], http = [\"https://…\"], \
                    models = [\"…\"] or tools = [\"server/tool\"]"
            .into());
    }
    let folders = entry.files.iter().map(|entry| folder_grant(entry, asked, folder).map(Arc::new));
    let http = entry.http.iter().map(|entry| web::grant(entry, secrets, asked).map(Arc::new));
    let models = entry.models.iter().map(|name| models::granted(name, &file.model));
    let tools = entry.tools.iter().map(|entry| tools::grant(entry, &file.server, asked).map(Arc::new));
    Ok(Grant {
        holder,
        skill,
        files: folders.collect::<Result<_, _>>()?,
        http: http.collect::<Result<_, _>>()?,
        tools: tools.collect::<Result<_, _>>()?,
        models: models.collect::<Result<_, _>>()?,
    })
}

fn folder_grant(entry: &FolderEntry, asked: &ApprovalTerms, base: &Path) -> Result<FolderGrant, String> {
    let folder = base.join(&entry.folder);
    let last = || folder.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let name = entry.name.clone().or_else(last).ok_or("a folder without a last segment needs a `name`")?;
    let fits = ringfence_core::governance::GuestPath::parse(&name);
    if !fits.is_ok_and(|path| path.rest.is_empty()) {
        return Err(format!(
            "the folder's name {name:?} is not one path segment; give it another with `name`"
        ));
    }
    let quota = quota(entry).map_err(|why| format!("the folder {name:?}: {why}"))?;
    let approval = entry.approval.as_ref().map(|entry| approval::terms(entry, asked)).transpose();
    let approval = approval.map_err(|why| format!("the folder {name:?}: {why}"))?;
    if approval.is_some() && entry.access == Access::Read {
        let why = "it is granted for reading only, and only changes are approved: leave `approval` out";
        return Err(format!("the folder {name:?}: {why}"));
    }
    let effect = change(entry).map_err(|why| format!("the folder {name:?}: effect: {why}"))?;
    Ok(FolderGrant { name, folder, access: entry.access, quota, effect, approval })
}

/// What each change of a folder does.
fn change(entry: &FolderEntry) -> Result<Effect, String> {
    match entry.effect.map(effects::Said::effect) {
        None => Ok(Effect::Reversible),
        Some(_) if entry.access == Access::Read => {
            Err("it is granted for reading only, and nothing is changed by that: leave it out".into())
        }
        Some(Effect::Read) => {
            Err("who writes changes something: say \"reversible\" or \"irreversible\"".into())
        }
        Some(effect) => Ok(effect),
    }
}

fn quota(entry: &FolderEntry) -> Result<Quota, String> {
    if entry.access == Access::Read && (entry.quota.is_some() || entry.max_files.is_some()) {
        return Err("it is granted for reading only, so that nothing can fill it: leave its quota out".into());
    }
    let default = Quota::default();
    let bytes = entry.quota.as_deref().map_or(Ok(default.bytes), quantity::bytes);
    let bytes = bytes.map_err(|why| format!("quota: {why}"))?;
    Ok(Quota { bytes, files: entry.max_files.unwrap_or(default.files) })
}

fn skill_ring(number: u8) -> Result<Ring, String> {
    match Ring::from_number(number) {
        Some(Ring::System) => Err("no skill ever runs in ring 0; say 1, 2 or 3".into()),
        Some(ring) => Ok(ring),
        None => Err(format!("there is no ring {number}; say 1, 2 or 3")),
    }
}

/// The path with its links followed as far as it exists; what is not there yet has no links, and `..` leads back in it.
pub(super) fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = path.ancestors().find_map(|ancestor| Some((ancestor, ancestor.canonicalize().ok()?)));
    let Some((ancestor, real)) = there else { return path };
    let rest = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
    rest.components().fold(real, |resolved, component| match component {
        Component::ParentDir => resolved.parent().map_or_else(|| resolved.clone(), Path::to_owned),
        other => resolved.join(other),
    })
}
