//! Which crate may depend on which, read from cargo's own metadata.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::{assert_kept, root};

/// The crates that only another part of the host may know, direct or not.
const NOT_FOR_CORE: [&str; 18] = [
    "wasmtime",
    "wasmtime-wasi",
    "wasmparser",
    "tokio",
    "rusqlite",
    "libsqlite3-sys",
    "cap-std",
    "clap",
    "reqwest",
    "hyper",
    "hyper-util",
    "rustls",
    "hickory-resolver",
    "hickory-net",
    "mio",
    "socket2",
    "ringfence-engine",
    "ringfence-adapters",
];

/// Packages by name, with their normal dependencies.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// What the workspace's own packages say that they depend on.
#[derive(Debug, Clone)]
struct Member {
    name: String,
    folder: String,
    normal: BTreeSet<String>,
    all: BTreeSet<String>,
    /// Features that a build of it may switch on outside of its tests: `package/feature` of its dependencies, and
    /// whatever its own features switch on.
    features: BTreeSet<String>,
}

fn metadata() -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let ask = |how: &str| {
        let mut command = Command::new(&cargo);
        command.args(["metadata", "--format-version", "1", "--filter-platform", "host-tuple", how]);
        command.current_dir(root()).output().expect("cargo runs")
    };
    let mut answer = ask("--offline");
    if !answer.status.success() {
        // A dependency that only another package's tests need may not have been fetched yet.
        answer = ask("--locked");
    }
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    serde_json::from_slice(&answer.stdout).expect("cargo prints JSON")
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().expect("cargo's metadata has this list")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().expect("cargo's metadata has this text")
}

fn graph(metadata: &Value) -> Graph {
    let names: BTreeMap<&str, &str> = list(metadata, "packages")
        .iter()
        .map(|package| (text(package, "id"), text(package, "name")))
        .collect();
    let mut graph = Graph::new();
    for node in list(&metadata["resolve"], "nodes") {
        let normal = list(node, "deps")
            .iter()
            .filter(|dep| list(dep, "dep_kinds").iter().any(|kind| kind["kind"].is_null()));
        let normal = normal.map(|dep| names[text(dep, "pkg")].to_owned());
        graph.entry(names[text(node, "id")].to_owned()).or_default().extend(normal);
    }
    graph
}

fn members(metadata: &Value) -> Vec<Member> {
    let ids: BTreeSet<&str> = list(metadata, "workspace_members").iter().filter_map(Value::as_str).collect();
    let root = root();
    let own = list(metadata, "packages").iter().filter(|package| ids.contains(text(package, "id")));
    own.map(|package| {
        let manifest = std::path::Path::new(text(package, "manifest_path"));
        let folder = manifest.parent().expect("a manifest lies in a folder");
        let folder = folder.strip_prefix(&root).expect("members lie in the repository");
        let names = |only_normal: bool| {
            let deps = list(package, "dependencies").iter();
            let counted = deps.filter(|dep| !only_normal || dep["kind"].is_null());
            counted.map(|dep| text(dep, "name").to_owned()).collect()
        };
        Member {
            name: text(package, "name").into(),
            folder: folder.to_str().expect("our folders are UTF-8").into(),
            normal: names(true),
            all: names(false),
            features: features(package),
        }
    })
    .collect()
}

fn features(package: &Value) -> BTreeSet<String> {
    let shipped = list(package, "dependencies").iter().filter(|dep| dep["kind"] != "dev");
    let asked = shipped.flat_map(|dep| {
        let named = list(dep, "features").iter().filter_map(Value::as_str);
        named.map(|feature| format!("{}/{feature}", text(dep, "name")))
    });
    let own = package["features"].as_object().expect("cargo's metadata has features");
    let switched = own.values().filter_map(Value::as_array).flatten().filter_map(Value::as_str);
    asked.chain(switched.map(str::to_owned)).collect()
}

/// What a package is built from, itself left out.
fn reached<'a>(graph: &'a Graph, package: &'a str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut rest = vec![package];
    while let Some(name) = rest.pop() {
        for dep in graph.get(name).into_iter().flatten() {
            if seen.insert(dep.as_str()) {
                rest.push(dep);
            }
        }
    }
    seen
}

fn forbidden_reach(graph: &Graph, package: &str, forbidden: &[&str]) -> Vec<String> {
    assert!(graph.contains_key(package), "there is no package {package}");
    let reached = reached(graph, package);
    let found = forbidden.iter().filter(|name| reached.contains(**name));
    found.map(|name| format!("{package} depends on {name}")).collect()
}

fn skills_with_more_than_the_sdk(members: &[Member]) -> Vec<String> {
    let skills = members.iter().filter(|member| member.folder.starts_with("skills/"));
    let more = skills.flat_map(|skill| {
        let others = skill.all.iter().filter(|name| *name != "ringfence-sdk");
        others.map(|name| format!("skill {} depends on {name}", skill.name))
    });
    more.collect()
}

fn hosts_that_know_the_sdk(members: &[Member]) -> Vec<String> {
    let host = members.iter().filter(|member| member.folder == "host" || member.folder.starts_with("host/"));
    let knows = host.filter(|member| member.all.iter().any(|name| name.starts_with("ringfence-sdk")));
    knows.map(|member| format!("{} depends on the SDK; they share wit/ alone", member.name)).collect()
}

fn sdks_that_know_the_host(members: &[Member]) -> Vec<String> {
    const HOST: [&str; 4] = ["ringfence", "ringfence-core", "ringfence-engine", "ringfence-adapters"];
    let sdk = members.iter().filter(|member| member.folder.starts_with("skill-sdk"));
    let knows = sdk.filter(|member| member.all.iter().any(|name| HOST.contains(&name.as_str())));
    knows.map(|member| format!("{} depends on the host; they share wit/ alone", member.name)).collect()
}

/// Who would ship a way to switch guards off.
fn controls_in_a_shipped_build(members: &[Member]) -> Vec<String> {
    let is_control = |feature: &&String| feature.split('/').next_back() == Some("controls");
    let shipped = members.iter().filter(|member| !member.folder.starts_with("tests/"));
    let ships = shipped.filter(|member| member.features.iter().any(|feature| is_control(&feature)));
    ships.map(|member| format!("{} asks for `controls` outside of its tests", member.name)).collect()
}

/// Who names a technology that only `owner` may name.
fn strangers(members: &[Member], owner: &str, technology: &[&str]) -> Vec<String> {
    let others = members.iter().filter(|member| member.name != owner);
    let knows = others.flat_map(|member| {
        let known = technology.iter().filter(|name| member.normal.contains(**name));
        known.map(|name| format!("{} depends on {name}; only {owner} may", member.name))
    });
    knows.collect()
}

#[test]
fn core_knows_no_engine_runtime_database_network_or_command_line() {
    assert_kept(&forbidden_reach(&graph(&metadata()), "ringfence-core", &NOT_FOR_CORE));
}

#[test]
fn engine_and_adapters_never_see_each_other() {
    let graph = graph(&metadata());
    assert_kept(&forbidden_reach(&graph, "ringfence-engine", &["ringfence-adapters", "rusqlite", "cap-std"]));
    assert_kept(&forbidden_reach(
        &graph,
        "ringfence-adapters",
        &["ringfence-engine", "wasmtime", "wasmtime-wasi"],
    ));
}

#[test]
fn the_engine_alone_knows_wasmtime_and_the_adapters_alone_know_disks_and_databases() {
    let members = members(&metadata());
    assert_kept(&strangers(&members, "ringfence-engine", &["wasmtime", "wasmtime-wasi", "wasmparser"]));
    assert_kept(&strangers(&members, "ringfence-adapters", &["rusqlite", "cap-std", "getrandom", "uuid"]));
    let web = ["hyper", "hyper-util", "tokio-rustls", "rustls-native-certs", "hickory-resolver", "reqwest"];
    assert_kept(&strangers(&members, "ringfence-adapters", &web));
}

#[test]
fn skills_depend_on_the_sdk_alone() {
    let members = members(&metadata());
    assert!(members.iter().any(|member| member.folder == "skills/hello"), "the skills are seen");
    assert_kept(&skills_with_more_than_the_sdk(&members));
}

#[test]
fn host_and_sdk_share_only_the_wit() {
    let members = members(&metadata());
    assert_kept(&hosts_that_know_the_sdk(&members));
    assert_kept(&sdks_that_know_the_host(&members));
}

#[test]
fn only_tests_can_switch_guards_off() {
    assert_kept(&controls_in_a_shipped_build(&members(&metadata())));
}

#[test]
fn a_forbidden_dependency_is_named() {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let graph = Graph::from([
        ("ringfence-core".to_owned(), set(&["futures"])),
        ("futures".to_owned(), set(&["tokio"])),
    ]);
    let named = forbidden_reach(&graph, "ringfence-core", &NOT_FOR_CORE);
    assert_eq!(named, ["ringfence-core depends on tokio"]);
    let member = |name: &str, folder: &str, deps: &[&str]| Member {
        name: name.into(),
        folder: folder.into(),
        normal: set(deps),
        all: set(deps),
        features: set(&["ringfence-core/controls"]),
    };
    let members = [
        member("hello", "skills/hello", &["ringfence-sdk", "rand"]),
        member("ringfence-engine", "host/engine", &["ringfence-sdk", "rusqlite"]),
        member("ringfence-sdk", "skill-sdk", &["ringfence-core"]),
    ];
    assert_eq!(skills_with_more_than_the_sdk(&members).len(), 1);
    assert_eq!(hosts_that_know_the_sdk(&members).len(), 1);
    assert_eq!(sdks_that_know_the_host(&members).len(), 1);
    assert_eq!(strangers(&members, "ringfence-adapters", &["rusqlite"]).len(), 1);
    assert_eq!(controls_in_a_shipped_build(&members).len(), 3);
}
