//! A WIT package that was released never changes: `wit/frozen.toml` lists the BLAKE3 hash of each of its files.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{assert_kept, root};

/// How the packages below `deps` differ from the listing: a table per package folder, file names to hashes.
fn thawed(listing: &toml::Table, deps: &Path) -> Vec<String> {
    let mut broken = Vec::new();
    for (package, files) in listing {
        let Some(files) = files.as_table() else {
            broken.push(format!("{package}: say [\"{package}\"] and below it \"file.wit\" = \"hash\""));
            continue;
        };
        let folder = deps.join(package);
        let there: BTreeSet<String> = fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        for name in there.iter().filter(|name| !files.contains_key(*name)) {
            broken.push(format!("{package}/{name} was added to a released package"));
        }
        for (name, hash) in files {
            match fs::read(folder.join(name)) {
                Err(_) => broken.push(format!("{package}/{name} was removed from a released package")),
                Ok(bytes) if Some(blake3::hash(&bytes).to_hex().as_str()) != hash.as_str() => {
                    broken.push(format!("{package}/{name} was changed; make a new version of the package"));
                }
                Ok(_) => {}
            }
        }
    }
    broken
}

#[test]
fn a_released_wit_package_never_changes() {
    let wit = root().join("wit");
    let text = fs::read_to_string(wit.join("frozen.toml")).expect("wit/frozen.toml is there");
    let listing: toml::Table = toml::from_str(&text).expect("it is TOML");
    assert_kept(&thawed(&listing, &wit.join("deps")));
}

#[test]
fn a_change_to_a_released_package_is_named() {
    let deps = tempfile::tempdir().expect("a folder");
    let package = deps.path().join("log@0.1.0");
    fs::create_dir(&package).expect("a folder");
    fs::write(package.join("log.wit"), "interface log {}").expect("a file");
    let hash = blake3::hash(b"interface log {}").to_hex();
    let listing: toml::Table =
        toml::from_str(&format!("[\"log@0.1.0\"]\n\"log.wit\" = \"{hash}\"")).expect("TOML");
    assert_eq!(thawed(&listing, deps.path()).len(), 0);
    fs::write(package.join("more.wit"), "").expect("a file");
    assert_eq!(thawed(&listing, deps.path()), ["log@0.1.0/more.wit was added to a released package"]);
    fs::remove_file(package.join("more.wit")).expect("it was there");
    fs::write(package.join("log.wit"), "interface log { }").expect("a file");
    assert_eq!(thawed(&listing, deps.path()).len(), 1);
    fs::remove_file(package.join("log.wit")).expect("it was there");
    assert_eq!(thawed(&listing, deps.path()), ["log@0.1.0/log.wit was removed from a released package"]);
}
