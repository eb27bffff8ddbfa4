//! What sources give, and what they do not; and counts that others published.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ringfence_core::context::{ContextSources, Lacking, Tokeniser};

use super::{SourcesOverStore, file, tokens};
use crate::in_memory::InMemoryStore;

#[test]
fn tokens_are_counted_as_their_vocabularies_say() {
    // By OpenAI's own tiktoken.
    for (text, o200k, cl100k) in [
        ("", 0, 0),
        ("tiktoken is great!", 6, 6),
        ("antidisestablishmentarianism", 6, 6),
        ("2 + 2 = 4", 7, 7),
        ("お誕生日おめでとう", 8, 9),
    ] {
        assert_eq!(tokens::count(Tokeniser::O200kBase, text), o200k, "{text}");
        assert_eq!(tokens::count(Tokeniser::Cl100kBase, text), cl100k, "{text}");
    }
    assert!(tokens::count(Tokeniser::O200kBase, "<|endoftext|>") > 1, "no text is a special token");
}

#[test]
fn no_text_takes_long_to_count() {
    let began = Instant::now();
    for text in ["a", " ", "\n", "^#$%&!-_+=", "   \t \u{3000}", "é"] {
        let counted = tokens::count(Tokeniser::O200kBase, &text.repeat((1 << 20) / text.len()));
        assert!(counted > 0, "{text:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

#[test]
fn a_file_is_read_as_a_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.md");
    std::fs::write(&path, "12345").expect("a file");
    let found = file::read(&path, 5).expect("it is there");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time").as_micros();
    assert_eq!(found.bytes, b"12345");
    assert!(u128::from(found.as_of.0) <= now && now - u128::from(found.as_of.0) < 60_000_000);
    assert_eq!(file::read(&path, 4), Err(Lacking::TooLarge(5)));
    let missing = |path: &Path| matches!(file::read(path, 9), Err(Lacking::Missing(_)));
    assert!(missing(&folder.path().join("b.md")) && missing(folder.path()));
    symlink("nowhere", folder.path().join("link")).expect("a link");
    assert!(missing(&folder.path().join("link")));
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).expect("a pipe");
    assert!(missing(&pipe), "and nobody waits for its other end");
    assert!(missing("/dev/zero".as_ref()));
}

#[tokio::test]
async fn what_nobody_kept_is_missing_from_memory() {
    let store = Arc::new(InMemoryStore::new());
    let sources = SourcesOverStore::new(Arc::clone(&store) as _, store);
    let found = sources.memory("ada".parse().expect("a name"), "k".into(), 9).await;
    assert!(matches!(found, Err(Lacking::Missing(_))), "{found:?}");
}
