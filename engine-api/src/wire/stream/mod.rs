//! Streams: a source of bytes, and the code that splits them into items.

mod collect;
mod framing;
mod hijacked;
mod json_lines;
mod output;
mod raw;
mod source;
mod tail;
mod writing;

pub(crate) use collect::Collected;
pub use collect::RunOutput;
pub use framing::Chunk;
pub use hijacked::{Hijacked, Input};
pub use json_lines::{JsonLines, StreamItem};
pub(crate) use output::Announced;
pub use output::Output;
pub use raw::RawBytes;
pub(crate) use writing::Writing;
