//! TCP connections through commands in an environment: the standard input and output of a command
//! are the two directions of a connection. This needs no network.

mod expose;
mod forward;
mod pipe;
mod programs;

use std::path::PathBuf;

use tokio::task::JoinHandle;

pub(crate) use expose::expose;
pub(crate) use forward::forward;
pub(crate) use programs::static_busybox;

use crate::BoxFuture;
use crate::command::Command;
use crate::command::execution::Execution;
use crate::error::Result;
use crate::files::CopySource;

/// Starts commands in an environment, and copies a program in.
pub(crate) trait Start: std::fmt::Debug + Send + Sync {
    fn start<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Execution>>;

    fn copy_in<'a>(&'a self, source: CopySource, target: &'a str) -> BoxFuture<'a, Result<()>>;

    /// A BusyBox of this machine that can be copied in.
    fn busybox(&self) -> Option<PathBuf>;
}

/// A relay. Dropping it ends the relay and its connections.
#[derive(Debug)]
pub(crate) struct Relay(JoinHandle<()>);

impl Relay {
    /// Whether the relay has ended by itself.
    pub(crate) fn has_ended(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(all(test, unix))]
mod bounds;
#[cfg(all(test, unix))]
mod each_program;
#[cfg(all(test, unix))]
mod tests;
