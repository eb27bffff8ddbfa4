//! Policy files that are broken, missing or misspelt. Whatever is wrong with one, nothing is granted.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::Path;

use ringfence::config::Config;
use ringfence_core::error::Code;
use ringfence_core::gate::RAISABLE;

use super::{ADA, Operator, Said};

#[test]
fn a_broken_policy_file_grants_nothing_and_is_named() {
    let operator = Operator::new();
    operator.load("hello");
    let broken = [
        ("x =", "line 1"),
        ("[limits]\nmemory = \"5 XB\"", "limits.memory: "),
        ("[artifacts]\nquota = \"5 XB\"", "artifacts.quota: "),
        ("[artifacts]\nmedia-types = [\"*/*\"]", "artifacts.media-types: "),
        ("[limits]\ntimeout = \"soon\"", "limits.timeout: "),
        ("[limits]\nmemory = \"1GiB\"", "engine.max-memory"),
        ("[limits]\nfuel = -1", "line 2"),
        ("[budget]\nper-caller = {}", "[budget]: per-caller bounds nothing"),
        ("[budget]\nper-tenant = { tokens = -1 }", "line 2"),
        ("[budget]\ncaller.\"a b\" = { tokens = 1 }", "[budget]: caller: "),
        ("[engine]\ntick = \"0s\"", "engine.tick: "),
        ("[engine]\nslots = 0", "engine.slots"),
        ("[concurrency]\nper-caller = 0", "would run nothing"),
        ("[concurrency]\nper-tenant = 2000", "engine.slots only 1000"),
        ("[concurrency]\nwaiting = 1000000", "100000 is the most"),
        ("limits = 3", "line 1"),
        ("[[grant]]\nskill = \"notes\"\nfiles = []", "neither `ring` nor `caller`"),
        ("[[grant]]\nring = 2\ncaller = \"ada\"\nfiles = []", "both a ring and a caller"),
        ("[[grant]]\nring = 2", "it grants nothing"),
        ("[[grant]]\nring = 0\nfiles = [{ folder = \"n\", access = \"read\" }]", "ring 0"),
        (
            "[[grant]]\nring = 3\nfiles = [{ folder = \"n\", access = \"read\" }]",
            "ring 3 may not use `files`",
        ),
        ("[[grant]]\nring = 2\nfiles = [{ folder = \"n\", access = \"rw\" }]", "`read` or `write`"),
        ("[[grant]]\nring = 2\nfiles = [{ folder = \"/\", access = \"read\" }]", "name"),
        (
            "[[grant]]\nring = 2\nfiles = [{ folder = \"n\", access = \"read\", name = \"a/b\" }]",
            "one path segment",
        ),
        (
            "[[grant]]\nring = 2\nfiles = [{ folder = \"n\", access = \"write\", quota = \"much\" }]",
            "the folder \"n\": quota: ",
        ),
        (
            "[[grant]]\nring = 2\nfiles = [{ folder = \"n\", access = \"read\", max-files = 3 }]",
            "for reading only",
        ),
        (
            "[[grant]]\nring = 2\nfiles = [{ folder = \"n\", access = \"write\", effect = \"grave\" }]",
            "`read`, `reversible`, `irreversible`",
        ),
        (
            "[[grant]]\nring = 2\nfiles = [{ folder = \"n\", access = \"write\", effect = \"read\" }]",
            "the folder \"n\": effect: who writes changes something",
        ),
        (
            "[[grant]]\nring = 2\nfiles = [{ folder = \"n\", access = \"read\", effect = \"irreversible\" }]",
            "the folder \"n\": effect: it is granted for reading only",
        ),
        (
            "[effects]\nfiles.write = \"grave\"",
            "[effects]: files.write: \"grave\" is no effect: say \"read\"",
        ),
        ("[effects]\nfiles.write = \"read\"", "files.write: it changes something, whatever is said of it"),
        ("[effects]\n\"memory.set\" = \"read\"", "memory.set: it changes something, whatever is said of it"),
        (
            "[effects]\nfiles.writ = \"irreversible\"",
            "no call `files.writ` whose effect could be said: say artifacts.save, files.delete, ",
        ),
        ("[effects]\nfiles = \"irreversible\"", "no call `files` whose"),
        ("[effects]\nlog.write = \"irreversible\"", "no call `log.write` whose"),
        ("[[grant]]\nring = 2\nring = 1", "duplicate key"),
        ("[[context]]\nname = \"a\"\nsources = []", "missing field `max-bytes`"),
        ("[[context]]\nname = \"A\"\nmax-bytes = \"1\"\nsources = []", "not a context name"),
        ("[[skill]]\nname = \"hello\"\nceiling = 0", "no skill ever runs in ring 0"),
        ("[[skill]]\nname = \"Hello\"\nceiling = 3", "not a skill name"),
        ("[[skill]]\nname = \"a\"\nceiling = 3\n[[skill]]\nname = \"a\"\nceiling = 2", "stands twice"),
        ("[[rule]]\nskill = \"a\"\npath = \"total\"\nrequired = true", "JSON Pointer"),
        ("[[rule]]\nskill = \"a\"\npath = \"/total\"", "asks for nothing"),
        ("[[rule]]\nskill = \"a\"\npath = \"/t\"\nbounds = {}", "min or max"),
        ("[[rule]]\nskill = \"a\"\npath = \"/t\"\nbounds = { min = nan }", "min or max"),
        ("[[rule]]\nskill = \"a\"\npath = \"/t\"\nbounds = { min = 2, max = 1 }", "allow nothing"),
    ];
    for (policy, says) in broken {
        operator.write("ringfence.toml", policy);
        let said = operator.say(&["run", "hello", "--input", ADA]);
        said.failed("R0404", 2).saying(says).saying("ringfence.toml");
        assert!(said.out.is_empty(), "{policy}");
    }
    operator.write("ringfence.toml", b"\xff\xfe");
    operator.say(&["skills"]).failed("R0404", 2).saying("UTF-8");
    operator.write("ringfence.toml", "");
    assert_eq!(operator.does(&["run", "hello", "--input", ADA]), "Hello, Ada!\n");
}

#[test]
fn a_grant_of_the_web_that_says_more_or_less_than_it_means_is_refused() {
    let operator = Operator::new();
    operator.load("hello");
    let with = |http: &str| format!("[[grant]]\nring = 2\nhttp = [{http}]");
    let broken = [
        (with("\"example.com\""), "it begins with http:// or https://"),
        (with("\"https://*\""), "`*` stands for names in front of a host"),
        (with("\"https://ada@example.com\""), "the URL has credentials"),
        (with("{ url = \"https://a.example\", methods = [] }"), "methods: it names none"),
        (with("{ url = \"https://a.example\", methods = [\"get\"] }"), "capital letters"),
        (with("{ url = \"https://a.example\", effect = \"none\" }"), "`read`, `reversible`, `irreversible`"),
        (with("{ url = \"https://a.example\", networks = [\"10.0.0.1/8\"] }"), "is no network"),
        (with("{ url = \"https://a.example\", headers = { host = \"x\" } }"), "only the host sends"),
        (with("{ url = \"https://a.example\", headers = { x = \"{secret:y}\" } }"), "there is no [secret.y]"),
        (with("{ url = \"https://a.example\", headers = { x = \"{secret:y\" } }"), "is not closed"),
        (
            with("{ url = \"https://*.a.example\", headers = { x = \"{secret:y}\" } }") + "\n[secret.y]\nenv = \"Y\"",
            "a secret goes to one host",
        ),
        (with("{ url = \"https://a.example\", max-bytes = \"much\" }"), "max-bytes: "),
        ("[[grant]]\nring = 3\nhttp = [\"https://a.example\"]".into(), "ring 3 may not use `http`"),
        ("[secret.y]".into(), "either env = \"VARIABLE\" or file = \"path\""),
        ("[secret.y]\nfile = \"missing\"".into(), "[secret.y] "),
        ("[http]\nnameserver = \"dns.example\"".into(), "is no address with a port"),
        ("[http]\nca = \"missing.pem\"".into(), "missing.pem"),
        ("[http]\nca = \"ringfence.toml\"".into(), "there is no certificate in it"),
        ("[http]\ntimeout = \"0s\"".into(), "timeout: "),
        (
            "[secret.y]\nfile = \"keys/y\"\n[[grant]]\nring = 2\nfiles = [{ folder = \"keys\", access = \"read\" }]"
                .into(),
            "reaches the host's own",
        ),
    ];
    for (policy, says) in broken {
        operator.write("ringfence.toml", &policy);
        let said = operator.say(&["run", "hello", "--input", ADA]);
        said.failed("R0404", 2).saying(says);
        assert!(said.out.is_empty(), "{policy}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_name() {
    let operator = Operator::new();
    let misspelt = [
        ("[limits]\nfule = 3", "fule", "fuel"),
        ("[limits]\nmax_corrections = 3", "max_corrections", "max-corrections"),
        ("[limit]", "limit", "limits"),
        ("[[grnt]]", "grnt", "grant"),
        ("[[grant]]\nring = 2\nskil = \"a\"", "skil", "skill"),
        ("[[grant]]\nring = 2\nfiles = [{ folder = \"n\", acess = \"read\" }]", "acess", "access"),
        ("[[grant]]\nring = 2\nhttp = [{ url = \"https://a.example\", method = [] }]", "method", "methods"),
        ("[http]\nname-server = \"x\"", "name-server", "nameserver"),
        ("[[rule]]\nskill = \"a\"\npath = \"/a\"\nforbiden = true", "forbiden", "forbidden"),
        ("[[rule]]\nskill = \"a\"\npath = \"/a\"\nbounds = { mix = 3 }", "mix", "m"),
    ];
    for (policy, key, nearest) in misspelt {
        operator.write("ringfence.toml", policy);
        let said = operator.say(&["skills"]);
        said.failed("R0405", 2).saying(&format!("unknown key `{key}`"));
        said.saying(&format!("hint: did you mean `{nearest}"));
    }
}

#[test]
fn a_policy_file_that_was_named_must_be_there() {
    let operator = Operator::new();
    operator
        .say(&["--config", "missing.toml", "skills"])
        .failed("R0404", 2)
        .saying("there is no policy file missing.toml");
    operator.say(&["--config", "/", "skills"]).failed("R0404", 2);
    let named = operator.command().env("RINGFENCE_CONFIG", "missing.toml").arg("skills").output().unwrap();
    Said::from(named).failed("R0404", 2);
}

#[test]
fn a_policy_file_that_is_none_does_not_hand_over_to_the_one_above() {
    let operator = Operator::new();
    operator.write("ringfence.toml", "");
    let below = operator.here().join("below");
    std::fs::create_dir(&below).unwrap();
    let skills = || Said::from(operator.command().current_dir(&below).arg("skills").output().unwrap());
    skills().done();
    symlink("nowhere", below.join("ringfence.toml")).unwrap();
    skills().failed("R0404", 2);
    std::fs::remove_file(below.join("ringfence.toml")).unwrap();
    std::fs::create_dir(below.join("ringfence.toml")).unwrap();
    skills().failed("R0404", 2);
}

#[test]
fn init_writes_what_is_right_as_it_stands_and_never_overwrites() {
    let operator = Operator::new();
    let (made, exit) = operator.json(&["init"]);
    assert_eq!((exit, made["file"].as_str()), (0, Some("./ringfence.toml")));
    let written = std::fs::read_to_string(operator.here().join("ringfence.toml")).unwrap();
    operator.does(&["skills"]);
    operator.write("ringfence.toml", "# mine");
    operator.say(&["init"]).failed("R0412", 2).saying("is there already");
    assert_eq!(std::fs::read_to_string(operator.here().join("ringfence.toml")).unwrap(), "# mine");
    // Every line that is commented out is right as it stands.
    std::fs::create_dir(operator.here().join("rules")).unwrap();
    operator.write("rules/invoice.toml", "skill = \"invoice\"\n[[rule]]\npath = \"/date\"\nrequired = true");
    operator.write("ringfence.toml", uncommented(&written));
    operator.does(&["skills"]);
}

/// The template as it would be if everything in it counted.
fn uncommented(template: &str) -> String {
    let lines = template.lines().map(|line| {
        let code = line.strip_prefix("# ").filter(|code| code.contains(" = ") || code.starts_with('['));
        code.unwrap_or(line)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The keys that stand in a section, in one of its entries or another. `*` is a section of any name.
fn keys_in(value: &toml::Value, path: &[&str]) -> BTreeSet<String> {
    match (value, path) {
        (toml::Value::Array(entries), _) => entries.iter().flat_map(|entry| keys_in(entry, path)).collect(),
        (toml::Value::Table(table), []) => table.keys().cloned().collect(),
        (toml::Value::Table(table), ["*", rest @ ..]) => {
            table.values().flat_map(|below| keys_in(below, rest)).collect()
        }
        (toml::Value::Table(table), [name, rest @ ..]) => {
            table.get(*name).map(|below| keys_in(below, rest)).unwrap_or_default()
        }
        _ => BTreeSet::new(),
    }
}

/// What is known where this policy has an unknown key, as the error says.
fn known_in(policy: &str) -> Vec<String> {
    let place = Path::new("ringfence.toml");
    let error = Config::read(policy, place, None).expect_err("a key that nobody knows");
    assert_eq!(error.code, Code::R0405, "{policy}: {error}");
    let hint = error.hint.clone().unwrap_or_default();
    let (_, known) = hint.split_once("nown here: ").unwrap_or_else(|| panic!("{policy}: {hint:?}"));
    known.split(", ").map(str::to_owned).collect()
}

#[test]
fn every_key_that_is_known_stands_in_the_file_that_init_writes() {
    let template: toml::Value = toml::from_str(&uncommented(ringfence::config::TEMPLATE)).unwrap();
    let sections = [
        ("zzz = 1", ""),
        ("[limits]\nzzz = 1", "limits"),
        ("[engine]\nzzz = 1", "engine"),
        ("[concurrency]\nzzz = 1", "concurrency"),
        ("[budget]\nzzz = 1", "budget"),
        ("[budget]\nper-caller = { zzz = 1 }", "budget/per-caller"),
        ("[artifacts]\nzzz = 1", "artifacts"),
        ("[retention]\nzzz = 1", "retention"),
        ("[audit]\nzzz = 1", "audit"),
        ("[registry]\nzzz = 1", "registry"),
        ("[approval]\nzzz = 1", "approval"),
        ("[http]\nzzz = 1", "http"),
        ("[secret.a]\nzzz = 1", "secret/*"),
        ("[[server]]\nzzz = 1", "server"),
        ("[mcp]\nzzz = 1", "mcp"),
        ("[[client]]\nzzz = 1", "client"),
        ("[[client]]\nskills = [{ zzz = 1 }]", "client/skills"),
        ("[[context]]\nzzz = 1", "context"),
        ("[[context]]\nsources = [{ zzz = 1 }]", "context/sources"),
        ("[[provider]]\nzzz = 1", "provider"),
        ("[[model]]\nzzz = 1", "model"),
        ("[[grant]]\nzzz = 1", "grant"),
        ("[[grant]]\nfiles = [{ zzz = 1 }]", "grant/files"),
        ("[[grant]]\nhttp = [{ zzz = 1 }]", "grant/http"),
        ("[[grant]]\nhttp = [{ approval = { zzz = 1 } }]", "grant/http/approval"),
        ("[[grant]]\ntools = [{ zzz = 1 }]", "grant/tools"),
        ("[[rule]]\nzzz = 1", "rule"),
        ("[[rule]]\nbounds = { zzz = 1 }", "rule/bounds"),
        ("[[rule]]\nnaming = { zzz = 1 }", "rule/naming"),
        ("[[rule]]\ndependency = { zzz = 1 }", "rule/dependency"),
        ("[[rule]]\npolicy = { zzz = 1 }", "rule/policy"),
        ("[[rule]]\npolicy = { when = [{ zzz = 1 }] }", "rule/policy/*"),
        ("[[rule-file]]\nzzz = 1", "rule-file"),
        ("[[skill]]\nzzz = 1", "skill"),
    ];
    let mut missing = Vec::new();
    for (policy, section) in sections {
        let path: Vec<_> = section.split('/').filter(|name| !name.is_empty()).collect();
        let written = keys_in(&template, &path);
        let unwritten = known_in(policy).into_iter().filter(|key| !written.contains(key));
        missing.extend(unwritten.map(|key| format!("{section}: {key}")));
    }
    assert!(missing.is_empty(), "host/src/ringfence.toml says nothing of\n{}", missing.join("\n"));
    // No section is forgotten here.
    let asked = |key: &String| sections.iter().any(|(_, section)| section.split('/').next() == Some(key));
    let left: Vec<_> = known_in("zzz = 1").into_iter().filter(|key| !asked(key)).collect();
    assert_eq!(left, ["data", "tenant", "effects"], "these have no keys of their own");
    // The last one knows calls instead.
    for (call, _) in RAISABLE {
        assert!(ringfence::config::TEMPLATE.contains(&format!("`{call}`")), "{call}");
    }
}
