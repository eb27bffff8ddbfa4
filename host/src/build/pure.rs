//! Components that import nothing of WASI: built for no system at all, and made components here.

use std::path::PathBuf;

use ringfence_core::error::{Code, Error};
use wit_component::ComponentEncoder;

use super::{Project, build_for};
use crate::carried;

/// The target without a system.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";

/// What the standard library imports whether or not it is used, and does without where it is not there: printing says
/// nothing, the environment is empty, and a `HashMap` takes another seed.
const DISPENSABLE: [&str; 3] = ["wasi:cli/", "wasi:io/", "wasi:random/insecure-seed@"];

impl Project {
    /// Builds a component that has no system below it, beside the ordinary one, and says where it is. `imports` are
    /// those of the ordinary one: what of WASI it needs would fail only when it runs.
    pub(crate) fn build_pure(&self, imports: &[String]) -> Result<PathBuf, Error> {
        let is_dispensable = |import: &str| DISPENSABLE.iter().any(|known| import.starts_with(known));
        refuse(&self.name, of_wasi(imports).filter(|import| !is_dispensable(import)))?;
        build_for(TARGET, &self.folder, &["--package", &self.name], false)?;
        let module = std::fs::read(&self.pure_module).map_err(|why| {
            Error::new(Code::R0413, format!("{} cannot be read", self.pure_module.display()))
                .because(why)
                .hint("the library of a skill has crate-type = [\"cdylib\", \"rlib\"]")
        })?;
        let mut encoder = ComponentEncoder::default();
        // What it imports beyond the world of skills, nobody would give it.
        let component = encoder
            .validate(true)
            .module(&module)
            .and_then(ComponentEncoder::encode)
            .map_err(|why| needs_wasi(&self.name).because(format!("{why:#}")))?;
        let place = self.pure_module.with_extension("pure.wasm");
        carried::write(&place, &component)?;
        Ok(place)
    }
}

/// Whether a component imports nothing of WASI, whatever it was built for.
///
/// # Errors
/// `R0419` if it does.
pub(crate) fn check(name: &str, imports: &[String]) -> Result<(), Error> {
    refuse(name, of_wasi(imports))
}

fn of_wasi(imports: &[String]) -> impl Iterator<Item = &str> {
    imports.iter().map(String::as_str).filter(|import| import.starts_with("wasi:"))
}

fn refuse<'a>(name: &str, used: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let used: Vec<_> = used.collect();
    if used.is_empty() {
        return Ok(());
    }
    Err(needs_wasi(name).because(format!("it uses {}", used.join(", "))))
}

fn needs_wasi(name: &str) -> Error {
    Error::new(Code::R0419, format!("skill `{name}` cannot be built without WASI"))
        .hint("use the SDK's powers instead (Clock, Random, Files, Http, …), or build without --pure")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_import_of_wasi_is_named_and_no_other() {
        let imports = ["ringfence:log/log@0.1.0", "wasi:io/poll@0.2.6", "wasi:clocks/wall-clock@0.2.6"];
        let imports = imports.map(str::to_owned);
        assert_eq!(check("a", &imports[..1]), Ok(()));
        let error = check("a", &imports).expect_err("it has some");
        assert_eq!(error.code, Code::R0419);
        assert_eq!(error.causes, ["it uses wasi:io/poll@0.2.6, wasi:clocks/wall-clock@0.2.6"]);
    }
}
