//! `ringfence demo`: everything that Ringfence promises, seen once, on real skills. No set-up, no network, and nothing
//! is left behind but a build folder in the user's cache.

mod survival;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ringfence_core::audit::{Outcome, Status};
use ringfence_core::error::{Code, Error};
use ringfence_core::governance::KillTarget;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::{Emitted, Order};
use ringfence_core::ring::Ring;
use serde_json::{Value, json};

use crate::cli::{operator, progress, run, this_program};
use crate::config::{Config, Places};
use crate::text::plain;
use crate::wiring::{self, Running};
use crate::{app, build, carried, replay, report, show};

const SKILLS: [&str; 7] = ["hello", "word-count", "remember", "notes", "invoice", "spin", "two-notes"];

const GRANT: &str = "\
[[grant]]\nring = 2\nskill = \"notes\"\nfiles = [{ folder = \"notes\", access = \"write\" }]\n
[[grant]]\nring = 2\nskill = \"two-notes\"\nfiles = [{ folder = \"notes\", access = \"write\" }]\n";

const INVOICE: &str = "ACME Tools GmbH\nInvoice No. 2025-0117\nDate: 03/12/2025\n\n\
    2 x Hammer  12,50  25,00\n1 x Ladder  89,90  89,90\n\nNet 114,90\nVAT 19% 21,83\nTotal EUR 136,73\n";

/// Runs the demo.
pub(crate) async fn run(as_json: bool) -> Result<ExitCode, Error> {
    let folder = tempfile::tempdir()
        .map_err(|why| Error::new(Code::R0412, "there is no temporary folder").because(why))?;
    let skills = build_skills()?;
    let mut demo = Demo { folder: folder.path().to_owned(), as_json, shown: Vec::new() };
    demo.play(&skills).await?;
    if as_json {
        show::data(Value::from(demo.shown))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the carried skills in the user's cache, so that a second demo is quick.
fn build_skills() -> Result<Vec<PathBuf>, Error> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache =
        std::env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from).or_else(home);
    let folder =
        cache.unwrap_or_else(std::env::temp_dir).join(format!("ringfence/demo-{}", carried::fingerprint()));
    carried::unpack(
        &["skill-sdk/", "wit/", "skills/", "host/demo/", "Cargo.lock", "rust-toolchain.toml"],
        &folder,
    )?;
    // Not every example is a crate: an agent is a file.
    let members: Vec<&str> = carried::crates(&["skills/", "host/demo/"]).collect();
    let workspace = format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n");
    carried::write(&folder.join("Cargo.toml"), workspace.as_bytes())?;
    let bar = progress("building the example skills for the sandbox (a minute, the first time)".into());
    let target = folder.join("target");
    let target_text = target.to_string_lossy().into_owned();
    let mut arguments = vec!["--target-dir", &target_text];
    SKILLS.iter().for_each(|skill| arguments.extend(["--package", skill]));
    tokio::task::block_in_place(|| build::build(&folder, &arguments, false))?;
    bar.finish_and_clear();
    let artifact =
        |skill: &&str| target.join(format!("wasm32-wasip2/skill/{}.wasm", skill.replace('-', "_")));
    Ok(SKILLS.iter().map(artifact).collect())
}

struct Demo {
    folder: PathBuf,
    as_json: bool,
    shown: Vec<Value>,
}

/// How one act is played.
struct Act<'a> {
    skill: &'a str,
    input: Value,
    ring: Ring,
    fuel: Option<u64>,
}

impl Demo {
    async fn play(&mut self, skills: &[PathBuf]) -> Result<(), Error> {
        self.say("Ringfence runs a skill with its caller's privileges, never with its own.")?;
        let running = self.start("")?;
        self.load(&running, skills).await?;
        self.say("\n1. A run. The least privileged ring is enough for a skill that asks for no power.")?;
        let act = Act::new("hello", json!({"name": "Ada"}), Ring::Sandboxed);
        let greeted = self.perform(&running, act, Status::Completed).await?;
        expect(greeted.outcome.output == Some(json!("Hello, Ada!")), "hello greets Ada")?;

        self.say("\n2. Refused before any instruction: the component imports a power that ring 3 has not.")?;
        let list = json!({"action": "list"});
        let refused =
            self.perform(&running, Act::new("notes", list.clone(), Ring::Sandboxed), Status::Refused).await?;
        expect(refused.outcome.used.fuel == 0, "nothing of it ran")?;

        self.say("\n3. Denied at the call: ring 2 may use files, but nobody granted this folder.")?;
        let act = Act::new("notes", list, Ring::Standard);
        self.perform(&running, act, Status::Failed).await?;
        drop(running);

        self.say("\n4. With the line of policy that the denial named, it works, in that folder alone.")?;
        let running = self.start(GRANT)?;
        let add = json!({"action": "add", "name": "first", "text": "remember the milk"});
        self.perform(&running, Act::new("notes", add, Ring::Standard), Status::Completed).await?;
        expect(self.folder.join("notes/first.md").is_file(), "the note is on the disk")?;
        let escape = json!({"action": "read", "folder": "../../etc", "name": "passwd"});
        self.perform(&running, Act::new("notes", escape, Ring::Standard), Status::Failed).await?;

        self.say("\n5. A limit: the same skill, with less fuel than the work takes.")?;
        let act =
            Act::new("word-count", json!({"text": "to be or not to be ".repeat(2_000)}), Ring::Sandboxed);
        let limited = self.perform(&running, Act { fuel: Some(1_000_000), ..act }, Status::Stopped).await?;
        expect(limited.outcome.limit.is_some_and(|hit| hit.name == Limit::Fuel), "fuel was the limit")?;

        self.say("\n6. A kill: a skill that spins for ever, stopped from outside.")?;
        self.kill(&running).await?;

        self.say("\n7. A correction: the first reading breaks the contract; the violations go back, and it repairs.")?;
        let act = Act::new("invoice", json!({"text": INVOICE}), Ring::Sandboxed);
        let corrected = self.perform(&running, act, Status::Completed).await?;
        expect(corrected.outcome.attempts > 1, "the first reading was wrong")?;

        self.say("\n8. A crash: the host is killed outright between two effects; the next one goes on from the log.")?;
        let survived = survival::survive(self, &running).await?;

        self.say("\n9. The record: every decision and call is in a chained log, and a run can be repeated from it alone.")?;
        let verified = app::verify(&running.store)?;
        self.say(&format!("   {} events in {} streams, unaltered", verified.events, verified.streams))?;
        for emitted in [&corrected, &survived] {
            let replayed = replay::replay(&running, &emitted.task).await?;
            expect(replayed.fuel == emitted.outcome.used.fuel, "a replay uses the same fuel")?;
            self.say(&format!(
                "   task {} repeated: {}, {}, as recorded",
                emitted.task,
                count(replayed.attempts.into(), "attempt"),
                count(replayed.fuel, "instruction"),
            ))?;
        }
        Ok(())
    }

    fn start(&self, policy: &str) -> Result<Running, Error> {
        let file = self.folder.join("ringfence.toml");
        carried::write(&file, policy.as_bytes())?;
        let config = Config::find(&Places { config: Some(file), data: None })?;
        let store = wiring::open(&config)?;
        wiring::start(config, store, this_program()?)
    }

    async fn load(&self, running: &Running, skills: &[PathBuf]) -> Result<(), Error> {
        let bar = progress("loading the skills".into());
        for path in skills {
            let component = std::fs::read(path).map_err(|why| {
                Error::new(Code::R0412, format!("{} cannot be read", path.display())).because(why)
            })?;
            app::load(running, &component, &operator()).await?;
        }
        bar.finish_and_clear();
        for skill in running.store.registry.list() {
            let powers: Vec<_> = skill.powers.iter().map(|power| power.word()).collect();
            let asks = if powers.is_empty() { "no power".to_owned() } else { powers.join(", ") };
            self.say(&format!(
                "   loaded {} {}: asks for {asks}",
                skill.contract.name, skill.contract.version
            ))?;
        }
        Ok(())
    }

    fn order(running: &Running, act: &Act<'_>) -> Result<Order, Error> {
        let mut limits = running.config.limits;
        limits[Limit::Fuel] = act.fuel.unwrap_or(limits[Limit::Fuel]);
        Ok(Order {
            task: running.store.entropy.task_id(),
            skill: act.skill.into(),
            input: act.input.to_string().into(),
            agent: "ada".parse().map_err(|why| Error::new(Code::R0001, "a name is none").because(why))?,
            ring: act.ring,
            only: None,
            context: None,
            session: None,
            limits,
            max_corrections: running.config.max_corrections,
        })
    }

    async fn perform(&mut self, running: &Running, act: Act<'_>, expected: Status) -> Result<Emitted, Error> {
        let input = act.input.to_string();
        let shown = if input.len() > 70 {
            format!("'{}…'", &input[..input.floor_char_boundary(70)])
        } else {
            format!("'{input}'")
        };
        let fuel = act.fuel.map_or_else(String::new, |fuel| format!(" --fuel {fuel}"));
        self.say(&format!("   $ ringfence run {} --ring {}{fuel} --input {shown}", act.skill, act.ring))?;
        let emitted = app::run(running, Self::order(running, &act)?).await?;
        self.show(&emitted)?;
        expect(emitted.outcome.status == expected, &format!("{} ends {expected:?}", act.skill))?;
        Ok(emitted)
    }

    async fn kill(&mut self, running: &Running) -> Result<(), Error> {
        let order = Self::order(running, &Act::new("spin", json!({}), Ring::Sandboxed))?;
        let target = KillTarget::Task(order.task.clone());
        self.say(&format!("   $ ringfence run spin &\n   $ ringfence kill {}", order.task))?;
        let killer = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let ordered = Instant::now();
            running.host.switches.kill(&target, &operator());
            ordered
        };
        let (emitted, ordered) = tokio::join!(running.host.run(order), killer);
        let took = ordered.elapsed();
        emitted.durable().await?;
        self.show(&emitted)?;
        self.say(&format!("   dead {took:.1?} after the order"))?;
        expect(emitted.outcome.error.as_ref().is_some_and(|error| error.code == Code::R0202), "it was killed")
    }

    fn show(&mut self, emitted: &Emitted) -> Result<(), Error> {
        let outcome: &Outcome = &emitted.outcome;
        let Outcome { status, output, error, attempts, used, .. } = outcome;
        if let Some(output) = output {
            let text = serde_json::to_string_pretty(output).unwrap_or_default();
            self.say(&indent(&plain(&text)))?;
        }
        if error.is_some()
            && let Some(error) = report::error_of(&emitted.outcome)
        {
            self.say(&indent(&report::render(&error)))?;
        }
        self.say(&format!(
            "   → {} in ring {}; {}, {}, {}, {} KiB of memory",
            format!("{status:?}").to_lowercase(),
            emitted.ring,
            count((*attempts).into(), "attempt"),
            count(used.fuel, "instruction"),
            count(used.steps, "host call"),
            grouped(used.memory_bytes / 1024),
        ))?;
        self.shown.push(run::to_json(emitted));
        Ok(())
    }

    /// Prints for people; as JSON only the tasks are printed, at the end.
    fn say(&self, line: &str) -> Result<(), Error> {
        if self.as_json { Ok(()) } else { show::data(line) }
    }
}

impl<'a> Act<'a> {
    const fn new(skill: &'a str, input: Value, ring: Ring) -> Self {
        Self { skill, input, ring, fuel: None }
    }
}

fn expect(held: bool, what: &str) -> Result<(), Error> {
    if held { Ok(()) } else { Err(Error::new(Code::R0001, format!("the demo expected that {what}"))) }
}

fn indent(text: &str) -> String {
    text.trim_end().lines().map(|line| format!("   {line}")).collect::<Vec<_>>().join("\n")
}

/// 1 attempt, 2 attempts.
fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(number))
}

/// 1234567 as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
