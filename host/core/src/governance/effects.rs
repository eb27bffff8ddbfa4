//! What the operator says that calls do at the least, whatever the host and a grant say of them.

use std::collections::BTreeMap;

use crate::ring::Effect;

/// Effects by the name of a call. They raise what a call counts as, and never lower it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeastEffects(BTreeMap<String, Effect>);

impl LeastEffects {
    /// What a call does at the least; nothing where nothing is said.
    #[must_use]
    pub fn of(&self, call: &str) -> Effect {
        self.0.get(call).copied().unwrap_or(Effect::Local)
    }

    /// Each call of which something is said, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Effect)> {
        self.0.iter().map(|(call, effect)| (call.as_str(), *effect))
    }

    /// Whether it says of no call that it does less than `other` says.
    pub(super) fn are_at_least(&self, other: &Self) -> bool {
        other.iter().all(|(call, effect)| self.of(call) >= effect)
    }
}

/// Of two words on one call the graver counts.
impl FromIterator<(String, Effect)> for LeastEffects {
    fn from_iter<I: IntoIterator<Item = (String, Effect)>>(said: I) -> Self {
        let mut effects = BTreeMap::new();
        for (call, effect) in said {
            let gravest = effects.entry(call).or_insert(effect);
            *gravest = effect.max(*gravest);
        }
        Self(effects)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::capability::Powers;
    use crate::governance::{
        Access, Authority, FolderGrant, Grant, GrantBook, Holder, Policies, Policy, Quota, recorded,
    };
    use crate::ring::Ring;

    fn policy(effect: Effect) -> Policy {
        let (access, quota) = (Access::Write, Quota::default());
        let folder =
            FolderGrant { name: "n".into(), folder: "/n".into(), access, quota, effect, approval: None };
        let grant = Grant { files: vec![Arc::new(folder)], ..Grant::to(Holder::Ring(Ring::Standard)) };
        let effects = [("memory.set".to_owned(), effect)].into_iter().collect();
        Policy { grants: Arc::new(GrantBook::new(vec![grant])), effects, ..Policy::default() }
    }

    fn began(policies: &Policies, skill: &str) -> Authority {
        let (agent, skill) = ("ada".parse().expect("a name"), skill.parse().expect("a name"));
        Authority::under(&policies.newest(), agent, skill, Ring::Trusted, Powers::all())
    }

    /// What it is to change the folder, and to set a key.
    fn counts(authority: &Authority) -> (Vec<Effect>, Effect) {
        (authority.folders("n").map(|folder| folder.effect).collect(), authority.least_effect("memory.set"))
    }

    const GRAVE: Effect = Effect::Irreversible;

    #[test]
    fn what_a_later_policy_says_is_graver_is_so_at_once_and_what_it_says_is_less_is_not() {
        let policies = Policies::new(policy(Effect::Reversible));
        let first = began(&policies, "notes");
        policies.take(policy(GRAVE));
        let (graver, narrowed) = first.caught_up().expect("it has changed");
        assert_eq!((counts(&graver), narrowed), ((vec![GRAVE], GRAVE), true));
        policies.take(policy(Effect::Reversible));
        let (still, narrowed) = graver.caught_up().expect("it has changed");
        assert_eq!((counts(&still), narrowed), ((vec![GRAVE], GRAVE), false));
        assert_eq!(counts(&began(&policies, "notes")), (vec![Effect::Reversible], Effect::Reversible));
    }

    #[test]
    fn a_change_of_what_calls_do_alone_takes_something_away() {
        let policies = Policies::new(policy(Effect::Reversible));
        let first = began(&policies, "notes");
        let effects = [("memory.set".to_owned(), GRAVE)].into_iter().collect();
        policies.take(Policy { effects, ..policy(Effect::Reversible) });
        let (graver, narrowed) = first.caught_up().expect("it has changed");
        assert!(narrowed && graver.least_effect("memory.set") == GRAVE);
    }

    #[test]
    fn a_skill_that_another_one_runs_does_what_is_graver_of_both_policies() {
        for (before, since) in [(GRAVE, Effect::Reversible), (Effect::Reversible, GRAVE)] {
            let policies = Policies::new(policy(before));
            let asking = began(&policies, "asks");
            policies.take(policy(since));
            let asked = began(&policies, "asked").asked_by(vec![asking.skill.clone()]).asked_under(&asking);
            assert_eq!(counts(&asked), (vec![GRAVE], GRAVE), "{before:?}, then {since:?}");
        }
    }

    #[test]
    fn what_is_written_down_counts_for_a_host_that_goes_on_whatever_policy_says_there() {
        let held = began(&Policies::new(policy(GRAVE)), "notes").record();
        let text = serde_json::to_string(&held).expect("it serialises");
        let held: Vec<crate::audit::HeldGrant> = serde_json::from_str(&text).expect("it is read again");
        let fresh = began(&Policies::new(policy(Effect::Reversible)), "notes");
        let before = recorded(&held, &fresh);
        assert_eq!(counts(&fresh.within([before])), (vec![GRAVE], GRAVE));
    }

    #[test]
    fn of_two_words_on_a_call_the_graver_counts_and_of_another_call_nothing_is_said() {
        let said = [("memory.set", Effect::Irreversible), ("memory.set", Effect::Reversible)];
        let effects: LeastEffects =
            said.map(|(call, effect)| (call.to_owned(), effect)).into_iter().collect();
        assert_eq!(
            (effects.of("memory.set"), effects.of("memory.se")),
            (Effect::Irreversible, Effect::Local)
        );
        let none = LeastEffects::default();
        assert!(effects.are_at_least(&none) && !none.are_at_least(&effects));
    }
}
