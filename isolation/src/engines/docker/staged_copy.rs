//! Copies that a command in the container makes, where the daemon does not see the files: in
//! memory, and in files that the daemon itself has mounted.
//!
//! The files are in a temporary directory on the way, which the daemon does see.

use std::sync::Arc;

use engine_api::exec::CreateExec;

use super::cleanup;
use super::container::ContainerRef;
use super::diagnostics::to_error;
use crate::creator::Creator;
use crate::environment::id::random_hex;
use crate::environment::status::Status;
use crate::error::{Error, ErrorKind, Result};

/// The name of the copy in the temporary directory.
const ENTRY: &str = "copy";

/// The exit codes of the scripts.
const WRONG_TYPE: i64 = 3;
const SPECIAL: i64 = 4;
const MISSING: i64 = 5;

/// Copies `$1` to `$2`. `cp` writes into a file that is mounted, which cannot be replaced.
const IN: &str = r#"
from=$1 to=$2
[ -b "$to" ] || [ -c "$to" ] && exit 4
case $to in */*) mkdir -p "${to%/*}/" || exit ;; esac
if [ -d "$from" ]; then
  if [ -e "$to" ] && [ ! -d "$to" ]; then exit 3; fi
  if [ ! -d "$to" ]; then cp -a "$from" "$to"; exit; fi
  # Not "$from/.": a directory that exists keeps its owner and its permissions.
  for entry in "$from"/* "$from"/.[!.]* "$from"/..?*; do
    [ -e "$entry" ] || [ -L "$entry" ] || continue
    cp -a "$entry" "$to/" || exit
  done
else
  if [ -d "$to" ] && [ ! -L "$to" ]; then exit 3; fi
  if [ -L "$to" ] || [ -p "$to" ] || [ -S "$to" ]; then rm -f "$to"; fi
  cp -p "$from" "$to"
fi
"#;

/// Copies `$1` to `$2`, and follows a link at `$1`.
const OUT: &str = r#"
from=$1 to=$2
[ -e "$from" ] || [ -L "$from" ] || exit 5
if [ -d "$from" ]; then mkdir -p "$to" && cp -a "$from/." "$to/"
elif [ -f "$from" ]; then mkdir -p "${to%/*}" && cp -p "$from" "$to"
else exit 4; fi
"#;

/// A temporary directory in a container. Dropping it removes it.
#[derive(Debug)]
pub(super) struct StagedCopy {
    container: ContainerRef,
    directory: String,
    creator: Creator,
}

impl StagedCopy {
    /// Chooses the directory. Nothing is created yet.
    pub(super) fn new(container: &ContainerRef) -> Self {
        Self {
            container: container.clone(),
            directory: format!("/.isolation-copy-{}", random_hex()),
            creator: Creator::this_process(),
        }
    }

    /// The path of the copy in the directory.
    pub(super) fn path(&self) -> String {
        format!("{}/{ENTRY}", self.directory)
    }

    /// Copies from the directory to a path.
    pub(super) async fn put(&self, target: &str) -> Result<()> {
        self.run(IN, &self.path(), target).await
    }

    /// Copies from a path to the directory.
    pub(super) async fn get(&self, source: &str) -> Result<()> {
        self.run(OUT, source, &self.path()).await
    }

    async fn run(&self, script: &str, from: &str, to: &str) -> Result<()> {
        let Some(shell) = self.container.shell.get() else {
            let text = "the daemon does not see this place, and the image has no shell to copy with";
            return Err(Error::new(ErrorKind::Unsupported, text));
        };
        let script = format!("PATH=$PATH:/usr/bin:/bin\n{script}");
        let exec = CreateExec {
            cmd: [shell, "-c", &script, "sh", from, to].into(),
            user: "0".to_owned(),
            ..CreateExec::default()
        };
        let running = self.container.call(|name| {
            let (execs, exec) = (self.container.docker.execs(), exec.clone());
            async move { execs.run(&name, exec).await }
        });
        let ended = running.await;
        // Podman answers 500.
        let podman = |error: &engine_api::Error| {
            error
                .message()
                .is_some_and(|message| message.contains("on running containers"))
        };
        let ended = match ended {
            Err(error) if error.is_conflict() || podman(&error) => return Err(self.runs_not().await),
            ended => ended.map_err(to_error)?,
        };
        match ended.exit_code {
            0 => Ok(()),
            WRONG_TYPE => Err(super::files::wrong_type(to)),
            SPECIAL => Err(Error::invalid("it is a socket, a pipe or a device")),
            MISSING => Err(Error::not_found(format!(
                "{from} does not exist in the environment"
            ))),
            code => {
                let text = String::from_utf8_lossy(&ended.stderr);
                let reason = text.lines().last().unwrap_or("no reason was printed").trim();
                Err(Error::new(
                    ErrorKind::Io,
                    format!("a command in the container could not copy it (exit code {code}): {reason}"),
                ))
            }
        }
    }

    /// The error of a container in which no command runs.
    async fn runs_not(&self) -> Error {
        match self.container.inspect().await {
            Ok(container) if container.state.paused => self.container.is_paused(),
            _ => Error::wrong_status(
                Status::Stopped,
                "the daemon does not see this place; start it first: `isolate start ENVIRONMENT`, or Environment::start",
            ),
        }
    }
}

impl Drop for StagedCopy {
    fn drop(&mut self) {
        if !self.creator.is_this_process() {
            return;
        }
        let (container, directory) = (self.container.clone(), self.directory.clone());
        cleanup::run(Arc::new(move || {
            let (container, directory) = (container.clone(), directory.clone());
            Box::pin(async move {
                let shell = container.shell.get().unwrap_or("sh");
                let exec = CreateExec {
                    cmd: [
                        shell,
                        "-c",
                        "PATH=$PATH:/usr/bin:/bin; rm -rf \"$1\"",
                        "sh",
                        &directory,
                    ]
                    .into(),
                    user: "0".to_owned(),
                    ..CreateExec::default()
                };
                // There is no caller to report an error to; the container has the directory, too.
                let _ = container.docker.execs().run(container.id(), exec).await;
            })
        }));
    }
}
