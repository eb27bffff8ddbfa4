//! A plan: what the skill does, and what befalls its hosts. It follows from a seed, and it can be played.

use std::fmt;

use ringfence_core::ids::TaskId;

use super::numbers::Numbers;
use super::script::{PATHS, Script};

/// All that a game depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) script: Script,
    /// What a second task does, which is there at the same time. Its requests go to other paths.
    pub(super) other: Option<Script>,
    pub(super) people: People,
    /// Whether the disk writes at a turn, and a host that was forsaken goes on, is as this number has it; without one each
    /// does at every turn.
    pub(super) rhythm: Option<u64>,
    pub(super) faults: Vec<Fault>,
}

/// How many people have to approve what must not come twice, and what the server knows again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct People {
    pub(super) once: u32,
    pub(super) keyed: u32,
}

/// Something that befalls the host of so many lives before it, at a turn of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) life: u32,
    pub(super) turn: u32,
    pub(super) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// The host is lost. Of the events that it had not written so many are found on the disk all the same, wherever that cuts
    /// a batch.
    Lost(u64),
    /// It is thought to be lost, and goes on beside the next one.
    Forsaken,
    /// It stands still for so many turns, its heart too: where its lease is over by then, it wakes up too late.
    Silent(u64),
    /// The disk writes nothing for so many turns.
    Slow(u64),
    /// There is no room on the disk for the next so many batches.
    Full(u64),
    /// The host's clock jumps by so many seconds. At the first turn it is a clock that is wrong from the beginning.
    Jump(i64),
    /// The order comes once more.
    Again,
    /// Another host begins with the task at the same time.
    Twice,
    /// What is on its way to the server when its host is lost arrives all the same, so many turns later.
    Late(u64),
}

impl What {
    /// The name of its kind.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Lost(0) => "lost",
            Self::Lost(_) => "torn",
            Self::Forsaken => "forsaken",
            Self::Silent(_) => "silent",
            Self::Slow(_) => "slow",
            Self::Full(_) => "full",
            Self::Jump(seconds) if *seconds < 0 => "back",
            Self::Jump(_) => "ahead",
            Self::Again => "again",
            Self::Twice => "twice",
            Self::Late(_) => "late",
        }
    }

    /// All of them.
    pub(super) const WORDS: [&'static str; 11] =
        ["lost", "torn", "forsaken", "silent", "slow", "full", "back", "ahead", "again", "twice", "late"];
}

/// Two hours, two days, and more than a year: beyond what a task may take, beyond what an approval lasts, beyond both.
pub(super) const JUMPS: [i64; 3] = [7_200, 172_800, 34_560_000];

impl Plan {
    pub(super) fn draw(seed: u64) -> Self {
        let mut numbers = Numbers::new(seed);
        let script = Script::draw(&mut numbers, 0);
        let other = numbers.one_in(2).then(|| Script::draw(&mut numbers, PATHS));
        // Of some seeds one or two people approve what must not come twice, of others what the server knows again too.
        let people = match seed % 4 {
            1 => People { once: 1, keyed: 0 },
            2 => People { once: 2, keyed: 0 },
            3 => People { once: 1, keyed: 1 },
            _ => People { once: 0, keyed: 0 },
        };
        let rhythm = Some(numbers.below(1 << 32));
        let mut faults = Vec::new();
        // Some lose more hosts than a task may take with it.
        let lives = if numbers.one_in(8) { 12 } else { numbers.below(8) };
        for life in 0..u32::try_from(lives).unwrap() {
            // Most are over a task for a few turns only.
            let most = [8, 16, 32, 100][usize::try_from(numbers.below(4)).unwrap()];
            let mut at = |numbers: &mut Numbers, what| {
                let turn = u32::try_from(numbers.below(most)).unwrap();
                faults.push(Fault { life, turn, what });
            };
            for _ in 0..numbers.below(4) {
                let what = What::draw(&mut numbers);
                at(&mut numbers, what);
            }
            let end = match numbers.below(8) {
                0 | 1 => What::Forsaken,
                2 => What::Lost(1 + numbers.below(6)),
                3 | 4 => What::Silent(1 + numbers.below(60)),
                _ => What::Lost(0),
            };
            at(&mut numbers, end);
        }
        faults.sort_by_key(|fault| (fault.life, fault.turn));
        Self { script, other, people, rhythm, faults }
    }

    /// How much there is to it.
    pub(super) fn elements(&self) -> usize {
        self.scripts().map(|(_, script)| script.steps.len()).sum::<usize>() + self.faults.len()
    }

    /// The tasks, each with what it does.
    pub(super) fn scripts(&self) -> impl Iterator<Item = (TaskId, &Script)> {
        let scripts = [("t-task", Some(&self.script)), ("t-other", self.other.as_ref())];
        scripts.into_iter().filter_map(|(task, script)| Some((task.parse().unwrap(), script?)))
    }
}

impl What {
    /// Any of those that end no life.
    fn draw(numbers: &mut Numbers) -> Self {
        match numbers.below(8) {
            0 | 1 => {
                let by = JUMPS[usize::try_from(numbers.below(3)).unwrap()];
                Self::Jump(if numbers.one_in(2) { by } else { -by })
            }
            2 | 3 => Self::Slow(1 + numbers.below(40)),
            4 => Self::Full(1 + numbers.below(3)),
            5 => Self::Again,
            6 => Self::Twice,
            _ => Self::Late(numbers.below(60)),
        }
    }
}

/// As it is written in a test.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", format!("{self:?}").replace('[', "vec!["))
    }
}
