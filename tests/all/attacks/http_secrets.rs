//! A guest that gets everything back that the host added to its request, in every encoding, and shows it around.

use std::fs;
use std::path::Path;

use ringfence_core::audit::Status;
use serde_json::json;

use super::http::{grant, order, with_calls};
use crate::cli::{Operator, built};
use crate::harness::{Expected, Fuel, World, assert_attack_fails};
use crate::servers::RawServer;

const SECRET: &str = "tok3n/of+ours=NobodyElses";
const GUEST: &str = "attack_http_asks_for_its_own_secrets";
const FORMS: [&str; 9] = ["raw", "base64", "hex", "percent", "json", "header", "led", "status", "page"];

/// The characters of Base64 for some bytes, without padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number =
            three.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        let digit = |place: usize| char::from(DIGITS[(number >> (18 - 6 * place)) as usize & 63]);
        text.extend((0..=three.len()).map(digit));
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn percent(bytes: &[u8]) -> String {
    let encode = |byte: &u8| {
        if byte.is_ascii_alphanumeric() { char::from(*byte).to_string() } else { format!("%{byte:02X}") }
    };
    bytes.iter().map(encode).collect()
}

/// Whatever part of the secret must stand nowhere: its forms, and the inner characters of Base64 for each of the three
/// places that it can begin at.
fn forms() -> Vec<String> {
    let within = |before: usize| base64(&[&b"xx"[..before], SECRET.as_bytes()].concat())[4..28].to_owned();
    let secret = SECRET.as_bytes();
    let mut forms = vec![SECRET.to_owned(), hex(secret), hex(secret).to_uppercase(), percent(secret)];
    forms.extend((0..3).map(within));
    forms
}

/// A server that says what it was asked, as the path wants it.
fn echo() -> RawServer {
    RawServer::start(|head, stream| {
        let value = head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default();
        let path = head.split([' ', '/']).nth(2).unwrap_or_default();
        let body = match path {
            "base64" => format!(
                "{} {} {}",
                base64(value.as_bytes()),
                base64(SECRET.as_bytes()),
                base64(head.as_bytes())
            ),
            "hex" => hex(value.as_bytes()),
            "percent" => {
                format!("{} {}", percent(value.as_bytes()), percent(value.as_bytes()).to_lowercase())
            }
            "json" => json!({ "headers": value }).to_string(),
            "header" | "led" | "status" => String::new(),
            _ => head.to_owned(),
        };
        let more = match path {
            "header" => format!("HTTP/1.1 200 OK\r\nx-{SECRET}: no\r\nx-echo: {value}\r\n", SECRET = "seen"),
            "led" => format!("HTTP/1.1 302 Found\r\nlocation: /raw?{}\r\n", percent(value.as_bytes())),
            "status" => format!("HTTP/1.1 403 {value}\r\n"),
            "page" => "HTTP/1.1 500 Internal Server Error\r\ncontent-type: text/html\r\n".to_owned(),
            _ => "HTTP/1.1 200 OK\r\n".to_owned(),
        };
        let answer = format!("{more}content-length: {}\r\n\r\n{body}", body.len());
        drop(std::io::Write::write_all(stream, answer.as_bytes()));
    })
}

fn policy(server: &RawServer, place: &str) -> String {
    let added = r#"headers = { authorization = "Bearer {secret:token}" }"#;
    let granted = format!("{{ url = \"{}\", networks = [\"127.0.0.1\"], {added} }}", server.origin());
    format!("[secret.token]\n{place}\n{}", grant(&granted))
}

fn assert_clean(what: &str, bytes: &[u8]) {
    for form in forms() {
        let found = bytes.windows(form.len()).any(|window| window.eq_ignore_ascii_case(form.as_bytes()));
        assert!(!found, "{form} stands in {what}");
    }
}

fn assert_folder_clean(folder: &Path) -> usize {
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            seen += assert_folder_clean(&path);
        } else {
            assert_clean(&path.display().to_string(), &fs::read(&path).unwrap());
            seen += 1;
        }
    }
    seen
}

#[test]
pub(crate) fn attack_http_asks_for_its_own_secrets() {
    let server = echo();
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("token");
    fs::write(&file, format!("{SECRET}\n")).unwrap();
    let world = World::with_policy(&policy(&server, &format!("file = {:?}", file.to_str().unwrap())));
    let urls = FORMS.map(|form| format!("{}/{form}", server.origin()));
    let order = order(&world, GUEST, &json!({ "urls": urls }));
    let mut calls = Vec::new();
    for form in FORMS {
        let hops = if form == "led" { 2 } else { 1 };
        calls.extend(["call.begun", "call.ended"].repeat(hops));
        calls.extend(["call", "call.begun", "call.ended"]);
    }
    calls.push("output.printed");
    let events = with_calls(&calls);
    let (status, code) = (Status::Completed, None);
    let expected = Expected { status, code, says: "", hit: None, events: &events, fuel: Fuel::Same };
    let emitted = assert_attack_fails(&world, order, &expected);
    let output = emitted.outcome.output.clone().unwrap().to_string();
    assert!(output.matches("***").count() >= FORMS.len() - 1, "{output}");
    assert_clean("the output", output.as_bytes());
    assert!(assert_folder_clean(&world.running.store.data) >= 2, "the data folder was looked through");
    let arrived = server.requests();
    let secret = format!("authorization: Bearer {SECRET}\r\n");
    assert!(arrived.iter().all(|head| head.contains(&secret)), "the server got it: {arrived:#?}");
}

#[test]
fn a_secret_stands_nowhere_that_a_person_looks() {
    let server = echo();
    let operator = Operator::new();
    operator.write("ringfence.toml", policy(&server, "env = \"OUR_TOKEN\""));
    let say = |arguments: &[&str]| {
        let mut command = operator.command();
        let said =
            command.env("OUR_TOKEN", SECRET).env("RINGFENCE_LOG", "trace").args(arguments).output().unwrap();
        let shown = [said.stdout, said.stderr].concat();
        assert_clean(&format!("what {arguments:?} says"), &shown);
        (said.status.code(), String::from_utf8_lossy(&shown).into_owned())
    };
    say(&["load", &built(GUEST)]);
    let input = json!({ "urls": FORMS.map(|form| format!("{}/{form}", server.origin())) }).to_string();
    let skill = GUEST.replace('_', "-");
    let (code, shown) = say(&["run", &skill, "--ring", "2", "--input", &input, "--json"]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("***"), "{shown}");
    let (_, streams) = say(&["audit", "log"]);
    for stream in streams.lines() {
        say(&["audit", "log", stream]);
        say(&["audit", "log", stream, "--json"]);
    }
    say(&["tasks", "--json"]);
    assert!(assert_folder_clean(&operator.data) >= 2, "the data folder was looked through");
    assert!(server.requests().iter().any(|head| head.contains(SECRET)), "the server got it");
    // One that cannot be read names itself, and nothing runs.
    let said = operator.say(&["run", &skill, "--ring", "2", "--input", &input]);
    said.failed("R0404", 2).saying("[secret.token] the environment has no text in OUR_TOKEN");
}
