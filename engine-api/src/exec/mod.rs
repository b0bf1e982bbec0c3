//! Execs: commands that run in running containers.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::exec::CreateExec;
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let command = CreateExec { cmd: ["cat", "/etc/hostname"].into(), ..Default::default() };
//! let output = docker.execs().run("web", command).await?;
//! println!("exit code {}: {}", output.exit_code, output.text());
//! # Ok(())
//! # }
//! ```

mod create;
mod inspect;
mod resize;
mod run;
mod start;
mod wait;

pub use create::{CreateExec, ExecCreated};
pub use inspect::{Exec, ExecProcess};
pub use run::RunExec;
pub use start::StartExec;

use crate::client::Docker;
pub use crate::common::TerminalSize;
use crate::wire::operation::OperationInfo;
pub use crate::wire::stream::RunOutput;

/// Calls on execs; see [`Docker::execs`].
#[derive(Debug, Clone, Copy)]
pub struct Execs<'a> {
    docker: &'a Docker,
}

impl Docker {
    /// The execs of this engine.
    pub fn execs(&self) -> Execs<'_> {
        Execs { docker: self }
    }
}

pub(crate) static OPERATIONS: &[&OperationInfo] = &[
    &create::CREATE.info,
    &start::START.info,
    &resize::RESIZE.info,
    &inspect::INSPECT.info,
];
