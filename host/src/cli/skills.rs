//! `ringfence skills`

use std::process::ExitCode;

use clap::Args;
use ringfence_core::error::{Code, Error};
use ringfence_core::registry::Loaded;
use ringfence_core::ring::{Ring, floor};
use serde_json::{Value, json};

use super::Global;
use crate::show;
use crate::text::{plain, plain_line};

#[derive(Debug, Args)]
pub(super) struct Skills {
    /// Show this one whole: NAME or NAME@VERSION
    skill: Option<String>,
}

impl Skills {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let store = global.store()?;
        if let Some(reference) = self.skill {
            let skill = store.registry.find(&reference)?;
            if global.json {
                show::data(whole(&skill))?;
            } else {
                show(&skill)?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let skills = store.registry.list();
        if global.json {
            show::data(Value::from_iter(skills.iter().map(|skill| whole(skill))))?;
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
            show::data(format_args!("{line:<24} ring {ring}  {powers:<14} {first}"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn show(skill: &Loaded) -> Result<(), Error> {
    let contract = &skill.contract;
    let pretty = |value: &Value| serde_json::to_string_pretty(value).map(|text| plain(&text));
    let schema =
        |value| pretty(value).map_err(|why| Error::new(Code::R0001, "a schema does not print").because(why));
    let lines = [
        format!("{} {}", contract.name, contract.version),
        // Indented, so that no line of it looks like one of these.
        format!("{}\n", plain(contract.description.trim_end()).replace('\n', "\n    ")),
        format!("component  {}  ({} bytes)", skill.component, skill.bytes),
        format!("powers     {}", powers(skill)),
        format!("runs in    ring {} and the more privileged ones", least_ring(skill)),
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

fn whole(skill: &Loaded) -> Value {
    let contract = &skill.contract;
    json!({
        "name": contract.name,
        "version": contract.version,
        "description": contract.description,
        "digest": skill.component,
        "bytes": skill.bytes,
        "powers": skill.powers,
        "ring": least_ring(skill),
        "input_schema": contract.input.source(),
        "output_schema": contract.output.source(),
    })
}
