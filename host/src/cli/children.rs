//! The children that do what no kill reaches: each limits itself, then compiles one component or validates one value.
//! Started by the host, never by people.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ringfence_core::contract::Schema;
use ringfence_engine::{HOST_FAILED, compile_in_this_process, start_compiling_threads};
use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use serde_json::Value;

use crate::confine::{COMPILING, VALIDATING};
use crate::show;

#[derive(Debug, Args)]
pub(super) struct CompileComponent {
    host: u32,
    component: PathBuf,
    output: PathBuf,
}

/// Whose fault it is.
enum Failure {
    Component(String),
    Host(String),
}

impl CompileComponent {
    pub(super) fn run(self) -> ExitCode {
        match self.compile() {
            Ok(()) => ExitCode::SUCCESS,
            Err(Failure::Component(why)) => {
                show::note(why);
                ExitCode::from(1)
            }
            Err(Failure::Host(why)) => {
                show::note(why);
                ExitCode::from(HOST_FAILED)
            }
        }
    }

    fn compile(&self) -> Result<(), Failure> {
        tie_to(self.host).map_err(Failure::Host)?;
        COMPILING.apply().map_err(Failure::Host)?;
        let host = |why: std::io::Error| Failure::Host(why.to_string());
        let component = std::fs::read(&self.component).map_err(host)?;
        start_compiling_threads().map_err(Failure::Host)?;
        let code = compile_in_this_process(&component).map_err(Failure::Component)?;
        std::fs::write(&self.output, code).map_err(host)
    }
}

#[derive(Debug, Args)]
pub(super) struct ValidateValue {
    host: u32,
}

impl ValidateValue {
    pub(super) fn run(&self) -> ExitCode {
        match self.validate() {
            Ok(violations) if show::data(&violations).is_ok() => ExitCode::SUCCESS,
            _ => ExitCode::from(1),
        }
    }

    fn validate(&self) -> Result<String, String> {
        tie_to(self.host)?;
        VALIDATING.apply()?;
        let mut request: Value =
            serde_json::from_reader(std::io::stdin().lock()).map_err(|why| why.to_string())?;
        let value = request["value"].take();
        let schema = Schema::compile(&request["schema"].to_string()).map_err(|why| why.to_string())?;
        serde_json::to_string(&schema.violations(&value)).map_err(|why| why.to_string())
    }
}

#[derive(Debug, Args)]
pub(super) struct RunServer {
    host: u32,
    #[arg(last = true)]
    command: Vec<std::ffi::OsString>,
}

impl RunServer {
    /// Becomes the server. What ties it to the host stays.
    pub(super) fn run(self) -> ExitCode {
        use std::os::unix::process::CommandExt;
        let why = match (tie_to(self.host), self.command.split_first()) {
            (Ok(()), Some((program, arguments))) => {
                std::process::Command::new(program).args(arguments).exec().to_string()
            }
            (Ok(()), None) => "it names no program".into(),
            (Err(why), _) => why,
        };
        show::note(why);
        ExitCode::from(HOST_FAILED)
    }
}

/// Dies with its host: nobody waits for it then, and nobody would end it.
fn tie_to(host: u32) -> Result<(), String> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|why| format!("the child cannot be tied to its host: {why}"))?;
    // The host may have died before.
    let parent = getppid().map(|parent| parent.as_raw_nonzero().get().unsigned_abs());
    if parent == Some(host) { Ok(()) } else { Err("the host is gone".into()) }
}
