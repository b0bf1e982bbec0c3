//! What every environment can do, on every engine.

use std::fmt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::Serialize;

use crate::BoxFuture;
use crate::command::{Command, CommandOutput};
use crate::error::Result;
use crate::execution::Execution;
use crate::id::EnvironmentId;
use crate::spec::EnvironmentSpec;
use crate::status::Status;

/// An isolated place in which commands run.
///
/// Made by [`Engine::create`](crate::Engine::create), or better by [`Manager::create`](crate::Manager::create),
/// which keeps track of it. Dropping it destroys it as far as that can be done at once
/// ([`destroy_now`](Self::destroy_now)), unless [`keep`](Self::keep) was called.
///
/// **Paths** inside are text: a relative one starts at the environment's working directory, an absolute
/// one at its root. A path that leads out of the environment is refused.
pub trait Environment: fmt::Debug + Send + Sync {
    /// Its identity.
    fn id(&self) -> &EnvironmentId;

    /// What people call it.
    fn name(&self) -> &str;

    /// The name of its engine.
    fn engine(&self) -> &str;

    /// What it was made from.
    fn spec(&self) -> &EnvironmentSpec;

    /// Where it stands in its life, as far as is known without asking the engine.
    fn status(&self) -> Status;

    /// Makes it ready for commands; does nothing when it is.
    fn activate(&self) -> BoxFuture<'_, Result<()>>;

    /// Starts a command, with its output as it comes. What cannot be run ends with code 127 or 126, as
    /// in a shell; an error is what the engine could not do.
    ///
    /// Processes that the command leaves in the background live until the environment is destroyed.
    fn execute(&self, command: Command) -> BoxFuture<'_, Result<Execution>>;

    /// Runs a command to its end, and collects what it wrote.
    fn run(&self, command: Command) -> BoxFuture<'_, Result<CommandOutput>> {
        Box::pin(async move { self.execute(command).await?.output().await })
    }

    /// Copies a file or a directory in. `target` is the path that the copy gets; directories above it are made.
    /// A file replaces a file, a directory is merged into a directory. Permissions are kept. A link is followed
    /// when it is what was named, and copied as a link inside a directory. Sockets, pipes and devices are
    /// refused.
    fn copy_in<'a>(&'a self, source: Source, target: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Copies a file or a directory out, by the same rules; `target` is the path that the copy gets.
    fn copy_out<'a>(&'a self, source: &'a str, target: &'a Path) -> BoxFuture<'a, Result<()>>;

    /// Ends every process in it and removes all that the engine made for it. When it is destroyed
    /// already, that is a success; when it fails, it can be tried again.
    fn destroy(&self) -> BoxFuture<'_, Result<()>>;

    /// Destroys it as far as that can be done without awaiting: for guards, outside of a runtime too.
    /// Never panics, and does nothing when it is destroyed already.
    fn destroy_now(&self);

    /// From now on, leaves the environment in place when this handle is dropped.
    fn keep(&self);
}

/// What to copy in.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// A file or a directory of the host.
    Path(PathBuf),
    /// A file with this content.
    Bytes {
        /// What it contains.
        content: Bytes,
        /// Its permissions, such as `0o644`.
        mode: u32,
    },
}

impl Source {
    /// A file with this content, which its owner may write and everyone may read.
    pub fn bytes(content: impl Into<Bytes>) -> Self {
        let content = content.into();
        Self::Bytes { content, mode: 0o644 }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Self::Bytes { content, mode } => write!(f, "Bytes({} bytes, mode {mode:o})", content.len()),
        }
    }
}

/// An environment as its engine lists it, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnvironmentSummary {
    /// Its identity.
    pub id: EnvironmentId,
    /// What people call it.
    pub name: String,
    /// The name of its engine.
    pub engine: String,
    /// Where it stands in its life.
    pub status: Status,
    /// Who it belongs to.
    pub owner: Option<String>,
    /// The session it belongs to.
    pub session: Option<String>,
}
