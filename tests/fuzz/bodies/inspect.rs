//! Loading: the look at a file that comes before anything else.

use ringfence_core::error::Code;
use ringfence_engine::Caps;

/// A file is taken or refused with its code, and one that fits into less fits into more.
pub(crate) fn inspect(bytes: &[u8]) {
    let usual = ringfence_engine::inspect(bytes, &Caps::default());
    if let Err(error) = &usual {
        assert!(matches!(error.code, Code::R0406 | Code::R0407), "{error}");
        assert!(!error.causes.is_empty(), "it says why: {error}");
    }
    let tight = Caps {
        bytes: 4 << 10,
        functions: 4,
        body_bytes: 256,
        locals: 16,
        place_bytes: 8,
        imports: 4,
        custom_bytes: 64,
        types: 8,
        type_depth: 2,
        parts: 2,
        depth: 2,
    };
    if ringfence_engine::inspect(bytes, &tight).is_ok() {
        assert_eq!(usual, Ok(()), "what fits into less fits into more");
    }
}
