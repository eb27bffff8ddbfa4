//! The end of a call, written straight from its answer: to make a value of it first takes longer than to write it.

use serde::Serialize;

use super::json;

const KIND: &str = "call.ended";

/// Kind and payload of the event that [`super::Fact::CallEnded`] would be with this answer.
pub(crate) fn call_ended<A: Serialize>(number: u64, answer: &A) -> (&'static str, Vec<u8>) {
    #[derive(Serialize)]
    struct CallEnded<'a, A> {
        kind: &'static str,
        number: u64,
        answer: &'a A,
    }
    let payload = json::write(&CallEnded { kind: KIND, number, answer });
    (KIND, payload.expect("answers have string keys and serialise"))
}

#[cfg(test)]
mod tests {
    use serde_json::{from_slice, json};

    use super::*;
    use crate::audit::{Answered, Fact};

    #[test]
    fn it_is_written_as_the_fact_is_that_it_is_read_as() {
        let answer = json!({"lines": ["a", "\u{1b}\""], "next": null, "size": 7});
        let fact = Fact::CallEnded { number: 3, answer: Answered::Answer(answer.clone()) };
        let (kind, payload) = call_ended(3, &answer);
        assert_eq!(kind, fact.kind());
        assert_eq!(from_slice::<Fact>(&payload).expect("a fact"), fact);
        assert_eq!(String::from_utf8(payload), String::from_utf8(fact.to_json()));
    }
}
