//! The cache of compiled components: machine code that the host loads. A file in it counts only if this host sealed it for
//! this component; whatever else lies there is compiled anew, and is never loaded.
//!
//! Each forgery holds the code of another component, so that loading it would give the other's answer.

use std::fs;
use std::path::PathBuf;

use crate::cli::Operator;
use crate::replay::assert_friend_replays;

/// An operator with two skills, of which the first says "one" and the second "two".
struct Two {
    operator: Operator,
    /// The first one's compiled file.
    one: PathBuf,
    /// The second one's.
    two: PathBuf,
}

const SEAL: usize = 32;

impl Two {
    fn new() -> Self {
        let operator = Operator::with_nothing();
        operator.load("friend_says_one");
        let [one] = <[PathBuf; 1]>::try_from(compiled(&operator)).expect("one file for one component");
        operator.write("two.wasm", says_two());
        operator.does(&["load", "two.wasm"]);
        let two = compiled(&operator).into_iter().find(|file| *file != one).expect("a file of its own");
        Self { operator, one, two }
    }

    fn says(&self, skill: &str) -> String {
        self.operator.does(&["run", skill])
    }

    fn key(&self) -> [u8; 32] {
        fs::read(self.operator.data.join("cache.key")).unwrap().try_into().unwrap()
    }

    /// What the host would write for a file of this kind, for the second component.
    fn sealed(&self, key: &[u8; 32], kind: &str, content: &[u8]) -> Vec<u8> {
        let stem = self.two.file_stem().unwrap().as_encoded_bytes();
        let mut hasher = blake3::Hasher::new_keyed(key);
        for part in [stem, kind.as_bytes(), content] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        [hasher.finalize().as_bytes(), content].concat()
    }

    /// With this in the second one's place, the second one is compiled anew and says what it says.
    fn assert_is_not_loaded(&self, what: &str, forged: &[u8]) {
        fs::write(&self.two, forged).unwrap();
        assert_eq!(self.says("friend-says-two"), "two\n", "{what}");
        let anew = fs::read(&self.two).unwrap();
        assert!(anew != forged, "{what}: it still lies there");
        assert!(
            anew == self.sealed(&self.key(), "cwasm", &anew[SEAL..]),
            "{what}: what is there now is sealed"
        );
    }
}

fn compiled(operator: &Operator) -> Vec<PathBuf> {
    let files = fs::read_dir(operator.data.join("cache")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|kind| kind == "cwasm")).collect()
}

/// The first component with another word in the places of "one".
fn says_two() -> Vec<u8> {
    let mut bytes = ringfence_built::component("friend_says_one");
    for (from, to) in [(&b"says-one"[..], &b"says-two"[..]), (b"\"one\"", b"\"two\"")] {
        let at = bytes.windows(from.len()).position(|part| part == from).expect("it says so");
        bytes[at..at + from.len()].copy_from_slice(to);
    }
    bytes
}

#[test]
pub(crate) fn friend_says_one() {
    let both = Two::new();
    let (one, two) = (fs::read(&both.one).unwrap(), fs::read(&both.two).unwrap());
    assert_eq!(
        (both.says("friend-says-one"), both.says("friend-says-two")),
        ("one\n".into(), "two\n".into())
    );
    assert!(fs::read(&both.two).unwrap() == two, "what is sealed is loaded as it is");
    // The forgeries below are all right but for their seal: with this one, code in another's place is loaded.
    fs::write(&both.two, both.sealed(&both.key(), "cwasm", &one[SEAL..])).unwrap();
    assert_eq!(both.says("friend-says-two"), "one\n", "who has the key can do anything");
    assert_friend_replays("friend_says_one", "friend_says_one");
}

#[test]
fn a_damaged_file_is_compiled_anew() {
    let both = Two::new();
    let whole = fs::read(&both.two).unwrap();
    for length in [0, 1, SEAL - 1, SEAL, SEAL + 1, whole.len() / 2, whole.len() - 1] {
        both.assert_is_not_loaded(&format!("cut to {length}"), &whole[..length]);
    }
    for at in [0, SEAL - 1, SEAL, SEAL + 100, whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        both.assert_is_not_loaded(&format!("byte {at} flipped"), &flipped);
    }
    both.assert_is_not_loaded("a byte more", &[&whole[..], b"\0"].concat());
    both.operator.does(&["audit", "verify"]);
}

#[test]
fn a_file_that_this_host_did_not_seal_for_this_component_is_never_loaded() {
    let both = Two::new();
    let one = fs::read(&both.one).unwrap();
    let code = &one[SEAL..];
    both.assert_is_not_loaded("the sealed file of another component", &one);
    both.assert_is_not_loaded("code without a seal", code);
    both.assert_is_not_loaded("code under a seal of zeros", &[&[0; SEAL], code].concat());
    both.assert_is_not_loaded(
        "code under the hash of itself",
        &[blake3::hash(code).as_bytes(), code].concat(),
    );
    both.assert_is_not_loaded(
        "code under the seal of another user's key",
        &both.sealed(&[7; 32], "cwasm", code),
    );
    both.assert_is_not_loaded(
        "code that was sealed as a verdict",
        &both.sealed(&both.key(), "refused", code),
    );
    both.assert_is_not_loaded("a program", &fs::read("/proc/self/exe").unwrap()[..1 << 20]);
    assert_eq!(both.says("friend-says-one"), "one\n");
    both.operator.does(&["audit", "verify"]);
}

/// Machine code is never taken from outside, sealed or not.
#[test]
fn a_compiled_file_that_is_offered_as_a_skill_is_refused() {
    let both = Two::new();
    let sealed = fs::read(&both.two).unwrap();
    for (name, bytes) in [("sealed.wasm", &sealed[..]), ("bare.wasm", &sealed[SEAL..])] {
        both.operator.write(name, bytes);
        both.operator.say(&["load", name]).failed("R0406", 2).saying("not a WebAssembly component");
    }
    assert_eq!(both.operator.does(&["skills"]).lines().count(), 2, "there are the two and no other");
}

/// Another host's file for the same component, as if its user had put it there.
#[test]
fn what_another_host_compiled_is_not_taken_from_it() {
    let (here, there) = (Two::new(), Two::new());
    assert_eq!(here.two.file_name(), there.two.file_name(), "the same component and the same engine");
    here.assert_is_not_loaded("the file of another host", &fs::read(&there.two).unwrap());
}

#[test]
fn a_verdict_that_this_host_did_not_reach_refuses_nothing() {
    let both = Two::new();
    let sealed = fs::read(&both.two).unwrap();
    let verdict = both.two.with_extension("refused");
    let why = b"it does not compile, believe me";
    let verdicts =
        [why.to_vec(), sealed, both.sealed(&[7; 32], "refused", why), both.sealed(&both.key(), "cwasm", why)];
    for forged in verdicts {
        fs::remove_file(&both.two).unwrap();
        fs::write(&verdict, forged).unwrap();
        assert_eq!(both.says("friend-says-two"), "two\n");
    }
    fs::remove_file(&both.two).unwrap();
    fs::write(&verdict, both.sealed(&both.key(), "refused", why)).unwrap();
    both.operator.say(&["run", "friend-says-two"]).failed("R0409", 2).saying("believe me");
}
