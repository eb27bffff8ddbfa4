//! The command line: one verb, one file. Data goes to stdout, everything else to stderr.

mod agent;
mod approvals;
mod artifacts;
mod audit;
mod budget;
mod build;
mod children;
mod completions;
mod demo;
mod doctor;
mod events;
mod explain;
mod history;
mod inbox;
mod init;
mod kill;
mod load;
mod man;
mod mcp;
mod new;
mod order;
mod pin;
mod progress;
mod proofs;
mod receipt;
mod records;
mod rules;
pub(crate) mod run;
mod skills;
mod store;
mod task;
mod task_file;
mod tasks;
mod tools;
mod tree;
mod withdraw;
mod work;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory, Parser, Subcommand};
use ringfence_core::error::{Code, Error};
use tokio::signal::unix::{SignalKind, signal};

pub(crate) use self::progress::progress;
use self::progress::{counted, shown_on, take_off};
use crate::config::{Config, Places};
use crate::wiring::{self, Running, Store};
use crate::{machine, report};

/// Run untrusted agent skills with the caller's privileges, never with the code's.
#[derive(Debug, Parser)]
#[command(name = "ringfence", bin_name = "ringfence", version, propagate_version = true)]
#[command(disable_help_subcommand = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 the task failed, 2 asked wrongly, 3 refused by policy, 4 stopped by a limit or a kill, 5 a bug in Ringfence, 6 the task waits for an approval."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// What every verb takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// The policy file [default: ringfence.toml here or in a folder above]
    #[arg(long, global = true, value_name = "FILE", env = "RINGFENCE_CONFIG")]
    config: Option<PathBuf>,
    /// The data folder [default: beside the policy file, or the user's own]
    #[arg(long, global = true, value_name = "DIR", env = "RINGFENCE_DATA")]
    data: Option<PathBuf>,
    /// Print data as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write a policy file with every key explained
    Init(init::Init),
    /// Make a new skill project
    New(new::New),
    /// Build a skill project for the sandbox
    Build(build::Build),
    /// Load a skill into the host
    Load(load::Load),
    /// List the loaded skills, or show one
    Skills(skills::Skills),
    /// Say what a skill may do for a caller, and what would change that
    Explain(explain::Explain),
    /// Let a skill's name alone stand for one version
    Pin(pin::Pin),
    /// Let a skill's name alone stand for its highest release again
    Unpin(pin::Unpin),
    /// Offer a version no longer: new work on it is refused
    Withdraw(withdraw::Withdraw),
    /// List the operator's rules on outputs, or run the tests beside them
    Rules(rules::Rules),
    /// Run a skill as a governed task
    Run(Box<run::Run>),
    /// Load agents, run them, and see what they did turn by turn
    Agent(agent::Agent),
    /// Submit tasks for later, and see to them
    Task(task::Task),
    /// List tasks, or show one
    Tasks(tasks::Tasks),
    /// Work off the tasks that were submitted, and those whose host is gone
    Work(work::Work),
    /// See what waits for a person, and decide
    Inbox(inbox::Inbox),
    /// See which calls wait for approval, and approve or deny them
    Approvals(approvals::Approvals),
    /// List what skills have handed over, trace it back, or write it to a file
    Artifacts(artifacts::Artifacts),
    /// List the tools of the servers that the policy file names, and accept them
    Tools(tools::Tools),
    /// Offer skills as tools to a client of the Model Context Protocol
    Mcp(mcp::Mcp),
    /// Say what callers have spent today, and what they may
    Budget(budget::Budget),
    /// Stop what runs, wherever it is
    Kill(kill::Kill),
    /// Read, check and prove the audit log
    Audit(audit::Audit),
    /// Read what happens in all tasks and streams, in one order, from a cursor on
    Events(events::Events),
    /// Migrate, back up and check the store
    Store(store::Store),
    /// Check a receipt of a task, without any store
    Receipt(receipt::Receipt),
    /// Check this machine and this host, and say what to do; writes nothing
    Doctor(doctor::Doctor),
    /// Show all of it: a run, refusals, a limit, a kill, a correction, the log
    Demo(demo::Demo),
    /// Print what a shell needs to complete this program's words
    Completions(completions::Completions),
    /// Print the manual, or write a page for each verb
    Man(man::ManPages),
    #[command(hide = true)]
    CompileComponent(children::CompileComponent),
    #[command(hide = true)]
    ValidateValue(children::ValidateValue),
    #[command(hide = true)]
    RunServer(children::RunServer),
}

/// Does one of the host's limited chores (compiling a component, validating a value) if this process was started for one.
/// A program that embeds the host and names itself as the one that does them calls this first of all.
#[must_use]
pub fn chore() -> Option<ExitCode> {
    let asked = std::env::args().nth(1)?;
    ["compile-component", "validate-value", "run-server"].contains(&asked.as_str()).then(main)
}

/// Parses the command line, does what it says, and tells how the process ends.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(misread) => return answer(&misread),
    };
    let level = tracing_subscriber::EnvFilter::try_from_env("RINGFENCE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,rmcp=off"));
    tracing_subscriber::fmt()
        .with_env_filter(level)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .init();
    match cli.verb {
        Verb::CompileComponent(compile) => return compile.run(),
        Verb::ValidateValue(validate) => return validate.run(),
        Verb::RunServer(server) => return server.run(),
        _ => {}
    }
    let json = cli.global.json;
    serve(cli).unwrap_or_else(|error| {
        report::print(&error, json);
        report::exit(&error)
    })
}

fn serve(cli: Cli) -> Result<ExitCode, Error> {
    // What is wrong with the machine is for `doctor` to say.
    if !matches!(cli.verb, Verb::Doctor(_)) {
        machine::check_handles()?;
    }
    let runtime = machine::runtime()?;
    let done = runtime.block_on(obey(cli));
    runtime.shutdown_background();
    done
}

/// Help and version are answers; everything else was asked wrongly.
fn answer(misread: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    if matches!(misread.kind(), DisplayHelp | DisplayVersion | DisplayHelpOnMissingArgumentOrSubcommand) {
        drop(misread.print());
        return if misread.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
    }
    let text = misread.render().to_string();
    let joined = |part: &str| part.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut parts = text.split("\n\n");
    let message = joined(parts.next().unwrap_or_default().trim_start_matches("error: "));
    let message = message.replace(", compile-component]", "]");
    let advice = parts.map(joined).filter(|part| !part.is_empty()).collect::<Vec<_>>();
    let error = Error::new(Code::R0414, message).hint(advice.join("\n").replace("For more", "for more"));
    let json = std::env::args_os().any(|argument| argument == "--json");
    report::print(&error, json);
    report::exit(&error)
}

async fn obey(cli: Cli) -> Result<ExitCode, Error> {
    // A file that may not grow is an error for whoever writes it, like a full disk, and no reason to die.
    let too_large = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    let _ignored = signal(too_large);
    let global = &cli.global;
    match cli.verb {
        Verb::Init(verb) => verb.run(global),
        Verb::New(verb) => verb.run(global),
        Verb::Build(verb) => verb.run(global).await,
        Verb::Load(verb) => verb.run(global).await,
        Verb::Skills(verb) => verb.run(global),
        Verb::Explain(verb) => verb.run(global).await,
        Verb::Pin(verb) => verb.run(global).await,
        Verb::Unpin(verb) => verb.run(global).await,
        Verb::Withdraw(verb) => verb.run(global).await,
        Verb::Rules(verb) => verb.run(global),
        Verb::Run(verb) => verb.run(global).await,
        Verb::Agent(verb) => verb.run(global).await,
        Verb::Task(verb) => verb.run(global).await,
        Verb::Tasks(verb) => verb.run(global),
        Verb::Work(verb) => verb.run(global).await,
        Verb::Inbox(verb) => verb.run(global).await,
        Verb::Approvals(verb) => verb.run(global).await,
        Verb::Artifacts(verb) => verb.run(global),
        Verb::Tools(verb) => verb.run(global).await,
        Verb::Mcp(verb) => verb.run(global).await,
        Verb::Budget(verb) => verb.run(global),
        Verb::Kill(verb) => verb.run(global).await,
        Verb::Events(verb) => verb.run(global).await,
        Verb::Store(verb) => verb.run(global).await,
        Verb::Audit(verb) => verb.run(global).await,
        Verb::Receipt(verb) => verb.run(global),
        Verb::Doctor(verb) => verb.run(global),
        Verb::Demo(verb) => verb.run(global).await,
        Verb::Completions(verb) => verb.run(),
        Verb::Man(verb) => verb.run(global),
        Verb::CompileComponent(verb) => Ok(verb.run()),
        Verb::ValidateValue(verb) => Ok(verb.run()),
        Verb::RunServer(verb) => Ok(verb.run()),
    }
}

impl Global {
    pub(crate) fn config(&self) -> Result<Config, Error> {
        Config::find(&self.places())
    }

    /// Where to look for the configuration.
    pub(crate) fn places(&self) -> Places {
        Places { config: self.config.clone(), data: self.data.clone() }
    }

    pub(crate) fn store(&self) -> Result<Store, Error> {
        wiring::open(&self.config()?)
    }

    pub(crate) fn start(&self) -> Result<Running, Error> {
        let config = self.config()?;
        let store = wiring::open(&config)?;
        wiring::start(config, store, this_program()?)
    }

    /// The folder that a policy file is written to.
    pub(crate) fn config_file(&self) -> Option<PathBuf> {
        self.config.clone()
    }
}

/// The command line without what people do not call, for completions and manual.
pub(crate) fn shown_command() -> Command {
    let whole = Cli::command();
    let verbs = whole.get_subcommands().filter(|verb| !verb.is_hide_set());
    Command::new("ringfence")
        .bin_name("ringfence")
        .version(env!("CARGO_PKG_VERSION"))
        .about(whole.get_about().cloned().unwrap_or_default())
        .after_help(whole.get_after_help().cloned().unwrap_or_default())
        .disable_help_subcommand(true)
        .args(whole.get_arguments().cloned())
        .subcommands(verbs.cloned())
}

/// This binary, to be started again as the compiling child.
pub(crate) fn this_program() -> Result<PathBuf, Error> {
    std::env::current_exe()
        .map_err(|why| Error::new(Code::R0001, "this program cannot find itself").because(why))
}

/// Who gives an order on this machine.
pub(crate) fn operator() -> String {
    let name =
        ["USER", "LOGNAME"].iter().find_map(|key| std::env::var(key).ok()).filter(|name| !name.is_empty());
    let uid = rustix::process::getuid().as_raw();
    name.map_or_else(|| format!("uid {uid}"), |name| format!("{name} (uid {uid})"))
}

/// A point in time, as people read it.
pub(crate) fn time(at: ringfence_core::units::Timestamp) -> String {
    let micros = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| at.to_string(), |time| format!("{time:.3}"))
}
