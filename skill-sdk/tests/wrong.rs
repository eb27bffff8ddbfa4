//! Wrong uses do not compile, and each message says what to write instead.

#[test]
fn wrong_uses_get_a_message_that_teaches() {
    trybuild::TestCases::new().compile_fail("tests/wrong/*.rs");
}
