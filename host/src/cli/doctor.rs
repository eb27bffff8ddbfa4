//! `ringfence doctor`

use std::process::ExitCode;

use clap::Args;
use ringfence_core::error::Error;
use serde_json::{Value, json};

use super::Global;
use crate::doctor::{Finding, Verdict, examine};
use crate::show;
use crate::text::plain_line;

#[derive(Debug, Args)]
#[command(after_help = "\
It ends with 1 if there is a problem. With --json: {healthy, findings: [{check, verdict: ok | warning | problem, says,
advice}]}")]
pub(super) struct Doctor {}

impl Doctor {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let findings = examine(&global.places());
        let healthy = findings.iter().all(|finding| finding.verdict != Verdict::Problem);
        if global.json {
            let found = Value::from_iter(findings.iter().map(to_json));
            show::data(json!({ "healthy": healthy, "findings": found }))?;
        } else {
            findings.iter().map(line).try_for_each(show::data)?;
        }
        Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn line(finding: &Finding) -> String {
    let Finding { check, verdict, says, advice } = finding;
    let line = format!("{:<8} {check:<14} {}", verdict.word(), plain_line(says));
    match advice {
        Some(advice) => format!("{line}\n{:<8} {:<14} → {}", "", "", plain_line(advice)),
        None => line,
    }
}

fn to_json(finding: &Finding) -> Value {
    let Finding { check, verdict, says, advice } = finding;
    json!({ "check": check, "verdict": verdict.word(), "says": says, "advice": advice })
}
