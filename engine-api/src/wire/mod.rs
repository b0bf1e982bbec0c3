//! The machinery: how a call becomes bytes, and bytes become a reply.
//!
//! * `operation` declares an operation; `call` fills in one call of it, `raw_call` a call by path
//! * `prepared` checks the request, adds the version and sends it; `path`, `query`, `body` and
//!   `status` are its parts
//! * `session` is what all calls of a client share, `negotiate` finds the version, `single_flight`
//!   the work that it does once at a time; `send`, `pool` and `conn` own the connections
//! * `extra` is what a client adds to its calls, `watch` the report of one
//! * `decode` gives a reply its shape; `stream` cuts bytes into items, `json` reads and writes
//!   values

pub(crate) mod body;
pub(crate) mod call;
pub(crate) mod call_context;
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
