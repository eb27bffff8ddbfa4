//! Records that a call is held against: same call, same arguments, and what became of it.

use super::*;
use crate::audit::{ApprovalRequest, Arguments};
use crate::ids::Digest;

fn call(number: u64, arguments: &str, fuel: u64) -> CallFact {
    let hash = Digest::of(arguments.as_bytes());
    CallFact { number, call: "http.send".into(), arguments_hash: hash, arguments: Arguments::default(), fuel }
}

fn asked() -> Fact {
    let request = ApprovalRequest {
        id: "t-pay.1".parse().expect("an id"),
        bound: "{}".into(),
        hash: Digest::of(b"{}"),
        agent: "ada".parse().expect("a name"),
        of: 1,
        from: Vec::new(),
        asked: Timestamp(0),
        expires: Timestamp(1),
    };
    Fact::ApprovalAsked { call: call(1, "pay 1", 7), request }
}

fn used() -> Fact {
    Fact::ApprovalUsed { number: 1, approval: "t-pay.1".parse().expect("an id") }
}

fn next(facts: &[Fact], made: &CallFact) -> Result<Next<Value>, TrapReason> {
    Journal::from_facts(facts).to_be_resumed(None, None).next(made)
}

#[test]
fn a_call_that_comes_with_other_arguments_than_people_were_asked_about_diverges() {
    let facts = [asked()];
    assert!(matches!(next(&facts, &call(1, "pay 1", 7)), Ok(Next::Asked(_))));
    for other in [
        call(1, "pay 2", 7),
        call(1, "pay 1", 8),
        CallFact { call: "http.get".into(), ..call(1, "pay 1", 7) },
    ] {
        assert!(matches!(next(&facts, &other), Err(TrapReason::Diverged(_))), "{other:?}");
    }
}

#[test]
fn how_often_a_call_was_made_again_goes_with_it_to_its_end() {
    let made = call(1, "ask", 7);
    let begun = Fact::CallBegun { call: made.clone() };
    let again = || Fact::CallRepeated { number: 1 };
    let twice = next(&[begun.clone(), again(), again()], &made);
    assert!(matches!(twice, Ok(Next::Begun { repeated: 2, .. })));
    let ended = Fact::CallEnded { number: 1, answer: Answered::Answer(Value::from(1)) };
    let facts = [begun, again(), ended];
    assert!(matches!(next(&facts, &made), Ok(Next::Ended { recorded: Ok(_), repeated: 1 })));
    let replayed = Journal::from_facts(&facts).next::<Value>(&made);
    assert!(matches!(replayed, Ok(Next::Ended { repeated: 1, .. })), "a repetition pays the same");
}

#[test]
fn a_call_that_there_is_no_room_to_make_again_is_one_call_that_ended_the_run() {
    let made = call(1, "ask", 7);
    let begun = Fact::CallBegun { call: made.clone() };
    let stopped = || Fact::CallStopped { call: made.clone(), reason: "no tokens are left".into() };
    // A second host that came so far was lost too.
    let facts = [begun, Fact::CallRepeated { number: 1 }, stopped(), stopped()];
    assert_eq!(Journal::from_facts(&facts).calls().len(), 1);
    let live = next(&facts, &made);
    assert!(matches!(live, Ok(Next::Begun { wanted: false, approved: None, repeated: 1 })));
    let mut replayed = Journal::from_facts(&facts);
    assert!(matches!(replayed.next::<Value>(&made), Ok(Next::Lost { repeated: 1 })));
    assert!(replayed.check_empty().is_ok());
}

#[test]
fn of_several_that_were_to_go_out_at_once_each_keeps_its_approval_and_its_place() {
    let made = |number| call(number, "ask", 7);
    let asked = |number: u64, id: &str| match asked() {
        Fact::ApprovalAsked { mut request, .. } => {
            request.id = id.parse().expect("an id");
            Fact::ApprovalAsked { call: made(number), request }
        }
        _ => unreachable!("it asks"),
    };
    let used = |number, id: &str| Fact::ApprovalUsed { number, approval: id.parse().expect("an id") };
    // The first needed no approval, and had not begun when people were asked about the others.
    let waiting = [asked(2, "t-pay.1"), asked(3, "t-pay.2")];
    let mut journal = Journal::from_facts(&waiting).to_be_resumed(None, None);
    assert!(matches!(journal.ahead(1), Ahead::Nothing) && matches!(journal.ahead(2), Ahead::Asked(_)));
    for number in 1..=3 {
        let next = journal.next::<Value>(&made(number));
        assert_eq!(matches!(next, Ok(Next::Asked(_))), number > 1, "{number}");
        assert_eq!(matches!(next, Ok(Next::Live)), number == 1, "{number}");
    }
    // Nothing else is left out of a record.
    let begun = [Fact::CallBegun { call: made(2) }];
    assert!(matches!(next(&begun, &call(1, "another", 7)), Err(TrapReason::Diverged(_))));
    let begin = |number| Fact::CallBegun { call: made(number) };
    let facts =
        [&waiting[..], &[begin(1), used(2, "t-pay.1"), begin(2), used(3, "t-pay.2"), begin(3)]].concat();
    let mut journal = Journal::from_facts(&facts).to_be_resumed(None, None);
    assert!(matches!(journal.ahead(3), Ahead::Written) && matches!(journal.ahead(4), Ahead::Nothing));
    for number in 1..=3 {
        let next = journal.next::<Value>(&made(number));
        let Ok(Next::Begun { approved, .. }) = next else { panic!("call {number} has begun") };
        assert_eq!(approved.is_some(), number > 1, "{number}");
    }
    let ahead = Journal::from_facts(&waiting);
    assert!(
        matches!(ahead.ahead(2), Ahead::Written),
        "nothing is asked of people where a record is repeated"
    );
}

#[test]
fn an_approval_goes_with_its_call_from_the_asking_to_the_end() {
    let made = call(1, "pay 1", 7);
    let begun = Fact::CallBegun { call: made.clone() };
    let Ok(Next::Asked(asked_then)) = next(&[asked(), used()], &made) else { panic!("it has not begun") };
    assert!(asked_then.used, "only its beginning is missing");
    let approved = next(&[asked(), used(), begun.clone()], &made);
    assert!(matches!(approved, Ok(Next::Begun { wanted: false, approved: Some(_), repeated: 0 })));
    let unasked = next(std::slice::from_ref(&begun), &made);
    assert!(matches!(unasked, Ok(Next::Begun { wanted: false, approved: None, .. })));
    let ended = Fact::CallEnded { number: 1, answer: Answered::Answer(Value::from(1)) };
    let facts = [asked(), used(), begun, ended];
    assert!(
        matches!(next(&facts, &made), Ok(Next::Ended { recorded: Ok(answer), repeated: 0 }) if answer == 1)
    );
    // A record that is whole says so without people.
    let replayed = Journal::from_facts(&facts).next::<Value>(&made);
    assert!(matches!(replayed, Ok(Next::Ended { recorded: Ok(_), .. })));
    let waiting = Journal::from_facts(&[asked()]).next::<Value>(&made);
    assert!(matches!(waiting, Err(TrapReason::Diverged(_))), "nothing can be replayed of it");
}
