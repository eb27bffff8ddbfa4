//! Another host goes on with what a lost one began, and does it otherwise: that is seen.

use std::sync::Arc;

use futures::future::BoxFuture;
use ringfence_core::audit::{Blame, Status};
use ringfence_core::error::Code;
use ringfence_core::ids::{Digest, StreamName};
use ringfence_core::pipeline::{Host, Order};
use ringfence_core::ring::Ring;
use ringfence_core::sandbox::{Ceilings, Job, Ran, Sandbox};
use ringfence_core::stores::WorkState;

use super::{dying, gone_on_with};
use crate::agents;
use crate::harness::World;

/// A host whose agents are told what they do in other words.
struct Elder(Arc<dyn Sandbox>);

impl Sandbox for Elder {
    fn run(&self, job: Job) -> BoxFuture<'_, Ran> {
        self.0.run(job)
    }

    fn ceilings(&self, component: &Digest) -> Result<Ceilings, String> {
        self.0.ceilings(component)
    }

    fn fingerprint(&self) -> &Arc<str> {
        self.0.fingerprint()
    }

    fn fingerprint_of(&self, _: &Digest) -> Arc<str> {
        "agent-prompt-0".into()
    }
}

#[test]
fn an_agent_that_another_host_told_in_other_words_is_not_gone_on_with() {
    let server = agents::scripted(vec![agents::turn("complete", "talk", "Hello.")]);
    let world = agents::world(&server);
    let order = Order { ring: Ring::Standard, ..world.order("helper", r#"{"message":"x"}"#) };
    let whole = world.run(world.again(&order));
    let answered = world.facts(&whole.task).iter().position(|fact| fact.kind() == "call.ended").unwrap() + 1;
    let same = gone_on_with(&world, &dying(&world, answered), world.again(&order));
    assert_eq!(same.outcome.status, Status::Completed, "told in the same words it goes on");
    let lost = dying(&world, answered);
    let lost = Host { sandbox: Arc::new(Elder(Arc::clone(&lost.sandbox))), ..lost };
    let task = order.task.clone();
    drop(world.wait(lost.run(order)));
    let asked = server.bodies().len();
    let emitted = world.wait(world.running.host.resume(&task)).unwrap();
    let error = emitted.outcome.error.as_ref().unwrap_or_else(|| panic!("{:?}", emitted.outcome));
    assert_eq!((emitted.outcome.status, error.code), (Status::Failed, Code::R0505));
    let causes = error.causes.join("; ");
    assert!(causes.contains("agent-prompt-0, and this is agent-prompt-2"), "{causes}");
    assert_eq!(server.bodies().len(), asked, "no model was asked");
    world.assert_unharmed();
}

/// A host on which skills are given another input than stands in the task.
struct Garbling {
    real: Arc<dyn Sandbox>,
    input: String,
}

impl Sandbox for Garbling {
    fn run(&self, mut job: Job) -> BoxFuture<'_, Ran> {
        job.request.input = self.input.as_str().into();
        self.real.run(job)
    }

    fn ceilings(&self, component: &Digest) -> Result<Ceilings, String> {
        self.real.ceilings(component)
    }

    fn fingerprint(&self) -> &Arc<str> {
        self.real.fingerprint()
    }

    fn fingerprint_of(&self, component: &Digest) -> Arc<str> {
        self.real.fingerprint_of(component)
    }
}

const REMEMBER: &str = r#"{"action":"remember","key":"k","text":"kept"}"#;

/// What a task ends with whose first host was lost after its first call, and whose skill then comes to that call otherwise.
fn gone_on_with_otherwise(input: &str) -> String {
    let world = World::new();
    world.load("remember");
    let order = Order { ring: Ring::Standard, ..world.order("remember", REMEMBER) };
    let whole = world.run(world.again(&order));
    assert_eq!(whole.outcome.status, Status::Completed, "{:?}", whole.outcome);
    let facts = world.facts(&whole.task);
    let calls = facts.iter().filter(|fact| fact.kind() == "call.ended").count();
    assert!(calls > 1, "it reads, and writes");
    let first = facts.iter().position(|fact| fact.kind() == "call.ended").unwrap() + 1;
    let same = gone_on_with(&world, &dying(&world, first), world.again(&order));
    assert_eq!(
        same.outcome.status,
        Status::Completed,
        "what comes to it in the same way goes on: {:?}",
        same.outcome
    );

    let kept =
        |world: &World| world.running.store.log.head(&StreamName::memory(&order.agent)).unwrap().sequence;
    let task = order.task.clone();
    drop(world.wait(dying(&world, first).run(order.clone())));
    // The lost one believed that it went on.
    let before = kept(&world);
    let next = Host::clone(&world.running.host);
    let real = Arc::clone(&next.sandbox);
    let next = Host { sandbox: Arc::new(Garbling { real, input: input.into() }), ..next };
    let emitted = world.wait(next.resume(&task)).unwrap();
    world.wait(emitted.durable()).unwrap();
    let error = emitted.outcome.error.as_ref().unwrap_or_else(|| panic!("{:?}", emitted.outcome));
    assert_eq!((emitted.outcome.status, error.code), (Status::Failed, Code::R0505), "{error:?}");
    assert_eq!(emitted.outcome.blame, Some(Blame::Host));
    assert_eq!(kept(&world), before, "no call was made");
    let work = world.running.store.queue.work(&task).unwrap().unwrap();
    assert_eq!(work.state, WorkState::Failed, "a person is told");
    world.assert_unharmed();
    error.causes.join("; ")
}

#[test]
fn a_skill_that_comes_to_a_recorded_call_with_other_arguments_is_not_gone_on_with_and_the_call_is_named() {
    let why = gone_on_with_otherwise(&REMEMBER.replace("\"k\"", "\"other\""));
    assert!(why.contains("call 1 differs from the record"), "{why}");
    assert!(why.contains("`memory.get` has other arguments than were recorded"), "{why}");
}

#[test]
fn a_skill_that_comes_to_a_recorded_call_at_other_fuel_is_not_gone_on_with_and_the_call_is_named() {
    let why = gone_on_with_otherwise(&REMEMBER.replace(':', ": "));
    assert!(why.contains("call 1 differs from the record: `memory.get` came at fuel "), "{why}");
    assert!(why.ends_with(" was recorded"), "{why}");
}
