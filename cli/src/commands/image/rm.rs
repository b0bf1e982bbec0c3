//! `isolate image rm`: removes images.

use clap::Args;
use isolation::engines::docker::Images;
use serde_json::json;

use super::ImageEngine;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;

/// Remove images, or names of them, and print what was removed
///
/// An image that a container or an environment uses stays; that is an error.
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// Whose images
    #[arg(long, value_enum, default_value = "docker")]
    pub(super) engine: ImageEngine,
    /// Also remove an image that a stopped container uses, or that has several names (engine docker
    /// only)
    #[arg(long, short)]
    force: bool,
    /// Names or IDs of images
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

impl Rm {
    pub(super) async fn run(&self, images: Images<'_>, console: Console) -> Result<u8, CliError> {
        self.each(console, async |image| images.remove(image, self.force).await)
            .await
    }

    #[cfg(target_os = "linux")]
    pub(super) async fn run_sandbox(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let images = session.sandbox()?.images();
        self.each(console, async |image| images.remove(image).await).await
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) async fn run_sandbox(&self, _: &Session, _: Console) -> Result<u8, CliError> {
        Err(super::linux_only())
    }

    async fn each(
        &self,
        console: Console,
        remove: impl AsyncFn(&str) -> isolation::Result<Vec<String>>,
    ) -> Result<u8, CliError> {
        let mut code = exit_code::SUCCESS;
        for image in &self.images {
            match remove(image).await {
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
