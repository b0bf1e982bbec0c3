//! `isolate login`: stores credentials for a registry.

use std::io::Read;

use clap::Args;
use engine_api::auth::{Credentials, RegistryAuth};
use serde_json::json;

use crate::client::Client;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::standard_input;
use crate::terminal;

/// The longest password that is read, in bytes.
const LONGEST: u64 = 64 << 10;

/// Check credentials with a registry, and store them for docker and isolate
///
/// The password is read from standard input, or from a prompt on a terminal; it is never an option.
/// The credentials are stored in the credential helper that the docker command's configuration
/// names, or in that of this platform if it names none, otherwise in its file config.json.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// User
    #[arg(long, short, value_name = "USER")]
    username: String,
    /// Read the password from standard input, also if it is a terminal
    #[arg(long)]
    password_stdin: bool,
    /// Registry, such as registry.example.com:5000 [default: Docker Hub]
    #[arg(value_name = "REGISTRY", default_value = "", hide_default_value = true)]
    registry: String,
}

impl Login {
    pub(super) async fn run(&self, client: &Client, console: Console) -> Result<u8, CliError> {
        let docker = client.any().await?;
        let mut auth = RegistryAuth {
            server_address: self.registry.clone(),
            ..RegistryAuth::user(&self.username, self.password(console).await?)
        };
        let status = docker.system().auth(&auth).await?;
        if !status.identity_token.is_empty() {
            auth.identity_token = status.identity_token;
            auth.password.clear();
        }
        let store = Credentials::store(auth).await?;
        let registry = shown(&self.registry);
        console.note(&format!("the credentials for {registry} are in {store}"));
        if matches!(store, engine_api::auth::CredentialStore::File(_)) {
            console.warning("the file is not encrypted; a credential helper (`credsStore`) protects it");
        }
        if console.json {
            console.value(&json!({ "type": "login", "registry": registry, "store": store.to_string() }))?;
        }
        Ok(exit_code::SUCCESS)
    }

    async fn password(&self, console: Console) -> Result<String, CliError> {
        let asks = terminal::is_input() && !self.password_stdin;
        let hidden = match asks {
            true => {
                console.prompt("Password: ");
                Some(terminal::Hidden::enter()?)
            }
            false => None,
        };
        // The password is read in a thread, so that a signal can end the command and restore the
        // terminal.
        let read = tokio::task::spawn_blocking(move || read(asks)).await;
        drop(hidden);
        let failed = |error: &dyn std::error::Error| CliError::new("cannot read the password").because(error);
        let password = read.map_err(|error| failed(&error))?;
        let password = password.map_err(|error| failed(&error))?;
        let password = password.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            let error = CliError::new("the password is empty");
            return Err(
                error.hint("write it to standard input: isolate login -u USER REGISTRY <password.txt")
            );
        }
        if password.len() as u64 > LONGEST {
            return Err(CliError::new(format!(
                "the password is longer than {LONGEST} bytes"
            )));
        }
        Ok(password.to_owned())
    }
}

/// Reads a line of a terminal, or all of another input.
fn read(line: bool) -> std::io::Result<String> {
    let mut password = String::new();
    match line {
        true => standard_input::blocking().read_line(&mut password)?,
        false => standard_input::blocking()
            .take(LONGEST + 1)
            .read_to_string(&mut password)?,
    };
    Ok(password)
}

/// The registry in messages.
pub(super) fn shown(registry: &str) -> &str {
    match registry {
        "" => "docker.io",
        registry => registry,
    }
}
