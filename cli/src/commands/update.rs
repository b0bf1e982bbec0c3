//! `isolate update`: changes the limits of environments.

use clap::Args;
use isolation::ResourceLimits;

use super::limit_options::LimitOptions;
use crate::console::Console;
use crate::error::CliError;
use crate::session::Session;

/// Change the limits of environments, also while they run; limits that are not given stay
#[derive(Debug, Args)]
// A daemon cannot remove a limit of a container, so 0 is not a value here.
#[command(
    mut_arg("memory", |arg| arg.help("Memory limit: bytes, or 512m, 2g")),
    mut_arg("cpus", |arg| arg.help("CPU limit: 0.5 is half of one CPU")),
    mut_arg("pids", |arg| arg.help("Limit of the number of processes"))
)]
pub(crate) struct Update {
    #[command(flatten)]
    limits: LimitOptions,
    /// Names or IDs of environments; a unique beginning of an ID is enough
    #[arg(required = true, value_name = "ENVIRONMENT")]
    environments: Vec<String>,
}

impl Update {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        if self.limits.lifted() != ResourceLimits::default() {
            let why = "a limit can be changed, not removed; write a value greater than 0";
            return Err(CliError::new(why));
        }
        let mut limits = ResourceLimits::default();
        self.limits.fill(&mut limits);
        let update = async |environment: &isolation::Environment| environment.update(&limits).await;
        session.each(&self.environments, console, update).await
    }
}
