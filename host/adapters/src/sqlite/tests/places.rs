//! Whose tasks are, in files that did not know it.

use ringfence_core::stores::PlaceLimits;

use super::hygiene::{LATER, bytes, submit};
use super::*;
use crate::sqlite::places::DUE;
use crate::sqlite::schema::SCHEMA;
use crate::sqlite::work::{DELAYED, READY};

/// A look for work costs no more because many tasks are given back until later.
#[test]
fn who_looks_for_work_passes_over_what_is_not_due() {
    let folder = Folder::new();
    drop(folder.open());
    let file = Connection::open(folder.file()).expect("a store");
    for (sql, bound) in [(READY, "due<?"), (DELAYED, "due>?"), (DUE, "due<?")] {
        let mut plan = file.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a query");
        let given = vec![1; plan.parameter_count()];
        let steps = plan.query_map(rusqlite::params_from_iter(given), |row| row.get::<_, String>(3));
        let steps: Vec<_> = steps.expect("a plan").collect::<Result<_, _>>().expect("steps");
        let by_due = steps.iter().find(|step| step.contains("work_by_due"));
        assert!(by_due.is_some_and(|step| step.contains(bound)), "{sql}: {steps:?}");
        assert!(sql != DELAYED || !steps.iter().any(|step| step.contains("TEMP B-TREE")), "{steps:?}");
    }
}

#[tokio::test]
async fn a_store_of_schema_3_is_brought_to_the_newest_and_knows_whose_its_tasks_are() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    submit(&store, "t-a").await;
    submit(&store, "t-b").await;
    let one_each = PlaceLimits { per_caller: Some(1), ..PlaceLimits::default() };
    let offered = store.ready_within(LATER, 9, one_each, &[]).expect("an index");
    assert_eq!(offered.len(), 1, "both are one caller's");
    drop(store);
    let old = "DROP INDEX work_by_caller; ALTER TABLE work DROP COLUMN caller; PRAGMA user_version = 3;";
    Connection::open(folder.file()).and_then(|file| file.execute_batch(old)).expect("altered");
    let looked = StoreLook::open(&folder.file()).map(|look| look.schema);
    assert_eq!(looked, Ok(3), "it can be looked at as it is");
    let before = bytes(&folder);
    assert_eq!(try_migration(&folder.file()), Ok(Migrated { from: 3, to: SCHEMA }));
    assert!(bytes(&folder) == before, "a trial changes nothing");
    assert_eq!(migrate(&folder.file()), Ok(Migrated { from: 3, to: SCHEMA }));
    assert_eq!(folder.open().ready_within(LATER, 9, one_each, &[]), Ok(offered));
}
