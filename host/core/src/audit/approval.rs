//! Approvals as they are written down: what people were asked, what they said, and what came of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::{Agent, Digest, TaskId};
use crate::units::Timestamp;

/// The longest reason that a person can give, in bytes.
pub const MAX_REASON: usize = 500;

/// Which approval: the task that asked for it, and the how-manieth of that task it is, from 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApprovalId {
    /// The task.
    pub task: TaskId,
    /// Its place among those that the task asked for.
    pub place: u32,
}

impl fmt::Display for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No id of a task holds a full stop.
        write!(f, "{}.{}", self.task, self.place)
    }
}

impl FromStr for ApprovalId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let none = || format!("{text:?} is no approval: it is the id of a task, a full stop and a number");
        let (task, place) = text.split_once('.').ok_or_else(none)?;
        let plain = place.bytes().all(|byte| byte.is_ascii_digit()) && !place.starts_with('0');
        let place = place.parse().ok().filter(|_| plain).ok_or_else(none)?;
        Ok(Self { task: task.parse().map_err(|_| none())?, place })
    }
}

impl Serialize for ApprovalId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ApprovalId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Who has to approve a call, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ApprovalTerms {
    /// How many people.
    pub of: u32,
    /// Which ones beside the operator; anybody but the one who asks where nobody is named.
    pub from: Vec<Agent>,
    /// How long after it was asked for the approval holds, in microseconds.
    pub lasts: u64,
}

impl Default for ApprovalTerms {
    /// One person, whoever it is, within a day.
    fn default() -> Self {
        Self { of: 1, from: Vec::new(), lasts: 86_400_000_000 }
    }
}

impl ApprovalTerms {
    /// What both ask for, if anybody but the operator could fulfil it.
    pub(crate) fn meet(&self, other: &Self) -> Option<Self> {
        let from = match (&self.from[..], &other.from[..]) {
            ([], from) | (from, []) => from.to_vec(),
            (one, two) => one.iter().filter(|name| two.contains(name)).cloned().collect(),
        };
        // Nobody named means anybody: that is not what two lists without a common name mean.
        let fits = from.is_empty() == (self.from.is_empty() && other.from.is_empty());
        let (of, lasts) = (self.of.max(other.of), self.lasts.min(other.lasts));
        fits.then_some(Self { of, from, lasts })
    }
}

/// What people are asked to approve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRequest {
    /// Its name.
    pub id: ApprovalId,
    /// The call with all its arguments, for whom, by which skill, in which ring, and as which call of which task: the JSON
    /// that is shown, byte for byte, and that the call has to come to again when it is made.
    pub bound: String,
    /// The hash of these bytes.
    pub hash: Digest,
    /// Who asks. It never counts as one who approves.
    pub agent: Agent,
    /// How many people have to approve.
    pub of: u32,
    /// Which ones beside the operator; anybody where nobody is named.
    pub from: Vec<Agent>,
    /// When it was asked for.
    pub asked: Timestamp,
    /// From when on it holds no more, whatever was decided.
    pub expires: Timestamp,
}

impl ApprovalRequest {
    /// The same under other terms as well, if anybody could fulfil both.
    pub(crate) fn under(&self, terms: &ApprovalTerms) -> Option<Self> {
        let lasts = self.expires.0.saturating_sub(self.asked.0);
        let own = ApprovalTerms { of: self.of, from: self.from.clone(), lasts };
        let ApprovalTerms { of, from, lasts } = own.meet(terms)?;
        let expires = Timestamp(self.asked.0.saturating_add(lasts)).min(self.expires);
        Some(Self { of, from, expires, ..self.clone() })
    }

    /// Whether its hash is that of what it shows.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        Digest::of(self.bound.as_bytes()) == self.hash
    }
}

/// One who decides on approvals.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approver {
    /// The owner of the store, under whatever name: one person.
    Operator,
    /// Somebody with a name.
    Agent(Agent),
}

impl fmt::Display for Approver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.write_str("the operator"),
            Self::Agent(agent) => write!(f, "{agent}"),
        }
    }
}

/// What somebody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// The call may be made.
    Approve,
    /// It may not.
    Deny,
}

/// How it stands with an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// More people have to approve.
    Waiting,
    /// Enough have.
    Granted,
    /// Somebody has denied it.
    Denied,
    /// Its time is over.
    Expired,
    /// A call was made under it, or was refused in spite of it.
    Used,
    /// Its task does not wait for it any more.
    Withdrawn,
}

impl Standing {
    /// Its word, as in the log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Granted => "granted",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Used => "used",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// Somebody's decision on an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Which.
    pub approval: ApprovalId,
    /// What was said.
    pub word: Word,
    /// By whom.
    pub by: Approver,
    /// Why; for the log and, where it was denied, for the skill.
    pub reason: String,
    /// The hash of what was seen.
    pub hash: Digest,
    /// When.
    pub at: Timestamp,
    /// How it stands with that.
    pub stands: Standing,
}

/// A person's reason, cut to what is kept of it.
#[must_use]
pub fn bounded(reason: &str) -> String {
    reason[..reason.floor_char_boundary(MAX_REASON)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_has_one_spelling() {
        let id: ApprovalId = "t-pay.12".parse().expect("an id");
        assert_eq!((id.task.as_str(), id.place, id.to_string()), ("t-pay", 12, "t-pay.12".to_owned()));
        for other in ["t-pay", "t-pay.", "t-pay.0", "t-pay.01", "t-pay.+1", "t-pay.1.1", ".1", "t pay.1"] {
            assert!(other.parse::<ApprovalId>().is_err(), "{other}");
        }
    }

    #[test]
    fn of_two_terms_the_stricter_counts() {
        let names = |names: &[&str]| names.iter().map(|name| name.parse().expect("a name")).collect();
        let terms = |of, from: &[&str], lasts| ApprovalTerms { of, from: names(from), lasts };
        assert_eq!(terms(1, &[], 9).meet(&terms(2, &["ada"], 7)), Some(terms(2, &["ada"], 7)));
        assert_eq!(terms(1, &["ada", "eve"], 9).meet(&terms(1, &["eve"], 7)), Some(terms(1, &["eve"], 7)));
        assert_eq!(terms(1, &["ada"], 9).meet(&terms(1, &["eve"], 7)), None);
        assert_eq!(terms(1, &[], 9).meet(&terms(1, &[], 7)), Some(terms(1, &[], 7)));
    }

    #[test]
    fn what_was_asked_for_holds_under_other_terms_as_far_as_both_go() {
        let name = |text: &str| text.parse::<Agent>().expect("a name");
        let request = ApprovalRequest {
            id: "t-a.1".parse().expect("an id"),
            bound: "{}".into(),
            hash: Digest::of(b"{}"),
            agent: name("ada"),
            of: 1,
            from: vec![name("bob"), name("mallory")],
            asked: Timestamp(1_000),
            expires: Timestamp(9_000),
        };
        let terms = |of, from: &[&str], lasts| ApprovalTerms {
            of,
            from: from.iter().map(|one| name(one)).collect(),
            lasts,
        };
        let under = request.under(&terms(2, &["bob", "eve"], 500)).expect("bob may still");
        assert_eq!((under.of, under.from, under.expires), (2, vec![name("bob")], Timestamp(1_500)));
        let wider = request.under(&terms(1, &[], 99_000)).expect("everybody may");
        assert_eq!((wider.of, wider.from.len(), wider.expires), (1, 2, Timestamp(9_000)));
        assert!(request.under(&terms(1, &["eve"], 500)).is_none(), "nobody who was asked counts any more");
    }
}
