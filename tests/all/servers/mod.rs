//! Servers on this machine for tests of the web: a real one, ones that misbehave, and one that says what names mean.

mod models;
mod names;
mod nginx;
pub(crate) mod parts;
mod raw;
mod tools;
mod web_tools;

pub(crate) use models::{LlamaServer, ModelServer, event, piece, stream_head, stream_openai};
pub(crate) use names::NameServer;
pub(crate) use nginx::Nginx;
pub(crate) use raw::{RawServer, ok};
pub(crate) use tools::{hostile, real};
pub(crate) use web_tools::{answer_to, send_bytes, send_json, text_result, web_tools};
