//! What a registry gives for which reference, and what it refuses to load, over a log in memory.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::{LoadResult, Loaded, Ordered, Registry};
use crate::audit::{Event, Head, Record};
use crate::capability::{Capability, Powers};
use crate::contract::Description;
use crate::error::{Code, Error};
use crate::ids::{Digest, StreamName};
use crate::stores::{Batch, EventLog, Receipt, StoreError};
use crate::system::Clock;
use crate::units::Timestamp;

#[derive(Default)]
struct Log(Mutex<Vec<Record>>);

impl EventLog for Log {
    fn append(&self, batch: Batch) -> Receipt {
        self.0.lock().expect("it works").extend(batch.into_records());
        Receipt::settled(Ok(()))
    }
    fn head(&self, _: &StreamName) -> Result<Head, StoreError> {
        let head = |record: &Record| Head { sequence: record.event.sequence, hash: record.event.hash };
        Ok(self.0.lock().expect("it works").last().map(head).unwrap_or_default())
    }
    fn last(&self, _: &StreamName) -> Result<Option<Event>, StoreError> {
        Ok(self.0.lock().expect("it works").last().map(|record| record.event.clone()))
    }
    fn read(&self, _: &StreamName, from: u64, _: usize) -> Result<Vec<Record>, StoreError> {
        let records = self.0.lock().expect("it works");
        Ok(records.iter().filter(|record| record.event.sequence >= from).cloned().collect())
    }
    fn walk(&self, _: Option<(&StreamName, u64)>, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.read(&StreamName::registry(), 1, limit)
    }
    fn parts(&self, _: usize) -> Result<Vec<StreamName>, StoreError> {
        Ok(Vec::new())
    }
    fn streams(&self, _: &str) -> Result<Vec<StreamName>, StoreError> {
        Ok(vec![StreamName::registry()])
    }
    fn last_streams(&self, _: &str, _: Option<&StreamName>, _: usize) -> Result<Vec<StreamName>, StoreError> {
        Ok(vec![StreamName::registry()])
    }
    fn feed(&self, _: u64, _: usize) -> Result<Vec<(u64, Record)>, StoreError> {
        let records = self.0.lock().expect("it works");
        Ok((1..).zip(records.iter().cloned()).collect())
    }
    fn version(&self) -> Result<u64, StoreError> {
        Ok(0)
    }
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp(43_200_000_000)
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        futures::future::ready(()).boxed()
    }
}

struct World {
    registry: Registry,
    /// Another process on the same log.
    other: Registry,
}

const TOTAL: &str = r#"{"type":"object","properties":{"total":{"type":"integer"}},"required":["total"]}"#;
const NO_TOTAL: &str = r#"{"type":"object","properties":{"total":{"type":"integer"}}}"#;

impl World {
    fn new(versions: &[&str]) -> Self {
        let log: Arc<dyn EventLog> = Arc::new(Log::default());
        let open = || Registry::open(Arc::clone(&log), Arc::new(Noon)).expect("it works");
        let world = Self { registry: open(), other: open() };
        for version in versions {
            world.load(version, TOTAL, Powers::NONE).expect("it works");
        }
        world
    }

    fn load(&self, version: &str, output: &str, powers: Powers) -> Result<(Arc<Loaded>, LoadResult), Error> {
        let description = Description {
            name: "sums".into(),
            description: String::new(),
            version: version.into(),
            input_schema: "{}".into(),
            output_schema: output.into(),
        };
        let component = Digest::of(version.as_bytes());
        self.registry.load(&description, component, 1, powers, "ada").now_or_never().expect("no waiting")
    }

    fn order(&self, reference: &str, what: Ordered) -> Result<Arc<Loaded>, Error> {
        self.registry.order(reference, &what, "ada").now_or_never().expect("no waiting")
    }

    fn unpin(&self) -> bool {
        self.registry
            .unpin(&"sums".parse().expect("it works"), "ada")
            .now_or_never()
            .expect("no waiting")
            .expect("it works")
    }

    /// What another process finds.
    fn found(&self, reference: &str) -> Result<String, Code> {
        self.other.refresh().expect("it works");
        let found = self.other.find(reference);
        found.map(|loaded| loaded.contract.version.to_string()).map_err(|error| error.code)
    }

    fn finds(&self, reference: &str, version: &str) {
        assert_eq!(self.found(reference), Ok(version.to_owned()), "{reference}");
    }
}

fn withdraw() -> Ordered {
    Ordered::Withdraw("it adds\nwrongly".into())
}

#[test]
fn a_reference_stands_for_the_highest_release_that_fits() {
    let world = World::new(&["0.9.0", "1.0.0", "1.2.0", "1.10.0", "1.11.0-rc.1", "2.0.0-rc.1"]);
    for (reference, version) in [
        ("sums", "1.10.0"),
        ("sums@1", "1.10.0"),
        ("sums@1.2", "1.2.0"),
        ("sums@0", "0.9.0"),
        ("sums@1.0.0", "1.0.0"),
        ("sums@2.0.0-rc.1", "2.0.0-rc.1"),
    ] {
        world.finds(reference, version);
    }
    for reference in ["sums@2", "sums@1.11", "sums@1.3", "sums@1.0.1", "sums@v1", "sums@01", "sum", "sums@"] {
        assert_eq!(world.found(reference), Err(Code::R0401), "{reference}");
    }
    let only = World::new(&["1.0.0-rc.1"]);
    assert_eq!(only.found("sums"), Err(Code::R0401), "a pre-release is named exactly or not picked");
}

#[test]
fn a_digest_names_a_component_and_an_ambiguous_one_lists_the_candidates() {
    // Their digests begin alike, in as many digits as a reference needs.
    let world = World::new(&["1.0.0"]);
    let digest = Digest::of(b"1.0.0").to_string();
    world.finds(&format!("sums@sha:{digest}"), "1.0.0");
    world.finds(&format!("sums@sha:{}", &digest[..8]), "1.0.0");
    assert_eq!(world.found(&format!("sums@sha:{}", &digest[..7])), Err(Code::R0401));
    let mut twin = *Digest::of(b"1.0.0").as_bytes();
    twin[31] ^= 1;
    let description = Description {
        name: "sums".into(),
        description: String::new(),
        version: "1.1.0".into(),
        input_schema: "{}".into(),
        output_schema: TOTAL.into(),
    };
    let twin = Digest::from_bytes(twin);
    let loaded =
        world.registry.load(&description, twin, 1, Powers::NONE, "ada").now_or_never().expect("no waiting");
    loaded.expect("it works");
    let error = world.registry.find(&format!("sums@sha:{}", &digest[..8])).expect_err("it is refused");
    assert_eq!(error.code, Code::R0421);
    assert_eq!(error.causes, [format!("1.0.0 is {digest}"), format!("1.1.0 is {twin}")]);
    world.finds(&format!("sums@sha:{twin}"), "1.1.0");
}

#[test]
fn a_compatible_version_keeps_promises_and_powers_and_a_major_one_need_not() {
    let world = World::new(&["1.0.0"]);
    let error = world.load("1.1.0", NO_TOTAL, Powers::NONE).expect_err("it is refused");
    assert_eq!(error.code, Code::R0420);
    assert_eq!(error.causes, ["output /properties/total: was required, is not any more"]);
    assert!(error.hint.expect("a hint").contains("2.0.0 may change all of it"));
    let http = Powers::from_iter([Capability::Http]);
    let error = world.load("1.1.0", TOTAL, http).expect_err("it is refused");
    assert_eq!((error.code, &*error.causes[0]), (Code::R0420, "power http: not asked for by 1.0.0"));
    assert_eq!(world.registry.list().len(), 1);
    world.load("2.0.0", NO_TOTAL, http).expect("it works");
    world.load("1.1.0-rc.1", NO_TOTAL, http).expect("it works");
    world.load("0.1.0", NO_TOTAL, http).expect("it works");
    world.load("0.2.0", TOTAL, Powers::NONE).expect("it works");
    assert_eq!(world.load("0.1.1", TOTAL, Powers::all()).expect_err("it is refused").code, Code::R0420);
}

#[test]
fn a_lower_version_that_comes_late_is_held_against_the_next_higher_one() {
    let world = World::new(&["1.2.0"]);
    world.load("2.0.0", NO_TOTAL, Powers::NONE).expect("it works");
    let error = world.load("2.0.0-rc.1", TOTAL, Powers::NONE).map(|_| ());
    assert_eq!(error, Ok(()), "a pre-release promises nothing");
    let promises_more = TOTAL.replace("integer", "string");
    assert_eq!(
        world.load("1.1.0", &promises_more, Powers::NONE).expect_err("it is refused").code,
        Code::R0420
    );
    world.load("1.1.0", NO_TOTAL, Powers::NONE).expect("it works");
    let between = world.load("1.1.5", NO_TOTAL, Powers::all()).expect_err("it is refused");
    assert!(between.causes.contains(&"power http: not asked for by 1.1.0".to_owned()), "{between}");
}

#[test]
fn a_pin_holds_for_the_name_alone_until_it_is_taken_away() {
    let world = World::new(&["1.0.0", "1.1.0", "1.2.0-rc.1"]);
    world.order("sums@1.0.0", Ordered::Pin).expect("it works");
    world.finds("sums", "1.0.0");
    world.finds("sums@1", "1.1.0");
    world.order("sums@1.2.0-rc.1", Ordered::Pin).expect("it works");
    world.finds("sums", "1.2.0-rc.1");
    assert_eq!(world.order("sums@1.3.0", Ordered::Pin).expect_err("it is refused").code, Code::R0401);
    assert_eq!(world.order("sums@1", Ordered::Pin).expect_err("it is refused").code, Code::R0414);
    assert!(world.unpin());
    assert!(!world.unpin(), "twice is once");
    world.finds("sums", "1.1.0");
}

#[test]
fn a_withdrawn_version_is_skipped_refused_by_name_and_comes_back_only_by_order() {
    let world = World::new(&["1.0.0", "1.1.0"]);
    world.order("sums@1.1.0", withdraw()).expect("it works");
    world.finds("sums", "1.0.0");
    world.finds("sums@1", "1.0.0");
    for reference in ["sums@1.1.0", "sums@1.1", &format!("sums@sha:{}", Digest::of(b"1.1.0"))] {
        assert_eq!(world.found(reference), Err(Code::R0110), "{reference}");
    }
    let error = world.load("1.1.0", TOTAL, Powers::NONE).expect_err("it is refused");
    assert_eq!(error.code, Code::R0110);
    assert!(
        error.causes[0] == "by ada at 1970-01-01T12:00:00Z" && error.causes[1] == "it adds\nwrongly",
        "{error}"
    );
    assert!(error.hint.expect("a hint").ends_with("ringfence withdraw sums@1.1.0 --undo"));
    assert_eq!(world.order("sums@1.1.0", Ordered::Pin).expect_err("it is refused").code, Code::R0110);
    assert_eq!(world.registry.look_up("sums@1.1.0").expect("it works").contract.version.to_string(), "1.1.0");
    world.order("sums@1.1.0", Ordered::Restore).expect("it works");
    world.finds("sums", "1.1.0");
    assert_eq!(world.load("1.1.0", TOTAL, Powers::NONE).expect("it works").1, LoadResult::Same);
    world.order("sums@1.1.0", Ordered::Restore).expect("it works");
    let kinds: Vec<_> = world.registry.history(&"sums".parse().expect("it works")).expect("it works");
    let kinds: Vec<_> = kinds.iter().map(|(event, _)| &*event.kind).collect();
    assert_eq!(kinds, ["skill.loaded", "skill.loaded", "skill.withdrawn", "skill.restored"]);
}

#[test]
fn what_is_pinned_and_withdrawn_is_not_quietly_replaced() {
    let world = World::new(&["1.0.0", "1.1.0"]);
    world.order("sums@1.0.0", Ordered::Pin).expect("it works");
    world.order("sums@1.0.0", withdraw()).expect("it works");
    let error = world.registry.find("sums").expect_err("it is refused");
    assert_eq!(error.code, Code::R0110);
    assert!(error.hint.expect("a hint").contains("ringfence unpin sums"));
    world.finds("sums@1", "1.1.0");
    let long = Ordered::Withdraw("x".repeat(1_001));
    assert_eq!(world.order("sums@1.1.0", long).expect_err("it is refused").code, Code::R0414);
}

#[test]
fn a_withdrawn_version_still_binds_its_neighbours() {
    let world = World::new(&["1.0.0"]);
    world.order("sums@1.0.0", withdraw()).expect("it works");
    assert_eq!(world.load("1.1.0", NO_TOTAL, Powers::NONE).expect_err("it is refused").code, Code::R0420);
}
