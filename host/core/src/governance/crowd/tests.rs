//! Who sits, who waits in line, and who is told that the line is full.

use futures::FutureExt;

use super::*;
use crate::governance::decide::MAX_CHAIN;

fn crowd(sandboxes: usize, per_caller: usize, waiting: usize) -> Arc<Crowd> {
    Crowd::new(CrowdLimits { sandboxes, per_caller, waiting })
}

fn agent(name: &str) -> Agent {
    name.parse().expect("an agent")
}

fn seated(entered: Entered) -> Seat {
    match entered {
        Entered::Seated(seat) => seat,
        other => panic!("not seated: {other:?}"),
    }
}

fn in_line(entered: Entered) -> Turn {
    match entered {
        Entered::InLine { turn, .. } => turn,
        other => panic!("not in line: {other:?}"),
    }
}

#[test]
fn who_comes_later_waits_in_line_and_one_more_is_told_so() {
    let (crowd, ada) = (crowd(1, 1, 1), agent("ada"));
    let first = seated(crowd.enter(&ada));
    let mut second = in_line(crowd.enter(&ada));
    assert!(matches!(crowd.enter(&ada), Entered::Full));
    assert!((&mut second).now_or_never().is_none());
    drop(first);
    let second = second.now_or_never().expect("its turn");
    drop(second);
    drop(seated(crowd.enter(&ada)));
    assert!(crowd.lock().is_empty(), "nobody is remembered who has gone");
}

#[test]
fn one_callers_line_does_not_hold_up_another() {
    let crowd = crowd(2, 1, 8);
    let (ada, eve) = (agent("ada"), agent("eve"));
    let first = seated(crowd.enter(&eve));
    let second = in_line(crowd.enter(&eve));
    let friend = seated(crowd.enter(&ada));
    let mut waiting = in_line(crowd.enter(&ada));
    drop(friend);
    let friend = (&mut waiting).now_or_never().expect("its turn");
    assert!(second.now_or_never().is_none(), "eve has her one");
    drop((first, friend));
    drop(seated(crowd.enter(&eve)));
}

#[test]
fn who_gives_up_leaves_the_line_and_keeps_no_seat() {
    let (crowd, ada) = (crowd(1, 1, 1), agent("ada"));
    let first = seated(crowd.enter(&ada));
    drop(in_line(crowd.enter(&ada)));
    let patient = in_line(crowd.enter(&ada));
    drop(first);
    drop(patient);
    drop(seated(crowd.enter(&ada)));
}

#[test]
fn an_errand_takes_a_seat_and_waits_only_for_somebody_who_does_not_wait_for_it() {
    let (crowd, ada) = (crowd(8, 6, 8), agent("ada"));
    let root = seated(crowd.enter(&ada));
    let mut errands: Vec<_> = (0..5).map(|_| seated(crowd.enter_for(root.id(), &ada))).collect();
    let late = in_line(crowd.enter_for(root.id(), &ada));
    let mut task = in_line(crowd.enter(&ada));
    // One of the others will end, and each of these may wait for that.
    let mut nested: Vec<_> =
        errands[1..].iter().map(|one| in_line(crowd.enter_for(one.id(), &ada))).collect();
    // This one is the last that has work of its own in hand.
    assert!(matches!(crowd.enter_for(errands[0].id(), &ada), Entered::Full));
    drop(seated(crowd.enter(&agent("eve"))));
    drop(late);
    drop(errands.remove(0));
    let first = nested.remove(0).now_or_never().expect("errands are before tasks");
    assert!((&mut task).now_or_never().is_none());
    drop((first, nested, errands));
    drop(task.now_or_never().expect("its turn"));
    drop(root);
    assert!(crowd.lock().is_empty(), "nobody is remembered who has gone");
}

#[test]
fn who_may_have_one_seat_has_a_chain_of_skills_and_no_second_task() {
    let (crowd, ada) = (crowd(8, 1, 8), agent("ada"));
    let mut chain = vec![seated(crowd.enter(&ada))];
    let mut task = in_line(crowd.enter(&ada));
    while chain.len() < MAX_CHAIN {
        let asking = chain.last().expect("one").id();
        chain.push(seated(crowd.enter_for(asking, &ada)));
        // What it asks for beside that waits until that is over.
        drop(in_line(crowd.enter_for(asking, &ada)));
    }
    let asking = chain.last().expect("one").id();
    assert!(matches!(crowd.enter_for(asking, &ada), Entered::Full), "no chain is longer");
    let beside = in_line(crowd.enter_for(chain[0].id(), &ada));
    chain.truncate(1);
    let mut beside = vec![beside.now_or_never().expect("nobody else is at work")];
    assert!((&mut task).now_or_never().is_none());
    assert!(matches!(crowd.enter(&ada), Entered::InLine { .. }));
    beside.push(seated(crowd.enter_for(beside[0].id(), &ada)));
    drop((beside, chain));
    drop(task.now_or_never().expect("its turn"));
    assert!(crowd.lock().is_empty(), "nobody is remembered who has gone");
}

#[test]
fn a_chain_beyond_a_callers_share_takes_no_seat_that_the_tenant_has_not() {
    let (crowd, ada, eve) = (crowd(3, 1, 8), agent("ada"), agent("eve"));
    let (one, other) = (seated(crowd.enter(&ada)), seated(crowd.enter(&eve)));
    let errand = seated(crowd.enter_for(one.id(), &ada));
    let mut nested = in_line(crowd.enter_for(errand.id(), &ada));
    assert!((&mut nested).now_or_never().is_none(), "eve will make room");
    assert!(matches!(crowd.enter_for(other.id(), &eve), Entered::Full), "and she alone");
    drop(other);
    drop(nested.now_or_never().expect("its turn"));
    drop((errand, one));
    assert!(crowd.lock().is_empty());
}

#[test]
fn where_all_seats_are_taken_by_those_who_ask_the_last_of_them_is_refused() {
    let crowd = crowd(2, 2, 8);
    let (ada, eve) = (agent("ada"), agent("eve"));
    let (one, other) = (seated(crowd.enter(&ada)), seated(crowd.enter(&eve)));
    let waits = in_line(crowd.enter_for(one.id(), &ada));
    assert!(matches!(crowd.enter_for(other.id(), &eve), Entered::Full));
    drop(other);
    let errand = waits.now_or_never().expect("its turn");
    drop(errand);
    drop(one);
    assert!(crowd.lock().is_empty());
}

#[test]
fn who_has_no_place_in_the_store_stands_where_it_stood_and_its_callers_tasks_ask_one_after_the_other() {
    let crowd = crowd(4, 4, 2);
    let (ada, eve) = (agent("ada"), agent("eve"));
    let (first, second) = (seated(crowd.enter(&ada)), seated(crowd.enter(&ada)));
    let mut second = in_line(crowd.without_place(second, false));
    let mut third = in_line(crowd.enter(&ada));
    assert!(matches!(crowd.enter(&ada), Entered::Full), "two wait");
    drop(seated(crowd.enter(&eve)));
    drop(seated(crowd.enter_for(first.id(), &ada)));
    let ended = (&mut second).now_or_never().expect("one of its caller has ended");
    second = in_line(crowd.without_place(ended, true));
    third.ask_again(&ada);
    assert!((&mut second).now_or_never().is_none(), "the first of them asks");
    second.ask_again(&ada);
    let second = (&mut second).now_or_never().expect("it may ask");
    assert!((&mut third).now_or_never().is_none(), "and no other meanwhile");
    crowd.has_place(&ada);
    let asks = (&mut third).now_or_never().expect("it is next");
    let mut third = in_line(crowd.without_place(asks, true));
    drop(first);
    let third = (&mut third).now_or_never().expect("there may be a place again");
    crowd.has_place(&ada);
    drop((second, third, seated(crowd.enter(&ada))));
    assert!(crowd.lock().is_empty(), "nobody is remembered who has gone");
}

#[test]
fn where_the_one_that_would_ask_for_a_place_gives_up_the_next_one_does() {
    let (crowd, ada) = (crowd(4, 4, 1), agent("ada"));
    let (first, second) = (seated(crowd.enter(&ada)), seated(crowd.enter(&ada)));
    let first = in_line(crowd.without_place(first, false));
    assert!(matches!(crowd.without_place(second, false), Entered::Full), "one waits, and no second one");
    let mut first = first;
    let asks = (&mut first).now_or_never().expect("the one that left may have had a place");
    let mut first = in_line(crowd.without_place(asks, true));
    assert!((&mut first).now_or_never().is_none());
    let second = crowd.stand_in_line(&ada);
    drop(first);
    let asks = in_line(second).now_or_never().expect("it asks in its stead");
    drop(asks);
    drop(seated(crowd.enter(&ada)));
    assert!(crowd.lock().is_empty(), "nobody is remembered who has gone");
}

#[test]
fn who_has_no_sandbox_lends_its_seat_to_one_errand_at_a_time() {
    let (crowd, ada) = (crowd(1, 1, 8), agent("ada"));
    let root = seated(crowd.enter(&ada));
    assert!(matches!(crowd.enter_for(root.id(), &ada), Entered::Full));
    root.lend();
    let first = seated(crowd.enter_for(root.id(), &ada));
    let second = in_line(crowd.enter_for(root.id(), &ada));
    assert!(matches!(crowd.enter_for(first.id(), &ada), Entered::Full), "it has a sandbox");
    drop(first);
    drop(second.now_or_never().expect("its turn"));
    drop(seated(crowd.enter_for(root.id(), &ada)));
    drop(root);
    assert!(crowd.lock().is_empty());
}
