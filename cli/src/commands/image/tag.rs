//! `isolate image tag`: gives an image another name.

use clap::Args;
use isolation::engines::docker::Images;
use serde_json::json;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;

/// Give an image an additional name
#[derive(Debug, Args)]
pub(crate) struct Tag {
    /// Name or ID of the image
    #[arg(value_name = "IMAGE")]
    image: String,
    /// The new name, such as registry.test/app:1
    #[arg(value_name = "NAME[:TAG]")]
    name: String,
}

impl Tag {
    pub(super) async fn run(&self, images: Images<'_>, console: Console) -> Result<u8, CliError> {
        images.tag(&self.image, &self.name).await?;
        match console.json {
            true => console.value(&json!({ "image": self.image, "name": self.name }))?,
            false => console.text(&format!("{}\n", self.name))?,
        }
        Ok(exit_code::SUCCESS)
    }
}
