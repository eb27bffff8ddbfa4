//! Whose fault it is that a task did not complete: the one place where it is decided, from how the task ended.

use crate::audit::{AttemptEnd, Blame};
use crate::error::Code;
use crate::limit::Limit;

/// How a task ended that did not complete.
#[derive(Debug, Clone, Copy)]
pub(super) enum Failing<'a> {
    /// It was refused before anything ran.
    Refused(Code),
    /// Nobody could tell whether its input keeps the contract.
    Unchecked,
    /// This attempt, the `number`th, was its last. `provider_failed`: a call that its provider could not do came before.
    Attempt { end: &'a AttemptEnd, number: u32, provider_failed: bool },
    /// No attempt gave an output that keeps the contract.
    NeverValid,
}

/// Who is to blame. None: nobody, it completed.
pub(super) const fn blame(failing: Failing<'_>) -> Option<Blame> {
    match failing {
        Failing::Refused(code) => Some(of_refusal(code)),
        Failing::Unchecked => Some(Blame::Host),
        Failing::NeverValid => Some(Blame::Skill),
        Failing::Attempt { end, number, provider_failed } => match end {
            AttemptEnd::Valid { .. } => None,
            AttemptEnd::Stop { .. } if provider_failed => Some(Blame::Provider),
            // What the attempts before it used up is the skill's doing.
            AttemptEnd::NotAdmitted { limit } if number == 1 => Some(before_the_first(limit.name)),
            AttemptEnd::NotAdmitted { .. }
            | AttemptEnd::Invalid { .. }
            | AttemptEnd::Retry { .. }
            | AttemptEnd::Stop { .. }
            | AttemptEnd::Trapped { .. }
            | AttemptEnd::Starved { .. }
            | AttemptEnd::Exhausted { .. } => Some(Blame::Skill),
            // The operator ended it; nothing is proved against the skill.
            // Who judges is the operator's choice.
            AttemptEnd::Unjudged { .. } | AttemptEnd::Killed { .. } | AttemptEnd::HostFailed { .. } => {
                Some(Blame::Host)
            }
        },
    }
}

/// Which side brought it about that a task was over before its first instruction.
const fn before_the_first(limit: Limit) -> Blame {
    match limit {
        // Looking at the task and compiling for it took all of its time.
        Limit::WallMs => Blame::Host,
        // The input is larger than the caller allows, or the caller allows nothing at all.
        Limit::Fuel
        | Limit::Steps
        | Limit::MemoryBytes
        | Limit::BytesIn
        | Limit::BytesOut
        | Limit::LogBytes
        | Limit::Artifacts
        | Limit::ArtifactBytes
        | Limit::Tokens
        | Limit::MicroUsd => Blame::Caller,
    }
}

const fn of_refusal(code: Code) -> Blame {
    match code {
        // It asks for what its caller's ring, or no ring at all, may do; or its contract is no longer one.
        Code::R0101 | Code::R0102 | Code::R0107 | Code::R0410 => Blame::Skill,
        // The caller narrowed the task, named what is not there, or gave an input that is none.
        Code::R0103 | Code::R0110 | Code::R0401 | Code::R0402 | Code::R0403 | Code::R0421 | Code::R0443 => {
            Blame::Caller
        }
        // The operator declared the context, and who judges.
        Code::R0444 | Code::R0445 | Code::R0446 | Code::R0452 => Blame::Host,
        // No task is refused with these.
        Code::R0001
        | Code::R0201
        | Code::R0202
        | Code::R0301
        | Code::R0302
        | Code::R0303
        | Code::R0404
        | Code::R0405
        | Code::R0406
        | Code::R0407
        | Code::R0408
        | Code::R0409
        | Code::R0411
        | Code::R0412
        | Code::R0413
        | Code::R0414
        | Code::R0415
        | Code::R0430
        | Code::R0431
        | Code::R0419
        | Code::R0416
        | Code::R0417
        | Code::R0420
        | Code::R0501
        | Code::R0502
        | Code::R0503
        | Code::R0504
        | Code::R0505
        | Code::R0506
        | Code::R0507
        | Code::R0508
        | Code::R0509
        | Code::R0510
        | Code::R0511
        | Code::R0512
        | Code::R0440
        | Code::R0441
        | Code::R0442
        | Code::R0448
        | Code::R0450
        | Code::R0451
        | Code::R0455
        | Code::R0456
        | Code::R0460
        | Code::R0461
        | Code::R0462
        | Code::R0463
        | Code::R0464
        | Code::R0465
        | Code::R0466
        | Code::R0467
        | Code::R0530
        | Code::R0531
        | Code::R0532
        | Code::R0533
        | Code::R0534
        | Code::R0520
        | Code::R0521
        | Code::R0526
        | Code::R0527 => Blame::Host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::LimitHit;

    fn attempt(end: &AttemptEnd, number: u32, provider_failed: bool) -> Option<Blame> {
        blame(Failing::Attempt { end, number, provider_failed })
    }

    fn hit(name: Limit) -> LimitHit {
        LimitHit { name, used: 1, allowed: 1 }
    }

    #[test]
    fn nobody_is_to_blame_for_what_completed() {
        assert_eq!(attempt(&AttemptEnd::Valid { output: 1.into() }, 1, true), None);
    }

    #[test]
    fn a_skill_that_gives_up_is_to_blame_unless_a_provider_failed_it() {
        let end = AttemptEnd::Stop { message: String::new() };
        assert_eq!(attempt(&end, 1, false), Some(Blame::Skill));
        assert_eq!(attempt(&end, 1, true), Some(Blame::Provider));
        let trapped = AttemptEnd::Trapped { message: String::new() };
        assert_eq!(attempt(&trapped, 1, true), Some(Blame::Skill), "no failure excuses a trap");
    }

    #[test]
    fn a_limit_is_the_skills_fault_once_it_has_run() {
        assert_eq!(
            attempt(&AttemptEnd::Exhausted { limit: hit(Limit::WallMs) }, 1, false),
            Some(Blame::Skill)
        );
        let never = |name, number| attempt(&AttemptEnd::NotAdmitted { limit: hit(name) }, number, false);
        assert_eq!(never(Limit::BytesIn, 1), Some(Blame::Caller));
        assert_eq!(never(Limit::WallMs, 1), Some(Blame::Host));
        assert_eq!(never(Limit::WallMs, 2), Some(Blame::Skill));
        let (output, validator) = (String::new(), "judge@1.0.0".to_owned());
        let starved = AttemptEnd::Starved { output, validator, limit: hit(Limit::Fuel) };
        assert_eq!(attempt(&starved, 1, false), Some(Blame::Skill), "it left too little");
    }

    #[test]
    fn a_kill_is_not_the_skills_fault() {
        assert_eq!(attempt(&AttemptEnd::Killed { by: "ada".into() }, 1, true), Some(Blame::Host));
    }
}
