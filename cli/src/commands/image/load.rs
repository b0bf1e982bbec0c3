//! `isolate image load`: loads the images of a tar archive.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use engine_api::Upload;
use isolation::engines::docker::Images;

use crate::archive_input;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::standard_input;

/// Load the images of a tar archive of `isolate image save` or `docker save`, and print their names
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// Read this file, instead of standard input
    #[arg(long, short, value_name = "FILE")]
    input: Option<PathBuf>,
}

impl Load {
    pub(super) fn check(&self) -> Result<(), CliError> {
        if self.input.is_none() && std::io::stdin().is_terminal() {
            let error = CliError::new("an archive is not read from a terminal");
            return Err(error.hint("name a file with --input, or redirect standard input"));
        }
        Ok(())
    }

    pub(super) async fn run(&self, images: Images<'_>, console: Console) -> Result<u8, CliError> {
        let archive = match &self.input {
            Some(file) => {
                let opened = tokio::fs::File::open(file).await;
                let opened = opened.map_err(|error| {
                    CliError::new(format!("cannot read {}", file.display())).because(&error)
                })?;
                Upload::reader(archive_input::checked(&file.display().to_string(), opened).await?)
            }
            None => Upload::reader(archive_input::checked("standard input", standard_input::reader()).await?),
        };
        let names = images.load(archive).await?;
        match console.json {
            true => console.value(&serde_json::json!({ "images": names }))?,
            false => console.text(&names.iter().map(|name| format!("{name}\n")).collect::<String>())?,
        }
        Ok(exit_code::SUCCESS)
    }
}
