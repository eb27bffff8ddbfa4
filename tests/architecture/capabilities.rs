//! One word per capability, the same word in every place.

use std::fs;
use std::path::Path;

use ringfence_core::capability::Capability;

use super::{assert_kept, root};

/// The places that a capability's word is missing from.
fn missing_places(root: &Path, word: &str) -> Vec<String> {
    let mut missing = Vec::new();
    let mut need = |there: bool, place: String| {
        if !there {
            missing.push(format!("`{word}` has no {place}"));
        }
    };
    for place in [
        format!("host/core/src/gate/call/{word}.rs"),
        format!("host/engine/src/capability/{word}.rs"),
        format!("skill-sdk/src/capability/{word}.rs"),
    ] {
        need(root.join(&place).is_file(), place);
    }
    need(has(&root.join("wit/deps"), &format!("{word}@"), &[""]), format!("wit/deps/{word}@*/"));
    let world = fs::read_to_string(root.join("wit/skill.wit")).unwrap_or_default();
    let import = format!("import ringfence:{word}/{word}@");
    need(world.contains(&import), format!("line `{import}…` in wit/skill.wit"));
    let attacked = has(&root.join("tests/guests"), &format!("attack_{word}_"), &[".rs", ".wat"]);
    need(attacked, format!("guest tests/guests/*/attack_{word}_*"));
    missing
}

/// Whether something below a folder has such a name.
fn has(folder: &Path, begins: &str, ends: &[&str]) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let fits = name
            .to_str()
            .is_some_and(|name| name.starts_with(begins) && ends.iter().any(|end| name.ends_with(end)));
        fits || has(&entry.path(), begins, ends)
    })
}

#[test]
fn each_capability_has_its_word_in_every_place_and_a_guest_that_attacks_it() {
    let root = root();
    let missing = Capability::ALL.into_iter().flat_map(|capability| missing_places(&root, capability.word()));
    assert_kept(&missing.collect::<Vec<_>>());
}

#[test]
fn each_wit_folder_belongs_to_a_capability() {
    for entry in fs::read_dir(root().join("wit/deps")).expect("wit/deps is there") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_str().expect("our file names are UTF-8");
        let (word, version) = name.split_once('@').expect("a folder is called word@version");
        let interface = format!("ringfence:{word}/{word}@{version}");
        let known = Capability::from_word(word).map(Capability::interface);
        assert_eq!(known, Some(interface.as_str()), "wit/deps/{name}");
    }
}

#[test]
fn a_capability_without_its_places_is_named() {
    let nowhere = tempfile::tempdir().expect("a folder");
    assert_eq!(missing_places(nowhere.path(), "http").len(), 6);
}
