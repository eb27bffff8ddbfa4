//! Of which calls policy may say that they do more than the host says. A call that stands in neither list does not compile.

use super::{Call, agent, artifacts, clock, context, files, http, log, memory, model, random, skills, tool};
use crate::ring::Effect;

/// The calls of which policy may say what they do, each with the least that it does.
pub const RAISABLE: [(&str, Effect); 15] = [
    effect_of::<artifacts::ArtifactsSave>(),
    effect_of::<files::FilesDelete>(),
    effect_of::<files::FilesList>(),
    effect_of::<files::FilesRead>(),
    effect_of::<files::FilesWrite>(),
    of_grant::<http::HttpSend>(),
    effect_of::<memory::MemoryCompareAndSet>(),
    effect_of::<memory::MemoryDelete>(),
    effect_of::<memory::MemoryGet>(),
    effect_of::<memory::MemoryList>(),
    effect_of::<memory::MemorySet>(),
    effect_of::<model::ModelComplete>(),
    effect_of::<skills::SkillsRun>(),
    of_grant::<tool::ToolCall>(),
    effect_of::<tool::ToolList>(),
];

/// The calls that the host answers by itself, or makes by itself: they change nothing, whatever anybody says.
const OF_THE_HOST: [&str; 12] = [
    agent::AgentTurn::NAME,
    clock::ClockNow::NAME,
    clock::ClockSleep::NAME,
    clock::ModelWait::NAME,
    clock::WasiSleep::NAME,
    context::ContextList::NAME,
    context::ContextRead::NAME,
    log::LogWrite::NAME,
    model::ModelRest::NAME,
    model::ModelRoute::NAME,
    random::RandomBytes::NAME,
    skills::SkillsValidate::NAME,
];

const fn effect_of<C: Call>() -> (&'static str, Effect) {
    (C::NAME, C::EFFECT)
}

/// What it does is said by its grant.
const fn of_grant<C: Call>() -> (&'static str, Effect) {
    (C::NAME, Effect::Read)
}

/// Whether a call stands in one of the lists, and in which one it must: what the host neither answers nor makes by itself can be raised.
pub(in crate::gate) const fn is_listed<C: Call>() -> bool {
    let of_the_host = C::VIRTUAL || matches!(C::EFFECT, Effect::Local);
    let mut at = 0;
    while of_the_host && at < OF_THE_HOST.len() {
        if is_same(OF_THE_HOST[at], C::NAME) {
            return true;
        }
        at += 1;
    }
    while !of_the_host && at < RAISABLE.len() {
        if is_same(RAISABLE[at].0, C::NAME) {
            return true;
        }
        at += 1;
    }
    false
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;
    use crate::capability::Capability;
    use crate::governance::Cost;
    use crate::limit::Amounts;

    macro_rules! call {
        ($type:ident, $name:literal, $effect:ident, $virtual:literal) => {
            #[derive(Serialize)]
            struct $type;

            impl Call for $type {
                const CAPABILITY: Capability = Capability::Files;
                const NAME: &'static str = $name;
                const EFFECT: Effect = Effect::$effect;
                const VIRTUAL: bool = $virtual;
                type Answer = ();

                fn cost(&self) -> Cost {
                    Cost::default()
                }

                fn used(&self, (): &()) -> Amounts {
                    Amounts::NONE
                }
            }
        };
    }

    call!(New, "files.move", Reversible, false);
    call!(Longer, "files.write-many", Reversible, false);
    call!(Local, "files.count", Local, false);
    call!(Known, "files.write", Reversible, false);
    // It leaves the host, and somebody has put it among those that do not.
    call!(Misplaced, "log.write", Read, false);
    call!(Exempt, "files.read", Read, true);

    #[test]
    fn a_new_call_that_stands_in_no_list_or_in_the_wrong_one_is_seen() {
        assert!(
            is_listed::<Known>() && is_listed::<log::LogWrite>() && is_listed::<skills::SkillsValidate>()
        );
        let seen = [
            is_listed::<New>(),
            is_listed::<Longer>(),
            is_listed::<Local>(),
            is_listed::<Misplaced>(),
            is_listed::<Exempt>(),
        ];
        assert_eq!(seen, [false; 5]);
    }
}
