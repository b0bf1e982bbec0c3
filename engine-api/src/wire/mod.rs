//! The machinery: it converts a call to bytes, and bytes to a reply.
//!
//! * `operation` declares an operation; `call` fills in one call of it, `raw_call` a call by path
//! * `prepared` checks the request, adds the version and sends it; `path`, `query`, `body` and
//!   `status` are its parts
//! * `session` is the state that all calls of a client share, `negotiate` finds the version,
//!   `single_flight` prevents duplicate work; `send`, `pool` and `conn` own the connections
//! * `extra` contains the additions of a client to its calls, `watch` the report of a call
//! * `decode` converts a reply to its shape; `stream` splits bytes into items, `json` reads and
//!   writes values

pub(crate) mod body;
pub(crate) mod call;
pub(crate) mod call_context;
#[cfg(test)]
pub(crate) mod canned;
mod conn;
pub(crate) mod decode;
pub(crate) mod extra;
mod html;
pub(crate) mod json;
pub(crate) mod negotiate;
pub(crate) mod operation;
mod path;
mod pool;
mod prepared;
pub(crate) mod query;
pub(crate) mod raw_call;
pub(crate) mod reply;
pub(crate) mod requirement;
pub(crate) mod send;
pub(crate) mod session;
pub(crate) mod single_flight;
mod status;
pub(crate) mod stream;
pub(crate) mod timer;
mod watch;
