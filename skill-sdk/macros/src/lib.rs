//! The two attributes of `ringfence-sdk`. Here live their entry points only: `skill.rs` and `data.rs` hold what they
//! make, `check.rs` the rules that a skill's function must keep, with the messages that teach them.

mod check;
mod data;
mod doc;
mod skill;

use proc_macro::TokenStream;

/// Makes a skill of a function; re-exported and documented by `ringfence_sdk::skill`.
#[proc_macro_attribute]
pub fn skill(arguments: TokenStream, item: TokenStream) -> TokenStream {
    skill::expand(arguments.into(), item.into()).into()
}

/// Makes JSON data of a type; re-exported and documented by `ringfence_sdk::data`.
#[proc_macro_attribute]
pub fn data(arguments: TokenStream, item: TokenStream) -> TokenStream {
    data::expand(arguments.into(), item.into()).into()
}
