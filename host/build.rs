//! Packs the sources that the binary carries: the SDK and `wit/` for `ringfence new`, the skills for `ringfence demo`.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let root = here.parent().expect("host/ has a parent");
    let mut files = Vec::new();
    for folder in ["skill-sdk", "wit", "skills", "host/demo"] {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
        collect(root, &root.join(folder), &mut files)?;
    }
    files.push("Cargo.lock".into());
    files.push("rust-toolchain.toml".into());
    let mut code = String::from("pub(crate) static FILES: &[(&str, &[u8])] = &[\n");
    for file in files {
        let path = root.join(&file);
        writeln!(code, "    ({file:?}, include_bytes!({:?})),", path.display().to_string())
            .map_err(io::Error::other)?;
    }
    code.push_str("];\n");
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    fs::write(out.join("carried.rs"), code)
}

/// Every source file below a folder, in order; no tests and nothing that was built.
fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            if !["target", "tests"].iter().any(|skipped| entry.file_name() == *skipped) {
                collect(root, &path, files)?;
            }
        } else if path
            .extension()
            .is_some_and(|kind| ["rs", "toml", "wit", "md"].iter().any(|kept| kind == *kept))
        {
            let relative = path.strip_prefix(root).map_err(io::Error::other)?;
            files.push(relative.to_str().expect("our file names are UTF-8").replace('\\', "/"));
        }
    }
    Ok(())
}
