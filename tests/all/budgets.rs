//! What others are paid for, over all tasks of a day: however a caller splits what it asks for, it spends no more than its
//! budget, and all callers together no more than the tenant's.

use std::sync::Arc;
use std::time::Duration;

use ringfence::budgets::{Account, accounts};
use ringfence_adapters::system::SystemClock;
use ringfence_core::audit::{Fact, Spent, Status};
use ringfence_core::gate::Accounts;
use ringfence_core::ids::StreamName;
use ringfence_core::limit::{Amounts, Limit};
use ringfence_core::pipeline::{Emitted, Order};
use ringfence_core::stores::read_facts;
use serde_json::{Value, json};

use crate::harness::World;
use crate::lost::{dying, gone_on_with};
use crate::models::{order, policy, replies};
use crate::servers::{ModelServer, stream_openai};

/// What each question takes.
const TOKENS: u64 = 50;

fn server(pause: Duration) -> ModelServer {
    ModelServer::start(move |_, _, stream| {
        std::thread::sleep(pause);
        stream_openai(stream, &["yes"], "stop", &json!({ "prompt_tokens": 40, "completion_tokens": 10 }));
    })
}

fn world(server: &ModelServer, budget: &str) -> World {
    World::with_policy(&format!("{}\n[budget]\n{budget}\n", policy("openai", &server.origin(), "")))
}

fn asks(world: &World, caller: &str) -> Order {
    Order { agent: caller.parse().unwrap(), ..order(world, &json!([{ "prompt": "Is it so?" }])) }
}

/// Whether the one question of a task was answered; else it was told why not.
fn is_answered(emitted: &Emitted, why: &str) -> bool {
    let outcome = &emitted.outcome;
    assert_eq!(outcome.status, Status::Completed, "{outcome:?}");
    let said = outcome.output.clone().unwrap()[0].as_str().unwrap().to_owned();
    assert!(said.starts_with("Ok(") || (said.contains("Denied(") && said.contains(why)), "{said}");
    said.starts_with("Ok(")
}

fn spent(world: &World, stream: &StreamName) -> Amounts {
    let store = &world.running.store;
    Accounts::new(Arc::clone(&store.log), Arc::clone(&store.clock)).spent(stream).unwrap().spent
}

fn ada() -> StreamName {
    StreamName::budget(&"ada".parse().unwrap())
}

/// What an account says after each of its events, and what each of them was about.
fn events(world: &World, stream: &StreamName) -> Vec<(&'static str, Spent)> {
    let facts = read_facts(&*world.running.store.log, stream, 1).unwrap().into_iter();
    let said = facts.map(|(_, fact)| match fact {
        Fact::BudgetReserved { account, .. } => ("reserved", account),
        Fact::BudgetSettled { account, .. } => ("settled", account),
        other => panic!("{other:?}"),
    });
    said.collect()
}

#[test]
fn a_caller_spends_no_more_than_its_budget_in_however_many_tasks() {
    let server = server(Duration::ZERO);
    let world = world(&server, "per-caller = { tokens = 400 }\ncaller.bob = { micro-usd = 100000 }");
    let mut ends = (0..=400 / TOKENS).map(|_| world.run(asks(&world, "ada"))).collect::<Vec<_>>();
    let last = ends.pop().unwrap();
    assert!(!is_answered(&last, "caller `ada` may spend 400 tokens a day"));
    ends.retain(|emitted| is_answered(emitted, "caller `ada` may spend 400 tokens a day"));
    let answered = ends.len() as u64;
    let spent = spent(&world, &ada());
    assert!(answered >= 2 && spent[Limit::Tokens] == answered * TOKENS, "{answered} {spent:?}");
    assert_eq!(server.bodies().len() as u64, answered, "who has nothing left is asked for nothing");
    assert_eq!(world.kinds(&last.task).iter().filter(|kind| *kind == "call.ended").count(), 1);
    assert_eq!(last.outcome.used.tokens, 0, "it paid for nothing");
    // It was set aside before, and given back after.
    let events = events(&world, &ada());
    let kinds: Vec<_> = events.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, ["reserved", "settled"].repeat(usize::try_from(answered).unwrap()));
    assert!(events.iter().all(|(_, account)| account.spent[Limit::Tokens] <= 400), "{events:?}");
    // Others have their own, and what is recorded is not paid again.
    assert!(is_answered(&world.run(asks(&world, "bob")), ""), "bob has a budget of money alone");
    let replayed = world.wait(ringfence::replay::replay(&world.running, &last.task)).unwrap();
    assert_eq!(replayed.fuel, last.outcome.used.fuel);
    assert_eq!(events.len(), self::events(&world, &ada()).len());
    world.assert_unharmed();
}

/// What two hosts set aside at once is never more than there is.
#[test]
fn two_hosts_that_race_for_a_budget_do_not_spend_it_twice() {
    let server = server(Duration::from_millis(30));
    let world = world(&server, "per-tenant = { tokens = 700 }");
    // Before the other host looks at the store for the first time.
    world.load("friend_asks_a_model");
    let other = world.beside(Arc::new(SystemClock::new()));
    let racing: Vec<_> = (0..24)
        .map(|number| {
            let order = asks(&world, &format!("caller-{number}"));
            let running = Arc::clone(if number % 2 == 0 { &world.running } else { &other });
            world.spawn(async move { ringfence::app::run(&running, order).await.unwrap() })
        })
        .collect();
    let ends: Vec<_> = racing.into_iter().map(|racing| world.wait(racing).unwrap()).collect();
    let answered = ends.iter().filter(|emitted| is_answered(emitted, "all callers together")).count() as u64;
    assert!((1..=700 / TOKENS).contains(&answered), "{answered}");
    let account = StreamName::tenant_budget();
    assert_eq!(spent(&world, &account)[Limit::Tokens], answered * TOKENS);
    let events = events(&world, &account);
    assert!(events.iter().all(|(_, account)| account.spent[Limit::Tokens] <= 700), "{events:?}");
    assert_eq!(server.bodies().len() as u64, answered);
    world.assert_unharmed();
}

#[test]
fn what_a_skill_asks_for_by_another_one_is_paid_by_its_caller() {
    let server = server(Duration::ZERO);
    let world = world(&server, "per-caller = { tokens = 400 }");
    world.load("friend_asks_others");
    let asks = asks(&world, "ada");
    let input = json!({ "errands": [{ "skill": &*asks.skill, "input": &*asks.input }] }).to_string();
    let order = Order { ring: asks.ring, agent: asks.agent, ..world.order("friend_asks_others", &input) };
    let emitted = world.run(order);
    assert_eq!(emitted.outcome.status, Status::Completed, "{:?}", emitted.outcome);
    assert_eq!(spent(&world, &ada())[Limit::Tokens], TOKENS);
}

/// Nobody saw what became of the question: it may have been worked on.
#[test]
fn what_was_set_aside_for_a_question_that_was_killed_stays_spent() {
    let server = server(Duration::from_secs(20));
    let world = world(&server, "per-caller = { tokens = 400 }");
    let killed = world.kill(asks(&world, "ada"), |_| !server.bodies().is_empty());
    assert_eq!(killed.target.outcome.status, Status::Stopped);
    let (kept, used) = (spent(&world, &ada()), killed.target.outcome.used.tokens);
    assert!(used > TOKENS && kept[Limit::Tokens] == used, "{kept:?} {used}");
}

#[test]
fn what_the_tenant_cannot_pay_is_not_taken_from_the_caller_and_tells_nothing_of_others() {
    let server = server(Duration::ZERO);
    let world = world(&server, "per-caller = { tokens = 400 }\nper-tenant = { micro-usd = 400 }");
    let ends = (0..10).map(|_| is_answered(&world.run(asks(&world, "ada")), "all callers together"));
    let answered = ends.filter(|is_answered| *is_answered).count();
    assert!((1..=400 / 60).contains(&answered), "60 each: {answered}");
    let emitted = world.run(asks(&world, "bob"));
    assert!(!is_answered(&emitted, "all callers together have too little left"));
    let said = emitted.outcome.output.unwrap().to_string();
    assert!(!said.contains("ada") && !said.contains("400"), "{said}");
    assert_eq!(spent(&world, &StreamName::budget(&"bob".parse().unwrap())), Amounts::NONE);
    let policy = &world.running.config.policy;
    let told = accounts(&world.running.store, &policy.budgets).unwrap();
    let callers: Vec<_> =
        told.iter().map(|Account { caller, .. }| caller.as_ref().map(|caller| caller.as_str())).collect();
    assert_eq!(callers, [None, Some("ada"), Some("bob")]);
    let [tenant, ada, _] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(tenant.spent.spent, ada.spent.spent, "ada alone has spent anything");
}

/// Whatever a provider says, it counts as what the ledger of the task counts it for.
#[test]
fn a_provider_that_lies_about_its_tokens_gives_no_discount_on_the_day() {
    let lies = |_: &Value, _, stream: &mut _| stream_openai(stream, &["yes"], "stop", &Value::Null);
    let server = ModelServer::start(lies);
    let world = world(&server, "per-caller = { tokens = 400 }");
    let emitted = world.run(asks(&world, "ada"));
    let used = emitted.outcome.used.tokens;
    assert!(used > TOKENS && spent(&world, &ada())[Limit::Tokens] == used, "{:?}", replies(&world, &emitted));
}

/// Whatever was set aside when a host is lost: what was sent is paid.
#[test]
fn wherever_a_host_is_lost_no_question_is_had_for_nothing() {
    let server = server(Duration::ZERO);
    let world = world(&server, "per-caller = { tokens = 100000 }");
    let whole = world.run(asks(&world, "ada"));
    let events = world.facts(&whole.task).len();
    assert!(events > 6, "{events}");
    for lost_after in 1..events {
        let emitted = gone_on_with(&world, &dying(&world, lost_after), asks(&world, "ada"));
        assert!(is_answered(&emitted, ""), "{lost_after}");
        let (sent, spent) = (server.bodies().len() as u64, spent(&world, &ada())[Limit::Tokens]);
        assert!(spent >= sent * TOKENS, "{lost_after}: {sent} questions, {spent} tokens");
    }
    assert!(server.bodies().len() > events, "some of them were lost with their host, and asked again");
    world.assert_unharmed();
}
