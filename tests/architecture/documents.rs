//! The documents: a page per error code and no other, links that lead somewhere, checks that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ringfence_core::error::Code;

use super::{assert_kept, root, sources};

fn markdown(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of documents").flatten() {
        let path = entry.path();
        if path.is_dir() {
            markdown(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "md") {
            found.push(path);
        }
    }
}

/// Links of a document to files that are not there.
fn dead_links(document: &Path, text: &str) -> Vec<String> {
    let folder = document.parent().unwrap_or(document);
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.map(|target| target.split('#').next().unwrap_or_default());
    let dead = files.filter(|file| !file.is_empty() && !file.contains("://") && !folder.join(file).exists());
    dead.map(|file| format!("{}: there is no {file}", document.display())).collect()
}

/// Names of tests that a document mentions as `` test `name` `` and that no source defines.
fn missing_tests(text: &str, code: &str) -> Vec<String> {
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let named = joined.split("test `").skip(1).filter_map(|rest| rest.split('`').next());
    let missing = named.filter(|name| !code.contains(&format!("fn {name}(")));
    missing.map(|name| format!("there is no test `{name}`")).collect()
}

#[test]
fn every_error_code_has_a_page_and_every_page_a_code() {
    let pages: BTreeSet<String> = fs::read_dir(root().join("docs/errors"))
        .expect("docs/errors is there")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("our file names are UTF-8"))
        .collect();
    let codes: BTreeSet<String> = Code::ALL.iter().map(|code| format!("{code}.md")).collect();
    assert_eq!(pages, codes);
}

#[test]
fn every_error_page_says_how_the_process_ends() {
    for code in Code::ALL {
        let number = code.exit() as u8;
        let end = code.page().split("## Exit code\n").nth(1).unwrap_or_default();
        assert!(end.contains(&format!(" {number}: ")), "docs/errors/{code}.md names exit code {number}");
        let shown = code.page().contains("```text\nerror[");
        assert!(shown, "docs/errors/{code}.md shows how the error is printed");
    }
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut documents = Vec::new();
    markdown(&root().join("docs"), &mut documents);
    let read = |path: &PathBuf| fs::read_to_string(path).expect("documents are UTF-8");
    let dead = documents.iter().flat_map(|path| dead_links(path, &read(path)));
    assert_kept(&dead.collect::<Vec<_>>());
}

#[test]
fn every_check_that_the_architecture_names_exists() {
    let text = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("it is there");
    let code: String = sources(".").into_iter().map(|source| source.text).collect();
    assert_kept(&missing_tests(&text, &code));
}

#[test]
fn a_link_to_nowhere_and_a_check_that_is_gone_are_named() {
    let text = "[a](nowhere.md) [b](https://example.com) [c](#here)";
    assert_eq!(dead_links(&root().join("docs/x.md"), text).len(), 1);
    assert_eq!(
        missing_tests("kept by the\ntest `it_holds` and test `it_stands`", "fn it_holds() {}").len(),
        1
    );
}
