//! The skill as a plain function, on a fake memory.

use super::*;

fn add_line(memory: &Memory, text: &str, revision: Option<u64>) -> Result<Answer> {
    let request = Request::Remember { key: "shopping".into(), text: text.into(), revision };
    remember(request, memory.clone())
}

fn lines(answer: &Answer) -> Vec<&str> {
    answer.notes.iter().flat_map(|note| &note.lines).map(String::as_str).collect()
}

#[test]
fn what_was_remembered_is_recalled_in_order() {
    let memory = Memory::fake();
    add_line(&memory, "milk", None).unwrap();
    add_line(&memory, "bread", None).unwrap();
    let answer = remember(Request::Recall { key: "shopping".into() }, memory).unwrap();
    assert_eq!(lines(&answer), ["milk", "bread"]);
}

#[test]
fn a_line_that_another_run_adds_meanwhile_is_kept() {
    let memory = Memory::fake().with_rival("remember/shopping", r#"["theirs"]"#);
    assert_eq!(lines(&add_line(&memory, "mine", None).unwrap()), ["theirs", "mine"]);
}

#[test]
fn a_stale_revision_adds_nothing() {
    let memory = Memory::fake();
    let first = add_line(&memory, "milk", Some(ABSENT)).unwrap().notes[0].revision;
    add_line(&memory, "bread", first).unwrap();
    assert!(matches!(add_line(&memory, "eggs", first), Err(Failure::Stop(_))));
    let answer = remember(Request::Recall { key: "shopping".into() }, memory).unwrap();
    assert_eq!(lines(&answer), ["milk", "bread"]);
}

#[test]
fn others_who_are_always_faster_make_a_retry() {
    let memory = (0..8).fold(Memory::fake(), |memory, _| memory.with_rival("remember/shopping", "[]"));
    assert!(matches!(add_line(&memory, "mine", None), Err(Failure::Retry(_))));
}

#[test]
fn the_list_names_only_this_skills_keys() {
    let memory = Memory::fake().with("another/skill", "1");
    add_line(&memory, "milk", None).unwrap();
    let list =
        |prefix: &str| remember(Request::List { prefix: prefix.into() }, memory.clone()).unwrap().notes;
    assert_eq!(list("").iter().map(|note| note.key.as_str()).collect::<Vec<_>>(), ["shopping"]);
    assert!(list("x").is_empty());
}

#[test]
fn what_was_forgotten_is_gone() {
    let memory = Memory::fake();
    add_line(&memory, "milk", None).unwrap();
    remember(Request::Forget { key: "shopping".into() }, memory.clone()).unwrap();
    assert!(remember(Request::Recall { key: "shopping".into() }, memory).unwrap().notes.is_empty());
}

#[test]
fn a_denied_memory_is_passed_on() {
    let denied = Memory::fake().denying("no grant");
    let failure = add_line(&denied, "milk", None).unwrap_err();
    assert_eq!(failure, Failure::stop("memory was denied: no grant"));
}

#[test]
fn the_whole_skill_takes_an_action_and_nothing_unknown() {
    let run = |input| <remember as Skill>::run(input, &Host::fake());
    let output = run(r#"{"action":"remember","key":"a","text":"b"}"#).unwrap();
    assert_eq!(output, r#"{"notes":[{"key":"a","lines":["b"],"revision":1}]}"#);
    assert_eq!(run(r#"{"action":"list"}"#).unwrap(), r#"{"notes":[]}"#);
    assert!(run(r#"{"action":"recall","key":"a","all":true}"#).is_err());
}
