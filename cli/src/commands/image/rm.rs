//! `isolate image rm`: removes images.

use clap::Args;
use isolation::engines::docker::Images;
use serde_json::json;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;

/// Remove images, or names of them, and print what was removed
///
/// An image that a container uses stays; that is an error.
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// Also remove an image that a stopped container uses, or that has several names
    #[arg(long, short)]
    force: bool,
    /// Names or IDs of images
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

impl Rm {
    pub(super) async fn run(&self, images: Images<'_>, console: Console) -> Result<u8, CliError> {
        let mut code = exit_code::SUCCESS;
        for image in &self.images {
            match images.remove(image, self.force).await {
                Ok(removed) if console.json => {
                    console.value(&json!({ "image": image, "removed": removed }))?;
                }
                Ok(removed) => console.text(&format!("{}\n", removed.join("\n")))?,
                Err(error) => {
                    code = exit_code::FAILED;
                    console.error(&error.into());
                }
            }
        }
        Ok(code)
    }
}
