//! `isolate image push`: pushes images to their registries.

use clap::Args;
use isolation::engines::docker::Images;
use serde_json::json;

use crate::commands::pull_progress::{PullDisplay, Transfer};
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;

/// Push images to the registries in their names
///
/// The credentials are those of `docker login`.
#[derive(Debug, Args)]
pub(crate) struct Push {
    /// Names of images
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

impl Push {
    pub(super) async fn run(&self, images: Images<'_>, console: Console) -> Result<u8, CliError> {
        for image in &self.images {
            let mut display = PullDisplay::new(console, Transfer::Push);
            images
                .push(image, |progress| display.show(image, progress))
                .await?;
            display.end()?;
            match console.json {
                true => console.value(&json!({ "type": "image", "name": image, "pushed": true }))?,
                false => console.text(&format!("{image}\n"))?,
            }
        }
        Ok(exit_code::SUCCESS)
    }
}
