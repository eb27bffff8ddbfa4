//! What the policy file says of secrets, providers of models and servers of tools, followed while the process runs.

use std::path::Path;
use std::sync::Arc;

use ringfence_core::audit::Status;
use ringfence_core::governance::{Policies, Policy};
use ringfence_core::ids::Digest;
use ringfence_core::pipeline::Order;
use ringfence_core::ring::Ring;
use serde_json::{Value, json};

use super::revoked::replace;
use crate::harness::World;
use crate::models::{order as asks, policy};
use crate::servers::{ModelServer, RawServer, hostile, ok, stream_openai};

const FIRST: &str = "first-secret-0123";
const SECOND: &str = "second-secret-4567";

fn said(world: &World, order: Order) -> Vec<String> {
    let emitted = world.run(order);
    assert_eq!(emitted.outcome.status, Status::Completed, "{:?}", emitted.outcome);
    serde_json::from_value(emitted.outcome.output.clone().unwrap()).unwrap()
}

fn order(world: &World, guest: &str, asked: &Value) -> Order {
    world.load(guest);
    Order { ring: Ring::Standard, ..world.order(guest, &json!({ "asked": asked }).to_string()) }
}

/// The secret comes from another file in the middle of a task: that task is not given the new one, nor does it go on with the old one.
#[test]
fn a_secret_that_comes_from_elsewhere_goes_out_with_what_begins_then_and_never_with_what_ran() {
    let folder = tempfile::tempdir().unwrap();
    let secret = |name: &str, value: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, value).unwrap();
        format!("[secret.token]\nfile = {path:?}\n")
    };
    let (first, second) = (secret("first", FIRST), secret("second", SECOND));
    let moves = std::sync::Arc::<std::sync::OnceLock<(World, String)>>::default();
    let moving = std::sync::Arc::clone(&moves);
    // It tells both secrets to whoever asks, and on the first request waits until the file says otherwise.
    let server = RawServer::start(move |head, stream| {
        if head.starts_with("GET /moves")
            && let Some((world, policy)) = moving.get()
        {
            replace(world, policy);
        }
        ok(stream, &format!("{FIRST} {SECOND}"));
    });
    let granted = |secret: &str| {
        format!(
            "{secret}[[grant]]\nring = 2\nhttp = [{{ url = \"{}\", networks = [\"127.0.0.1\"], \
             headers = {{ authorization = \"Bearer {{secret:token}}\" }} }}]\n",
            server.origin()
        )
    };
    let world = World::with_policy(&granted(&first));
    moves.set((world, granted(&second))).ok().unwrap();
    let world = &moves.get().unwrap().0;
    let asked = |path: &str| json!({ "method": "GET", "url": format!("{}/{path}", server.origin()) });
    let both = said(world, order(world, "friend_asks_the_web", &json!([asked("moves"), asked("again")])));
    assert!(
        both[0].contains("*** ***"),
        "both are taken out, also where the one was read just now: {both:?}"
    );
    assert!(both[1].contains("Denied") && both[1].contains("revoked since"), "{both:?}");
    let then = said(world, order(world, "friend_asks_the_web", &json!([asked("then")])));
    assert!(then[0].contains("*** ***"), "the former one too: {then:?}");
    let heads = server.requests();
    assert_eq!(heads.len(), 2, "what ran before asked no more: {heads:?}");
    let holds = |head: &String| (head.contains(FIRST), head.contains(SECOND));
    assert_eq!((holds(&heads[0]), holds(&heads[1])), ((true, false), (false, true)));
    world.assert_unharmed();
}

fn usage() -> Value {
    json!({ "prompt_tokens": 5, "completion_tokens": 3 })
}

#[test]
fn providers_that_are_added_changed_or_taken_out_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, FIRST).unwrap();
    let (one, two) = (ModelServer::saying("one", usage()), ModelServer::saying("two", usage()));
    let at = |server: &ModelServer| {
        policy("openai", &server.origin(), "").replace("kind =", "key = \"{secret:key}\"\nkind =")
            + &format!("[secret.key]\nfile = {key:?}\n")
    };
    let world = World::with_policy("[limits]\nmicro-usd = 100000\n");
    let answer = |world: &World| said(world, asks(world, &json!([{ "prompt": "x" }]))).remove(0);
    replace(&world, &at(&one));
    assert!(answer(&world).contains("one"));
    assert!(one.heads()[0].contains(FIRST), "its key was read then");
    replace(&world, &at(&two));
    assert!(answer(&world).contains("two"));
    assert_eq!((one.bodies().len(), two.bodies().len()), (1, 1));
    replace(&world, "");
    let answer = answer(&world);
    assert!(answer.contains("no model is granted"), "{answer}");
    assert_eq!(two.bodies().len(), 1);
    world.assert_unharmed();
}

#[test]
fn a_provider_of_which_the_file_says_the_same_still_rests_when_it_changes_elsewhere() {
    let busy = ModelServer::start(|_, number, stream| {
        if number > 0 {
            return stream_openai(stream, &["again"], "stop", &usage());
        }
        let head = "HTTP/1.1 429 Busy\r\nretry-after: 600\r\ncontent-length: 0\r\n\r\n";
        drop(std::io::Write::write_all(stream, head.as_bytes()));
    });
    let policy = policy("openai", &busy.origin(), "");
    let world = World::with_policy(&policy);
    let answer = |world: &World| said(world, asks(world, &json!([{ "prompt": "x" }]))).remove(0);
    assert!(answer(&world).contains("left alone for 600 s"));
    replace(&world, &format!("{policy}# and a word more\n"));
    assert!(answer(&world).contains("wants to be left alone"));
    assert_eq!(busy.bodies().len(), 1, "nobody has asked it");
}

#[test]
fn servers_of_tools_that_are_added_changed_or_taken_out_are_followed() {
    let notes = [tempfile::NamedTempFile::new().unwrap(), tempfile::NamedTempFile::new().unwrap()];
    let server = |name: &str, notes: &Path| {
        format!("[[server]]\nname = \"{name}\"\n{}\n", hostile("lives", Some(notes)))
    };
    let granted = |name: &str| {
        format!("[[grant]]\nring = 2\ntools = [{{ tool = \"{name}/say\", effect = \"read\" }}]\n")
    };
    let began = |notes: &Path| {
        let noted = std::fs::read_to_string(notes).unwrap();
        noted.lines().filter_map(|line| line.strip_prefix("began ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let call = |world: &World, name: &str| {
        let asked = json!([{ "tool": format!("{name}/say"), "arguments": "{}" }]);
        said(world, order(world, "friend_calls_tools", &asked)).pop().unwrap()
    };
    let [one, two] = [0, 1].map(|place: usize| notes[place].path().to_owned());
    let first = server("hostile", &one) + &granted("hostile");
    let world = World::with_policy(&first);
    world.accept("hostile");
    let accepting = began(&one).len();
    assert!(call(&world, "hostile").contains("\"tool\": \"say\""));
    let process = began(&one).pop().unwrap();
    let is_there = || Path::new("/proc").join(&process).exists();

    // What is said of it stays: so does it, beside another one.
    replace(&world, &format!("{first}{}{}", server("other", &two), granted("other")));
    assert!(call(&world, "other").contains("was never accepted"), "it is declared by now");
    assert!(call(&world, "hostile").contains("\"tool\": \"say\""));
    assert_eq!((began(&one).len(), is_there()), (accepting + 1, true), "it is the same process");

    replace(&world, &(server("hostile", &two) + &granted("hostile")));
    assert!(call(&world, "hostile").contains("\"tool\": \"say\""));
    assert_eq!((began(&one).len(), began(&two).len()), (accepting + 1, 1), "the one that it is now");
    world.until("the former one has ended", || !is_there());

    let process = began(&two).pop().unwrap();
    replace(&world, "");
    world.until("it has ended too", || !Path::new("/proc").join(&process).exists());
    assert!(call(&world, "hostile").contains("no grant covers"));
    world.assert_unharmed();
}

/// A call is decided on, and before it leaves the policy file has put another server in the place of the one that was meant.
#[test]
fn a_call_that_was_decided_on_for_one_server_reaches_no_other_one_of_its_name() {
    let notes = tempfile::NamedTempFile::new().unwrap();
    let server = format!("[[server]]\nname = \"hostile\"\n{}\n", hostile("counts", Some(notes.path())));
    let policy =
        format!("{server}[[grant]]\nring = 2\ntools = [{{ tool = \"hostile/say\", effect = \"read\" }}]\n");
    let called = |elsewhere: bool| {
        let world = World::altered(&policy, |host| {
            let mut policy = Policy::clone(host.policies.newest().policy());
            let place = policy.servers.values_mut().next().unwrap();
            *place = if elsewhere { Digest::of(b"elsewhere") } else { *place };
            host.policies = Arc::new(Policies::new(policy));
        });
        world.accept("hostile");
        let asked = json!([{ "tool": "hostile/say", "arguments": "{}" }]);
        let said = said(&world, order(&world, "friend_calls_tools", &asked)).pop().unwrap();
        world.assert_unharmed();
        said
    };
    assert!(called(true).contains("another place of it than when the call was decided on"));
    assert_eq!(std::fs::read_to_string(notes.path()).unwrap(), "", "it was not called");
    assert!(called(false).contains("\"tool\": \"say\""));
}
