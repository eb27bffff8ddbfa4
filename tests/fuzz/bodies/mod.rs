//! What the fuzz targets do with bytes, as plain functions: the targets call them, and so does a test that needs no
//! fuzzer. Each panics if something does not hold.

mod audit;
mod contract;
mod grant;
mod inspect;
mod policy;

/// A body.
pub(crate) type Body = fn(&[u8]);

/// All bodies, by the names of their targets.
pub(crate) const ALL: [(&str, Body); 5] = [
    ("audit", audit::audit),
    ("contract", contract::contract),
    ("grant", grant::grant),
    ("inspect", inspect::inspect),
    ("policy", policy::policy),
];
