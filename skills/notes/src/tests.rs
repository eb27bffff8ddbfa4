//! The skill as a plain function, on fake files.

use super::*;

fn add(files: &Files, name: &str) -> Result<Answer> {
    notes(Request::Add { name: name.into(), text: "text".into(), folder: usual_folder() }, files.clone())
}

#[test]
fn a_note_is_a_markdown_file_in_the_folder() {
    let files = Files::fake().granting("notes");
    add(&files, "plan").unwrap();
    assert_eq!(files.contents(), [("notes/plan.md".to_owned(), b"text".to_vec())]);
    let read = notes(Request::Read { name: "plan".into(), folder: usual_folder() }, files).unwrap();
    assert_eq!(read.notes[0].text.as_deref(), Some("text"));
}

#[test]
fn a_note_takes_the_place_of_one_that_has_its_name() {
    let files = Files::fake().granting("notes").with("notes/plan.md", "old");
    add(&files, "plan").unwrap();
    assert_eq!(files.contents(), [("notes/plan.md".to_owned(), b"text".to_vec())]);
}

#[test]
fn the_list_names_notes_only() {
    let files =
        Files::fake().granting("notes").with("notes/b.md", "").with("notes/a.md", "").with("notes/c.txt", "");
    let answer = notes(Request::List { folder: usual_folder() }, files.with("notes/deep/d.md", "")).unwrap();
    assert_eq!(answer.notes.iter().map(|note| note.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn a_deleted_note_is_gone() {
    let files = Files::fake().granting("notes").with("notes/a.md", "");
    let delete = || notes(Request::Delete { name: "a".into(), folder: usual_folder() }, files.clone());
    assert!(delete().unwrap().notes.is_empty());
    assert_eq!(delete(), Err(Failure::stop("there is no such file or folder: notes/a.md")));
}

#[test]
fn a_name_cannot_lead_elsewhere() {
    let files = Files::fake().granting("notes").granting("other");
    for name in ["../other/x", "a/b", "a\\b", ".hidden", ""] {
        assert!(matches!(add(&files, name), Err(Failure::Stop(_))), "{name}");
    }
    assert!(files.contents().is_empty());
}

#[test]
fn a_denied_folder_is_passed_on() {
    let failure = add(&Files::fake(), "plan").unwrap_err();
    assert_eq!(failure, Failure::stop("files were denied: no grant names the folder `notes`"));
}

#[test]
fn the_folder_may_be_left_out_or_named() {
    let mut host = Host::fake();
    host.files = Files::fake().granting("diary");
    let run = |input| <notes as Skill>::run(input, &host);
    assert!(run(r#"{"action":"list"}"#).is_err());
    assert_eq!(run(r#"{"action":"list","folder":"diary"}"#).unwrap(), r#"{"notes":[]}"#);
}
