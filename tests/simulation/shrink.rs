//! Makes a plan that fails smaller, as long as it fails in the same way.

use super::failure::Failure;
use super::plan::{Fault, JUMPS, People, Plan, What};
use super::play::play;
use super::script::Step;

/// The smallest plan that is found by taking elements away one after the other, and how it fails.
pub(super) fn shrink(plan: Plan, failure: Failure) -> (Plan, Failure) {
    let (mut plan, mut failure) = (plan, failure);
    let fails = |smaller: Plan, why| {
        let found = play(&smaller).err().filter(|found| found.why == why)?;
        Some((smaller, found))
    };
    while let Some(smaller) = smaller(&plan).into_iter().find_map(|smaller| fails(smaller, failure.why)) {
        (plan, failure) = smaller;
    }
    (plan, failure)
}

/// Plans with less in them, those that leave out most first. Each is smaller by some measure that has an end.
fn smaller(plan: &Plan) -> Vec<Plan> {
    let mut found = Vec::new();
    found.extend(without(&plan.faults).map(|faults| Plan { faults, ..plan.clone() }));
    // Where a host is not lost, what befell the next one befalls it.
    let ends = plan.faults.iter().filter(|fault| matches!(fault.what, What::Lost(_) | What::Forsaken));
    found.extend(ends.map(|end| {
        let others = plan.faults.iter().filter(|fault| *fault != end);
        let earlier =
            others.map(|fault| Fault { life: fault.life - u32::from(fault.life > end.life), ..*fault });
        Plan { faults: earlier.collect(), ..plan.clone() }
    }));
    let with_steps = |steps| {
        let mut smaller = plan.clone();
        smaller.script.steps = steps;
        smaller
    };
    found.extend(without(&plan.script.steps).map(with_steps));
    let People { once, keyed } = plan.people;
    let even = plan.rhythm.map(|_| Plan { rhythm: None, ..plan.clone() });
    let unasked = [People { once: 0, keyed }, People { once, keyed: 0 }];
    let unasked = unasked.into_iter().filter(|people| *people != plan.people);
    let unasked = unasked.map(|people| Plan { people, ..plan.clone() });
    let first = Some(plan).filter(|plan| plan.script.fails_first).cloned().map(|mut first| {
        first.script.fails_first = false;
        first
    });
    found.extend(even.into_iter().chain(unasked).chain(first));
    found = found.into_iter().flat_map(elsewhere).collect();
    for (place, fault) in plan.faults.iter().enumerate() {
        found.extend(plainer(fault).map(|plainer| {
            let mut smaller = plan.clone();
            smaller.faults[place] = plainer;
            smaller.faults.sort_by_key(|fault| (fault.life, fault.turn));
            smaller
        }));
    }
    for (place, step) in plan.script.steps.iter().enumerate() {
        let plain = match step {
            Step::Once(1..) => Step::Once(0),
            Step::Keyed(1..) => Step::Keyed(0),
            Step::Read(1..) => Step::Read(0),
            _ => continue,
        };
        let mut smaller = plan.clone();
        smaller.script.steps[place] = plain;
        found.push(smaller);
    }
    found
}

/// A plan with less in it, and the same with its fault at other moments if one is left: what befell a host at a place of its work
/// befalls it at another turn then, or another host.
fn elsewhere(plan: Plan) -> Vec<Plan> {
    let mut moved = Vec::new();
    if let [fault] = plan.faults[..] {
        let moments = (0..=fault.life).flat_map(|life| (0..40).map(move |turn| (life, turn)));
        let faults = moments.map(|(life, turn)| vec![Fault { life, turn, ..fault }]);
        moved.extend(faults.map(|faults| Plan { faults, ..plan.clone() }));
    }
    moved.insert(0, plan);
    moved
}

/// A list without each of its parts: halves, quarters, and so on down to single elements.
fn without<T: Clone>(list: &[T]) -> impl Iterator<Item = Vec<T>> {
    let lengths = std::iter::successors(Some(list.len()), |length| Some(length / 2).filter(|half| *half > 0));
    lengths.filter(|length| *length > 0).flat_map(move |length| {
        (0..list.len()).step_by(length).map(move |from| {
            let until = (from + length).min(list.len());
            [&list[..from], &list[until..]].concat()
        })
    })
}

/// The same, earlier or with less to it.
fn plainer(fault: &Fault) -> impl Iterator<Item = Fault> {
    let Fault { life, turn, what } = *fault;
    let less =
        |number: u64| [number / 2, number.saturating_sub(1)].into_iter().filter(move |less| *less < number);
    let earlier = less(turn.into()).map(move |turn| Fault { turn: u32::try_from(turn).unwrap(), ..*fault });
    let sooner = less(life.into()).map(move |life| Fault { life: u32::try_from(life).unwrap(), ..*fault });
    let smaller: Vec<What> = match what {
        What::Lost(kept) => less(kept).map(What::Lost).collect(),
        What::Slow(turns) => less(turns).map(What::Slow).collect(),
        What::Full(batches) => less(batches).map(What::Full).collect(),
        What::Late(turns) => less(turns).map(What::Late).collect(),
        What::Jump(seconds) => {
            let shorter = JUMPS.into_iter().filter(|jump| *jump < seconds.abs());
            shorter.map(|jump| What::Jump(jump * seconds.signum())).collect()
        }
        What::Forsaken | What::Again | What::Twice => Vec::new(),
    };
    let smaller = smaller.into_iter().map(move |what| Fault { life, turn, what });
    sooner.chain(earlier).chain(smaller).collect::<Vec<_>>().into_iter()
}
