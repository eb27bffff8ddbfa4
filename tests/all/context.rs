//! Context packages: bound as they are, within their budget, or not at all; recorded once, and repeated from the record.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, SystemTime};

use ringfence_core::audit::{Blame, Fact, Status};
use ringfence_core::context::{BoundContext, ContextOrder, OriginKind, Provenance};
use ringfence_core::error::Code;
use ringfence_core::ids::{Digest, TaskId};
use ringfence_core::pipeline::{Emitted, Order};
use serde_json::json;

use crate::harness::World;

const GUEST: &str = "friend_reads_its_context";
const READ: &str = r#"{"milliseconds":0}"#;

/// A world with one package `support` of these sources, and with these limits.
fn world(limits: &str, sources: &str) -> World {
    let world =
        World::with_policy(&format!("[[context]]\nname = \"support\"\n{limits}\nsources = [{sources}]\n"));
    world.load(GUEST);
    world
}

fn order(world: &World) -> Order {
    Order { context: Some(ContextOrder::of("support".parse().unwrap())), ..world.order(GUEST, READ) }
}

fn bound(world: &World, task: &TaskId) -> BoundContext {
    let contexts = world.facts(task).into_iter().filter_map(|fact| match fact {
        Fact::ContextBound { context } => Some(context),
        _ => None,
    });
    let [context] = contexts.collect::<Vec<_>>().try_into().expect("it is bound once");
    context
}

/// It was refused with this code before its skill was even looked for, and the host serves on.
fn assert_refused(world: &World, emitted: &Emitted, code: Code, says: &[&str]) {
    let error = emitted.outcome.error.clone().unwrap();
    assert_eq!((emitted.outcome.status, error.code), (Status::Refused, code), "{error:?}");
    let blame = if code == Code::R0443 { Blame::Caller } else { Blame::Host };
    assert_eq!(emitted.outcome.blame, Some(blame));
    let said = format!("{}\n{}\n{}", error.message, error.causes.join("\n"), error.hint.unwrap());
    assert!(says.iter().all(|says| said.contains(says)), "{says:?} in {said}");
    assert_eq!(world.kinds(&emitted.task), ["task.accepted", "task.ended"], "nothing of it is bound");
    world.assert_unharmed();
}

fn remember(world: &World, agent: &str, text: &str) -> TaskId {
    world.load("remember");
    let input = json!({ "action": "remember", "key": "k", "text": text }).to_string();
    let emitted = world.run(Order { agent: agent.parse().unwrap(), ..world.order("remember", &input) });
    assert_eq!(emitted.outcome.status, Status::Completed, "{:?}", emitted.outcome);
    emitted.task
}

#[test]
pub(crate) fn friend_reads_its_context() {
    let earlier = "t-earlier";
    let sources = format!(
        "{{ name = \"rules\", inline = \"be kind\" }}, {{ name = \"handbook\", file = \"handbook.md\", max-age = \"30d\" }}, \
         {{ name = \"notes\", memory = \"remember/k\" }}, {{ name = \"last\", task = \"{earlier}\", max-age = \"1h\" }}"
    );
    let limits = "max-bytes = \"1KiB\"\nmax-tokens = 100\ntokeniser = \"o200k_base\"";
    let world = world(limits, &sources);
    fs::write(world.path().join("handbook.md"), "tiktoken is great!").unwrap();
    remember(&world, "ada", "buy milk");
    world.load("hello");
    let hello = world.order("hello", r#"{"name":"Ada"}"#);
    world.run(Order { task: earlier.parse().unwrap(), ..hello });
    let emitted = world.run(order(&world));
    let output = emitted.outcome.output.clone().unwrap_or_else(|| panic!("{:?}", emitted.outcome));
    assert_eq!(output["texts"][0], "be kind");
    assert_eq!(output["texts"][1], "tiktoken is great!");
    assert!(output["texts"][2].as_str().unwrap().contains("buy milk"), "{output}");
    assert_eq!(output["texts"][3], "Hello, Ada!", "a text is given as it is, not as JSON");
    let hash = Digest::of(b"tiktoken is great!");
    assert_eq!(output["sources"][1], format!("handbook File 18 Some(6) Some(0) {hash}"));
    let kinds = [
        "task.accepted",
        "context.bound",
        "task.resolved",
        "attempt.started",
        "call × 8",
        "attempt.ended",
        "task.ended",
    ];
    assert_eq!(world.kinds(&emitted.task), kinds);
    let context = bound(&world, &emitted.task);
    assert!(context.is_whole());
    let kinds: Vec<_> = context.sources.iter().map(|source| source.provenance.kind()).collect();
    assert_eq!(kinds, [OriginKind::Inline, OriginKind::File, OriginKind::Memory, OriginKind::Task]);
    let path = world.path().join("handbook.md").display().to_string();
    assert_eq!(context.sources[1].provenance, Provenance::File { path });
    assert_eq!(context.sources[2].provenance, Provenance::Memory { key: "remember/k".into(), revision: 1 });
    assert_eq!(context.bytes, context.sources.iter().map(|source| source.text.len() as u64).sum::<u64>());
    assert_eq!(context.tokens, Some(context.sources.iter().filter_map(|source| source.tokens).sum()));
    // Calls name texts by their hash; the texts stand in the log once.
    let records = world.records(&emitted.task);
    let with_text = records.iter().filter(|one| {
        let payload = String::from_utf8_lossy(one.payload.as_ref().unwrap()).into_owned();
        payload.contains("tiktoken") && !matches!(&*one.event.kind, "attempt.ended" | "task.ended")
    });
    assert_eq!(with_text.map(|one| &*one.event.kind).collect::<Vec<_>>(), ["context.bound"]);
    // It is repeated from the log alone: no source is there any more.
    fs::remove_file(world.path().join("handbook.md")).unwrap();
    let replayed = world.wait(ringfence::replay::replay(&world.running, &emitted.task)).unwrap();
    assert_eq!(replayed.fuel, emitted.outcome.used.fuel);
    world.assert_unharmed();
}

#[test]
fn an_altered_context_is_no_record_to_repeat_a_run_from() {
    let world = world("max-bytes = \"1KiB\"", "{ name = \"rules\", inline = \"be kind\" }");
    let emitted = world.run(order(&world));
    let mut facts = world.facts(&emitted.task);
    let sandbox = &*world.running.sandbox;
    let replay = |facts: &[Fact]| {
        let clock = std::sync::Arc::clone(&world.running.store.clock);
        let scratch = ringfence::wiring::scratch_log();
        let others = |_: &TaskId| Ok(Vec::new());
        world.wait(ringfence_core::pipeline::replay(sandbox, clock, scratch, &emitted.task, facts, &others))
    };
    replay(&facts).unwrap();
    for fact in &mut facts {
        if let Fact::ContextBound { context } = fact {
            context.sources[0].text = "be cruel".into();
        }
    }
    assert!(replay(&facts).unwrap_err().contains("other content than its hashes say"));
    // One that is whole and another one is seen where the skill reads it.
    for fact in &mut facts {
        if let Fact::ContextBound { context } = fact {
            context.sources[0].hash = Digest::of(b"be cruel");
            *context = BoundContext::new(context.name.clone(), None, context.sources.clone());
        }
    }
    assert!(replay(&facts).unwrap_err().contains("another text than is bound"));
    facts.retain(|fact| !matches!(fact, Fact::ContextBound { .. }));
    assert!(replay(&facts).is_err());
}

#[test]
fn a_context_that_nobody_declared_is_no_context() {
    let world = world("max-bytes = \"1KiB\"", "{ name = \"rules\", inline = \"be kind\" }");
    let emitted =
        world.run(Order { context: Some(ContextOrder::of("suport".parse().unwrap())), ..order(&world) });
    assert_refused(&world, &emitted, Code::R0443, &["no context `suport`", "declares `support`"]);
}

#[test]
fn a_missing_source_is_an_error_and_never_filled_in() {
    let world = world("max-bytes = \"1KiB\"", "{ name = \"handbook\", file = \"handbook.md\" }");
    let path = world.path().join("handbook.md");
    let refused = |says: &[&str]| {
        let emitted = world.run(order(&world));
        assert_refused(
            &world,
            &emitted,
            Code::R0444,
            &[&["source `handbook` of context `support`"], says].concat(),
        );
    };
    refused(&["handbook.md", "No such file"]);
    fs::create_dir(&path).unwrap();
    refused(&["no plain file"]);
    fs::remove_dir(&path).unwrap();
    fs::write(&path, b"text \xff").unwrap();
    refused(&["no text in UTF-8, from byte 5 on"]);
    fs::write(&path, "text").unwrap();
    assert_eq!(world.run(order(&world)).outcome.status, Status::Completed);
}

#[test]
fn a_stale_source_is_an_error_that_says_how_old_it_is() {
    let sources = "{ name = \"handbook\", file = \"handbook.md\", max-age = \"1h\" }";
    let world = world("max-bytes = \"1KiB\"", sources);
    let path = world.path().join("handbook.md");
    fs::write(&path, "text").unwrap();
    let changed = |ago: u64| {
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(ago)).unwrap();
    };
    changed(3_700);
    let emitted = world.run(order(&world));
    assert_refused(&world, &emitted, Code::R0445, &["source `handbook`", "is stale", "3600 are allowed"]);
    changed(3_500);
    assert_eq!(world.run(order(&world)).outcome.status, Status::Completed);
}

#[test]
fn a_context_over_its_bytes_is_refused_and_not_cut() {
    let sources = "{ name = \"rules\", inline = \"12345\" }, { name = \"handbook\", file = \"handbook.md\" }";
    let world = world("max-bytes = \"10\"", sources);
    let path = world.path().join("handbook.md");
    fs::write(&path, "123456").unwrap();
    let emitted = world.run(order(&world));
    assert_refused(&world, &emitted, Code::R0446, &["limit of bytes: 11 of 10", "`handbook`", "`max-bytes`"]);
    fs::write(&path, "12345").unwrap();
    let emitted = world.run(order(&world));
    assert_eq!((emitted.outcome.status, bound(&world, &emitted.task).bytes), (Status::Completed, 10));
}

#[test]
fn a_context_over_its_tokens_is_refused_by_real_counts() {
    let with = |tokeniser: &str, most: u64| {
        let limits = format!("max-bytes = \"1KiB\"\nmax-tokens = {most}\ntokeniser = \"{tokeniser}\"");
        world(&limits, "{ name = \"wish\", inline = \"お誕生日おめでとう\" }")
    };
    // The same text has 8 tokens in one vocabulary and 9 in the other.
    for (tokeniser, tokens) in [("o200k_base", 8), ("cl100k_base", 9)] {
        let world = with(tokeniser, tokens - 1);
        let emitted = world.run(order(&world));
        let says = format!("limit of tokens: {tokens} of {}", tokens - 1);
        assert_refused(&world, &emitted, Code::R0446, &[&says, "`max-tokens`"]);
    }
    let world = with("o200k_base", 8);
    let emitted = world.run(order(&world));
    assert_eq!((emitted.outcome.status, bound(&world, &emitted.task).tokens), (Status::Completed, Some(8)));
}

#[test]
fn the_memory_and_the_tasks_of_another_caller_are_not_there() {
    let world = world("max-bytes = \"1KiB\"", "{ name = \"notes\", memory = \"remember/k\" }");
    remember(&world, "ada", "a secret of ada's");
    let eve = |world: &World| world.run(Order { agent: "eve".parse().unwrap(), ..order(world) });
    assert_refused(&world, &eve(&world), Code::R0444, &["source `notes`", "nothing is kept there"]);
    assert_eq!(world.run(order(&world)).outcome.status, Status::Completed);
    remember(&world, "eve", "eve's own");
    let text = bound(&world, &eve(&world).task).sources[0].text.clone();
    assert!(text.contains("eve's own") && !text.contains("ada"), "{text}");

    let world = self::world("max-bytes = \"1KiB\"", "{ name = \"last\", task = \"t-last\" }");
    let not_there = eve(&world);
    world.load("hello");
    let hello = world.order("hello", r#"{"name":"Ada"}"#);
    world.run(Order { task: "t-last".parse().unwrap(), ..hello });
    let not_hers = eve(&world);
    assert_refused(&world, &not_hers, Code::R0444, &["there is no task `t-last` of `eve`"]);
    assert_eq!(not_there.outcome.error, not_hers.outcome.error, "not even that it is there is told");
    assert_eq!(world.run(order(&world)).outcome.status, Status::Completed);
}

#[test]
fn a_task_that_did_not_complete_is_no_source() {
    let world = world("max-bytes = \"1KiB\"", "{ name = \"last\", task = \"t-last\" }");
    world.load("hello");
    let hello = Order { task: "t-last".parse().unwrap(), ..world.order("hello", "{}") };
    assert_eq!(world.run(hello).outcome.status, Status::Refused);
    assert_refused(&world, &world.run(order(&world)), Code::R0444, &["the task `t-last` did not complete"]);
}

#[test]
fn what_a_skill_asks_of_another_has_no_context_of_its_own() {
    let world = world("max-bytes = \"1KiB\"", "{ name = \"rules\", inline = \"be kind\" }");
    world.load("friend_asks_others");
    let input = json!({ "errands": [{ "skill": "friend-reads-its-context", "input": READ }] });
    let asking = world.order("friend_asks_others", &input.to_string());
    let emitted = world.run(Order { context: Some(ContextOrder::of("support".parse().unwrap())), ..asking });
    let output =
        emitted.outcome.output.clone().unwrap_or_else(|| panic!("{:?}", emitted.outcome)).to_string();
    assert!(output.contains("texts") && !output.contains("be kind"), "{output}");
}

#[test]
fn a_source_that_does_not_answer_holds_up_no_kill_and_no_more_than_the_wall_time() {
    use std::path::PathBuf;
    use std::sync::Arc;

    use futures::future::BoxFuture;
    use ringfence_core::context::{ContextSources, Found, Lacking, Tokeniser};
    use ringfence_core::ids::Agent;
    use ringfence_core::limit::Limit;

    struct Silent;
    impl ContextSources for Silent {
        fn file(&self, _: PathBuf, _: u64) -> BoxFuture<'_, Result<Found, Lacking>> {
            Box::pin(std::future::pending())
        }
        fn memory(&self, _: Agent, _: String, _: u64) -> BoxFuture<'_, Result<Found, Lacking>> {
            Box::pin(std::future::pending())
        }
        fn count(&self, _: Tokeniser, _: Arc<str>) -> BoxFuture<'_, Result<u64, String>> {
            Box::pin(std::future::pending())
        }
    }

    let policy =
        "[[context]]\nname = \"support\"\nmax-bytes = \"1KiB\"\nsources = [{ name = \"a\", file = \"a\" }]\n";
    let world = World::altered(policy, |host| host.sources = Arc::new(Silent));
    let emitted = world.run(crate::harness::limited(order(&world), &[(Limit::WallMs, 100)]));
    assert_eq!(emitted.outcome.status, Status::Stopped, "{:?}", emitted.outcome);
    assert_eq!(emitted.outcome.limit.map(|limit| limit.name), Some(Limit::WallMs));
    let target = order(&world);
    let task = target.task.clone();
    let killed = world.kill(target, |world| world.running.host.switches.runs(&task));
    let error = killed.target.outcome.error.unwrap();
    assert_eq!(error.code, Code::R0202, "{error:?}");
    assert!(error.message.contains("while its context was bound"), "{error:?}");
    world.assert_unharmed();
}

/// What the caller's earlier task gave is bound, and nobody else's, whatever the order says.
#[test]
fn a_source_is_taken_from_the_task_that_the_order_names() {
    let world = world("max-bytes = \"1KiB\"", r#"{ name = "draft", task = "*", max-age = "1h" }"#);
    world.load("hello");
    let earlier = world.run(world.order("hello", r#"{"name":"Ada"}"#));
    let named = |source: &str, task: &TaskId| {
        let tasks = BTreeMap::from([(source.parse().unwrap(), task.clone())]);
        Order { context: Some(ContextOrder { name: "support".parse().unwrap(), tasks }), ..order(&world) }
    };
    let emitted = world.run(named("draft", &earlier.task));
    let bound = bound(&world, &emitted.task);
    assert_eq!(emitted.outcome.output.clone().unwrap()["texts"][0], "Hello, Ada!");
    assert_eq!(bound.sources[0].provenance, Provenance::Task { task: earlier.task.clone() });
    world.wait(ringfence::replay::replay(&world.running, &emitted.task)).unwrap();
    let says = ["lacks a task for its source `draft`", "--source draft=TASK"];
    assert_refused(&world, &world.run(order(&world)), Code::R0443, &says);
    let other = named("other", &earlier.task);
    let both = other.context.clone().map(|mut context| {
        context.tasks.insert("draft".parse().unwrap(), earlier.task.clone());
        context
    });
    let unknown = world.run(Order { context: both, ..other });
    assert_refused(&world, &unknown, Code::R0443, &["no source `other`", "task = \"*\""]);
    let bobs = world.run(Order { agent: "bob".parse().unwrap(), ..named("draft", &earlier.task) });
    assert_refused(&world, &bobs, Code::R0444, &["there is no task", "of `bob`"]);
}
