//! `isolate image pull`: pulls images from their registries.

use clap::Args;
use isolation::engines::docker::{Images, PullImage, PullPolicy};
use serde_json::json;

use crate::commands::pull_progress::{PullDisplay, Transfer};
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;

/// Pull images from their registries and print their names
///
/// The credentials are those of `docker login`. With a registry mirror or an image prefix in the
/// configuration, the printed name differs from the requested name. Other processes of this user
/// that pull the same image wait for this pull.
#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// Do not pull an image that the daemon has
    #[arg(long)]
    if_missing: bool,
    /// Platform of the image, instead of the daemon's: linux/arm64
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<String>,
    /// Names of images
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

impl Pull {
    pub(super) async fn run(&self, images: Images<'_>, console: Console) -> Result<u8, CliError> {
        for image in &self.images {
            let mut display = PullDisplay::new(console, Transfer::Pull);
            let options = PullImage {
                policy: match self.if_missing {
                    true => PullPolicy::IfMissing,
                    false => PullPolicy::Always,
                },
                platform: self.platform.clone(),
            };
            let pulled = images
                .pull(image, options, |progress| display.show(image, progress))
                .await?;
            display.end()?;
            if console.json {
                console.value(&json!({
                    "type": "image", "name": pulled.name, "id": pulled.id, "platform": pulled.platform,
                    "pulled": pulled.pulled,
                }))?;
            } else {
                console.text(&format!("{}\n", pulled.name))?;
            }
        }
        Ok(exit_code::SUCCESS)
    }
}
