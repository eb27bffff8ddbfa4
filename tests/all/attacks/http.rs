//! Guests against the capability `http`: to what is not granted, by every spelling, name and detour.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ringfence_core::audit::{Answered, Fact, Status};
use ringfence_core::error::Code;
use ringfence_core::governance::KillTarget;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::{Emitted, Order};
use ringfence_core::ring::Ring;
use serde_json::{Value, json};

use super::traps::held;
use crate::harness::{Expected, Fuel, Hit, World, alone, assert_attack_fails, assert_killed, limited};
use crate::servers::{NameServer, RawServer};

/// The address where a cloud keeps its metadata.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// A grant to ring 2 of what stands in the list `http`.
pub(super) fn grant(http: &str) -> String {
    format!("[[grant]]\nring = 2\nhttp = [{http}]\n")
}

/// A grant of a server on this machine.
pub(super) fn granted(server: &RawServer) -> String {
    grant(&format!("{{ url = \"{}\", networks = [\"127.0.0.0/8\"] }}", server.origin()))
}

/// An order of ring 2 for a guest that was loaded for it.
pub(super) fn order(world: &World, guest: &str, input: &Value) -> Order {
    world.load(guest);
    Order { ring: Ring::Standard, ..world.order(guest, &input.to_string()) }
}

/// The events of a task with these calls.
pub(super) fn with_calls<'a>(calls: &[&'a str]) -> Vec<&'a str> {
    let begins = ["task.accepted", "task.resolved", "attempt.started"];
    [&begins, calls, &["attempt.ended", "task.ended"]].concat()
}

/// Everything that it tried was answered with an error, and it has nothing to show for it.
fn assert_nothing_taken(world: &World, order: Order, calls: &[&str]) -> Emitted {
    let (status, code, events) = (Status::Completed, None, with_calls(calls));
    let expected = Expected { status, code, says: "", hit: None, events: &events, fuel: Fuel::Same };
    let emitted = assert_attack_fails(world, order, &expected);
    assert_eq!(emitted.outcome.output, Some(json!([])), "it took something");
    emitted
}

/// What the record says of the calls that got no answer, in order.
pub(crate) fn refusals(world: &World, emitted: &Emitted) -> Vec<String> {
    let facts = world.facts(&emitted.task).into_iter();
    let said = facts.filter_map(|fact| match fact {
        Fact::CallDenied { answer: Answered::Error(refusal), .. } => Some(refusal.to_string()),
        Fact::CallEnded { answer: Answered::Error(refusal), .. } => Some(refusal.to_string()),
        _ => None,
    });
    said.collect()
}

fn assert_all_say(said: &[String], what: &str) {
    assert!(said.iter().all(|said| said.contains(what)), "{what:?} in each of {said:#?}");
}

#[test]
pub(crate) fn attack_http_near_miss_of_a_grant() {
    let server = RawServer::saying("closed");
    let names = NameServer::start(|_, _| vec![Ipv4Addr::LOCALHOST]);
    let port = server.port();
    let open = format!("{{ url = \"http://granted.test:{port}/open/*\", networks = [\"127.0.0.0/8\"] }}");
    let policy = format!("[http]\nnameserver = \"{}\"\n{}", names.address(), grant(&open));
    let world = World::with_policy(&policy);
    let order = order(&world, "attack_http_near_miss_of_a_grant", &json!({ "port": port }));
    assert_nothing_taken(&world, order, &["call.denied × 22"]);
    assert_eq!((server.requests().len(), names.asked()), (0, 0), "nothing left the host");
}

/// Where the guest is led by what it writes after twelve ways to say 127.0.0.1, and what that is.
const INWARD: [(&str, &str); 21] = [
    ("0.0.0.0", "an unspecified address"),
    ("0.0.0.0", "an unspecified address"),
    ("0.0.0.0", "an unspecified address"),
    ("[::]", "an unspecified address"),
    ("[::1]", "this machine"),
    ("[::1]", "this machine"),
    ("[64:ff9b::7f00:1]", "this machine"),
    ("[2002:7f00:1::]", "this machine"),
    ("169.254.169.254", "a link-local address, where clouds keep their metadata"),
    ("169.254.169.254", "a link-local address, where clouds keep their metadata"),
    ("169.254.169.254", "a link-local address, where clouds keep their metadata"),
    ("169.254.169.254", "a link-local address, where clouds keep their metadata"),
    ("169.254.169.254", "a link-local address, where clouds keep their metadata"),
    ("169.254.169.254", "a link-local address, where clouds keep their metadata"),
    ("169.254.169.254", "a link-local address, where clouds keep their metadata"),
    ("[64:ff9b::a9fe:a9fe]", "a link-local address, where clouds keep their metadata"),
    ("[2002:a9fe:a9fe::1]", "a link-local address, where clouds keep their metadata"),
    ("[fd00:ec2::254]", "a private address"),
    ("10.0.0.1", "a private address"),
    ("172.16.0.1", "a private address"),
    ("192.168.1.1", "a private address"),
];

#[test]
pub(crate) fn attack_http_spells_addresses() {
    let server = RawServer::saying("inside");
    let port = server.port();
    let input = json!({ "port": port });
    let guest = "attack_http_spells_addresses";
    let world = World::with_policy("");
    let emitted = assert_nothing_taken(&world, order(&world, guest, &input), &["call.denied × 38"]);
    let said = refusals(&world, &emitted);
    assert_all_say(&said[..12], "no grant covers GET http://127.0.0.1:");
    for (said, (host, _)) in said[12..33].iter().zip(INWARD) {
        assert!(said.contains(&format!("no grant covers GET http://{host}:{port}")), "{host}: {said}");
    }
    assert_all_say(&said[33..], "invalid: ");
    // A grant of the address is no grant of the machine.
    let hosts: BTreeSet<_> = INWARD.iter().map(|(host, _)| *host).chain(["127.0.0.1"]).collect();
    let granted: Vec<_> = hosts.iter().map(|host| format!("\"http://{host}:{port}\"")).collect();
    let world = World::with_policy(&grant(&granted.join(", ")));
    let mut calls = ["call.begun", "call.ended"].repeat(33);
    calls.push("call.denied × 5");
    let emitted = assert_nothing_taken(&world, order(&world, guest, &input), &calls);
    let said = refusals(&world, &emitted);
    assert_all_say(
        &said[..12],
        "denied: skill `attack-http-spells-addresses`: 127.0.0.1 leads to 127.0.0.1, this machine",
    );
    for (said, (host, what)) in said[12..33].iter().zip(INWARD) {
        let address = host.trim_matches(['[', ']']);
        assert!(said.contains(&format!("{host} leads to {address}, {what}")), "{host}: {said}");
    }
    assert_all_say(&said[33..], "invalid: ");
    assert_eq!(server.requests().len(), 0, "nothing left the host");
}

#[test]
pub(crate) fn attack_http_is_led_astray() {
    let inside = RawServer::saying("inside");
    let target = inside.origin();
    let server = RawServer::start(move |head, stream| {
        let to = match head.split(' ').nth(1).unwrap_or_default() {
            "/inside" => format!("{target}/x"),
            "/file" => "file:///etc/passwd".to_owned(),
            "/metadata" => "http://169.254.169.254/latest/meta-data/".to_owned(),
            "/number" => "http://2130706433/".to_owned(),
            "/credentials" => "//ada:word@127.0.0.1/".to_owned(),
            "/scheme" => "gopher://127.0.0.1/".to_owned(),
            _ => "/round".to_owned(),
        };
        let answer = format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
        drop(std::io::Write::write_all(stream, answer.as_bytes()));
    });
    let world = World::with_policy(&granted(&server));
    let paths = ["inside", "file", "metadata", "number", "credentials", "scheme", "round"];
    let urls = paths.map(|path| format!("{}/{path}", server.origin()));
    let order = order(&world, "attack_http_is_led_astray", &json!({ "urls": urls }));
    let mut calls = ["call.begun", "call.ended", "call.denied"].repeat(6);
    calls.extend(["call.begun", "call.ended"].repeat(4));
    let emitted = assert_nothing_taken(&world, order, &calls);
    let said = refusals(&world, &emitted);
    assert_eq!(said.len(), 6, "{said:#?}");
    assert!(said[0].contains(&format!("no grant covers GET {}", inside.origin())), "{said:#?}");
    assert!(said[4].contains("the URL has credentials"), "{said:#?}");
    assert_eq!(inside.requests().len(), 0, "nothing was led on");
    assert_eq!(server.requests().len(), 2 * (6 + 4), "three times led on, and no more");
}

#[test]
pub(crate) fn attack_http_reaches_inward_by_name() {
    let server = RawServer::saying("inside");
    let names = NameServer::start(|name, _| match name {
        "metadata.test" => vec![METADATA],
        "machine.test" => vec![Ipv4Addr::LOCALHOST],
        "mixed.test" => vec![Ipv4Addr::new(1, 1, 1, 1), Ipv4Addr::LOCALHOST],
        _ => vec![Ipv4Addr::UNSPECIFIED],
    });
    let port = server.port();
    let all = grant(&format!("\"http://*.test:{port}\""));
    let world = World::with_policy(&format!("[http]\nnameserver = \"{}\"\n{all}", names.address()));
    let urls = ["metadata", "machine", "mixed", "nothing"].map(|name| format!("http://{name}.test:{port}/"));
    let order = order(&world, "attack_http_reaches_inward_by_name", &json!({ "urls": urls }));
    let emitted = assert_nothing_taken(&world, order, &["call.begun", "call.ended"].repeat(12));
    let said = refusals(&world, &emitted);
    assert_all_say(&said[..3], "metadata.test leads to 169.254.169.254, a link-local address");
    assert_all_say(&said[3..9], "leads to 127.0.0.1, this machine");
    assert_eq!(server.requests().len(), 0, "nothing left the host");
}

#[test]
fn a_name_that_changes_between_check_and_use_leads_to_what_was_checked() {
    let (checked, other) = (RawServer::saying("checked"), RawServer::start_at("127.0.0.2:0", |_, _| ()));
    let port = checked.port();
    let other_is_beside = RawServer::start_at(&format!("127.0.0.2:{port}"), |_, _| ());
    let names = NameServer::start(|_, asked| match asked % 3 {
        0 => vec![Ipv4Addr::LOCALHOST],
        _ => vec![Ipv4Addr::new(127, 0, 0, 2)],
    });
    let one = format!("{{ url = \"http://changes.test:{port}\", networks = [\"127.0.0.1\"] }}");
    let policy = format!("[http]\nnameserver = \"{}\"\n{}", names.address(), grant(&one));
    let world = World::with_policy(&policy);
    let url = format!("http://changes.test:{port}/");
    let order = order(&world, "attack_http_reaches_inward_by_name", &json!({ "urls": [url] }));
    let events = with_calls(&["call.begun", "call.ended"].repeat(3));
    let (status, code) = (Status::Completed, None);
    let expected = Expected { status, code, says: "", hit: None, events: &events, fuel: Fuel::Same };
    let emitted = assert_attack_fails(&world, order, &expected);
    assert_eq!(emitted.outcome.output, Some(json!([url])), "the first is answered by what was checked");
    assert_all_say(&refusals(&world, &emitted), "changes.test leads to 127.0.0.2, this machine");
    assert_eq!(names.asked(), 6, "one question for each request");
    assert_eq!(checked.requests().len(), 2);
    assert_eq!(other_is_beside.requests().len() + other.requests().len(), 0, "nothing else was connected to");
}

#[test]
pub(crate) fn attack_http_smuggles() {
    let server = RawServer::saying("smuggled");
    let world = World::with_policy(&granted(&server));
    let order = order(&world, "attack_http_smuggles", &json!({ "base": server.origin() }));
    let emitted = assert_nothing_taken(&world, order, &["call.denied × 36"]);
    assert_all_say(&refusals(&world, &emitted), "invalid: ");
    assert_eq!(server.requests().len(), 0, "nothing of it was on the wire");
}

#[test]
pub(crate) fn attack_http_changes_for_good() {
    let server = RawServer::saying("changed");
    let input = json!({ "base": server.origin() });
    let methods = r#"methods = ["POST", "PUT", "PATCH", "DELETE", "MKCOL", "PROPPATCH"]"#;
    let grants = [
        (granted(&server), "no grant covers"),
        (
            grant(&format!("{{ url = \"{}\", networks = [\"127.0.0.1\"], {methods} }}", server.origin())),
            "cannot be undone: it needs ring 1; this run has ring 2",
        ),
    ];
    for (policy, why) in grants {
        let world = World::with_policy(&policy);
        let order = order(&world, "attack_http_changes_for_good", &input);
        let emitted = assert_nothing_taken(&world, order, &["call.denied × 6"]);
        assert_all_say(&refusals(&world, &emitted), why);
    }
    assert_eq!(server.requests().len(), 0, "nothing left the host");
}

#[test]
pub(crate) fn attack_http_carries_data_out() {
    let server = RawServer::saying("more");
    let world = World::with_policy(&granted(&server));
    let input = json!({ "base": server.origin() });
    let order = order(&world, "attack_http_carries_data_out", &input);
    let mut calls = ["call.begun", "call.ended"].repeat(5);
    calls.push("call.stopped");
    let events = with_calls(&calls);
    // A call pays for its method and its URL.
    let each = ("GET".len() + server.origin().len() + "/?".len() + 4_000) as u64;
    let hit = Hit { limit: Limit::BytesOut, used: 5 * each, allowed: 24_000 };
    let (status, code, says) = (Status::Stopped, Some(Code::R0201), "limit of bytes-out");
    let expected = Expected { status, code, says, hit: Some(hit), events: &events, fuel: Fuel::Same };
    assert_attack_fails(&world, limited(order, &[(Limit::BytesOut, 24_000)]), &expected);
    assert_eq!(server.requests().len(), 2 * 5, "what it paid for");
}

#[test]
fn a_grant_bounds_the_bytes_of_a_request() {
    let server = RawServer::saying("more");
    let little =
        format!("{{ url = \"{}\", networks = [\"127.0.0.1\"], max-bytes = \"1kB\" }}", server.origin());
    let world = World::with_policy(&grant(&little));
    let input = json!({ "base": server.origin() });
    let order = order(&world, "attack_http_carries_data_out", &input);
    let events = with_calls(&["call.denied"]);
    let (status, code, says) = (Status::Failed, Some(Code::R0301), "bytes; 1000 are granted");
    let expected = Expected { status, code, says, hit: None, events: &events, fuel: Fuel::Same };
    assert_attack_fails(&world, order, &expected);
    assert_eq!(server.requests().len(), 0, "nothing left the host");
}

#[test]
pub(crate) fn attack_http_waits_for_ever() {
    let server = RawServer::start(|_, stream| drop(std::io::copy(stream, &mut std::io::sink())));
    let world = World::with_policy(&granted(&server));
    let order = order(&world, "attack_http_waits_for_ever", &json!({ "url": server.origin() }));
    let events = with_calls(&["call.begun", "call.unknown"]);
    assert_killed(&world, order, &events, |_| server.requests().len() == 1);
}

#[test]
fn a_denial_names_the_lines_that_would_change_it() {
    let server = RawServer::saying("here");
    let denied = |policy: &str, says: &str, calls: &[&str]| {
        let world = World::with_policy(policy);
        let order = order(&world, "attack_http_waits_for_ever", &json!({ "url": server.origin() }));
        let (status, code, events) = (Status::Failed, Some(Code::R0301), with_calls(calls));
        let expected = Expected { status, code, says, hit: None, events: &events, fuel: Fuel::Same };
        assert_attack_fails(&world, order, &expected);
    };
    let origin = server.origin();
    let holder = "[[grant]]\nring = 2\nskill = \"attack-http-waits-for-ever\"\n";
    let first = format!("{holder}http = [\"{origin}\"]");
    denied("", &first, &["call.denied"]);
    // What the hint says is taken at its word, and the next hint after that: then it works.
    let second = format!("{holder}http = [{{ url = \"{origin}\", networks = [\"127.0.0.1/32\"] }}]");
    denied(&first, &second, &["call.begun", "call.ended"]);
    let world = World::with_policy(&second);
    let order = order(&world, "attack_http_waits_for_ever", &json!({ "url": origin }));
    assert_eq!(world.run(order).outcome.status, Status::Completed);
}

#[test]
fn a_hundred_that_are_killed_while_they_wait_leave_nothing_behind() {
    if alone::elsewhere("attacks::http::a_hundred_that_are_killed_while_they_wait_leave_nothing_behind") {
        return;
    }
    // It lets go of a connection when its other end does.
    let server = RawServer::start(|_, stream| drop(std::io::copy(stream, &mut std::io::sink())));
    let world = World::with_policy(&granted(&server));
    let asking = order(&world, "attack_http_waits_for_ever", &json!({ "url": server.origin() }));
    let sleeping = order(&world, "attack_clock_sleeps", &json!({ "nanoseconds": 3_600_000_000_000_u64 }));
    let kill = |order: &Order, waits: &str| {
        let order = world.again(order);
        let task = order.task.clone();
        let running = world.start(order);
        world.until("it waits", || world.has_event(&task, waits));
        world.running.host.switches.kill(&KillTarget::Task(task), "the test");
        assert_eq!(world.wait(running).unwrap().outcome.status, Status::Stopped);
    };
    let kill_both = |times: usize| {
        for _ in 0..times {
            kill(&asking, "call.begun");
            kill(&sleeping, "attempt.started");
        }
    };
    kill_both(2);
    let (threads, files, _) = held();
    kill_both(50);
    let left = || {
        let (threads_after, files_after, _) = held();
        (threads_after.saturating_sub(threads), files_after.saturating_sub(files))
    };
    world.until("threads and connections are gone", || left().0.max(left().1) < 5);
    world.assert_unharmed();
}
