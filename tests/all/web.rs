//! The web as a friendly skill meets it: a real server over http and https, redirects, methods, replay.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};

use ringfence_core::audit::Status;
use ringfence_core::pipeline::{Emitted, Order};
use ringfence_core::ring::Ring;
use serde_json::{Value, json};

use crate::attacks::refusals;
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

/// Six ways inward. Of each page one call is refused, for the reason that is named, and no server there is asked.
#[test]
fn a_page_that_leads_inward_is_not_fetched() {
    let Some(nginx) = Nginx::start() else { return };
    let checked = RawServer::start(|_, stream| {
        let again = "HTTP/1.1 302 Found\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n";
        drop(std::io::Write::write_all(stream, again.as_bytes()));
    });
    let inside = RawServer::start_at(&format!("127.0.0.2:{}", checked.port()), |_, _| ());
    let machine = RawServer::saying("inside");
    let looked_up = AtomicUsize::new(0);
    let names = NameServer::start(move |name, _| match name {
        "site.test" | "other.test" => vec![Ipv4Addr::LOCALHOST],
        "metadata.test" => vec![Ipv4Addr::new(169, 254, 169, 254)],
        // First what is granted, then what is not.
        "changes.test" if looked_up.fetch_add(1, Ordering::SeqCst) == 0 => vec![Ipv4Addr::LOCALHOST],
        _ => vec![Ipv4Addr::new(127, 0, 0, 2)],
    });
    let (site, here, there) = (nginx.http, checked.port(), machine.port());
    let policy = format!(
        "[http]\nnameserver = \"{}\"\n[[grant]]\nring = 2\nhttp = [\n\
         {{ url = \"http://site.test:{site}\", networks = [\"127.0.0.1\"] }},\n\
         {{ url = \"http://changes.test:{here}\", networks = [\"127.0.0.1\"] }},\n\
         \"http://metadata.test:{there}\", \"http://127.0.0.1:{there}\",\n]\n",
        names.address(),
    );
    let world = World::with_policy(&policy);
    let cases = [
        (
            format!("http://site.test:{site}/led?to=http://other.test:{there}/x"),
            format!("no grant covers GET http://other.test:{there}"),
        ),
        (
            format!("http://metadata.test:{there}/"),
            "metadata.test leads to 169.254.169.254, a link-local".into(),
        ),
        (format!("http://[::ffff:127.0.0.1]:{there}/"), "127.0.0.1 leads to 127.0.0.1, this machine".into()),
        ("http://[::ffff:127.0.0.1]/".into(), "no grant covers GET http://127.0.0.1".into()),
        (format!("http://2130706433:{there}/"), "127.0.0.1 leads to 127.0.0.1, this machine".into()),
        ("http://2130706433/".into(), "no grant covers GET http://127.0.0.1".into()),
        (format!("http://ada:word@site.test:{site}/page"), "the URL has credentials".into()),
        (format!("http://changes.test:{here}/"), "changes.test leads to 127.0.0.2, this machine".into()),
    ];
    for (url, why) in cases {
        let emitted = ring_2(&world, "fetch_page", &json!({ "url": url }));
        assert_eq!(emitted.outcome.status, Status::Failed, "{url}: {:?}", emitted.outcome);
        let said = refusals(&world, &emitted);
        assert!(said.len() == 1 && said[0].contains(&why), "{url}: {why:?} in {said:?}");
        assert!(!format!("{:?}", emitted.outcome).contains("ada:word"), "{:?}", emitted.outcome);
    }
    assert_eq!(checked.requests().len(), 1, "what was checked was asked, before its name changed");
    assert_eq!(inside.requests().len() + machine.requests().len(), 0, "nothing else was connected to");
    world.assert_unharmed();
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
