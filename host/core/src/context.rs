//! Context packages: what a task is given to read. Here stands what an operator declares, what comes of it when it is
//! bound, and what that needs of the outside. Nothing here reads any source.

mod bound;
mod declared;
mod sources;

pub use bound::{BoundContext, BoundSource, Provenance};
pub use declared::{
    ContextOrder, ContextPackage, DeclaredSource, MAX_BYTES, MAX_SOURCES, Origin, OriginKind, TokenBudget,
    Tokeniser,
};
pub use sources::{ContextSources, Found, Lacking, NoSources};
