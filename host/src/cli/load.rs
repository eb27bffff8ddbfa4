//! `ringfence load`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use ringfence_core::error::{Code, Error};
use ringfence_core::registry::LoadResult;
use serde_json::json;

use super::{Global, operator, progress};
use crate::build::Project;
use crate::text::plain_line;
use crate::{app, show};

/// No component that is accepted is larger, in bytes.
const MAX_FILE: u64 = 64 << 20;

#[derive(Debug, Args)]
pub(super) struct Load {
    /// A component (.wasm), or the folder of a project that was built
    path: PathBuf,
}

impl Load {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let path = if self.path.is_dir() { Project::find(&self.path)?.artifact } else { self.path };
        let component = read_component(&path)?;
        let running = global.start()?;
        let bar = progress(format!("loading {}", plain_line(&path.to_string_lossy())));
        let (loaded, result) = app::load(&running, &component, &operator()).await?;
        bar.finish_and_clear();
        let contract = &loaded.contract;
        let alike = running.store.registry.look_alikes(&contract.name);
        for other in &alike {
            let name = &contract.name;
            show::note(format_args!("warning: the name `{name}` looks like `{other}`, which is loaded too"));
        }
        if global.json {
            let report = json!({
                "name": contract.name, "version": contract.version, "digest": loaded.component,
                "powers": loaded.powers, "bytes": loaded.bytes, "new": result == LoadResult::New,
                "looks_like": alike,
            });
            show::data(report)?;
        } else {
            let already = if result == LoadResult::Same { " (was loaded already)" } else { "" };
            show::data(format_args!("{} {}{already}", contract.name, contract.version))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Reads a component's file; a missing, irregular or huge one is refused before it is read.
pub(super) fn read_component(path: &Path) -> Result<Vec<u8>, Error> {
    let cannot =
        |why: String| Error::new(Code::R0412, format!("{} cannot be read", path.display())).because(why);
    let metadata = std::fs::metadata(path)
        .map_err(|why| cannot(why.to_string()).hint("build it first: ringfence build"))?;
    if !metadata.is_file() {
        return Err(
            cannot("it is not a file".into()).hint("give a component's file, or the folder of a project")
        );
    }
    if metadata.len() > MAX_FILE {
        return Err(Error::new(Code::R0407, "the component is over a size limit")
            .because(format!("{} bytes; {MAX_FILE} are read", metadata.len()))
            .hint("build it in release mode and without debug information: ringfence build"));
    }
    std::fs::read(path).map_err(|why| cannot(why.to_string()))
}
