//! What a client hears of a task while it runs: that it comes along, and the lines that the skill writes.

use std::convert::Infallible;
use std::time::Duration;

use ringfence_core::audit::Fact;
use ringfence_core::ids::{StreamName, TaskId};
use ringfence_core::stores::EventLog;
use rmcp::RoleServer;
use rmcp::model::{LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam, ProgressToken};
use rmcp::service::RequestContext;
use serde_json::{Value, json};

/// The most lines and steps that are told of one task; whoever wants more reads the log.
const MOST: u32 = 1_000;

/// How often it is looked whether there is something to tell.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// How many events are read at once.
const PAGE: usize = 64;

/// Tells one client of one task.
pub(super) struct Telling<'a> {
    context: &'a RequestContext<RoleServer>,
    log: &'a dyn EventLog,
    task: TaskId,
    progress: Option<ProgressToken>,
    level: Option<LoggingLevel>,
    seen: u64,
    left: u32,
}

impl<'a> Telling<'a> {
    pub(super) fn new(
        context: &'a RequestContext<RoleServer>,
        task: TaskId,
        progress: Option<ProgressToken>,
        level: Option<LoggingLevel>,
        log: &'a dyn EventLog,
    ) -> Self {
        Self { context, log, task, progress, level, seen: 0, left: MOST }
    }

    /// Whether the client wants to hear anything.
    const fn is_wanted(&self) -> bool {
        (self.progress.is_some() || self.level.is_some()) && self.left > 0
    }

    /// Tells what is recorded, for as long as this is waited for.
    pub(super) async fn follow(&mut self) -> Infallible {
        while self.is_wanted() {
            self.go_on().await;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        std::future::pending().await
    }

    /// Tells the rest.
    pub(super) async fn finish(&mut self) {
        while self.is_wanted() && self.go_on().await > 0 {}
    }

    /// Tells some of what was recorded since the last time, and says how much. What cannot be read or sent is left out.
    async fn go_on(&mut self) -> usize {
        let stream = StreamName::task(&self.task);
        let records = self.log.read(&stream, self.seen + 1, PAGE).unwrap_or_default();
        for record in &records {
            self.seen = record.event.sequence;
            self.left = self.left.saturating_sub(1);
            let fact = record.payload.as_deref().and_then(|payload| serde_json::from_slice(payload).ok());
            if let Some(fact) = fact
                && self.left > 0
            {
                self.tell(self.seen, &fact).await;
            }
        }
        records.len()
    }

    async fn tell(&self, sequence: u64, fact: &Fact) {
        let line = line_of(fact);
        if let (Some(least), Some((level, text))) = (self.level, &line)
            && rank(*level) >= rank(least)
        {
            let mut told = LoggingMessageNotificationParam::new(*level, json!(text));
            told.logger = Some(self.task.to_string());
            // The client may be gone; its task is seen to elsewhere.
            drop(self.context.peer.notify_logging_message(told).await);
        }
        if let Some(token) = &self.progress {
            #[expect(clippy::cast_precision_loss, reason = "no task has 2^52 events")]
            let mut told = ProgressNotificationParam::new(token.clone(), sequence as f64);
            told.message = Some(line.map_or_else(|| fact.kind().to_owned(), |(_, text)| text));
            drop(self.context.peer.notify_progress(told).await);
        }
    }
}

/// The line that a skill wrote, if this is one.
fn line_of(fact: &Fact) -> Option<(LoggingLevel, String)> {
    let Fact::Call { call, .. } = fact else { return None };
    if &*call.call != "log.write" {
        return None;
    }
    let arguments = serde_json::to_value(&call.arguments).ok()?;
    let level = match arguments["level"].as_str()? {
        "debug" => LoggingLevel::Debug,
        "warn" => LoggingLevel::Warning,
        "error" => LoggingLevel::Error,
        _ => LoggingLevel::Info,
    };
    arguments["message"].as_str().map(|text| (level, text.to_owned()))
}

/// How grave a level is, by its place in the protocol's list.
fn rank(level: LoggingLevel) -> usize {
    const LEVELS: [&str; 8] =
        ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
    let word = serde_json::to_value(level).unwrap_or(Value::Null);
    LEVELS.iter().position(|known| word == **known).unwrap_or_default()
}
