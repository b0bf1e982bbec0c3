//! `isolate logout`: erases the credentials for a registry.

use clap::Args;
use engine_api::auth::Credentials;
use serde_json::json;

use super::login::shown;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;

/// Erase the stored credentials for a registry
#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// Registry, such as registry.example.com:5000 [default: Docker Hub]
    #[arg(value_name = "REGISTRY", default_value = "", hide_default_value = true)]
    registry: String,
}

impl Logout {
    pub(super) async fn run(&self, console: Console) -> Result<u8, CliError> {
        let erased = Credentials::erase(&self.registry).await?;
        let registry = shown(&self.registry);
        console.note(&match erased {
            true => format!("the credentials for {registry} are erased"),
            false => format!("there are no credentials for {registry}"),
        });
        if console.json {
            console.value(&json!({ "type": "logout", "registry": registry, "erased": erased }))?;
        }
        Ok(exit_code::SUCCESS)
    }
}
