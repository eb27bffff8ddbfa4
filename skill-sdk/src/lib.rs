//! All that the author of a Ringfence skill ever sees.
//!
//! ```
//! use ringfence_sdk::prelude::*;
//!
//! /// Greets someone by name.
//! #[skill]
//! fn hello(name: String) -> Result<String> {
//!     Ok(format!("Hello, {name}!"))
//! }
//!
//! assert_eq!(hello("Ada".into()).unwrap(), "Hello, Ada!");
//! ```
//!
//! The first argument is the input; every further one is provided by the host: a power ([`Log`], [`Memory`],
//! [`Artifacts`], [`Context`], [`Files`], [`Http`], [`Model`], [`Clock`], [`Random`], [`Skills`], [`Tool`]) or the [`Violations`] of the
//! attempt before. Built for `wasm32-wasip2` the powers are the host's; built natively they are fakes, so that a skill is tested as the plain function that it is.
//!
//! Here live the names that authors use and their re-exports; nothing that does work.

// The attributes write `::ringfence_sdk::…`, also in this crate's own tests.
extern crate self as ringfence_sdk;

pub mod capability;
mod contract;
mod failure;
#[cfg(not(target_family = "wasm"))]
mod fake;
mod host;
#[doc(hidden)]
pub mod input;
#[doc(hidden)]
pub mod output;
mod verdict;
mod violations;

#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod bindings;
#[cfg(target_family = "wasm")]
mod component;

pub use capability::{artifacts, clock, context, files, http, log, memory, model, random, skills, tool};
pub use capability::{
    artifacts::Artifacts, clock::Clock, context::Context, files::Files, http::Http, log::Log, memory::Memory,
    model::Model, random::Random, skills::Skills, tool::Tool,
};
pub use contract::{Contract, Skill};
pub use failure::{Failure, Result};
pub use host::{Host, Provided};
pub use verdict::Fault;
pub use violations::{Violation, Violations};

/// JSON, and JSON written as it looks, for what another skill or a server takes.
pub use serde_json::{Value, json};

/// Makes JSON data of a struct or an enum: serde and schemars (their attributes `#[serde(…)]` and `#[schemars(…)]`
/// work below it), `Debug` and `Clone`. Doc comments become descriptions in the schema; fields that are not
/// declared are refused.
///
/// A struct with named fields, or an enum with `#[serde(tag = "…")]`, as a skill's first argument *is* its input;
/// anything else is wrapped in an object with the argument's name.
pub use ringfence_sdk_macros::data;

/// Makes a skill of a function: its name from the function (`word_count` becomes `word-count`), its description
/// from the doc comment, its version from `Cargo.toml`, its schemas from the types.
///
/// The function itself stays as it is. A type of the same name implements [`Skill`], so that a test can also run
/// the whole skill, JSON in and JSON out: `<hello as Skill>::run(r#"{"name":"Ada"}"#, &Host::fake())`.
pub use ringfence_sdk_macros::skill;

/// What a skill's file needs: `use ringfence_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Artifacts, Clock, Context, Failure, Fault, Files, Host, Http, Log, Memory, Model, Random, Result,
        Skill, Skills, Tool, Violation, Violations, artifacts, clock, context, data, files, http, json, log,
        memory, model, random, skill, skills, tool,
    };
}

/// What the attributes write into a skill's crate; no promise is made about any of it.
#[doc(hidden)]
pub mod __private {
    #[cfg(target_family = "wasm")]
    pub use crate::bindings::{self, export};
    #[cfg(target_family = "wasm")]
    pub use crate::component::Component;
    pub use crate::{input, output};
    pub use schemars;
    pub use serde;
    pub use std::string::String;
}
