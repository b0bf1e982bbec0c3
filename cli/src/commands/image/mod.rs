//! `isolate image`: the images of the Docker daemon, and those of the engine sandbox.

pub(super) mod build;
mod import;
mod load;
mod ls;
mod prune;
mod pull;
mod push;
mod rm;
mod save;
mod session_options;
mod tag;

use clap::{Args, Subcommand, ValueEnum};

use crate::console::Console;
use crate::error::CliError;
use crate::session::Session;
use crate::signals;

/// Pull, push, build, name, list, remove and store images of the Docker daemon; import images for
/// the engine sandbox
#[derive(Debug, Args)]
pub(crate) struct Image {
    #[command(subcommand)]
    command: ImageCommand,
}

#[derive(Debug, Subcommand)]
enum ImageCommand {
    Pull(pull::Pull),
    Push(push::Push),
    Build(build::Build),
    Tag(tag::Tag),
    Ls(ls::Ls),
    Rm(rm::Rm),
    Prune(prune::Prune),
    Save(save::Save),
    Load(load::Load),
    Import(import::Import),
}

/// The error of the engine sandbox on other systems.
#[cfg(not(target_os = "linux"))]
fn linux_only() -> CliError {
    CliError::new("the engine sandbox exists on Linux only").hint("use the images of the Docker daemon")
}

/// The engine whose images are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ImageEngine {
    Docker,
    Sandbox,
}

impl Image {
    /// Rejects invalid options before anything is sent.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        match &self.command {
            ImageCommand::Save(save) => save.check(),
            ImageCommand::Load(load) => load.check(),
            ImageCommand::Import(import) => import.check(),
            _ => Ok(()),
        }
    }

    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        // A signal drops the call, and the daemon then cancels it.
        signals::interruptible(
            console,
            "the operation on images is cancelled",
            self.call(session, console),
        )
        .await
    }

    async fn call(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        match &self.command {
            ImageCommand::Ls(ls) if ls.engine == ImageEngine::Sandbox => {
                return ls.run_sandbox(session, console).await;
            }
            ImageCommand::Rm(rm) if rm.engine == ImageEngine::Sandbox => {
                return rm.run_sandbox(session, console).await;
            }
            ImageCommand::Prune(prune) if prune.engine == ImageEngine::Sandbox => {
                return prune.run_sandbox(session, console).await;
            }
            _ => {}
        }
        let images = session.docker()?.images();
        match &self.command {
            ImageCommand::Pull(pull) => pull.run(images, console).await,
            ImageCommand::Push(push) => push.run(images, console).await,
            ImageCommand::Build(build) => build.run(session, console).await,
            ImageCommand::Tag(tag) => tag.run(images, console).await,
            ImageCommand::Ls(ls) => ls.run(images, console).await,
            ImageCommand::Rm(rm) => rm.run(images, console).await,
            ImageCommand::Prune(prune) => prune.run(images, console).await,
            ImageCommand::Save(save) => save.run(images, console).await,
            ImageCommand::Load(load) => load.run(images, console).await,
            ImageCommand::Import(import) => import.run(session, console).await,
        }
    }
}
