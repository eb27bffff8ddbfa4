//! Runs of agents that are gone on with: what their model is told then.

use ringfence::wiring::Running;
use ringfence_core::audit::{Answered, Decision, Status};
use ringfence_core::pipeline::{Emitted, Order};
use ringfence_core::ring::Ring;
use serde_json::{Value, json};

use crate::agents::{corrected, run, scripted, told, turn, wants, world};
use crate::harness::World;

/// Who goes on with this run is told all that its model was told last, and what it said to that.
pub(crate) fn assert_goes_along(world: &World, emitted: &Emitted, last: &Value, said: &str) {
    let next = ringfence::agents::after(&world.running.store, &emitted.task, "And then?").unwrap();
    let mut whole = told(last);
    whole.push(json!({ "role": "assistant", "content": said }));
    assert_eq!(next.input, json!({ "message": "And then?", "history": whole }));
}

#[test]
fn a_run_goes_on_where_another_one_ended() {
    let server = scripted(vec![turn("reply", "talk", "Which one?"), turn("complete", "talk", "That one.")]);
    let world = world(&server);
    let first = run(&world, "The one.");
    let next = ringfence::agents::after(&world.running.store, &first.task, "The other.").unwrap();
    assert_eq!((next.skill.as_str(), next.ring), ("helper", Ring::Standard));
    let emitted = world.run(Order { ring: next.ring, ..world.order("helper", &next.input.to_string()) });
    assert_eq!(emitted.outcome.output.as_ref().unwrap()["status"], "complete");
    let said = told(&server.bodies()[1]);
    let said: Vec<_> = said.iter().map(|message| message["content"].as_str().unwrap()).collect();
    assert_eq!(said, ["The one.", "Which one?", "The other."]);
    assert_goes_along(&world, &emitted, &server.bodies()[1], "That one.");
}

#[test]
fn a_run_that_is_gone_on_with_for_long_is_told_the_newest_of_what_was_said() {
    let server = scripted(vec![turn("reply", "talk", "Go on.")]);
    let world = world(&server);
    let old: Vec<_> =
        (0..200).map(|number| json!({ "role": "user", "content": number.to_string() })).collect();
    let input = json!({ "message": "Last.", "history": old }).to_string();
    let emitted = world.run(Order { ring: Ring::Standard, ..world.order("helper", &input) });
    let next = ringfence::agents::after(&world.running.store, &emitted.task, "More.").unwrap();
    let history = next.input["history"].as_array().unwrap();
    let content = |place: usize| history[place]["content"].as_str().unwrap();
    assert_eq!((history.len(), content(0), content(198), content(199)), (200, "2", "Last.", "Go on."));
    let emitted = world.run(Order { ring: next.ring, ..world.order("helper", &next.input.to_string()) });
    assert_eq!(emitted.outcome.status, Status::Completed, "{:?}", emitted.outcome);
}

#[test]
fn a_run_whose_last_attempt_took_no_turn_is_gone_on_with_where_it_took_one() {
    let server = scripted(vec![turn("reply", "talk", "no"), json!("This is no turn.")]);
    let (world, emitted) = corrected(&server);
    assert_eq!(
        (emitted.outcome.status, emitted.outcome.attempts),
        (Status::Failed, 2),
        "{:?}",
        emitted.outcome
    );
    assert_goes_along(&world, &emitted, &server.bodies()[0], "no");
}

#[test]
fn what_a_person_said_in_place_of_a_run_goes_along_behind_what_it_saw() {
    let server = scripted(vec![wants("count", "word-count", json!({ "text": "one two" }))]);
    let world = world(&server);
    let emitted = run(&world, "How many?");
    assert_eq!(emitted.outcome.status, Status::Failed, "it came to no end");
    let given = json!({
        "status": "complete", "intent": "count", "assistant_message": "Two, by hand.", "requested_tool": null,
        "provider": "here", "model": "small", "finish_reason": "stop", "corrections": 0, "turns": 4,
    });
    let settle = Decision::Settle { answer: Answered::Answer(given) };
    let Running { store, .. } = &*world.running;
    world.wait(ringfence::inbox::decide(store, &emitted.task, settle, "ada", "counted")).unwrap();
    let settled = world.wait(ringfence::app::resume(&world.running, &emitted.task)).unwrap();
    assert_eq!(settled.outcome.status, Status::Completed, "{:?}", settled.outcome);
    let turns = ringfence::agents::turns(store, &emitted.task).unwrap();
    assert!(turns.iter().all(|turn| turn["observed"]["answer"]["words"] == 2), "{turns:?}");
    let next = ringfence::agents::after(store, &emitted.task, "Sure?").unwrap();
    let history = next.input["history"].as_array().unwrap();
    // What it asked, its four turns and what came of each, and the person.
    assert_eq!((history.len(), &history[9]["content"]), (10, &json!("Two, by hand.")));
    assert_eq!(history[..7], told(&server.bodies()[3]));
}
