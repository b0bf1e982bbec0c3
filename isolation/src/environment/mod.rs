//! The trait of environments: the same calls on every engine.

pub(crate) mod id;
pub(crate) mod status;
pub(crate) mod summary;

use std::fmt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::BoxFuture;
use crate::command::Command;
use crate::command::execution::Execution;
use crate::command::output::CommandOutput;
use crate::environment::id::EnvironmentId;
use crate::environment::status::Status;
use crate::error::Result;
use crate::spec::EnvironmentSpec;

/// An isolated place for commands.
///
/// [`Engine::create`](crate::Engine::create) creates it;
/// [`Manager::create`](crate::Manager::create) also keeps track of it. Dropping it destroys it as
/// far as possible without waiting ([`destroy_blocking`](Self::destroy_blocking)), unless
/// [`keep`](Self::keep) was called.
///
/// **Paths** inside an environment are text. A relative path starts at the environment's working
/// directory, an absolute path at its root. A path outside the environment is rejected.
pub trait Environment: fmt::Debug + Send + Sync {
    /// The ID.
    fn id(&self) -> &EnvironmentId;

    /// The name for people.
    fn name(&self) -> &str;

    /// The name of the engine.
    fn engine(&self) -> &str;

    /// The specification from which it was created.
    fn spec(&self) -> &EnvironmentSpec;

    /// The status, as far as known without a request to the engine.
    fn status(&self) -> Status;

    /// Makes it ready for commands; does nothing if it is ready.
    fn start(&self) -> BoxFuture<'_, Result<()>>;

    /// Starts a command and returns its output as a stream. A program that cannot be run ends with
    /// code 127 or 126, as in a shell; an error means that the engine failed.
    ///
    /// Background processes of the command run until the environment is destroyed.
    fn execute(&self, command: Command) -> BoxFuture<'_, Result<Execution>>;

    /// Runs a command to its end and collects its output.
    fn run(&self, command: Command) -> BoxFuture<'_, Result<CommandOutput>> {
        Box::pin(async move { self.execute(command).await?.output().await })
    }

    /// Copies a file or directory in. `target` is the path of the copy; missing parent directories
    /// are created. A file replaces a file, a directory is merged into a directory. Permissions are
    /// kept. If `source` is a link, its target is copied; links inside a directory are copied as
    /// links. Sockets, pipes and devices are rejected.
    fn copy_in<'a>(&'a self, source: CopySource, target: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Copies a file or directory out, by the same rules; `target` is the path of the copy.
    fn copy_out<'a>(&'a self, source: &'a str, target: &'a Path) -> BoxFuture<'a, Result<()>>;

    /// Ends every process in it and removes everything that the engine created for it. A second
    /// call succeeds; after an error, it can be called again.
    fn destroy(&self) -> BoxFuture<'_, Result<()>>;

    /// Destroys it as far as possible without awaiting: for guards, also outside a runtime. It
    /// never panics, and does nothing if the environment is destroyed already.
    fn destroy_blocking(&self);

    /// From now on, dropping this handle does not destroy the environment.
    fn keep(&self);
}

/// The source of a copy into an environment.
#[derive(Clone, PartialEq, Eq)]
pub enum CopySource {
    /// A file or directory of the host.
    Path(PathBuf),
    /// A file with this content.
    Bytes {
        /// The content of the file.
        content: Bytes,
        /// The permissions, such as `0o644`.
        mode: u32,
    },
}

impl CopySource {
    /// A file with this content and the permissions `0o644`.
    pub fn bytes(content: impl Into<Bytes>) -> Self {
        let content = content.into();
        Self::Bytes { content, mode: 0o644 }
    }
}

impl fmt::Debug for CopySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Self::Bytes { content, mode } => write!(f, "Bytes({} bytes, mode {mode:o})", content.len()),
        }
    }
}
