//! `isolate rm`: destroys environments.

use clap::Args;
use isolation::Remove;
use serde_json::json;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;

/// Destroy environments with their files
///
/// Every environment that `isolate ls` shows can be destroyed, also a lost one, and one whose owner
/// was killed. One whose network others have is destroyed only after them. Of one that is not
/// listed any more, the whole ID removes the networks and volumes that have it as a label.
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// Also destroy environments that run or are in use; forget those whose daemon does not answer
    #[arg(long, short)]
    force: bool,
    /// Names or IDs of environments; a unique beginning of an ID is enough
    #[arg(required = true, value_name = "ENVIRONMENT")]
    environments: Vec<String>,
}

impl Rm {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let mut code = exit_code::SUCCESS;
        let options = Remove { force: self.force };
        for reference in &self.environments {
            match session.manager().remove(reference, options).await {
                Ok(removed) if console.json => {
                    console.value(&json!({ "id": removed.id, "name": removed.name }))?;
                }
                Ok(_) => console.text(&format!("{reference}\n"))?,
                Err(error) => {
                    code = exit_code::FAILED;
                    console.error(&error.into());
                }
            }
        }
        Ok(code)
    }
}
