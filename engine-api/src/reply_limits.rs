//! How much of a reply is held in memory.

/// How many bytes of a reply are held in memory; a longer reply is an error
/// ([`crate::ErrorKind::ReplyTooLong`]).
///
/// Streams that are read piece by piece have no limit: output, events, progress and archives.
///
/// The values that are decoded from JSON can take more memory than their text. A usual reply takes
/// about as much. A reply whose lists and maps take more than 16 times the memory of the text, and
/// more than 1 MiB, is an error ([`crate::ErrorKind::Decode`]): a hostile list of empty objects.
/// Lists double while they grow. Lower `json` for an engine that you do not trust.
///
/// A clone of a client can have other limits, for one call as well:
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
    /// All that `collect` and `run` gather: standard output and standard error together, or the
    /// bytes of an archive or a raw reply. Default: 256 MiB.
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
