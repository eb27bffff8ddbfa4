//! What the skill does: a few steps, the same each time it is run, and perhaps a first attempt that fails.

use ringfence_core::capability::{Capability, Powers};
use ringfence_core::gate::{
    ClockNow, ClockSleep, Content, Gate, HttpAnswer, HttpSend, Level, LogWrite, PrintStream, Stop, TrapReason,
};
use ringfence_core::sandbox::{End, Request};
use ringfence_core::units::{Bytes, Fuel};
use serde_json::{Value, json};

use super::host::turn;
use super::numbers::Numbers;

/// One step of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A request that must not come twice.
    Once(u64),
    /// A request that the server knows again.
    Keyed(u64),
    /// A request that changes nothing.
    Read(u64),
    Now,
    Sleep,
    Log,
    Print,
}

/// To how many paths the requests of a task go.
pub(super) const PATHS: u64 = 3;

/// All steps, and whether the first attempt asks for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) steps: Vec<Step>,
    pub(super) fails_first: bool,
}

impl Step {
    /// The same, to another path.
    pub(super) fn at(self, place: impl Fn(u64) -> u64) -> Self {
        match self {
            Self::Once(path) => Self::Once(place(path)),
            Self::Keyed(path) => Self::Keyed(place(path)),
            Self::Read(path) => Self::Read(place(path)),
            Self::Now | Self::Sleep | Self::Log | Self::Print => self,
        }
    }
}

impl Script {
    /// The same, with paths that begin at this one.
    pub(super) fn from(&self, first: u64) -> Self {
        let steps = self.steps.iter().map(|step| step.at(|path| first + path % PATHS));
        Self { steps: steps.collect(), ..*self }
    }

    /// One whose paths begin at this one.
    pub(super) fn draw(numbers: &mut Numbers, first: u64) -> Self {
        let steps = (0..1 + numbers.below(7)).map(|_| {
            // Few paths, so that the same request is made more than once.
            let path = first + numbers.below(PATHS);
            match numbers.below(7) {
                0 | 1 => Step::Once(path),
                2 => Step::Keyed(path),
                3 => Step::Read(path),
                4 => Step::Now,
                5 => Step::Sleep,
                _ if path == first => Step::Print,
                _ => Step::Log,
            }
        });
        Self { steps: steps.collect(), fails_first: numbers.one_in(3) }
    }

    /// The powers that it asks for.
    pub(super) fn powers() -> Powers {
        [Capability::Clock, Capability::Http, Capability::Log].into_iter().collect()
    }

    pub(super) fn input(&self) -> String {
        let word = |step: &Step| match step {
            Step::Once(path) => format!("once/{path}"),
            Step::Keyed(path) => format!("keyed/{path}"),
            Step::Read(path) => format!("read/{path}"),
            Step::Now => "now".into(),
            Step::Sleep => "sleep".into(),
            Step::Log => "log".into(),
            Step::Print => "print".into(),
        };
        json!({ "steps": self.steps.iter().map(word).collect::<Vec<_>>(), "fails": self.fails_first })
            .to_string()
    }

    fn parse(input: &str) -> Self {
        let input: Value = serde_json::from_str(input).unwrap();
        let step = |word: &str| match word.split_once('/') {
            Some(("once", path)) => Step::Once(path.parse().unwrap()),
            Some(("keyed", path)) => Step::Keyed(path.parse().unwrap()),
            Some((_, path)) => Step::Read(path.parse().unwrap()),
            None if word == "now" => Step::Now,
            None if word == "sleep" => Step::Sleep,
            None if word == "log" => Step::Log,
            None => Step::Print,
        };
        let steps = input["steps"].as_array().unwrap().iter().map(|word| step(word.as_str().unwrap()));
        Self { steps: steps.collect(), fails_first: input["fails"] == true }
    }

    /// What it gives: how many of its requests were answered.
    pub(super) fn output(&self) -> Value {
        let asks = |step: &&Step| matches!(step, Step::Once(_) | Step::Keyed(_) | Step::Read(_));
        json!(self.steps.iter().filter(asks).count())
    }

    /// Runs an attempt behind its gate.
    pub(super) async fn run(request: &Request, gate: &mut Gate) -> End {
        let script = Self::parse(&request.input);
        let mut answered = 0;
        for (step, fuel) in script.steps.iter().zip(1..) {
            gate.observe(Fuel(fuel * 100), Bytes(0));
            turn().await;
            match do_one(*step, gate).await {
                Ok(answers) => answered += answers,
                Err(Stop::Trap(reason)) => return End::Ended(reason),
                Err(Stop::Tell(refusal)) => return End::Stop(refusal.to_string()),
            }
        }
        if let Err(divergence) = gate.check_all_repeated() {
            return End::Ended(TrapReason::Diverged(divergence));
        }
        if script.fails_first && request.violations.is_empty() {
            return End::Retry("once more".into());
        }
        End::Output(answered.to_string())
    }
}

async fn do_one(step: Step, gate: &mut Gate) -> Result<u64, Stop> {
    match step {
        Step::Once(path) => ask(gate, "POST", format!("once/{path}")).await,
        Step::Keyed(path) => ask(gate, "POST", format!("keyed/{path}")).await,
        Step::Read(path) => ask(gate, "GET", format!("keyed/{path}")).await,
        Step::Now => gate.local(ClockNow).map(|_| 0),
        Step::Sleep => gate.sleep(ClockSleep { nanoseconds: 1_000_000 }).await.map(|()| 0),
        Step::Log => gate.local(LogWrite { level: Level::Info, message: "a line".into() }).map(|()| 0),
        Step::Print => {
            gate.books().print(PrintStream::Out, &[b'x'; 3_000]);
            Ok(0)
        }
    }
}

async fn ask(gate: &mut Gate, method: &str, path: String) -> Result<u64, Stop> {
    let call =
        HttpSend::new(method.into(), &format!("http://shop.example/{path}"), Vec::new(), Content(Vec::new()));
    let HttpAnswer { status, .. } = gate.pass(call, |permit, outside| outside.http.send(permit)).await?;
    Ok(u64::from(status == 200))
}
