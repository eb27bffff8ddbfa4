//! The log: what an event's payload says, and the chain that holds it.

use std::sync::Arc;

use ringfence_core::audit::{Event, Fact, Record, TraceId, Verifier};
use ringfence_core::ids::{Digest, StreamName};
use ringfence_core::units::Timestamp;

/// A fact that is read is written so that the same is read again, and any byte that is changed is seen.
pub(crate) fn audit(bytes: &[u8]) {
    if let Ok(fact) = serde_json::from_slice::<Fact>(bytes) {
        let written = fact.to_json();
        let plain = serde_json::to_vec(&fact).expect("a fact is JSON");
        assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(&plain), "two ways of writing");
        let again: Fact = serde_json::from_slice(&written).expect("what was written is read");
        assert_eq!(again, fact, "{}", String::from_utf8_lossy(&written));
        assert_eq!(again.to_json(), written);
    }
    check_chain(bytes);
}

fn check_chain(bytes: &[u8]) {
    let stream = StreamName::registry();
    let mut event = Event {
        stream: stream.clone(),
        sequence: 1,
        kind: "call".into(),
        time: Timestamp(0),
        actor: Arc::from("ada"),
        ring: None,
        trace: TraceId::default(),
        payload_hash: Digest::of(bytes),
        previous: Digest::default(),
        hash: Digest::default(),
    };
    event.hash = event.compute_hash();
    let mut record = Record { event, payload: Some(bytes.to_vec()) };
    assert_eq!(Verifier::new(stream.clone()).take(&record), Ok(()));
    let at = usize::from(bytes.first().copied().unwrap_or_default());
    match record.payload.as_mut().and_then(|payload| payload.get_mut(at)) {
        Some(byte) => *byte ^= 1,
        None => record.event.kind = "call.ended".into(),
    }
    assert!(Verifier::new(stream).take(&record).is_err(), "it was altered");
}
