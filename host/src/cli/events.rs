//! `ringfence events`

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use ringfence_core::audit::Record;
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::{SessionName, TaskId};

use super::audit::shown_payload;
use super::work::told_to_stop;
use super::{Global, time};
use crate::events::{Filter, Reader};
use crate::show::{self, Listener};
use crate::text::plain_line;
use crate::wiring::Store;

/// How often is looked whether there is more.
const POLL: Duration = Duration::from_millis(20);

/// How long a line that is being printed may take once it is over.
const LAST_LINE: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
#[command(after_help = "\
Every event of every stream has a cursor, in the order in which they were committed, whichever process wrote them. Who goes on \
with --from and the last cursor that it saw misses nothing and sees nothing twice. With --json each line is a CloudEvent.")]
pub(super) struct Events {
    /// Wait for what comes
    #[arg(long)]
    follow: bool,
    /// Only what comes behind this cursor
    #[arg(long, value_name = "CURSOR", default_value_t = 0, hide_default_value = true)]
    from: u64,
    /// Only events of this kind, or of all kinds that begin with this word: task.ended, call, artifact
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// Only events of this task and those within it
    #[arg(long, value_name = "TASK")]
    task: Option<TaskId>,
    /// Only events of the tasks of this session and those within them
    #[arg(long, value_name = "NAME")]
    session: Option<SessionName>,
    /// How many at the most
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    most: u64,
}

impl Events {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let (store, as_json, follow) = (global.store()?, global.json, self.follow);
        let over = Arc::new(AtomicBool::new(false));
        // Listened to before the first line. Without `--follow` an interrupt ends the process as any other.
        let told_to_stop = follow.then(told_to_stop);
        // On a thread of its own: a reader that stops reading must not hold up the end.
        let mut reading = tokio::task::spawn_blocking({
            let over = Arc::clone(&over);
            move || self.read(&store, as_json, &over)
        });
        let bug = |why| Error::new(Code::R0001, "a bug in Ringfence").because(why);
        if let Some(told_to_stop) = told_to_stop {
            tokio::select! {
                read = &mut reading => read.map_err(bug)??,
                () = told_to_stop => {}
                () = show::listener_is_gone() => {}
            }
            over.store(true, Ordering::Relaxed);
            if !reading.is_finished() {
                drop(tokio::time::timeout(LAST_LINE, reading).await);
            }
        } else {
            reading.await.map_err(bug)??;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn read(self, store: &Store, as_json: bool, over: &AtomicBool) -> Result<(), Error> {
        let filter = Filter { kinds: self.kinds, task: self.task, session: self.session };
        let mut reader = Reader::behind(store, self.from, filter);
        let mut left = self.most;
        while left > 0 && !over.load(Ordering::Relaxed) {
            // Before the look: what comes after it changes the version again.
            let version = store.log.version()?;
            let page = reader.page()?;
            let mut lines = Vec::with_capacity(page.found.len());
            for (cursor, record) in &page.found {
                if left == 0 {
                    break;
                }
                left -= 1;
                lines.push(match as_json {
                    true => reader.cloud_event(*cursor, record)?.to_string(),
                    false => line(*cursor, record),
                });
            }
            if show::lines(&lines)? == Listener::Gone {
                return Ok(());
            }
            if page.is_full {
                continue;
            }
            if !self.follow {
                return Ok(());
            }
            while left > 0 && !over.load(Ordering::Relaxed) && store.log.version()? == version {
                std::thread::sleep(POLL);
            }
        }
        Ok(())
    }
}

fn line(cursor: u64, record: &Record) -> String {
    let event = &record.event;
    let (at, kind) = (time(event.time), plain_line(&event.kind));
    format!("{cursor:>8}  {at}  {}/{}  {kind:<16} {}", event.stream, event.sequence, shown_payload(record))
}
