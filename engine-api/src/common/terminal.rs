//! Terminals: their size, and whether output comes from a terminal.

use serde::{Deserialize, Serialize};

use crate::client::Docker;
use crate::error::Result;
use crate::version::Version;
use crate::wire::query::Query;
use crate::wire::stream::Announced;

/// Size of a terminal in characters; in JSON an array `[height, width]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "[u32; 2]", into = "[u32; 2]")]
pub struct TerminalSize {
    /// Lines.
    pub height: u32,
    /// Columns.
    pub width: u32,
}

impl TerminalSize {
    pub(crate) fn query(self) -> Query {
        Query::new().set("h", self.height).set("w", self.width)
    }
}

impl From<[u32; 2]> for TerminalSize {
    fn from([height, width]: [u32; 2]) -> Self {
        Self { height, width }
    }
}

impl From<TerminalSize> for [u32; 2] {
    fn from(size: TerminalSize) -> Self {
        [size.height, size.width]
    }
}

/// The first version whose content type distinguishes frames from a terminal's output.
const FRAMING_ANNOUNCED: Version = Version::new(1, 42);

/// Whether output comes without frames. `ask` is awaited only if the content type does not show it:
/// before API 1.42, and for Podman (or an unknown engine), which sends one type for both.
pub(crate) async fn is_terminal(
    docker: &Docker,
    announced: Announced,
    ask: impl Future<Output = Result<bool>>,
) -> Result<bool> {
    match announced {
        Announced::Frames => Ok(false),
        Announced::Raw
            if docker.version().await? >= FRAMING_ANNOUNCED && docker.is_podman() == Some(false) =>
        {
            Ok(true)
        }
        _ => ask.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::{decode, encode};

    #[test]
    fn terminal_size_starts_with_the_height() {
        let size: TerminalSize = decode(b"[24,80]").unwrap();
        assert_eq!((size.height, size.width), (24, 80));
        assert_eq!(encode(&size).unwrap(), b"[24,80]");
        assert_eq!(size.query().as_str(), "h=24&w=80");
    }
}
