//! The compiling child: limits itself, then compiles one component. Started by the host, never by people.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ringfence_engine::{MAX_COMPILE_MEMORY, compile_in_this_process};
use rustix::process::{Resource, Rlimit, setrlimit};

#[derive(Debug, Args)]
pub(super) struct CompileComponent {
    component: PathBuf,
    output: PathBuf,
}

/// Seconds of CPU, both cores together.
const MAX_CPU: u64 = 60;
/// Bytes of machine code.
const MAX_OUTPUT: u64 = 512 << 20;

impl CompileComponent {
    pub(super) fn run(self) -> ExitCode {
        match self.compile() {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("{why}");
                ExitCode::from(1)
            }
        }
    }

    fn compile(&self) -> Result<(), String> {
        let limits = [
            (Resource::As, MAX_COMPILE_MEMORY),
            (Resource::Cpu, MAX_CPU),
            (Resource::Fsize, MAX_OUTPUT),
            (Resource::Core, 0),
        ];
        for (resource, most) in limits {
            let limit = Rlimit { current: Some(most), maximum: Some(most) };
            setrlimit(resource, limit).map_err(|why| format!("the compiler cannot limit itself: {why}"))?;
        }
        let component = std::fs::read(&self.component).map_err(|why| why.to_string())?;
        let code = compile_in_this_process(&component)?;
        std::fs::write(&self.output, code).map_err(|why| why.to_string())
    }
}
