//! Other skills prepared, and what comes of it.

use super::*;
use ringfence_sdk::skills::Error;

fn others() -> Skills {
    Skills::fake()
        .answering("fetch-page", |input| match input["url"].as_str() {
            Some("https://a.example/") => Ok(json!({"title": "A", "text": "One two three."})),
            _ => Err(Error::Denied("no grant covers it".into())),
        })
        .answering("word-count", |input| {
            let words = input["text"].as_str().unwrap_or_default().split_whitespace().count();
            Ok(json!({"words": words, "reading_seconds": words * 2}))
        })
}

fn brief(sources: &[&str]) -> Briefing {
    let sources = sources.iter().map(|source| (*source).to_owned()).collect();
    briefing(Sources { sources }, others()).expect("a briefing")
}

#[test]
fn pages_and_texts_keep_their_order() {
    let briefing = brief(&["Hello there.", "https://a.example/", "x"]);
    let seen: Vec<_> =
        briefing.parts.iter().map(|part| (part.source.as_str(), part.words, part.title.as_deref())).collect();
    assert_eq!(seen, [("text 1", 2, None), ("https://a.example/", 3, Some("A")), ("text 2", 1, None)]);
    assert_eq!(briefing.reading_seconds, 12);
}

#[test]
fn a_source_that_cannot_be_read_does_not_keep_the_others_back() {
    let briefing = brief(&["https://b.example/", "Hello there."]);
    assert!(briefing.parts[0].problem.as_ref().is_some_and(|why| why.contains("no grant covers it")));
    assert_eq!((briefing.parts[1].words, &briefing.parts[1].problem), (2, &None));
}

#[test]
fn all_pages_are_asked_for_at_once_and_then_all_texts() {
    let skills = others();
    let sources = Sources { sources: vec!["a".into(), "https://a.example/".into()] };
    briefing(sources, skills.clone()).expect("a briefing");
    let asked: Vec<_> = skills.requests().into_iter().map(|request| request.skill).collect();
    assert_eq!(asked, ["fetch-page", "word-count", "word-count"]);
}

#[test]
fn too_many_sources_are_refused() {
    let sources = Sources { sources: vec![String::new(); 17] };
    assert!(briefing(sources, others()).is_err());
}
