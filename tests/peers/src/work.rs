//! The works of the contenders: the calls, their number and their checks.

use crate::replies;

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Pings, one after the other.
    Ping,
    /// Pings, in 16 tasks at once.
    Ping16,
    /// `GET /version`, decoded.
    Version,
    /// `GET /containers/json`: 10 MB, decoded.
    List,
    /// Logs: chunks of one 100-byte line each.
    Logs,
    /// Output of an exec, on a hijacked connection.
    Exec,
    /// Events, decoded.
    Events,
    /// An archive downloaded from a container.
    Download,
    /// An archive uploaded into a container, from a stream of pieces.
    Upload,
    /// An image saved as an archive.
    Save,
    /// An image loaded from an archive, from a stream of pieces.
    Load,
}

use Work::{Download, Events, Exec, List, Load, Logs, Ping, Ping16, Save, Upload, Version};

/// A piece of an upload.
pub static PIECE: [u8; 64_000] = [0; 64_000];

/// The number of [`PIECE`]s in a number of megabytes.
pub fn pieces(megabytes: u64) -> u64 {
    megabytes * 1_000_000 / PIECE.len() as u64
}

/// The tasks of [`Work::Ping16`].
pub const TASKS: u64 = 16;

impl Work {
    pub const ALL: [Self; 11] = [
        Ping, Ping16, Version, List, Logs, Exec, Events, Download, Upload, Save, Load,
    ];

    /// The streams, whose memory must not grow with their length.
    pub const STREAMS: [Self; 6] = [Logs, Exec, Download, Upload, Save, Load];

    pub fn name(self) -> &'static str {
        match self {
            Ping => "ping",
            Ping16 => "ping16",
            Version => "version",
            List => "list",
            Logs => "logs",
            Exec => "exec",
            Events => "events",
            Download => "download",
            Upload => "upload",
            Save => "save",
            Load => "load",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Ping => "`GET /_ping`, one after the other",
            Ping16 => "`GET /_ping`, 16 tasks at once",
            Version => "`GET /version`",
            List => "`GET /containers/json`, 10 MB",
            Logs => "200 MB of logs, one chunk per 100-byte line",
            Exec => "500 MB of exec output, connection taken over",
            Events => "200,000 events",
            Download => "200 MB archive out of a container",
            Upload => "200 MB archive into a container",
            Save => "image saved, 200 MB",
            Load => "image loaded, 200 MB",
        }
    }

    pub fn parse(name: &str) -> crate::Result<Self> {
        let found = Self::ALL.into_iter().find(|work| work.name() == name);
        Ok(found.ok_or_else(|| format!("no such work: {name}"))?)
    }

    /// The number of repetitions in one run. For streams it is their length: megabytes, or all
    /// events.
    pub fn count(self) -> u64 {
        match self {
            Ping => 20_000,
            Ping16 => 32_000,
            Version => 10_000,
            List => 12,
            Logs | Download | Upload | Save | Load => 200,
            Exec => 500,
            Events => replies::EVENTS as u64,
        }
    }

    /// The number of repetitions before the measurement.
    pub fn warm_up(self) -> u64 {
        match self {
            Ping | Ping16 | Version => 320,
            List => 1,
            // Megabytes: a multiple of a piece, and a name that real engines also accept.
            Logs | Exec | Download | Upload | Save | Load => 16,
            Events => 0,
        }
    }

    /// Whether client and engine share a CPU, for calls that wait for each other anyway.
    pub fn one_cpu(self) -> bool {
        matches!(self, Ping | Ping16 | Version)
    }

    /// The expected count: calls, containers, payload bytes or events.
    pub fn expected(self, count: u64) -> u64 {
        match self {
            Ping | Ping16 | Version | Events => count,
            List => count * replies::CONTAINERS as u64,
            Logs | Download | Upload | Save | Load => count * 1_000_000,
            Exec => count * 1_000_000 / replies::FRAME as u64 * replies::FRAME as u64,
        }
    }
}
