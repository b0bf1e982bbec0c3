//! The machinery: how a call becomes bytes and bytes become a reply.
//!
//! `operation` declares, `call` sends and judges, `decode` gives the reply its shape; below them `send`
//! and `conn` own the connections, and `stream` cuts bytes into items.

pub(crate) mod body;
pub(crate) mod call;
mod conn;
pub(crate) mod decode;
pub(crate) mod json;
pub(crate) mod operation;
pub(crate) mod path;
mod pool;
pub(crate) mod query;
pub(crate) mod raw_call;
pub(crate) mod reply;
pub(crate) mod requirement;
pub(crate) mod send;
pub(crate) mod stream;
pub(crate) mod timer;
