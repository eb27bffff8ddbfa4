//! `ringfence task show --tree`

use std::process::ExitCode;

use ringfence_core::error::{Code, Error};
use ringfence_core::ids::TaskId;
use serde_json::{Value, json};

use super::Global;
use super::tasks::{state, to_json};
use crate::app::{self, TaskState, TaskTree};
use crate::show;
use crate::text::plain_line;

pub(super) fn show(task: &TaskId, global: &Global) -> Result<ExitCode, Error> {
    let store = global.store()?;
    let tree = app::tree(&store, task)?.ok_or_else(|| {
        Error::new(Code::R0414, format!("there is no task `{task}`")).hint("see all: ringfence tasks")
    })?;
    if global.json {
        show::data(whole(&tree))?;
    } else {
        let mut lines = Vec::new();
        draw(&tree, 0, &mut lines);
        show::data(lines.join("\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn draw(tree: &TaskTree, depth: usize, lines: &mut Vec<String>) {
    let TaskTree { line, errands } = tree;
    let skill = if line.skill.is_empty() { "-".into() } else { plain_line(&line.skill) };
    let skill = format!("{:indent$}{skill}", "", indent = 2 * depth);
    let fuel = fuel(tree).map_or_else(|| "-".to_owned(), |fuel| fuel.to_string());
    lines.push(format!("{skill:<40} {:<10} {fuel:>14} fuel  {}", state(line), line.task));
    errands.iter().for_each(|errand| draw(errand, depth + 1, lines));
}

/// What it used, all that it asked for included; none as long as it is not over.
fn fuel(tree: &TaskTree) -> Option<u64> {
    match &tree.line.state {
        TaskState::Ended(outcome) => Some(outcome.used.fuel),
        _ => None,
    }
}

fn whole(tree: &TaskTree) -> Value {
    let mut value = to_json(&tree.line);
    value["fuel"] = json!(fuel(tree));
    value["errands"] = tree.errands.iter().map(whole).collect();
    value
}
