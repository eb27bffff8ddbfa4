//! Tenants are kept apart by a store each.

use std::path::PathBuf;

use serde_json::Value;

use super::{ADA, Operator, built};

/// A policy file that names a tenant, and a data folder.
struct Place {
    config: String,
    data: String,
}

fn place(operator: &Operator, tenant: &str, data: &str) -> Place {
    let config = operator.write(&format!("{tenant}.toml"), format!("tenant = \"{tenant}\"\n"));
    let text = |path: PathBuf| path.to_str().unwrap().to_owned();
    Place { config: text(config), data: text(operator.here().join(data)) }
}

impl Place {
    fn with<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        [arguments, &["--config", &self.config, "--data", &self.data]].concat()
    }
}

/// The tenant that each event of a store is told with.
fn told(operator: &Operator, place: &Place) -> Vec<String> {
    let events = operator.does(&place.with(&["events", "--json"]));
    let tenant = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["tenant"].as_str().unwrap().to_owned()
    };
    events.lines().map(tenant).collect()
}

#[test]
fn nothing_of_one_tenant_is_there_for_another() {
    let operator = Operator::new();
    let (acme, globex) = (place(&operator, "acme", "one"), place(&operator, "globex", "other"));
    for place in [&acme, &globex] {
        operator.does(&place.with(&["load", &built("remember")]));
    }
    let keep = r#"{"action":"remember","key":"k","text":"acme's own"}"#;
    operator.does(&acme.with(&["task", "submit", "remember", "--id", "t-kept", "--input", keep]));
    operator.does(&acme.with(&["work", "--idle"]));
    assert!(operator.does(&acme.with(&["task", "show", "t-kept"])).contains("completed"));

    operator.say(&globex.with(&["task", "show", "t-kept"])).failed("R0414", 2).saying("there is no task");
    operator.say(&globex.with(&["kill", "t-kept"])).failed("R0415", 2);
    let recall = r#"{"action":"recall","key":"k"}"#;
    let asked = |place: &Place| operator.does(&place.with(&["run", "remember", "--json", "--input", recall]));
    assert!(asked(&acme).contains("acme's own"));
    assert!(!asked(&globex).contains("acme's own"), "the same caller, and another memory");
    // Its id is free there, and means something else.
    operator.does(&globex.with(&["task", "submit", "remember", "--id", "t-kept", "--input", recall]));

    for (place, tenant) in [(&acme, "acme"), (&globex, "globex")] {
        let told = told(&operator, place);
        assert!(told.len() > 3 && told.iter().all(|told| told == tenant), "{told:?}");
    }
}

#[test]
fn a_store_is_opened_under_the_name_of_its_tenant_alone() {
    let operator = Operator::new();
    let acme = place(&operator, "acme", "store");
    operator.does(&acme.with(&["load", &built("hello")]));
    let before = told(&operator, &acme).len();
    assert!(
        operator.does(&acme.with(&["audit", "log", "tenant"])).contains("acme"),
        "whose it is stands in its log"
    );

    let globex = place(&operator, "globex", "store");
    for verb in [&["run", "hello", "--input", ADA][..], &["events"], &["tasks"], &["audit", "log"]] {
        operator.say(&globex.with(verb)).failed("R0467", 2).saying("`acme`'s, and not `globex`'s");
    }
    // It serves on, and nothing was written for the other one.
    assert_eq!(told(&operator, &acme).len(), before);
    operator.does(&acme.with(&["run", "hello", "--input", ADA]));
    // Who names none gets the one that it has.
    let unnamed = Place { config: operator.write("unnamed.toml", "").to_str().unwrap().into(), ..acme };
    assert!(told(&operator, &unnamed).iter().all(|told| told == "acme"));
    operator.does(&unnamed.with(&["audit", "verify"]));
}

#[test]
fn a_store_that_was_nobodys_is_named_once_whoever_comes_first() {
    let operator = Operator::new();
    let places = ["acme", "globex"].map(|tenant| place(&operator, tenant, "store"));
    let unnamed = operator.write("unnamed.toml", "");
    let unnamed = Place { config: unnamed.to_str().unwrap().into(), data: places[0].data.clone() };
    operator.does(&unnamed.with(&["load", &built("hello")]));
    assert!(told(&operator, &unnamed).iter().all(|told| told == "default"));
    let program = env!("CARGO_BIN_EXE_ringfence").as_ref();
    let started = (0..6).map(|number| {
        let mut command = operator.plain(program);
        let arguments = places[number % 2].with(&["tasks"]);
        command.args(arguments).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        command.spawn().unwrap()
    });
    let started: Vec<_> = started.collect();
    let codes: Vec<_> = started.into_iter().map(|mut child| child.wait().unwrap().code()).collect();
    let owner = &told(&operator, &unnamed)[0];
    let won = usize::from(owner == "globex");
    for (number, code) in codes.iter().enumerate() {
        assert_eq!(*code, Some(if number % 2 == won { 0 } else { 2 }), "{owner}: {codes:?}");
    }
    let named = operator.does(&unnamed.with(&["events", "--json", "--kind", "tenant"]));
    assert_eq!(named.lines().count(), 1, "{named}");
}

#[test]
fn a_tenant_without_a_proper_name_is_refused() {
    let operator = Operator::new();
    operator.write("ringfence.toml", "tenant = \"Acme Inc.\"\n");
    operator.say(&["tasks"]).failed("R0404", 2).saying("is not a tenant name");
}
