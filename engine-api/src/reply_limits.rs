//! Limits of replies in memory.

/// The maximum number of bytes of a reply in memory. A longer reply is an error
/// ([`crate::ErrorKind::ReplyTooLong`]).
///
/// Streams that are read piece by piece have no limit: output, events, progress and archives.
///
/// The values that are decoded from JSON can take more memory than their text. For a usual reply,
/// the sizes are similar. A reply is an error ([`crate::ErrorKind::Decode`]) if its lists and maps
/// take more than 16 times the memory of the text, and more than 1 MiB. An example is a hostile
/// list of empty objects. Lists double their memory while they grow. Use a lower `json` for an
/// untrusted engine.
///
/// A clone of a client can have other limits, for example for one call:
///
/// ```
/// use engine_api::{Docker, ReplyLimits};
///
/// # #[cfg(unix)] {
/// let docker = Docker::unix("/var/run/docker.sock");
/// let limits = ReplyLimits { json: 512 * 1024 * 1024, ..ReplyLimits::default() };
/// let patient = docker.clone().with_reply_limits(limits); // the same connections
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyLimits {
    /// A JSON reply, and each value of a stream of JSON values. Default: 64 MiB.
    pub json: usize,
    /// The data that `collect` and `run` collect: standard output and standard error together, or
    /// the bytes of an archive or a raw reply. Default: 256 MiB.
    pub collected: usize,
}

impl Default for ReplyLimits {
    fn default() -> Self {
        Self {
            json: 64 * 1024 * 1024,
            collected: 256 * 1024 * 1024,
        }
    }
}
