//! An explanation as people see it. What a skill had a say in is shown escaped.

use std::fmt::Write;

use ringfence_core::error::{Code, Error};
use ringfence_core::governance::{Access, FolderGrant, Holder, Stand};
use ringfence_core::registry::Withdrawal;
use ringfence_core::ring::effect_floor;

use super::stand::{Methods, Raised, change, effect_of, methods, raised, stand};
use crate::cli::time;
use crate::explain::Explained;
use crate::text::{plain, plain_line};

/// The explanation as text; `tools` are what the caller calls it by, if it is a client.
pub(super) fn text(explained: &Explained, tools: Option<&[String]>) -> Result<String, Error> {
    let mut text = String::new();
    write_all(&mut text, explained, tools)
        .map_err(|why| Error::new(Code::R0001, "an explanation does not print").because(why))?;
    Ok(text.trim_end().to_owned())
}

fn write_all(
    text: &mut String,
    explained: &Explained,
    tools: Option<&[String]>,
) -> Result<(), std::fmt::Error> {
    let Explained { contract, caller, authority, .. } = explained;
    writeln!(text, "{} {}", contract.name, contract.version)?;
    // Indented, so that no line of it looks like one of ours.
    writeln!(text, "    {}\n", indented(contract.description.trim_end()))?;
    let loaded = if explained.loaded { "loaded" } else { "not loaded" };
    writeln!(text, "component  {}  ({loaded})", explained.digest)?;
    let took = explained.compiled.map(|took| format!("in {} ms", took.as_millis())).unwrap_or_default();
    let compiled = match (explained.cached, explained.compiled) {
        (false, _) => format!("compiled now, {took}"),
        (true, Some(_)) => format!("its machine code is in the cache, compiled {took}"),
        (true, None) => "its machine code is in the cache".to_owned(),
    };
    writeln!(text, "size       {} bytes; {compiled}", explained.bytes)?;
    if let Some(Withdrawal { by, at, reason }) = &explained.withdrawn {
        let why = if reason.is_empty() { String::new() } else { format!(": {}", plain_line(reason)) };
        writeln!(text, "withdrawn  by {} at {}{why}", plain_line(by), time(*at))?;
    }
    writeln!(text, "caller     {}, ring {}", caller.agent, caller.ring)?;
    match tools {
        Some([]) => {
            writeln!(text, "offered as no tool of this client: see its `skills` and its ring in [[client]]")?
        }
        Some(tools) => writeln!(text, "offered as {}", plain_line(&tools.join(", ")))?,
        None => {}
    }
    if let Some(ceiling) = explained.ceiling {
        writeln!(text, "ceiling    ring {ceiling}: it runs in ring {}", authority.ring)?;
    }
    if let Some(own) = explained.own.ring {
        writeln!(text, "own ring   {own}: it runs in no ring with more privilege, whatever the caller's is")?;
    }
    let limits = explained.own.limits.iter().map(|(limit, most)| format!("{most} {limit}"));
    let limits = limits.collect::<Vec<_>>().join(", ");
    if !limits.is_empty() {
        writeln!(text, "own limits {limits} at the most, whatever it is given")?;
    }
    if !explained.validators.is_empty() {
        writeln!(text, "judged by  {}", plain_line(&explained.validators.join(", ")))?;
    }
    let mut heading = "imports  ";
    for import in &explained.imports {
        writeln!(text, "{heading}  {}", plain_line(import))?;
        heading = "         ";
    }
    if explained.imports.is_empty() {
        writeln!(text, "imports    nothing")?;
    }
    if explained.withdrawn.is_some() {
        writeln!(text, "\nIt may not run: this version is withdrawn.")?;
    } else if explained.may_run() {
        writeln!(text, "\nIt may run in ring {}.", authority.ring)?;
    } else {
        writeln!(
            text,
            "\nIt may not run in ring {}: it is refused before its first instruction.",
            authority.ring
        )?;
    }
    write_powers(text, explained)?;
    write_grants(text, explained)?;
    write_lines(text, explained)?;
    for (word, schema) in [("input ", &contract.input), ("output", &contract.output)] {
        let schema = serde_json::to_string_pretty(schema.source()).map_err(|_| std::fmt::Error)?;
        writeln!(text, "\n{word} {}", plain(&schema))?;
    }
    Ok(())
}

fn write_powers(text: &mut String, explained: &Explained) -> Result<(), std::fmt::Error> {
    for power in &explained.powers {
        let says = match power.stand {
            Stand::Free => "yes",
            Stand::Granted => "as far as it is granted",
            Stand::Ungranted => "no, each call is denied",
            Stand::Forbidden => "no",
        };
        let why = power.denial.as_ref().map(|denial| format!(": {}", plain_line(&denial.why)));
        writeln!(text, "  {:<8} {says}{}", power.capability.word(), why.unwrap_or_default())?;
    }
    if explained.powers.is_empty() {
        writeln!(text, "  It asks for no power.")?;
    }
    for Raised { call, effect, stand } in raised(explained) {
        let says = match stand {
            "forbidden" => format!("is denied: what it does needs ring {}", effect_floor(effect)),
            "approval" => "waits for approval each time".to_owned(),
            _ => continue,
        };
        writeln!(text, "  {call}, by policy, {says}")?;
    }
    Ok(())
}

fn write_grants(text: &mut String, explained: &Explained) -> Result<(), std::fmt::Error> {
    let grants: Vec<_> = explained.authority.grants().collect();
    if grants.is_empty() {
        return writeln!(text, "\nNo grant counts for this caller and skill.");
    }
    writeln!(text, "\nGrants that count:")?;
    for grant in grants {
        let skill = grant.skill.as_ref().map_or("any skill".to_owned(), |skill| format!("skill {skill}"));
        let holder = match &grant.holder {
            Holder::Caller(agent) => format!("caller {agent}"),
            Holder::Ring(ring) => format!("ring {ring}"),
        };
        writeln!(text, "  {holder}, {skill}")?;
        for folder in &grant.files {
            let FolderGrant { name, folder: place, access, quota, .. } = &**folder;
            let rights = match access {
                Access::Read => "read".to_owned(),
                Access::Write => {
                    format!("write, at most {} bytes in {} files", quota.bytes, quota.files)
                }
            };
            let waits = match change(folder, &explained.authority) {
                Some("forbidden") => "; no change, which cannot be undone",
                Some("approval") => "; each change waits for approval",
                _ => "",
            };
            let (name, place) = (plain_line(name), plain_line(&place.to_string_lossy()));
            writeln!(text, "    files  {name}/  is {place}: {rights}{waits}")?;
        }
        for web in &grant.http {
            let Methods { may, asks, may_not } = methods(web, &explained.authority);
            let nothing = if asks.is_empty() { "nothing" } else { "nothing unasked" };
            write!(text, "    http   {}: {}", plain_line(&web.url.to_string()), list(&may, nothing))?;
            if !asks.is_empty() {
                let word = if asks.len() == 1 { "waits" } else { "wait" };
                write!(text, "; {} {word} for approval", asks.join(", "))?;
            }
            if !may_not.is_empty() {
                write!(text, "; not {}, which cannot be undone", may_not.join(", "))?;
            }
            if !web.networks.is_empty() {
                let networks: Vec<_> = web.networks.iter().map(ToString::to_string).collect();
                write!(text, "; also in {}", networks.join(", "))?;
            }
            let headers: Vec<_> = web.headers.iter().map(|header| plain_line(&header.name)).collect();
            if !headers.is_empty() {
                write!(text, "; the host adds {}", headers.join(", "))?;
            }
            writeln!(text, "; at most {} bytes each way", web.max_bytes)?;
        }
        for model in &grant.models {
            writeln!(text, "    model  {model}: may be asked")?;
        }
        for tool in &grant.tools {
            let effect = effect_of(tool, &explained.authority);
            let stands = match stand(effect, tool.approval.is_some(), explained.authority.ring) {
                "forbidden" => {
                    format!("may not be called: what it does needs ring {}", effect_floor(effect))
                }
                "approval" => "waits for approval at each call".to_owned(),
                _ => "may be called".to_owned(),
            };
            write!(text, "    tool   {}: {stands}", plain_line(tool.tool.as_str()))?;
            if !tool.arguments.is_empty() {
                let schemas: Vec<_> =
                    tool.arguments.iter().map(|schema| schema.source().to_string()).collect();
                write!(text, "; with arguments that keep {}", plain_line(&schemas.join(" and ")))?;
            }
            writeln!(text)?;
        }
    }
    Ok(())
}

fn write_lines(text: &mut String, explained: &Explained) -> Result<(), std::fmt::Error> {
    if let Some(advice) = explained.advice() {
        writeln!(text, "\nTo let it run: {advice}.")?;
    }
    for lines in &explained.lines {
        let example = if lines.example { ", with the folder, host or tool that it needs" } else { "" };
        writeln!(text, "\nTo allow it, add to ringfence.toml{example}:")?;
        writeln!(text, "    {}", indented(&lines.lines))?;
    }
    Ok(())
}

fn indented(text: &str) -> String {
    plain(text).replace('\n', "\n    ")
}

fn list(words: &[&str], none: &str) -> String {
    if words.is_empty() { none.to_owned() } else { words.join(", ") }
}
