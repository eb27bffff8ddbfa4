//! The web as a friendly skill meets it: a real server over http and https, redirects, methods, replay.

use std::net::Ipv4Addr;

use ringfence_core::audit::Status;
use ringfence_core::pipeline::{Emitted, Order};
use ringfence_core::ring::Ring;
use serde_json::{Value, json};

use crate::harness::World;
use crate::servers::{NameServer, Nginx, RawServer};

fn ring_2(world: &World, skill: &str, input: &Value) -> Emitted {
    world.load(skill);
    world.run(Order { ring: Ring::Standard, ..world.order(skill, &input.to_string()) })
}

/// Asks, and says what came of it.
fn asked(world: &World, asks: &[Value]) -> (Emitted, Vec<String>) {
    let emitted = ring_2(world, "friend_asks_the_web", &json!({ "asked": asks }));
    assert_eq!(emitted.outcome.status, Status::Completed, "{:?}", emitted.outcome);
    let said = serde_json::from_value(emitted.outcome.output.clone().unwrap()).unwrap();
    (emitted, said)
}

fn get(url: impl std::fmt::Display) -> Value {
    json!({ "method": "GET", "url": url.to_string() })
}

/// nginx, where there is one, under a name of its own, granted for http and https, and a name server that knows it.
fn site(more: &str) -> Option<(Nginx, NameServer, World)> {
    let nginx = Nginx::start()?;
    let names = NameServer::start(|name, _| match name {
        "site.test" | "other.test" => vec![Ipv4Addr::LOCALHOST],
        _ => Vec::new(),
    });
    let Nginx { http, https, .. } = nginx;
    let ca = nginx.certificate();
    let policy = format!(
        "[http]\nnameserver = \"{}\"\n{more}\n[[grant]]\nring = 2\nhttp = [\n\
         {{ url = \"http://site.test:{http}\", networks = [\"127.0.0.1\"] }},\n\
         {{ url = \"https://site.test:{https}\", networks = [\"127.0.0.1\"] }},\n]\n",
        names.address(),
    );
    let world = World::with_policy(&policy.replace("CA", ca.to_str().unwrap()));
    Some((nginx, names, world))
}

#[test]
pub(crate) fn fetch_page() {
    let Some((nginx, names, world)) = site("ca = \"CA\"") else { return };
    let pages = [
        (format!("http://site.test:{}/page", nginx.http), "It stands on http."),
        (format!("https://site.test:{}/page", nginx.https), "It stands on https."),
        (format!("http://site.test:{}/moved", nginx.http), "It stands on http."),
        (format!("https://site.test:{}/seen", nginx.https), "It stands on https."),
        (format!("http://site.test:{}/secured", nginx.http), "It stands on https."),
    ];
    let mut runs = Vec::new();
    for (url, text) in pages {
        let emitted = ring_2(&world, "fetch_page", &json!({ "url": url }));
        let page = emitted.outcome.output.clone().unwrap_or_else(|| panic!("{:?}", emitted.outcome));
        assert_eq!((page["title"].as_str(), page["text"].as_str()), (Some("A page"), Some(text)), "{url}");
        assert!(page["url"].as_str().unwrap().ends_with("/page"), "{page}");
        runs.push(emitted);
    }
    for url in
        [format!("http://site.test:{}/away", nginx.http), format!("http://site.test:{}/round", nginx.http)]
    {
        let emitted = ring_2(&world, "fetch_page", &json!({ "url": url }));
        assert_eq!(emitted.outcome.status, Status::Failed, "{url}");
    }
    // Without server and name server the runs are repeated from their records.
    drop((nginx, names));
    for emitted in runs {
        world.wait(ringfence::replay::replay(&world.running, &emitted.task)).unwrap();
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_not_believed() {
    let Some((nginx, _names, world)) = site("") else { return };
    let (_, said) = asked(&world, &[get(format!("https://site.test:{}/page", nginx.https))]);
    assert!(
        said[0].starts_with("Failed(\"no secure connection could be made: invalid peer certificate"),
        "{said:?}"
    );
    // Nor is the right certificate under another name.
    let policy = format!(
        "[http]\nca = {:?}\n[[grant]]\nring = 2\nhttp = [{{ url = \"https://127.0.0.1:{}\", networks = [\"127.0.0.1\"] }}]\n",
        nginx.certificate(),
        nginx.https
    );
    let world = World::with_policy(&policy);
    let (_, said) = asked(&world, &[get(format!("https://127.0.0.1:{}/page", nginx.https))]);
    assert!(said[0].contains("invalid peer certificate: "), "{said:?}");
}

#[test]
pub(crate) fn friend_asks_the_web() {
    let Some(nginx) = Nginx::start() else { return };
    let origin = format!("http://127.0.0.1:{}", nginx.http);
    let policy = format!(
        "[[grant]]\nring = 2\nhttp = [{{ url = \"{origin}\", networks = [\"127.0.0.1\"], methods = [\"GET\", \"POST\"], effect = \"reversible\" }}]\n"
    );
    let world = World::with_policy(&policy);
    let post = json!({ "method": "POST", "url": format!("{origin}/posted"), "body": "x" });
    let here = json!({ "method": "POST", "url": format!("{origin}/method"), "body": "x" });
    let missing = get(format!("{origin}/missing"));
    let (emitted, said) = asked(&world, &[post, here, missing]);
    assert_eq!(said[0], format!("200 {origin}/method GET"), "a POST that is led on becomes a GET");
    assert_eq!(said[1], format!("200 {origin}/method POST"));
    assert!(said[2].starts_with("404 "), "an error of the server's is an answer: {said:?}");
    let replayed = world.wait(ringfence::replay::replay(&world.running, &emitted.task)).unwrap();
    assert_eq!(replayed.fuel, emitted.outcome.used.fuel);
}

#[test]
fn credentials_stay_on_the_site_that_they_are_for() {
    let other = RawServer::saying("other");
    let to = other.origin();
    let first = RawServer::start(move |head, stream| {
        let to = if head.starts_with("GET /here") { "/there".to_owned() } else { format!("{to}/x") };
        let answer = format!("HTTP/1.1 307 Onward\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
        drop(std::io::Write::write_all(stream, answer.as_bytes()));
    });
    let grant = |server: &RawServer, more: &str| {
        format!("{{ url = \"{}\", networks = [\"127.0.0.1\"]{more} }}", server.origin())
    };
    let added = ", headers = { x-operator = \"for the first alone\" }";
    let policy = format!("[[grant]]\nring = 2\nhttp = [{}, {}]\n", grant(&first, added), grant(&other, ""));
    let world = World::with_policy(&policy);
    let headers = [
        ("Authorization", "Bearer mine"),
        ("Cookie", "a=b"),
        ("X-Api-Key", "mine"),
        ("X-Operator", "mine"),
        ("Accept", "text/plain"),
    ];
    let url = format!("{}/here", first.origin());
    let (_, said) = asked(&world, &[json!({ "method": "GET", "url": url, "headers": headers })]);
    assert_eq!(said, [format!("200 {}/x other", other.origin())]);
    for head in first.requests() {
        assert!(
            head.contains("authorization: Bearer mine\r\n") && head.contains("cookie: a=b\r\n"),
            "{head}"
        );
        assert!(
            head.contains("x-operator: for the first alone\r\n") && !head.contains("x-operator: mine"),
            "{head}"
        );
    }
    assert_eq!(first.requests().len(), 2);
    let head = other.requests().remove(0);
    let lower = head.to_ascii_lowercase();
    for kept in ["authorization", "cookie", "x-api-key", "x-operator", "mine"] {
        assert!(!lower.contains(kept), "{kept} in {head}");
    }
    assert!(head.contains("accept: text/plain\r\n"), "{head}");
}
