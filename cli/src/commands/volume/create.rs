//! `isolate volume create`.

use clap::Args;
use isolation::Lifetime;
use isolation::engines::docker::VolumeOptions;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::parse;
use crate::session::Session;
use crate::signals;

/// Create a volume and print its ID; it stays until `isolate volume rm`
#[derive(Debug, Args)]
pub(super) struct Create {
    /// Label; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse::label)]
    label: Vec<(String, String)>,
    /// Name of the volume
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

impl Create {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let options = VolumeOptions {
            name: self.name.clone(),
            labels: self.label.iter().cloned().collect(),
            lifetime: Lifetime::Kept,
            ..VolumeOptions::default()
        };
        // A signal drops the creation. The drop removes everything that was created.
        signals::interruptible(console, "removing the volume", async {
            let volume = session.docker()?.volumes().create(options).await?;
            match console.json {
                true => console.value(volume.info())?,
                false => console.text(&format!("{}\n", volume.info().id))?,
            }
            Ok(exit_code::SUCCESS)
        })
        .await
    }
}
