//! What a task held, written down for the host that may go on with it, and read again there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipnet::IpNet;

use super::{
    Access, AddedHeader, Authority, FolderGrant, Grant, GrantBook, Holder, LeastEffects, Method, Policy,
    Quota, ToolGrant, UrlPattern, WebGrant,
};
use crate::audit::HeldGrant;
use crate::ids::{Digest, ModelName, SkillName};
use crate::ring::Effect;

/// How many grants of a task are written down. What is beyond them does not count for a host that goes on with it.
const MOST: usize = 256;

/// The grants that count, for the log; before them what bounds them all.
pub(super) fn record<'a>(
    effects: &LeastEffects,
    grants: impl Iterator<Item = &'a Grant>,
    skill: &SkillName,
) -> Vec<HeldGrant> {
    let least = |(call, effect): (&str, Effect)| HeldGrant::Least { call: call.to_owned(), effect };
    let mut held: Vec<_> = effects.iter().map(least).collect();
    for grant in grants {
        let alone = grant.skill.as_ref() == Some(skill);
        held.extend(grant.files.iter().map(|folder| HeldGrant::Folder {
            name: folder.name.clone(),
            place: place_of(&folder.folder),
            writes: folder.access == Access::Write,
            bytes: folder.quota.bytes,
            files: folder.quota.files,
            effect: folder.effect,
            approval: folder.approval.clone(),
            alone,
        }));
        held.extend(grant.http.iter().map(|web| HeldGrant::Web {
            url: web.url.to_string(),
            methods: web.methods.iter().map(|method| method.word().to_owned()).collect(),
            effect: web.effect,
            idempotent: web.idempotent,
            networks: web.networks.iter().map(ToString::to_string).collect(),
            headers: hash_of(&web.headers),
            max_bytes: web.max_bytes,
            approval: web.approval.clone(),
            alone,
        }));
        held.extend(grant.tools.iter().map(|tool| HeldGrant::Tool {
            tool: tool.tool.to_string(),
            effect: tool.effect,
            idempotent: tool.idempotent,
            arguments: tool.arguments.iter().map(|schema| schema.digest()).collect(),
            approval: tool.approval.clone(),
            alone,
        }));
        let model = |name: &Arc<ModelName>| HeldGrant::Model { name: ModelName::clone(name), alone };
        held.extend(grant.models.iter().map(model));
        if held.len() >= MOST {
            break;
        }
    }
    held.truncate(MOST);
    held
}

fn place_of(folder: &Path) -> Digest {
    Digest::of(folder.as_os_str().as_encoded_bytes())
}

fn hash_of(headers: &[AddedHeader]) -> Digest {
    let pairs: Vec<_> = headers.iter().map(|header| (&header.name, &header.value)).collect();
    Digest::of(&serde_json::to_vec(&pairs).expect("texts serialise"))
}

/// The policy that a record stands for. Where a folder is, which headers are added and what arguments must keep stands in no record: it is what the
/// policy of today says, if that is what was said then, and else nothing that any policy grants.
pub(crate) fn recorded(held: &[HeldGrant], authority: &Authority) -> Arc<Policy> {
    let today = &authority.edition().policy().grants;
    let folders: Vec<_> = today.grants().iter().flat_map(|grant| &grant.files).collect();
    let headers: Vec<_> = today.grants().iter().flat_map(|grant| &grant.http).collect();
    let tools: Vec<_> = today.grants().iter().flat_map(|grant| &grant.tools).collect();
    let grants = held.iter().filter_map(|held| {
        let holder = Holder::Caller(authority.agent.clone());
        let skill = |alone: bool| alone.then(|| authority.skill.clone());
        Some(match held {
            HeldGrant::Least { .. } => return None,
            HeldGrant::Folder { name, place, writes, bytes, files, effect, approval, alone } => {
                let here = folders.iter().find(|folder| place_of(&folder.folder) == *place);
                let folder = FolderGrant {
                    name: name.clone(),
                    folder: here.map_or_else(PathBuf::new, |here| here.folder.clone()),
                    access: if *writes { Access::Write } else { Access::Read },
                    quota: Quota { bytes: *bytes, files: *files },
                    effect: *effect,
                    approval: approval.clone(),
                };
                Grant { skill: skill(*alone), files: vec![Arc::new(folder)], ..Grant::to(holder) }
            }
            HeldGrant::Model { name, alone } => {
                Grant { skill: skill(*alone), models: vec![Arc::new(name.clone())], ..Grant::to(holder) }
            }
            HeldGrant::Web {
                url,
                methods,
                effect,
                idempotent,
                networks,
                headers: hash,
                max_bytes,
                approval,
                alone,
            } => {
                let here = headers.iter().find(|web| hash_of(&web.headers) == *hash);
                let gone = || vec![AddedHeader { name: String::new(), value: String::new() }];
                let web = WebGrant {
                    url: UrlPattern::parse(url).ok()?,
                    methods: methods.iter().filter_map(|method| Method::parse(method).ok()).collect(),
                    effect: *effect,
                    idempotent: *idempotent,
                    networks: networks.iter().filter_map(|text| text.parse::<IpNet>().ok()).collect(),
                    headers: here.map_or_else(gone, |here| here.headers.clone()),
                    max_bytes: *max_bytes,
                    approval: approval.clone(),
                };
                Grant { skill: skill(*alone), http: vec![Arc::new(web)], ..Grant::to(holder) }
            }
            HeldGrant::Tool { tool, effect, idempotent, arguments, approval, alone } => {
                let mut schemas = tools.iter().flat_map(|grant| &grant.arguments);
                let here = |digest: &Digest| schemas.find(|schema| schema.digest() == *digest).cloned();
                let tool = ToolGrant {
                    tool: tool.parse().ok()?,
                    effect: *effect,
                    idempotent: *idempotent,
                    arguments: arguments.iter().map(here).collect::<Option<_>>()?,
                    approval: approval.clone(),
                };
                Grant { skill: skill(*alone), tools: vec![Arc::new(tool)], ..Grant::to(holder) }
            }
        })
    });
    let effects = held.iter().filter_map(|held| match held {
        HeldGrant::Least { call, effect } => Some((call.clone(), *effect)),
        _ => None,
    });
    let (grants, effects) = (Arc::new(GrantBook::new(grants.collect())), effects.collect());
    Arc::new(Policy { grants, effects, ..Policy::default() })
}
