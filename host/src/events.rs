//! The events of all streams in the order of their commits, as readers outside get them: from a cursor on, filtered, and
//! each in the envelope of a CloudEvent.

use std::collections::HashMap;

use ringfence_core::audit::{Fact, Record};
use ringfence_core::error::Error;
use ringfence_core::ids::{SessionName, StreamName, TaskId};
use serde_json::{Value, json};

use crate::tasks::fact;
use crate::wiring::Store;

/// How many events are held at once.
const PAGE: usize = 256;

/// How many tasks' origins are remembered.
const MOST_REMEMBERED: usize = 10_000;

/// Which events are asked for. What is empty asks for all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// Of these kinds: `task` stands for `task.accepted` and all others that begin with it and a dot. The type of a CloudEvent
    /// is taken too.
    pub(crate) kinds: Vec<String>,
    /// Of this task and those within it.
    pub(crate) task: Option<TaskId>,
    /// Of the tasks of this session and those within them.
    pub(crate) session: Option<SessionName>,
}

/// Goes through the events from a cursor on.
pub(crate) struct Reader<'a> {
    store: &'a Store,
    filter: Filter,
    cursor: u64,
    /// The name of this store among all others, once it is known.
    source: Option<String>,
    origins: HashMap<TaskId, Origin>,
}

/// Where a task comes from.
#[derive(Clone, Default)]
struct Origin {
    /// The task that asked for it, if one did.
    asker: Option<TaskId>,
    /// What its caller says that it belongs to.
    session: Option<SessionName>,
}

/// What was read at once.
pub(crate) struct Page {
    /// What was asked for, each with its cursor.
    pub(crate) found: Vec<(u64, Record)>,
    /// Whether there is more already.
    pub(crate) is_full: bool,
}

impl<'a> Reader<'a> {
    /// One that has seen everything up to a cursor.
    pub(crate) fn behind(store: &'a Store, cursor: u64, filter: Filter) -> Self {
        Self { store, filter, cursor, source: None, origins: HashMap::new() }
    }

    /// Reads on.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn page(&mut self) -> Result<Page, Error> {
        let records = self.store.log.feed(self.cursor, PAGE)?;
        self.cursor = records.last().map_or(self.cursor, |(cursor, _)| *cursor);
        let is_full = records.len() == PAGE;
        let mut found = Vec::with_capacity(records.len());
        for (cursor, record) in records {
            if self.is_asked_for(&record)? {
                found.push((cursor, record));
            }
        }
        Ok(Page { found, is_full })
    }

    fn is_asked_for(&mut self, record: &Record) -> Result<bool, Error> {
        let kind = &*record.event.kind;
        let begins = |asked: &String| {
            let prefix = asked.strip_prefix("ringfence.").unwrap_or(asked);
            kind.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if !self.filter.kinds.is_empty() && !self.filter.kinds.iter().any(begins) {
            return Ok(false);
        }
        if let Some(session) = self.filter.session.clone() {
            let task = task_of(record);
            if task.map(|task| self.outermost(&task)).transpose()?.and_then(|(_, found)| found)
                != Some(session)
            {
                return Ok(false);
            }
        }
        let Some(wanted) = self.filter.task.clone() else { return Ok(true) };
        let mut task = task_of(record);
        while let Some(one) = task {
            if one == wanted {
                return Ok(true);
            }
            task = self.origin(&one)?.asker;
        }
        Ok(false)
    }

    /// An event in the envelope of a CloudEvent.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn cloud_event(&mut self, cursor: u64, record: &Record) -> Result<Value, Error> {
        let event = &record.event;
        let task = task_of(record);
        let payload = record.payload.as_deref().and_then(|payload| serde_json::from_slice(payload).ok());
        let mut shown = json!({
            "specversion": "1.0",
            "id": format!("{}/{}", event.stream, event.sequence),
            "source": self.source()?,
            "type": format!("ringfence.{}", event.kind),
            "subject": task.as_ref().map_or(event.stream.as_str(), TaskId::as_str),
            "datacontenttype": "application/json",
            "data": payload.unwrap_or(Value::Null),
            "tenant": self.store.tenant,
            "actor": &*event.actor,
            "traceid": event.trace,
            // Text that sorts as its number does, as CloudEvents' extension of this name wants it.
            "sequence": format!("{:020}", event.sequence),
            "cursor": cursor.to_string(),
        });
        let micros = i64::try_from(event.time.0).ok();
        if let Some(time) = micros.and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok()) {
            shown["time"] = time.to_string().into();
        }
        if let Some(ring) = event.ring {
            shown["ring"] = ring.number().into();
        }
        if let Some(task) = task {
            let (outermost, session) = self.outermost(&task)?;
            shown["task"] = task.as_str().into();
            shown["correlationid"] = outermost.as_str().into();
            if let Some(session) = session {
                shown["session"] = session.as_str().into();
            }
        }
        Ok(shown)
    }

    /// The store's name among all others: the hash of the first event that was ever written to it.
    fn source(&mut self) -> Result<String, Error> {
        if let Some(source) = &self.source {
            return Ok(source.clone());
        }
        let first = self.store.log.feed(0, 1)?;
        let hash = first.first().map(|(_, record)| record.event.hash.to_string()).unwrap_or_default();
        let source = format!("urn:ringfence:store:{}", hash.get(..32).unwrap_or_default());
        Ok(self.source.insert(source).clone())
    }

    /// The outermost task that a task follows from, and the session of that one.
    fn outermost(&mut self, task: &TaskId) -> Result<(TaskId, Option<SessionName>), Error> {
        let (mut outermost, mut origin) = (task.clone(), self.origin(task)?);
        while let Some(asker) = origin.asker {
            origin = self.origin(&asker)?;
            outermost = asker;
        }
        Ok((outermost, origin.session))
    }

    /// Where a task comes from, as its first event says.
    fn origin(&mut self, task: &TaskId) -> Result<Origin, Error> {
        if let Some(known) = self.origins.get(task) {
            return Ok(known.clone());
        }
        let first = self.store.log.read(&StreamName::task(task), 1, 1)?;
        let origin = match first.first().and_then(fact) {
            Some(Fact::TaskAccepted { parent, session, .. }) => Origin { asker: parent, session },
            _ => Origin::default(),
        };
        if self.origins.len() >= MOST_REMEMBERED {
            self.origins.clear();
        }
        self.origins.insert(task.clone(), origin.clone());
        Ok(origin)
    }
}

/// The task that an event is about: its stream's, or the one that its payload names.
fn task_of(record: &Record) -> Option<TaskId> {
    record.event.stream.as_task().or_else(|| match fact(record) {
        Some(Fact::ArtifactSaved { task, .. }) if record.event.kind == "artifact.saved" => Some(task),
        _ => None,
    })
}
