//! The children that do what no kill reaches: each limits itself, then compiles one component or validates one value.
//! Started by the host, never by people.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ringfence_core::contract::Schema;
use ringfence_engine::{HOST_FAILED, MAX_COMPILE_MEMORY, compile_in_this_process};
use rustix::process::{
    Resource, Rlimit, Signal, getppid, getrlimit, set_parent_process_death_signal, setrlimit,
};
use serde_json::Value;

use crate::show;

#[derive(Debug, Args)]
pub(super) struct CompileComponent {
    host: u32,
    component: PathBuf,
    output: PathBuf,
}

/// Seconds of CPU for compiling, all cores together.
const MAX_COMPILE_CPU: u64 = 60;
/// Bytes of machine code.
const MAX_OUTPUT: u64 = 512 << 20;

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
        limit_itself(MAX_COMPILE_MEMORY, MAX_COMPILE_CPU, MAX_OUTPUT).map_err(Failure::Host)?;
        let host = |why: std::io::Error| Failure::Host(why.to_string());
        let component = std::fs::read(&self.component).map_err(host)?;
        let code = compile_in_this_process(&component).map_err(Failure::Component)?;
        std::fs::write(&self.output, code).map_err(host)
    }
}

#[derive(Debug, Args)]
pub(super) struct ValidateValue {
    host: u32,
}

/// Bytes of memory for validating.
const MAX_VALIDATE_MEMORY: u64 = 1 << 30;
/// Seconds of CPU for validating.
const MAX_VALIDATE_CPU: u64 = 2;

impl ValidateValue {
    pub(super) fn run(&self) -> ExitCode {
        match self.validate() {
            Ok(violations) if show::data(&violations).is_ok() => ExitCode::SUCCESS,
            _ => ExitCode::from(1),
        }
    }

    fn validate(&self) -> Result<String, String> {
        tie_to(self.host)?;
        limit_itself(MAX_VALIDATE_MEMORY, MAX_VALIDATE_CPU, 0)?;
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

fn limit_itself(memory: u64, cpu_seconds: u64, written: u64) -> Result<(), String> {
    // At the hard limit of CPU the system kills as it does when it is out of memory. A second before, it says why.
    let limits = [
        (Resource::As, memory, 0),
        (Resource::Cpu, cpu_seconds + 1, 1),
        (Resource::Fsize, written, 0),
        (Resource::Core, 0, 0),
    ];
    for (resource, most, before) in limits {
        // What this process was given may be less already, and then it stays.
        let most = getrlimit(resource).maximum.map_or(most, |given| given.min(most));
        let limited =
            setrlimit(resource, Rlimit { current: Some(most.saturating_sub(before)), maximum: Some(most) });
        limited.map_err(|why| format!("the child cannot limit itself: {why}"))?;
    }
    Ok(())
}
