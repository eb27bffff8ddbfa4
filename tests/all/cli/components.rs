//! Files that are no skill, and skills that are loaded already.

use std::fs;
use std::os::unix::ffi::OsStrExt;

use ringfence_built::bombs::{functions, loops};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::{ADA, Operator, built};

/// Some seconds of work, whatever else the machine does meanwhile, for the host and for its compiler: the process that takes more is
/// ended by the system.
const SECONDS: &str = "-t 5";

/// Loads a file that must be refused, within seconds, and asserts that nothing of it is left but the event that says so.
fn assert_refused(operator: &Operator, file: &str, code: &str, says: &str) {
    assert_not_loaded(operator, file, code, says);
    assert_eq!(operator.streams(), ["registry"], "{file} left something else in the log");
    let log = operator.does(&["audit", "log", "registry"]);
    assert!(log.lines().all(|line| line.contains("  skill.refused ")), "{log}");
    assert!(log.lines().last().is_some_and(|line| line.contains(code)), "{code} in {log}");
}

/// The same of one that is not even read, so that there is nothing to say in the log.
fn assert_not_read(operator: &Operator, file: &str, code: &str, says: &str) {
    assert_not_loaded(operator, file, code, says);
    assert_eq!(operator.streams(), Vec::<String>::new(), "{file} left something in the log");
}

fn assert_not_loaded(operator: &Operator, file: &str, code: &str, says: &str) {
    operator.say_within(SECONDS, &["load", file]).failed(code, 2).saying(says);
    assert_eq!(operator.does(&["skills", "--json"]), "[]\n", "{file} is registered");
}

/// A component without exports.
const NOTHING: [u8; 8] = *b"\0asm\x0d\0\x01\0";

#[test]
fn what_is_no_component_is_refused() {
    let operator = Operator::new();
    operator.write("empty.wasm", "");
    operator.write("text.wasm", "this is not wasm");
    operator.write("magic.wasm", "\0asm");
    operator.write("core.wasm", b"\0asm\x01\0\0\0");
    operator.write("future.wasm", b"\0asm\x63\0\x01\0");
    operator.write("elf.wasm", b"\x7fELF\x02\x01\x01");
    for file in ["empty.wasm", "text.wasm", "magic.wasm", "future.wasm", "elf.wasm"] {
        assert_refused(&operator, file, "R0406", "not a WebAssembly component");
    }
    assert_refused(&operator, "core.wasm", "R0406", "a core module");
    operator.load("hello");
}

#[test]
fn a_module_for_the_first_preview_of_wasi_is_told_what_to_build_instead() {
    let operator = Operator::new();
    // Its types, and one import: `fd_write` of `wasi_snapshot_preview1`.
    let import = b"\x01\x16wasi_snapshot_preview1\x08fd_write\0\0";
    let module = [&b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x23"[..], import].concat();
    operator.write("preview1.wasm", &module);
    assert_refused(
        &operator,
        "preview1.wasm",
        "R0406",
        "(it imports `wasi_snapshot_preview1`), not a component",
    );
    let said = operator.say(&["load", "preview1.wasm"]);
    said.saying("hint: build for the target wasm32-wasip2 in the place of wasm32-wasip1").saying("--adapt");
    // Also where it is cut off behind that.
    operator.write("cut.wasm", [&module[..], b"\x0a\xff"].concat());
    assert_refused(&operator, "cut.wasm", "R0406", "`wasi_snapshot_preview1`");
    operator.write(
        "other.wasm",
        module.iter().map(|byte| if *byte == b'w' { b'v' } else { *byte }).collect::<Vec<_>>(),
    );
    let said = operator.say(&["load", "other.wasm"]);
    said.failed("R0406", 2).saying("it is a core module, not a component");
    assert!(!said.err.contains("preview1"), "{}", said.err);
}

#[test]
fn an_archive_is_not_unpacked_but_named() {
    let operator = Operator::new();
    let component = ringfence_built::component("hello");
    let mut tar = vec![0; 512];
    tar[..10].copy_from_slice(b"hello.wasm");
    tar[257..265].copy_from_slice(b"ustar\x0000");
    let packed: [(&str, &[u8], &str); 6] = [
        ("skill.zip", b"PK\x03\x04\x14\0\0\0\0\0", "a zip archive"),
        ("skill.tar", &tar, "a tar archive"),
        ("skill.wasm.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "packed by gzip"),
        ("skill.wasm.xz", b"\xfd7zXZ\0\0\x04", "packed by xz"),
        ("skill.wasm.zst", b"\x28\xb5\x2f\xfd\x04\0", "packed by zstd"),
        ("skill.wasm.bz2", b"BZh91AY&SY", "packed by bzip2"),
    ];
    for (file, begins, what) in packed {
        operator.write(file, [begins, &component[..]].concat());
        assert_refused(&operator, file, "R0406", &format!("caused by: it is {what}"));
        operator.say(&["load", file]).saying("hint: unpack it, and load the component (.wasm) that is in it");
    }
    operator.load("hello");
}

#[test]
fn a_component_that_is_cut_anywhere_is_refused() {
    let operator = Operator::new();
    let whole = ringfence_built::component("hello");
    for part in [1, 10, 33, 50, 75, 90, 99] {
        operator.write("cut.wasm", &whole[..whole.len() * part / 100]);
        let said = operator.say_within(SECONDS, &["load", "cut.wasm"]);
        assert!(["R0406", "R0408"].iter().any(|code| said.err.contains(code)), "{part} %: {}", said.err);
        assert_eq!(said.code, Some(2));
        assert_eq!(operator.does(&["skills", "--json"]), "[]\n");
    }
    operator.load("hello");
}

/// What ends at limits that the operator's shell has set tells nothing of the component.
#[test]
fn a_component_that_does_not_compile_within_lower_limits_than_the_hosts_gets_no_verdict() {
    let operator = Operator::new();
    let slow = functions(9, &loops(80_000, 0));
    operator.write("slow.wasm", &slow);
    let said = operator.say_within("-t 2", &["load", "slow.wasm"]);
    said.failed("R0409", 2).saying("this process has lower limits than a compiler needs");
    let kept = fs::read_dir(operator.data.join("cache")).unwrap().map(|entry| entry.unwrap().file_name());
    let digest = blake3::hash(&slow).to_hex();
    assert!(kept.into_iter().all(|name| !name.to_string_lossy().starts_with(&*digest)), "something is kept");
}

#[test]
fn a_component_with_a_flipped_byte_neither_crashes_the_host_nor_is_half_loaded() {
    let operator = Operator::new();
    let whole = ringfence_built::component("hello");
    for part in 1..20 {
        let mut flipped = whole.clone();
        flipped[whole.len() * part / 20] ^= 0x55;
        operator.write("flipped.wasm", &flipped);
        let said = operator.say(&["load", "flipped.wasm"]);
        match said.code {
            Some(0) => assert!(said.err.is_empty(), "{}", said.err),
            Some(1..=4) => assert!(said.err.contains("hint: "), "{}", said.err),
            other => panic!("{other:?}: {}", said.err),
        }
    }
    operator.does(&["audit", "verify"]);
}

#[test]
fn a_huge_file_is_refused_before_it_is_read() {
    let operator = Operator::new();
    let huge = fs::File::create(operator.here().join("huge.wasm")).unwrap();
    huge.set_len(1 << 40).unwrap();
    assert_not_read(&operator, "huge.wasm", "R0407", "67108864 are read");
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let operator = Operator::new();
    mknodat(CWD, operator.here().join("pipe.wasm"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    assert_not_read(&operator, "pipe.wasm", "R0412", "it is not a file");
    assert_not_read(&operator, "/dev/zero", "R0412", "it is not a file");
    assert_not_read(&operator, "missing.wasm", "R0412", "missing.wasm");
    assert_not_read(&operator, ".", "R0412", "there is no skill project");
    let odd = std::ffi::OsStr::from_bytes(b"\x1b[2J\xff.wasm");
    let said = super::Said::from(operator.command().arg("load").arg(odd).output().unwrap());
    said.failed("R0412", 2);
    assert!(!said.err.contains('\u{1b}'), "{}", said.err);
}

#[test]
fn a_component_that_is_no_skill_is_told_what_a_skill_exports() {
    let operator = Operator::new();
    operator.write("nothing.wasm", NOTHING);
    assert_refused(&operator, "nothing.wasm", "R0408", "`describe`");
}

#[test]
fn loading_the_same_twice_changes_nothing() {
    let operator = Operator::new();
    let load = |word: &str| {
        let (loaded, exit) = operator.json(&["load", &built("hello")]);
        assert_eq!((exit, loaded["new"].to_string()), (0, word.to_owned()));
    };
    load("true");
    let events = operator.does(&["audit", "log", "registry"]);
    load("false");
    assert_eq!(operator.does(&["audit", "log", "registry"]), events);
    assert!(operator.does(&["load", &built("hello")]).contains("was loaded already"));
}

#[test]
fn other_content_under_a_loaded_version_is_refused() {
    let operator = Operator::new();
    operator.load("hello");
    let events = operator.does(&["audit", "log", "registry"]);
    // A custom section more is another component, that says the same of itself.
    let mut other = ringfence_built::component("hello");
    other.extend([0, 5, 1, b'x', 1, 2, 3]);
    operator.write("other.wasm", &other);
    let kept = blobs(&operator);
    operator.say(&["load", "other.wasm"]).failed("R0411", 2).saying("raise the version");
    assert_eq!(blobs(&operator), kept, "what was refused is not kept");
    let log = operator.does(&["audit", "log", "registry"]);
    let more = log.strip_prefix(&events).unwrap_or_else(|| panic!("{log}"));
    assert!(
        more.contains("  skill.refused ") && more.contains("R0411") && more.lines().count() == 1,
        "{more}"
    );
    assert_eq!(operator.does(&["run", "hello", "--input", ADA]), "Hello, Ada!\n");
}

fn blobs(operator: &Operator) -> i64 {
    let database = rusqlite::Connection::open(operator.data.join("ringfence.db")).unwrap();
    database.query_row("SELECT count(*) FROM blobs", [], |row| row.get(0)).unwrap()
}
