//! Whether people have approved a call: one pure function over what was asked, what was said, and the time.

use std::collections::HashSet;

use crate::audit::{ApprovalRequest, Approver, Decided, Standing, Word};
use crate::units::Timestamp;

/// What came of an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement<'a> {
    /// So many more people have to approve.
    Waiting {
        /// How many.
        missing: u32,
    },
    /// The call may be made, once.
    Granted,
    /// Somebody has denied it, and this is what was said.
    Denied(&'a Decided),
    /// Its time is over.
    Expired,
}

impl Judgement<'_> {
    /// In one word.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        match self {
            Self::Waiting { .. } => Standing::Waiting,
            Self::Granted => Standing::Granted,
            Self::Denied(_) => Standing::Denied,
            Self::Expired => Standing::Expired,
        }
    }
}

/// Whether somebody's word counts. The one who asks has none.
#[must_use]
pub fn may_decide(request: &ApprovalRequest, by: &Approver) -> bool {
    match by {
        Approver::Operator => true,
        Approver::Agent(agent) => {
            *agent != request.agent && (request.from.is_empty() || request.from.contains(agent))
        }
    }
}

/// Judges an approval by what was said about it, in the order in which it was said. Everybody counts once; the first who
/// denies it ends it; what is said too late does not count, and a grant that is not used in time is none.
#[must_use]
pub fn judge<'a>(request: &ApprovalRequest, said: &'a [Decided], now: Timestamp) -> Judgement<'a> {
    let mut approved = HashSet::new();
    let in_time = |decided: &&Decided| decided.approval == request.id && decided.at < request.expires;
    for decided in said.iter().filter(in_time).filter(|decided| may_decide(request, &decided.by)) {
        match decided.word {
            Word::Deny => return Judgement::Denied(decided),
            Word::Approve if decided.hash != request.hash => {}
            Word::Approve => {
                approved.insert(&decided.by);
            }
        }
        if approved.len() >= request.of as usize {
            break;
        }
    }
    let missing = request.of.saturating_sub(u32::try_from(approved.len()).unwrap_or(u32::MAX));
    match missing {
        _ if now >= request.expires => Judgement::Expired,
        0 => Judgement::Granted,
        missing => Judgement::Waiting { missing },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Digest;

    const EXPIRES: u64 = 100;

    fn request(of: u32, from: &[&str]) -> ApprovalRequest {
        let bound = "{}".to_owned();
        ApprovalRequest {
            id: "t-pay.1".parse().expect("an id"),
            hash: Digest::of(bound.as_bytes()),
            bound,
            agent: "mallory".parse().expect("a name"),
            of,
            from: from.iter().map(|name| name.parse().expect("a name")).collect(),
            asked: Timestamp(0),
            expires: Timestamp(EXPIRES),
        }
    }

    fn approver(name: &str) -> Approver {
        name.parse().map_or(Approver::Operator, Approver::Agent)
    }

    fn said(name: &str, word: Word, at: u64) -> Decided {
        Decided {
            approval: "t-pay.1".parse().expect("an id"),
            word,
            by: approver(name),
            reason: String::new(),
            hash: Digest::of(b"{}"),
            at: Timestamp(at),
            stands: Standing::Waiting,
        }
    }

    /// What should come of it, worked out in another way: the first denial against the moment in which enough had approved.
    fn expected(request: &ApprovalRequest, said: &[Decided], now: u64) -> Standing {
        let counts = |decided: &&Decided| decided.at.0 < EXPIRES && may_decide(request, &decided.by);
        let denied = said.iter().position(|decided| counts(&decided) && decided.word == Word::Deny);
        let enough = (0..=said.len()).find(|length| {
            let approved = said[..*length].iter().filter(counts);
            let approved: HashSet<_> =
                approved.filter(|one| one.word == Word::Approve).map(|one| one.by.clone()).collect();
            approved.len() >= request.of as usize
        });
        match (denied, enough) {
            (Some(denied), enough) if enough.is_none_or(|enough| denied < enough) => Standing::Denied,
            _ if now >= EXPIRES => Standing::Expired,
            (_, Some(_)) => Standing::Granted,
            (_, None) => Standing::Waiting,
        }
    }

    #[test]
    fn whatever_the_order_of_the_decisions_it_is_judged_by_the_first_that_settle_it() {
        // The one who asks, one who is not named, two who are, and the operator; in time and too late.
        let names = ["mallory", "stranger", "ada", "bob", "THE OPERATOR"];
        let words = [Word::Approve, Word::Deny];
        let all: Vec<Decided> = names
            .iter()
            .flat_map(|name| words.map(|word| said(name, word, 1)))
            .chain([said("ada", Word::Approve, EXPIRES), said("bob", Word::Deny, EXPIRES + 1)])
            .collect();
        let mut orders: Vec<Vec<Decided>> = vec![Vec::new()];
        for _ in 0..4 {
            let longer: Vec<_> = orders
                .iter()
                .flat_map(|order| all.iter().map(|one| [&order[..], std::slice::from_ref(one)].concat()))
                .collect();
            for request in [request(1, &[]), request(2, &["ada", "bob"]), request(3, &["ada", "bob"])] {
                for (order, now) in longer.iter().flat_map(|order| [(order, 50), (order, EXPIRES)]) {
                    let judged = judge(&request, order, Timestamp(now)).standing();
                    assert_eq!(judged, expected(&request, order, now), "{} of {order:?}", request.of);
                }
            }
            orders = longer;
        }
    }

    #[test]
    fn nobody_counts_twice_and_the_one_who_asks_not_at_all() {
        let request = request(2, &[]);
        let twice = [said("ada", Word::Approve, 1), said("ada", Word::Approve, 2)];
        assert_eq!(judge(&request, &twice, Timestamp(3)), Judgement::Waiting { missing: 1 });
        let own = [said("ada", Word::Approve, 1), said("mallory", Word::Approve, 2)];
        assert_eq!(judge(&request, &own, Timestamp(3)), Judgement::Waiting { missing: 1 });
        let own_denial = [said("mallory", Word::Deny, 1)];
        assert_eq!(judge(&request, &own_denial, Timestamp(3)), Judgement::Waiting { missing: 2 });
    }

    #[test]
    fn a_word_about_another_approval_or_other_bytes_counts_for_nothing() {
        let request = request(1, &[]);
        let other = Decided { approval: "t-pay.2".parse().expect("an id"), ..said("ada", Word::Approve, 1) };
        assert_eq!(judge(&request, &[other], Timestamp(2)), Judgement::Waiting { missing: 1 });
        let bytes = Decided { hash: Digest::of(b"{ }"), ..said("ada", Word::Approve, 1) };
        assert_eq!(judge(&request, &[bytes], Timestamp(2)), Judgement::Waiting { missing: 1 });
    }
}
