//! `ringfence skills`

use std::process::ExitCode;

use clap::Args;
use ringfence_core::error::{Code, Error};
use ringfence_core::registry::{Loaded, Standing, Withdrawal};
use ringfence_core::ring::{Ring, floor};
use serde_json::{Value, json};

use super::{Global, history, time};
use crate::show;
use crate::text::{plain, plain_line};

#[derive(Debug, Args)]
pub(super) struct Skills {
    /// Show this one whole: NAME, NAME@1, NAME@1.2.3 or NAME@sha:DIGEST
    skill: Option<String>,
    /// Show what was loaded, pinned and withdrawn of it, by whom and when
    #[arg(long, requires = "skill")]
    history: bool,
}

impl Skills {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let store = global.store()?;
        if let Some(reference) = self.skill {
            if self.history {
                history::show(&store, &reference, global.json)?;
                return Ok(ExitCode::SUCCESS);
            }
            let skill = store.registry.look_up(&reference)?;
            let standing = store.registry.standing(&skill);
            if global.json {
                show::data(whole(&skill, &standing))?;
            } else {
                show(&skill, &standing)?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let skills = store.registry.list();
        if global.json {
            show::data(Value::from_iter(
                skills.iter().map(|skill| whole(skill, &store.registry.standing(skill))),
            ))?;
            return Ok(ExitCode::SUCCESS);
        }
        if skills.is_empty() {
            show::note("No skill is loaded. Load one: ringfence load PATH");
        }
        for skill in &skills {
            let contract = &skill.contract;
            let first = contract.description.lines().next().unwrap_or_default();
            let line = format!("{} {}", contract.name, contract.version);
            let (ring, powers, first) = (least_ring(skill), powers(skill), plain_line(first));
            let mark = mark(&store.registry.standing(skill));
            show::data(format_args!("{line:<24} ring {ring}  {powers:<14} {mark}{first}"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// How a version stands, in front of what it does.
fn mark(standing: &Standing) -> &'static str {
    match (standing.pinned, standing.withdrawn.is_some()) {
        (false, false) => "",
        (true, false) => "[pinned] ",
        (false, true) => "[withdrawn] ",
        (true, true) => "[pinned, withdrawn] ",
    }
}

fn show(skill: &Loaded, standing: &Standing) -> Result<(), Error> {
    let contract = &skill.contract;
    let pretty = |value: &Value| serde_json::to_string_pretty(value).map(|text| plain(&text));
    let schema =
        |value| pretty(value).map_err(|why| Error::new(Code::R0001, "a schema does not print").because(why));
    let stands = match &standing.withdrawn {
        Some(Withdrawal { by, at, reason }) => {
            let why = if reason.is_empty() { String::new() } else { format!(": {}", plain_line(reason)) };
            format!("\nwithdrawn  by {} at {}{why}", plain_line(by), time(*at))
        }
        None => String::new(),
    };
    let pinned = if standing.pinned { "\npinned     the name alone stands for it" } else { "" };
    let lines = [
        format!("{} {}", contract.name, contract.version),
        // Indented, so that no line of it looks like one of these.
        format!("{}\n", plain(contract.description.trim_end()).replace('\n', "\n    ")),
        format!("component  {}  ({} bytes)", skill.component, skill.bytes),
        format!("powers     {}", powers(skill)),
        format!("runs in    ring {} and the more privileged ones{pinned}{stands}", least_ring(skill)),
        format!("\ninput  {}", schema(contract.input.source())?),
        format!("\noutput {}", schema(contract.output.source())?),
    ];
    show::data(lines.join("\n"))
}

fn powers(skill: &Loaded) -> String {
    let words: Vec<_> = skill.powers.iter().map(|power| power.word()).collect();
    if words.is_empty() { "no power".into() } else { words.join(", ") }
}

/// The least privileged ring that may use all that it imports.
fn least_ring(skill: &Loaded) -> Ring {
    skill.powers.iter().map(floor).fold(Ring::Sandboxed, Ring::more_privileged)
}

fn whole(skill: &Loaded, standing: &Standing) -> Value {
    let withdrawn = standing.withdrawn.as_ref();
    let withdrawn = withdrawn.map(|how| json!({ "by": &*how.by, "at": time(how.at), "reason": how.reason }));
    let contract = &skill.contract;
    json!({
        "name": contract.name,
        "version": contract.version,
        "description": contract.description,
        "digest": skill.component,
        "bytes": skill.bytes,
        "powers": skill.powers,
        "ring": least_ring(skill),
        "pinned": standing.pinned,
        "withdrawn": withdrawn,
        "input_schema": contract.input.source(),
        "output_schema": contract.output.source(),
    })
}
