//! The options of a manager.

use std::path::PathBuf;
use std::time::Duration;

use crate::environment::ending::CLEANUP_TIMEOUT;

/// What a manager writes down about its environments, and who removes them if this process cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagerOptions {
    /// Whether environments are in the journal. Without it, nothing that a killed process has left
    /// is found by [`Manager::gc`](crate::Manager::gc).
    pub journal: bool,
    /// The directory of the journal. By default the environment variable `ISOLATE_STATE_DIR`, then
    /// `$XDG_STATE_HOME/isolate`, then `~/.local/state/isolate`.
    pub state_directory: Option<PathBuf>,
    /// The process that removes what this process leaves.
    pub reaper: Reaper,
    /// How long the end of environments waits for an engine that does not answer; the default is 5
    /// seconds. It is one limit for killing, stopping and destroying all environments of the
    /// manager, also by [`shutdown`](crate::Manager::shutdown) and by a drop. Each answer begins it
    /// anew. An engine that is slow but answers is waited for.
    pub cleanup_timeout: Duration,
    /// How many environments of each specification are prepared ahead. The default is 0.
    /// [`Manager::create`](crate::Manager::create) then takes one that is ready and tested, and the
    /// next one is prepared in the background. Each is used once. All of them end with the manager.
    pub pool: usize,
    /// The directory in which failures are described: each creation, start, wait and command that
    /// fails with an error gets a directory of its own in it, as
    /// [`Environment::bundle`](crate::Environment::bundle) writes it, before anything is removed.
    /// By default the environment variable `ISOLATE_BUNDLE_DIR`, and no directory without it.
    pub bundle_directory: Option<PathBuf>,
}

impl ManagerOptions {
    /// The directory for bundles of failures.
    pub(super) fn bundles(&self) -> Option<PathBuf> {
        let by_env = || {
            let value = std::env::var_os("ISOLATE_BUNDLE_DIR");
            value.filter(|value| !value.is_empty()).map(PathBuf::from)
        };
        self.bundle_directory.clone().or_else(by_env)
    }
}

impl Default for ManagerOptions {
    fn default() -> Self {
        Self {
            journal: true,
            state_directory: None,
            reaper: Reaper::default(),
            cleanup_timeout: CLEANUP_TIMEOUT,
            pool: 0,
            bundle_directory: None,
        }
    }
}

/// The process that waits for the end of this one, and removes what it has left. It is started with
/// the first environment, once for each process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reaper {
    /// The program that the environment variable `ISOLATE_REAPER` names; `off` switches it off.
    /// Otherwise `isolate` beside this executable or on `PATH`. Without it, the next start
    /// of a manager removes the leftovers.
    #[default]
    Auto,
    /// This program, which is `isolate` under any name.
    Program(PathBuf),
    /// None.
    Off,
}

impl Reaper {
    /// The program, if there is one.
    #[cfg(unix)]
    pub(crate) fn program(&self) -> Option<PathBuf> {
        match self {
            Self::Program(program) => Some(program.clone()),
            Self::Off => None,
            Self::Auto => match std::env::var_os("ISOLATE_REAPER") {
                Some(value) if value == "off" => None,
                Some(value) if !value.is_empty() => Some(value.into()),
                _ => crate::journal::reaper::program(),
            },
        }
    }
}
