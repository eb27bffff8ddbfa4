//! New projects, and building them for the sandbox.

pub(crate) mod pure;

use std::path::{Path, PathBuf};
use std::process::Command;

use ringfence_core::error::{Code, Error};
use ringfence_core::ids::SkillName;

use crate::{carried, show};

/// How a skill is built, whatever its own manifest says.
const PROFILE: [&str; 7] = [
    "profile.skill.inherits=\"release\"",
    "profile.skill.debug=false",
    "profile.skill.opt-level=3",
    "profile.skill.lto=true",
    "profile.skill.codegen-units=1",
    "profile.skill.panic=\"abort\"",
    "profile.skill.strip=true",
];

const TARGET: &str = "wasm32-wasip2";

/// A cargo package, as far as building needs it.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    /// The package's name.
    pub(crate) name: String,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// The component that building makes.
    pub(crate) artifact: PathBuf,
    /// What building for no system at all makes, before it is a component.
    pure_module: PathBuf,
}

impl Project {
    /// The package in a folder.
    pub(crate) fn find(folder: &Path) -> Result<Self, Error> {
        let manifest = folder.join("Cargo.toml");
        let not_here = |why: String| {
            Error::new(Code::R0412, format!("there is no skill project in {}", folder.display()))
                .because(why)
                .hint("make one: ringfence new NAME")
        };
        let text = std::fs::read_to_string(&manifest)
            .map_err(|why| not_here(format!("{}: {why}", manifest.display())))?;
        let parsed: toml::Table = toml::from_str(&text).map_err(|why| not_here(why.to_string()))?;
        let package = |key: &str| parsed.get("package")?.get(key)?.as_str().map(str::to_owned);
        let name = package("name").ok_or_else(|| not_here("Cargo.toml names no package".into()))?;
        let library = parsed.get("lib").and_then(|lib| lib.get("name")).and_then(|name| name.as_str());
        let library = library.map_or_else(|| name.replace('-', "_"), str::to_owned);
        let target = target_folder(folder)?;
        let made = |triple: &str| target.join(triple).join("skill").join(format!("{library}.wasm"));
        let (artifact, pure_module) = (made(TARGET), made(pure::TARGET));
        Ok(Self { name, folder: folder.to_owned(), artifact, pure_module })
    }

    /// Builds the component. Cargo's own progress goes to stderr if `show` says so.
    pub(crate) fn build(&self, show: bool) -> Result<(), Error> {
        build(&self.folder, &["--package", &self.name], show)
    }
}

/// Runs cargo for the sandbox in a folder: without the network first, as what it needs is mostly there.
pub(crate) fn build(folder: &Path, arguments: &[&str], show: bool) -> Result<(), Error> {
    build_for(TARGET, folder, arguments, show)
}

fn build_for(target: &str, folder: &Path, arguments: &[&str], show: bool) -> Result<(), Error> {
    let run = |offline: bool| {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .current_dir(folder)
            .args(["build", "--lib", "--target", target, "--profile", "skill"])
            .args(arguments);
        for setting in PROFILE {
            cargo.args(["--config", setting]);
        }
        if offline {
            cargo.arg("--offline");
        }
        // A cargo that runs us says things about our own build that are not true of the skill's.
        for (key, _) in std::env::vars_os() {
            let key = key.to_string_lossy().into_owned();
            if key.starts_with("CARGO_PKG_") || key.starts_with("CARGO_BIN_") || key == "CARGO_MANIFEST_DIR" {
                cargo.env_remove(key);
            }
        }
        cargo.output().map_err(|why| {
            Error::new(Code::R0413, "cargo cannot be started")
                .because(why)
                .hint("install Rust: https://rustup.rs")
        })
    };
    let mut output = run(true)?;
    if !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("--offline") {
        output = run(false)?;
    }
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        if show {
            show::note(said.trim_end());
        }
        return Ok(());
    }
    let missing_target = said.contains(target) && said.contains("may not be installed");
    let hint = if missing_target {
        format!("install the target: rustup target add {target}")
    } else {
        "mend what the compiler says above".to_owned()
    };
    Err(Error::new(Code::R0413, format!("the skill in {} does not build", folder.display()))
        .because(said.trim())
        .hint(hint))
}

fn target_folder(folder: &Path) -> Result<PathBuf, Error> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(folder)
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .output()
        .map_err(|why| Error::new(Code::R0413, "cargo cannot be started").because(why))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let failed =
        |why: String| Error::new(Code::R0413, format!("cargo cannot read {}", folder.display())).because(why);
    if !output.status.success() {
        return Err(failed(said.trim().to_owned()));
    }
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|why| failed(why.to_string()))?;
    let target =
        metadata["target_directory"].as_str().ok_or_else(|| failed("it names no target folder".into()))?;
    Ok(PathBuf::from(target))
}

/// Names that Rust or cargo keeps for itself, or that would hide what a skill needs.
const RESERVED: &str = "abstract alloc as async await become box break const continue core crate do dyn else enum \
    extern false final fn for gen if impl in let loop macro match mod move mut override priv proc-macro pub ref return \
    ringfence-sdk ringfence-sdk-macros self static std struct super test trait true try type typeof union unsafe \
    unsized use virtual wasip2 where while yield";

/// Makes a project with a skill that works, its tests, and the SDK beside it: whole or not at all.
pub(crate) fn new_project(name: &SkillName, folder: &Path) -> Result<(), Error> {
    if RESERVED.split_whitespace().any(|reserved| reserved == name.as_str()) {
        return Err(Error::new(Code::R0414, format!("`{name}` is no name for a skill project"))
            .because("Rust or the SDK uses it for something else")
            .hint("say something like `word-count`"));
    }
    if folder.symlink_metadata().is_ok() {
        return Err(Error::new(Code::R0412, format!("{} is there already", folder.display()))
            .hint("choose another name, or remove it first"));
    }
    let cannot = |why: std::io::Error| {
        Error::new(Code::R0412, format!("{} cannot be made", folder.display()))
            .because(why)
            .hint("choose another folder, make room, or give this user write permission")
    };
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(cannot)?;
    // Not by way of the temporary folder of the system: that may be another disk.
    let draft = tempfile::Builder::new().prefix(".ringfence-new-").tempdir_in(parent).map_err(cannot)?;
    let made = draft.path().join(name.as_str());
    fill(name, &made)?;
    std::fs::rename(&made, folder).map_err(cannot)
}

fn fill(name: &SkillName, folder: &Path) -> Result<(), Error> {
    let function = name.as_str().replace('-', "_");
    let fill = |template: &str| template.replace("@name@", name.as_str()).replace("@function@", &function);
    let write = |path: &str, content: &str| carried::write(&folder.join(path), content.as_bytes());
    carried::unpack(&["skill-sdk/", "wit/"], &folder.join("vendor"))?;
    carried::unpack(&["Cargo.lock", "rust-toolchain.toml"], folder)?;
    write("Cargo.toml", &fill(include_str!("new/Cargo.toml.in")))?;
    write("src/lib.rs", &fill(include_str!("new/lib.rs.in")))?;
    write("SKILL.md", &fill(include_str!("new/SKILL.md.in")))?;
    write(".gitignore", "/target\n")
}

/// Keeps the front matter of `SKILL.md` in step with what the skill says of itself; the text below it is the author's.
pub(crate) fn keep_in_step(folder: &Path, name: &str, description: &str) -> Result<(), Error> {
    let path = folder.join("SKILL.md");
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let body = there
        .strip_prefix("---\n")
        .and_then(|rest| rest.split_once("\n---\n"))
        .map_or(there.as_str(), |(_, body)| body);
    let body = if body.trim().is_empty() { format!("\n# {name}\n") } else { body.to_owned() };
    let quoted = serde_json::Value::from(description.split_whitespace().collect::<Vec<_>>().join(" "));
    let plain = quoted.as_str().filter(|text| {
        !text.contains([':', '#', '"', '\\'])
            && !text.starts_with(['-', '[', '{', '&', '*', '!', '|', '>', '\'', '%', '@', '`'])
    });
    let shown = plain.map_or_else(|| quoted.to_string(), str::to_owned);
    carried::write(&path, format!("---\nname: {name}\ndescription: {shown}\n---\n{body}").as_bytes())
}
