//! `ringfence artifacts`

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::{SkillName, TaskId};
use serde_json::{Value, json};

use super::{Global, time};
use crate::artifacts::{self, ArtifactLine, Wanted};
use crate::text::{plain, plain_line};
use crate::wiring::Store;
use crate::{carried, config, show};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Artifacts {
    /// Those that this task handed over
    #[arg(long, value_name = "ID")]
    task: Option<TaskId>,
    /// Those of this skill
    #[arg(long, value_name = "NAME")]
    skill: Option<SkillName>,
    /// How many at the most, the latest first
    #[arg(long, default_value_t = 50, value_name = "N")]
    most: usize,
    #[command(subcommand)]
    verb: Option<ArtifactsVerb>,
}

#[derive(Debug, Subcommand)]
enum ArtifactsVerb {
    /// Show where an artifact comes from, and check its bytes
    Show {
        /// The first digits of its hash, or TASK/NAME
        #[arg(value_name = "HASH | TASK/NAME")]
        artifact: String,
    },
    /// Write the bytes of an artifact to a file
    Get {
        /// The first digits of its hash, or TASK/NAME
        #[arg(value_name = "HASH | TASK/NAME")]
        artifact: String,
        /// To where, or - for stdout [default: its own name, here]; a file that is there is left alone
        #[arg(long, short, value_name = "FILE | -")]
        output: Option<PathBuf>,
    },
}

impl Artifacts {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let store = global.store()?;
        match self.verb {
            None => list(&store, &Wanted { task: self.task, skill: self.skill }, self.most, global.json)?,
            Some(ArtifactsVerb::Show { artifact }) => show_origin(&store, &artifact, global.json)?,
            Some(ArtifactsVerb::Get { artifact, output }) => get(&store, &artifact, output, global.json)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(store: &Store, wanted: &Wanted, most: usize, as_json: bool) -> Result<(), Error> {
    let lines = artifacts::list(store, wanted, most)?;
    if as_json {
        return show::data(Value::from_iter(lines.iter().map(|line| to_json(store, line))));
    }
    for line in &lines {
        let ArtifactLine { artifact, task, agent, .. } = line;
        let hash = artifact.hash.to_string();
        show::data(format_args!(
            "{}  {}  {:>10}  {:<24} {:<24} {task}  {}  {agent}{}",
            &hash[..12],
            time(line.saved),
            artifact.bytes,
            plain_line(artifact.name.as_str()),
            plain_line(artifact.media_type.as_str()),
            by(store, line),
            if line.purged { "  purged" } else { "" },
        ))?;
    }
    Ok(())
}

/// The skill and its version.
fn by(store: &Store, line: &ArtifactLine) -> String {
    let version = artifacts::version_of(store, &line.task);
    version.map_or_else(|| line.skill.to_string(), |version| format!("{}@{version}", line.skill))
}

fn to_json(store: &Store, line: &ArtifactLine) -> Value {
    let mut shown = json!(line.artifact);
    shown["task"] = json!(line.task);
    shown["skill"] = json!(line.skill);
    shown["version"] = json!(artifacts::version_of(store, &line.task));
    shown["agent"] = json!(line.agent);
    shown["saved"] = time(line.saved).into();
    if line.purged {
        shown["purged"] = true.into();
    }
    shown
}

fn show_origin(store: &Store, reference: &str, as_json: bool) -> Result<(), Error> {
    let lines = artifacts::find(store, reference)?;
    // Found lines have the same bytes.
    artifacts::read(store, &lines[0])?;
    let mut origins = Vec::new();
    // Of those that were purged, nothing says what ran.
    for line in lines.iter().filter(|line| !line.purged) {
        let origin = artifacts::trace(store, line)?;
        let mut shown = to_json(store, line);
        shown["version"] = json!(origin.version);
        shown["component"] = json!(origin.component);
        shown["ring"] = json!(line.ring);
        shown["parent"] = json!(origin.parent);
        shown["sequence"] = json!(origin.sequence);
        origins.push(shown);
    }
    if as_json {
        return show::data(Value::from(origins));
    }
    for origin in &origins {
        let names =
            ["name", "media_type", "bytes", "hash", "task", "sequence", "skill", "version", "component"];
        for name in names.into_iter().chain(["ring", "agent", "parent", "saved"]) {
            let value = match &origin[name] {
                Value::Null => continue,
                Value::String(text) => plain_line(text),
                other => other.to_string(),
            };
            let name = if name == "sequence" { "event" } else { name };
            show::data(format_args!("{:<12}{value}", name.replace('_', " ")))?;
        }
        show::data("the bytes are those of the hash\n")?;
    }
    Ok(())
}

fn get(store: &Store, reference: &str, output: Option<PathBuf>, as_json: bool) -> Result<(), Error> {
    let lines = artifacts::find(store, reference)?;
    let line = &lines[0];
    let bytes = artifacts::read(store, line)?;
    let output = output.map_or_else(|| its_own_name(line), Ok)?;
    if output == Path::new("-") {
        return to_stdout(&bytes);
    }
    carried::write_new(&output, &bytes)?;
    if as_json {
        return show::data(json!({ "file": output, "bytes": bytes.len(), "hash": line.artifact.hash }));
    }
    let file = plain_line(&output.display().to_string());
    show::note(format_args!("{} bytes in {file}", bytes.len()));
    Ok(())
}

/// The artifact's own name, which is the skill's word: a skill must not write the policy under which it runs next.
fn its_own_name(line: &ArtifactLine) -> Result<PathBuf, Error> {
    let name = line.artifact.name.as_str();
    if name.eq_ignore_ascii_case(config::FILE) {
        return Err(Error::new(Code::R0412, format!("the artifact is called {name}, as the policy file is"))
            .because("what a skill hands over must not become the policy of this folder unseen")
            .hint("name another file: --output FILE"));
    }
    Ok(PathBuf::from(name))
}

/// What a terminal is shown of an artifact.
fn for_a_terminal(bytes: &[u8]) -> Result<String, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| {
        Error::new(Code::R0412, "the artifact is no text, and stdout is a terminal")
            .hint("write it to a file: --output FILE, or send it on: --output - | PROGRAM")
    })?;
    Ok(plain(text))
}

/// Byte for byte, but a terminal acts on none of them: it gets text with everything escaped that it would act on.
fn to_stdout(bytes: &[u8]) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    let written = if stdout.is_terminal() {
        stdout.write_all(for_a_terminal(bytes)?.as_bytes())
    } else {
        stdout.write_all(bytes)
    };
    match written.and_then(|()| stdout.flush()) {
        Err(why) if why.kind() != ErrorKind::BrokenPipe => {
            Err(Error::new(Code::R0412, "the artifact cannot be printed")
                .because(why)
                .hint("make room where stdout goes"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::for_a_terminal;

    #[test]
    fn a_terminal_acts_on_nothing_of_an_artifact() {
        assert_eq!(for_a_terminal("ä\n\u{1b}[2J".as_bytes()), Ok("ä\n\\u{1b}[2J".into()));
        let refused = for_a_terminal(b"\x89PNG\r\n").expect_err("no text");
        assert!(refused.hint.is_some_and(|hint| hint.contains("--output FILE")));
    }
}
