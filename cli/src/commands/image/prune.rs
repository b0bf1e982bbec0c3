//! `isolate image prune`: removes unused images that `isolate` has built.

use clap::Args;
use isolation::engines::docker::Images;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;

/// Remove the images that `isolate` has built and that no container uses
///
/// Images that were pulled and images with an additional name stay; `isolate image rm` removes
/// them.
#[derive(Debug, Args)]
pub(crate) struct Prune {}

impl Prune {
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
