//! `isolate image save`: writes images to a tar archive.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use engine_api::RawBytes;
use isolation::engines::docker::Images;
use serde_json::json;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;

/// Write images to a tar archive, which `isolate image load` and `docker load` read
#[derive(Debug, Args)]
pub(crate) struct Save {
    /// Write to this file, instead of standard output; it appears once it is complete
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Names or IDs of images
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

impl Save {
    pub(super) fn check(&self) -> Result<(), CliError> {
        if self.output.is_none() && std::io::stdout().is_terminal() {
            let error = CliError::new("an archive is not written to a terminal");
            return Err(error.hint("name a file with --output, or redirect standard output"));
        }
        Ok(())
    }

    pub(super) async fn run(&self, images: Images<'_>, console: Console) -> Result<u8, CliError> {
        let names: Vec<&str> = self.images.iter().map(String::as_str).collect();
        let mut archive = images.save(&names).await?;
        let Some(file) = &self.output else {
            while let Some(piece) = archive.next().await {
                console.bytes(&piece?)?;
            }
            return Ok(exit_code::SUCCESS);
        };
        let bytes = write(&mut archive, file).await?;
        if console.json {
            console.value(&json!({ "images": self.images, "file": file, "bytes": bytes }))?;
        }
        Ok(exit_code::SUCCESS)
    }
}

/// Writes an archive to a file, which replaces an existing one at the end.
async fn write(archive: &mut RawBytes, file: &Path) -> Result<u64, CliError> {
    let failed =
        |error: std::io::Error| CliError::new(format!("cannot write {}", file.display())).because(&error);
    let directory = match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let mut partial = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    let mut bytes = 0;
    while let Some(piece) = archive.next().await {
        let piece = piece?;
        bytes += piece.len() as u64;
        partial.write_all(&piece).map_err(failed)?;
    }
    partial.persist(file).map_err(|error| failed(error.error))?;
    Ok(bytes)
}
