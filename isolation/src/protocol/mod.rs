//! The protocol between a program that offers engines and one that uses them: a JSON object on each
//! line, over standard input and output.
//!
//! [`serve`](fn@crate::serve) offers the engines of a [`Registry`](crate::Registry), and
//! [`external`](crate::engines::external) uses an engine that another program offers. `PROTOCOL.md`
//! describes the messages.
//!
//! ```
//! // The first line of a client contains the versions that it supports.
//! let versions = [isolation::protocol::VERSION];
//! let params = serde_json::json!({"versions": versions, "client": "example 1.0"});
//! println!("{}", serde_json::json!({"id": 1, "method": "hello", "params": params}));
//! ```

pub(crate) mod answer;
pub(crate) mod call;
pub(crate) mod data;
pub(crate) mod faults;
pub(crate) mod line;
pub(crate) mod packages;
pub(crate) mod params;
#[cfg(feature = "schema")]
pub(crate) mod schema;
pub(crate) mod states;

#[cfg(feature = "schema")]
pub use schema::schema;

/// The version of the protocol that this crate supports.
pub const VERSION: u32 = 1;

/// The maximum size of a line including its end, in bytes.
pub(crate) const LINE: usize = 1 << 20;

/// The maximum number of unread bytes of output, or of input, of a request.
pub(crate) const WINDOW: u32 = 256 << 10;

/// The maximum number of bytes of output, or of input, in one message.
pub(crate) const PIECE: usize = 32 << 10;
