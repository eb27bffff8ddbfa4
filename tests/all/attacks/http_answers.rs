//! A guest that takes whatever servers give, and servers that give what none should.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use ringfence_core::audit::Status;
use serde_json::json;

use super::http::{grant, order, with_calls};
use crate::harness::{Expected, Fuel, World, assert_attack_fails};
use crate::servers::RawServer;

const OK: &str = "HTTP/1.1 200 OK\r\n";

/// What a server does, and what the guest hears of it.
const FED: [(&str, &str); 13] = [
    ("silent", "http took too long: there was no whole answer in time"),
    ("slow", "http took too long: there was no whole answer in time"),
    ("slow-head", "http took too long: there was no whole answer in time"),
    ("continues", "http took too long: there was no whole answer in time"),
    ("endless", "the answer is too large: the answer has more than the 100000 bytes that may come in"),
    ("announced", "the answer is too large: the answer has more than the 100000 bytes that may come in"),
    ("many-headers", "http failed: the answer is not HTTP, or its head is too large"),
    ("huge-header", "http failed: the answer is not HTTP, or its head is too large"),
    ("two-lengths", "http failed: the answer says twice how long it is"),
    ("length-and-chunks", "http failed: the answer says twice how long it is"),
    ("bomb", "http failed: the answer is compressed, which was not asked for"),
    ("short", "http failed: the connection broke"),
    ("garbage", "http failed: the answer is not HTTP, or its head is too large"),
];

fn feed(what: &str, stream: &mut TcpStream) {
    let mut say = |text: &str| stream.write_all(text.as_bytes()).is_ok();
    match what {
        "slow" => {
            say(&format!("{OK}\r\n"));
            while say("x") {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        "slow-head" => {
            say("HTTP/1.1 200 OK\r\nx: ");
            while say("y") {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        "continues" => while say("HTTP/1.1 100 Continue\r\n\r\n") {},
        "endless" => {
            say(&format!("{OK}\r\n"));
            while say(&"x".repeat(10_000)) {}
        }
        "announced" => drop(say(&format!("{OK}content-length: 100000000000\r\n\r\n"))),
        "many-headers" => drop(say(&format!("{OK}{}\r\n", "x: y\r\n".repeat(1_000)))),
        "huge-header" => drop(say(&format!("{OK}x: {}\r\n\r\n", "y".repeat(1 << 20)))),
        "two-lengths" => drop(say(&format!("{OK}content-length: 2\r\ncontent-length: 2\r\n\r\nab"))),
        "length-and-chunks" => {
            say(&format!("{OK}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"));
        }
        "bomb" => drop(say(&format!("{OK}content-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd"))),
        "short" => drop(say(&format!("{OK}content-length: 10\r\n\r\nab"))),
        "garbage" => drop(say("220 mail.test ESMTP\r\n\r\n")),
        _ => std::thread::sleep(Duration::from_secs(5)),
    }
}

#[test]
pub(crate) fn attack_http_swallows_what_it_is_fed() {
    let server = RawServer::start(|head, stream| {
        feed(head.split([' ', '/']).nth(2).unwrap_or_default(), stream);
    });
    let bounded =
        format!("{{ url = \"{}\", networks = [\"127.0.0.1\"], max-bytes = \"100kB\" }}", server.origin());
    let world = World::with_policy(&format!("[http]\ntimeout = \"400ms\"\n{}", grant(&bounded)));
    let urls = FED.map(|(what, _)| format!("{}/{what}", server.origin()));
    let order = order(&world, "attack_http_swallows_what_it_is_fed", &json!({ "urls": urls }));
    let events = with_calls(&["call.begun", "call.ended"].repeat(FED.len()));
    let (status, code) = (Status::Completed, None);
    let expected = Expected { status, code, says: "", hit: None, events: &events, fuel: Fuel::Same };
    let emitted = assert_attack_fails(&world, order, &expected);
    let heard = emitted.outcome.output.clone().unwrap();
    for ((what, says), heard) in FED.iter().zip(heard.as_array().unwrap()) {
        assert_eq!(heard, says, "{what}");
    }
    let replayed = world.wait(ringfence::replay::replay(&world.running, &emitted.task)).unwrap();
    assert_eq!(replayed.fuel, emitted.outcome.used.fuel);
    // What came in vain is charged as well; of what was only announced nothing came.
    let taken = emitted.outcome.used.bytes_in;
    assert!((100_000..400_000).contains(&taken), "{taken} bytes were charged");
}
