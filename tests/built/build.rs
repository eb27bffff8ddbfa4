//! Builds every guest and every example skill for the sandbox, with one cargo in a target folder of its own: the outer
//! cargo holds the lock of the usual one.

#[path = "build/cargo.rs"]
mod cargo;
#[path = "build/corpus.rs"]
mod corpus;
#[path = "build/text.rs"]
mod text;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The environment variable that asks for other seeds: `FIRST..END`.
const SEEDS: &str = "RINGFENCE_SEEDS";

/// The seeds of generated components where nobody asks for others.
const USUAL_SEEDS: &str = "0..100";

/// The example skills, by the names of their packages.
const SKILLS: [&str; 10] = [
    "briefing",
    "check-invoice",
    "extract",
    "fetch-page",
    "hello",
    "invoice",
    "notes",
    "remember",
    "summarise",
    "word-count",
];

/// Guests that a figure is about: for the benchmarks they and the skills are built as `ringfence build` builds.
const MEASURED: [&str; 1] = ["friend_asks_again"];

fn main() {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo says where we are"));
    let root = here.ancestors().nth(2).expect("tests/built lies in the repository").to_owned();
    for watched in
        ["tests/guests", "skills", "skill-sdk", "wit", "Cargo.toml", "Cargo.lock", "tests/built/build"]
    {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    println!("cargo::rerun-if-env-changed={SEEDS}");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo says where to write"));
    let target = out.ancestors().nth(4).expect("the target folder is above").join("guests");

    let rust = names(&root.join("tests/guests/rust"), "rs");
    check_entries(&root.join("tests/guests/Cargo.toml"), &rust);
    let built = cargo::build(&root, &target, "guest", &SKILLS, &[]);
    let is_measured = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let as_users_do = is_measured.then(|| cargo::build(&root, &target, "skill", &SKILLS, &MEASURED));
    let guest = |name: String| {
        let measured = as_users_do.as_ref().filter(|_| MEASURED.contains(&name.as_str()));
        let path = measured.unwrap_or(&built).join(format!("examples/{name}.wasm"));
        (name, path)
    };
    let mut guests: Vec<(String, PathBuf)> = rust.into_iter().map(guest).collect();

    let written = out.join("wat");
    fs::create_dir_all(&written).expect("OUT_DIR can be written");
    for name in names(&root.join("tests/guests/wat"), "wat") {
        let source = root.join(format!("tests/guests/wat/{name}.wat"));
        let component = text::component(&root.join("wit"), &name, &source);
        let path = written.join(format!("{name}.wasm"));
        fs::write(&path, component).expect("OUT_DIR can be written");
        guests.push((name, path));
    }
    let skills = SKILLS.map(|name| name.replace('-', "_"));
    let built = as_users_do.unwrap_or(built);
    let skills = skills.map(|name| (name.clone(), built.join(format!("{name}.wasm"))));
    let generated = generate(&root.join("wit"), &out.join("generated"));
    fs::write(out.join("built.rs"), code(&guests, &skills) + &generated).expect("OUT_DIR can be written");
}

/// Writes what the seeds stand for into a folder, and says in Rust which they are.
fn generate(wit: &Path, folder: &Path) -> String {
    let asked = env::var(SEEDS).ok();
    let seeds = asked.as_deref().unwrap_or(USUAL_SEEDS);
    let bounds =
        seeds.split_once("..").and_then(|(first, end)| Some((first.parse().ok()?, end.parse().ok()?)));
    let (first, end): (u64, u64) = bounds.unwrap_or_else(|| panic!("{SEEDS} is {seeds}; say FIRST..END"));
    if folder.exists() {
        fs::remove_dir_all(folder).expect("OUT_DIR can be written");
    }
    fs::create_dir_all(folder).expect("OUT_DIR can be written");
    let corpus = corpus::Corpus::new(wit);
    for seed in first..end {
        fs::write(folder.join(seed.to_string()), corpus.generate(seed)).expect("OUT_DIR can be written");
    }
    let folder = folder.display().to_string();
    let asked = if asked.is_some() { format!("Some({first}..{end})") } else { "None".into() };
    format!(
        "/// The seeds that were asked for, if others than the usual ones.\npub const ASKED: Option<core::ops::Range<u64>> = {asked};\n\
         const SEEDS: core::ops::Range<u64> = {first}..{end};\nconst GENERATED: &str = {folder:?};\n"
    )
}

/// The names of the files of one kind in a folder, in order.
fn names(folder: &Path, kind: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry of the repository").path());
    let mut names: Vec<String> = paths
        .filter(|path| path.extension().is_some_and(|found| found == kind))
        .map(|path| path.file_stem().and_then(|stem| stem.to_str()).expect("UTF-8").to_owned())
        .collect();
    names.sort();
    names
}

/// Cargo does not find examples that are libraries by itself, so the manifest lists them.
fn check_entries(manifest: &Path, names: &[String]) {
    let text = fs::read_to_string(manifest).expect("the guests' manifest");
    for name in names {
        let entry = format!(
            "[[example]]\nname = \"{name}\"\npath = \"rust/{name}.rs\"\ncrate-type = [\"cdylib\"]\nrequired-features = [\"guests\"]\n"
        );
        assert!(text.contains(&entry), "add to tests/guests/Cargo.toml:\n\n{entry}");
    }
}

fn code(guests: &[(String, PathBuf)], skills: &[(String, PathBuf)]) -> String {
    let mut code =
        String::from("/// Every component, by name.\npub static COMPONENTS: &[(&str, &str)] = &[\n");
    for (name, path) in guests.iter().chain(skills) {
        writeln!(code, "    ({name:?}, {:?}),", path.display().to_string()).expect("text can be written");
    }
    code.push_str("];\n");
    let attacks = guests.iter().filter(|(name, _)| name.starts_with("attack_"));
    let friends = guests.iter().filter(|(name, _)| !name.starts_with("attack_"));
    let mut list = |suite: &str, names: &mut dyn Iterator<Item = &(String, PathBuf)>| {
        let calls: String = names.map(|(name, _)| format!("        $mac!({name});\n")).collect();
        write!(
            code,
            "/// Calls a macro with the name of each {suite}.\n#[macro_export]\nmacro_rules! foreach_{suite} {{\n    ($mac:ident) => {{\n{calls}    }};\n}}\n"
        )
        .expect("text can be written");
    };
    list("attack", &mut attacks.into_iter());
    list("friend", &mut friends.into_iter());
    list("skill", &mut skills.iter());
    code
}
