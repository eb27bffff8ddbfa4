//! The order of commits, held against the streams: each event of each stream must stand in it once.

use std::collections::{HashMap, HashSet};

use ringfence_core::ids::StreamName;
use ringfence_core::stores::StoreError;
use rusqlite::{Connection, Row, Rows};

use crate::sqlite::error::store_error;
use crate::sqlite::{feed, rows};

/// A row: a batch of one stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch {
    position: i64,
    first: i64,
    last: i64,
}

impl Batch {
    fn of(row: &Row<'_>) -> Result<(String, Self), StoreError> {
        let number = |index| row.get(index).map_err(store_error);
        Ok((
            row.get(0).map_err(store_error)?,
            Self { position: number(1)?, first: number(2)?, last: number(3)? },
        ))
    }
}

/// What has to be done so that each event stands in it once.
#[derive(Debug, Default)]
pub(super) struct Plan {
    remove: Vec<i64>,
    /// From which sequence to which.
    missing: Vec<(i64, i64)>,
}

impl Plan {
    /// For the rows of a stream that ends here. `crooked`: positions that lie within another row's.
    pub(super) fn of(mut batches: Vec<Batch>, head: u64, crooked: &HashSet<i64>) -> Result<Self, StoreError> {
        let head = rows::to_column(head)?;
        batches.sort_by_key(|batch| (batch.first, batch.position));
        let (mut plan, mut next) = (Self::default(), 1);
        for Batch { position, first, last } in batches {
            if first < next || last < first || last > head || crooked.contains(&position) {
                plan.remove.push(position);
                continue;
            }
            if first > next {
                plan.missing.push((next, first - 1));
            }
            next = last + 1;
        }
        if next <= head {
            plan.missing.push((next, head));
        }
        Ok(plan)
    }

    /// What is wrong, if anything is.
    pub(super) fn why(&self) -> Option<String> {
        match (self.missing.first(), self.remove.first()) {
            (Some((first, _)), _) => Some(format!("event {first} is missing in it")),
            (None, Some(position)) => Some(format!("position {position} stands for no event of its own")),
            (None, None) => None,
        }
    }
}

/// Rows in the order of their streams, taken stream by stream.
pub(super) struct ByStream<'a> {
    rows: Rows<'a>,
    next: Option<(String, Batch)>,
}

impl<'a> ByStream<'a> {
    /// What it reads.
    pub(super) const SQL: &'static str =
        "SELECT stream, position, first, last FROM feed ORDER BY stream, position";

    pub(super) fn new(mut rows: Rows<'a>) -> Result<Self, StoreError> {
        let next = rows.next().map_err(store_error)?.map(Batch::of).transpose()?;
        Ok(Self { rows, next })
    }

    /// The next stream that stands before `before` in order, or is it; with its rows.
    pub(super) fn up_to(&mut self, before: Option<&str>) -> Result<Option<(String, Vec<Batch>)>, StoreError> {
        let is_due = |name: &String| before.is_none_or(|before| name.as_str() <= before);
        let Some((stream, batch)) = self.next.take_if(|(name, _)| is_due(name)) else { return Ok(None) };
        let mut batches = vec![batch];
        while let Some(row) = self.rows.next().map_err(store_error)? {
            let (name, batch) = Batch::of(row)?;
            if name != stream {
                self.next = Some((name, batch));
                break;
            }
            batches.push(batch);
        }
        Ok(Some((stream, batches)))
    }
}

/// The positions whose events have positions of the row before.
pub(super) fn crooked(connection: &Connection) -> Result<HashSet<i64>, StoreError> {
    let sql = "SELECT position FROM (
                   SELECT position, last - first AS behind, lag(position, 1, 0) OVER (ORDER BY position) AS before
                   FROM feed
               ) WHERE position - behind <= before";
    let mut statement = connection.prepare(sql).map_err(store_error)?;
    let found = statement.query_map([], |row| row.get(0)).map_err(store_error)?;
    found.collect::<Result<_, _>>().map_err(store_error)
}

/// Removes what stands for no event of these streams, and adds what is missing at the end: a reader may see an event of
/// them again, but misses none.
pub(super) fn repair(connection: &Connection, streams: &HashSet<String>) -> Result<(), StoreError> {
    let crooked = crooked(connection)?;
    let mut batches: HashMap<String, Vec<Batch>> =
        streams.iter().map(|name| (name.clone(), Vec::new())).collect();
    let mut statement =
        connection.prepare("SELECT stream, position, first, last FROM feed").map_err(store_error)?;
    let mut found = statement.query([]).map_err(store_error)?;
    while let Some(row) = found.next().map_err(store_error)? {
        let (name, batch) = Batch::of(row)?;
        if let Some(own) = batches.get_mut(&name) {
            own.push(batch);
        }
    }
    drop(found);
    for (name, own) in batches {
        let stream = name.parse::<StreamName>().ok();
        let head = stream.as_ref().map_or(Ok(0), |stream| Ok(rows::head(connection, stream)?.sequence))?;
        let plan = Plan::of(own, head, &crooked)?;
        for position in plan.remove {
            connection.execute("DELETE FROM feed WHERE position = ?", [position]).map_err(store_error)?;
        }
        for (first, last) in plan.missing {
            let number = |number| rows::from_column(number, "sequence");
            let stream = stream.as_ref().expect("a name that is none has no events");
            feed::follow(connection, stream, number(first)?, number(last)?)?;
        }
    }
    Ok(())
}
