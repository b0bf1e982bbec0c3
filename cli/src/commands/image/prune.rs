//! `isolate image prune`: removes unused images that `isolate` has built.

use clap::Args;
use isolation::engines::docker::Images;

use super::ImageEngine;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;

/// Remove the images that `isolate` has built and that no container uses
///
/// Images that were pulled and images with an additional name stay; `isolate image rm` removes
/// them. For the engine sandbox: remove all images that no environment uses.
#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Whose images
    #[arg(long, value_enum, default_value = "docker")]
    pub(super) engine: ImageEngine,
}

impl Prune {
    #[cfg(target_os = "linux")]
    pub(super) async fn run_sandbox(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let removed = session.sandbox()?.images().prune().await?;
        match console.json {
            true => console.value(&serde_json::json!({ "removed": removed }))?,
            false => console.text(&removed.iter().map(|id| format!("{id}\n")).collect::<String>())?,
        }
        Ok(exit_code::SUCCESS)
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) async fn run_sandbox(&self, _: &Session, _: Console) -> Result<u8, CliError> {
        Err(super::linux_only())
    }

    pub(super) async fn run(&self, images: Images<'_>, console: Console) -> Result<u8, CliError> {
        let pruned = images.prune().await?;
        if console.json {
            console.value(&pruned)?;
            return Ok(exit_code::SUCCESS);
        }
        let removed: String = pruned.removed.iter().map(|name| format!("{name}\n")).collect();
        console.text(&removed)?;
        if !pruned.used.is_empty() {
            console.note(&format!("in use: {}", pruned.used.join(" ")));
        }
        Ok(exit_code::SUCCESS)
    }
}
