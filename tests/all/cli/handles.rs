//! A machine that has no more file handles or address space to give.

use super::{ADA, Operator};

#[test]
fn a_host_without_file_handles_says_so_and_serves_when_there_are_some() {
    let operator = Operator::new();
    operator.load("hello");
    let (mut refused, mut served) = (0, 0);
    for handles in (5..80).step_by(3) {
        let said = operator.say_within(&format!("-n {handles}"), &["run", "hello", "--input", ADA]);
        match said.code {
            Some(0) => served += 1,
            Some(1 | 2 | 5) => {
                refused += 1;
                assert!(said.err.starts_with("error[R0"), "{handles}: {}", said.err);
                assert!(said.out.is_empty(), "{handles}: {}", said.out);
            }
            other => panic!("{handles}: {other:?} {}", said.err),
        }
    }
    assert!(refused > 3 && served > 3, "{refused} refused, {served} served");
    assert_eq!(operator.does(&["run", "hello", "--input", ADA]), "Hello, Ada!\n");
    operator.does(&["audit", "verify"]);
}

#[test]
fn a_host_without_address_space_says_so() {
    let operator = Operator::new();
    operator.load("hello");
    for kilobytes in [1_000_000, 100_000_000, 4_000_000_000_u64] {
        let said = operator.say_within(&format!("-v {kilobytes}"), &["run", "hello", "--input", ADA]);
        assert_eq!(said.code, Some(5), "{}", said.err);
        assert!(said.err.starts_with("error[R0001]"), "{}", said.err);
    }
    operator.does(&["run", "hello", "--input", ADA]);
    operator.does(&["audit", "verify"]);
}
