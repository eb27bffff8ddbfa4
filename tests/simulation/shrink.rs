//! Makes a plan that fails smaller, as long as it fails in the same way.

use super::failure::Failure;
use super::plan::{Fault, JUMPS, People, Plan, What};
use super::play::play;
use super::script::{PATHS, Script, Step};

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
    let ends = plan
        .faults
        .iter()
        .filter(|fault| matches!(fault.what, What::Lost(_) | What::Forsaken | What::Silent(_)));
    found.extend(ends.map(|end| {
        let others = plan.faults.iter().filter(|fault| *fault != end);
        let earlier =
            others.map(|fault| Fault { life: fault.life - u32::from(fault.life > end.life), ..*fault });
        Plan { faults: earlier.collect(), ..plan.clone() }
    }));
    // One of two tasks alone.
    found.extend(plan.other.iter().flat_map(|other| {
        [plan.script.clone(), other.from(0)].map(|script| Plan { script, other: None, ..plan.clone() })
    }));
    found.extend(with_scripts(plan, |script, _| shorter(script)));
    let People { once, keyed } = plan.people;
    let even = plan.rhythm.map(|_| Plan { rhythm: None, ..plan.clone() });
    let unasked = [People { once: 0, keyed }, People { once, keyed: 0 }];
    let unasked = unasked.into_iter().filter(|people| *people != plan.people);
    let unasked = unasked.map(|people| Plan { people, ..plan.clone() });
    found.extend(even.into_iter().chain(unasked));
    found = found.into_iter().flat_map(elsewhere).collect();
    for (place, fault) in plan.faults.iter().enumerate() {
        found.extend(plainer(fault).map(|plainer| {
            let mut smaller = plan.clone();
            smaller.faults[place] = plainer;
            smaller.faults.sort_by_key(|fault| (fault.life, fault.turn));
            smaller
        }));
    }
    found.extend(with_scripts(plan, with_plain_paths));
    found
}

/// The plan with each of these scripts in place of its own, and in place of the second task's. They are told where its paths begin.
fn with_scripts(plan: &Plan, scripts: impl Fn(&Script, u64) -> Vec<Script>) -> Vec<Plan> {
    let first = scripts(&plan.script, 0).into_iter().map(|script| Plan { script, ..plan.clone() });
    let others = plan.other.iter().flat_map(|other| scripts(other, PATHS));
    first.chain(others.map(|other| Plan { other: Some(other), ..plan.clone() })).collect()
}

/// With fewer steps, or without an attempt that fails.
fn shorter(script: &Script) -> Vec<Script> {
    let fails_first = script.fails_first;
    let first = Some(Script { fails_first: false, ..script.clone() }).filter(|_| fails_first);
    without(&script.steps).map(|steps| Script { steps, fails_first }).chain(first).collect()
}

/// With one request that goes to the first path.
fn with_plain_paths(script: &Script, first: u64) -> Vec<Script> {
    let plain = |(place, step): (usize, &Step)| {
        let plain = step.at(|_| first);
        (plain != *step).then(|| {
            let mut smaller = script.clone();
            smaller.steps[place] = plain;
            smaller
        })
    };
    script.steps.iter().enumerate().filter_map(plain).collect()
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
        What::Silent(turns) => less(turns).map(What::Silent).collect(),
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
