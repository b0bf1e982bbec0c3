//! Commands run in running containers.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::exec::CreateExec;
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let command = CreateExec { cmd: vec!["cat".into(), "/etc/hostname".into()], ..Default::default() };
//! let finished = docker.execs().run("web", command, "").await?;
//! println!("{} said {:?}", finished.exit_code, finished.stdout);
//! # Ok(())
//! # }
//! ```

mod run;
mod types;

pub use types::{CreateExec, Exec, ExecCreated, ExecProcess, StartExec};

use crate::Version;
use crate::client::Docker;
use crate::containers::{TerminalSize, is_terminal};
use crate::error::Result;
use crate::wire::decode::{Duplex, Empty, Json};
use crate::wire::operation::{Operation, OperationInfo};
use crate::wire::stream::Hijacked;

static CREATE: Operation<Json<ExecCreated>> =
    Operation::post("ContainerExec", "/containers/{id}/exec").success(&[201]);
static START: Operation<Duplex> = Operation::post("ExecStart", "/exec/{id}/start").success(&[200]);
/// The same operation with `Detach`, which hands over no connection.
static START_DETACHED: Operation<Empty> = Operation::post("ExecStart", "/exec/{id}/start");
static RESIZE: Operation<Empty> = Operation::post("ExecResize", "/exec/{id}/resize");
static INSPECT: Operation<Json<Exec>> = Operation::get("ExecInspect", "/exec/{id}/json");

pub(crate) static OPERATIONS: [&OperationInfo; 4] = [&CREATE.info, &START.info, &RESIZE.info, &INSPECT.info];

/// Calls on commands in containers; see [`Docker::execs`].
#[derive(Debug, Clone, Copy)]
pub struct Execs<'a> {
    docker: &'a Docker,
}

impl Docker {
    /// Commands in running containers.
    pub fn execs(&self) -> Execs<'_> {
        Execs { docker: self }
    }
}

impl Execs<'_> {
    /// Prepares a command in a container; it does not run yet.
    ///
    /// # Errors
    ///
    /// 404 when there is no such container, 409 when it does not run.
    pub async fn create(&self, container: &str, exec: CreateExec) -> Result<ExecCreated> {
        let empty = exec
            .cmd
            .is_empty()
            .then(|| "the command is empty; set `cmd`".to_owned());
        self.docker
            .call(&CREATE)
            .at(container)
            .json(&exec)
            .reject_if(empty)
            .needs(
                exec.console_size.is_some(),
                "CreateExec::console_size",
                Version::new(1, 42),
            )
            .send()
            .await
    }

    /// Starts a command and takes over its streams; an exec can be started once.
    ///
    /// # Errors
    ///
    /// Podman answers 500 when none of its streams is attached: there is [`Execs::start_detached`].
    pub async fn start(&self, id: &str, options: StartExec) -> Result<Hijacked> {
        let size = options.console_size.is_some();
        let call = self.docker.call(&START).at(id).json(&options);
        let hijacked = call
            .needs(size, "StartExec::console_size", Version::new(1, 42))
            .send()
            .await?;
        // The engine goes by the flag of this call, so does the framing.
        let ask = async { Ok(options.tty) };
        let terminal = is_terminal(self.docker, hijacked.output.announced(), ask).await?;
        Ok(hijacked.terminal(terminal))
    }

    /// Starts a command without its streams; [`Execs::wait`] tells when it ends.
    pub async fn start_detached(&self, id: &str) -> Result<()> {
        self.docker
            .call(&START_DETACHED)
            .at(id)
            .json(&StartExec {
                detach: true,
                ..Default::default()
            })
            .send()
            .await
    }

    /// Sets the size of a command's terminal.
    pub async fn resize(&self, id: &str, size: TerminalSize) -> Result<()> {
        self.docker.call(&RESIZE).at(id).query(size.query()).send().await
    }

    /// Tells the state of a command; `exit_code` is `None` until it has ended.
    pub async fn inspect(&self, id: &str) -> Result<Exec> {
        self.docker.call(&INSPECT).at(id).send().await
    }
}
