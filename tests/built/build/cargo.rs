//! The inner cargo.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, str};

const TARGET: &str = "wasm32-wasip2";

/// What the inner cargo inherits of all that cargo says to a build script: where its own things are, and how many
/// may work at once. The rest speaks of the outer build.
const KEPT: [&str; 7] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_MAKEFLAGS",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
];

/// Builds guests, or all if none is named, and skills; says in which folder they are. Without the network first: what is needed is
/// mostly there.
pub(crate) fn build(root: &Path, target: &Path, profile: &str, skills: &[&str], guests: &[&str]) -> PathBuf {
    let command = || command(root, target, profile, skills, guests);
    let mut output = command().arg("--offline").output().expect("cargo starts");
    let offline = String::from_utf8_lossy(&output.stderr).contains("--offline");
    if !output.status.success() && offline {
        output = command().output().expect("cargo starts");
    }
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "the guests do not build (is the target there? rustup target add {TARGET})\n{said}"
    );
    target.join(TARGET).join(profile)
}

fn command(root: &Path, target: &Path, profile: &str, skills: &[&str], guests: &[&str]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").expect("cargo says which cargo it is"));
    for (key, _) in env::vars_os() {
        let Some(key) = key.to_str() else { continue };
        let speaks_of_outer = ["CARGO", "RUSTC", "RUSTFLAGS", "RUSTDOC", "CLIPPY", "DEP_", "LLVM_"];
        let outer = speaks_of_outer.iter().any(|prefix| key.starts_with(prefix));
        let outer = outer || ["TARGET", "HOST", "OUT_DIR", "PROFILE", "OPT_LEVEL", "DEBUG"].contains(&key);
        if outer && !KEPT.iter().any(|kept| key.starts_with(kept)) {
            cargo.env_remove(key);
        }
    }
    cargo.current_dir(root).args(["build", "--profile", profile, "--target", TARGET]);
    cargo.arg("--target-dir").arg(target);
    cargo.args(["--package", "ringfence-guests", "--features", "ringfence-guests/guests"]);
    for skill in skills {
        cargo.args(["--package", skill]);
    }
    cargo.arg("--lib");
    if guests.is_empty() {
        cargo.arg("--examples");
    }
    for guest in guests {
        cargo.args(["--example", guest]);
    }
    cargo
}
