//! The options of a manager.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::environment::end_timeout::CLEANUP_TIMEOUT;
use crate::error::{Error, Result};

/// The records of a manager about its environments, and the process that removes them if this
/// process cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagerOptions {
    /// Whether environments are in the journal. Without it, [`Manager::gc`](crate::Manager::gc)
    /// does not find the environments of a killed process.
    pub journal: bool,
    /// The directory of the journal. By default the environment variable `ISOLATE_STATE_DIR`, then
    /// `$XDG_STATE_HOME/isolate`, then `~/.local/state/isolate`.
    pub state_directory: Option<PathBuf>,
    /// The process that removes the environments of this process after its exit.
    pub reaper: Reaper,
    /// The timeout for an engine that does not answer at the end of environments; the default is 5
    /// seconds. It applies to killing, stopping and destroying all environments of the manager
    /// together, also in [`shutdown`](crate::Manager::shutdown) and in a drop. Each answer restarts
    /// the timeout, so a slow engine that answers has no limit.
    pub cleanup_timeout: Duration,
    /// The number of environments that are prepared in advance for each specification. The default
    /// is 0. [`Manager::create`](crate::Manager::create) then returns a prepared and tested
    /// environment, and the next one is prepared in the background. Each is used once. The manager
    /// destroys all of them at its end.
    pub pool: usize,
    /// The directory for descriptions of failures: each creation, start, wait and command that
    /// fails with an error gets a bundle in it, like that of
    /// [`Environment::bundle`](crate::Environment::bundle), before anything is removed. The default
    /// is the environment variable `ISOLATE_BUNDLE_DIR`; without it, no bundle is written.
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

/// The process that waits until this process has exited, and removes its environments. It is
/// started with the first environment, once for each process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reaper {
    /// The program that the environment variable `ISOLATE_REAPER` names; `off` disables it.
    /// Otherwise `isolate` next to this executable or on `PATH`. Without a program, the next start
    /// of a manager removes the leftovers.
    #[default]
    Auto,
    /// This program, which is `isolate` under any name.
    Program(PathBuf),
    /// None.
    Off,
}

/// The variable that names the program of [`Reaper::Auto`].
#[cfg(unix)]
const VARIABLE: &str = "ISOLATE_REAPER";

impl Reaper {
    /// Checks the environment variable `ISOLATE_REAPER` of [`Auto`](Self::Auto). The value of a
    /// variable has no effect otherwise.
    ///
    /// # Errors
    ///
    /// The kind is [`InvalidInput`](crate::ErrorKind::InvalidInput) if the value is neither `off`
    /// nor a program.
    #[cfg(unix)]
    pub fn check(&self) -> Result<()> {
        let value = match self {
            Self::Auto => std::env::var_os(VARIABLE).filter(|value| !value.is_empty() && value != "off"),
            Self::Program(_) | Self::Off => None,
        };
        match value {
            Some(value) if !crate::journal::reaper::is_program(Path::new(&value)) => {
                Err(Error::invalid(format!(
                    "{VARIABLE} is {value:?}, which is not a program; write the path of `isolate`, or off"
                )))
            }
            _ => Ok(()),
        }
    }

    /// The program, if there is one.
    #[cfg(unix)]
    pub(crate) fn program(&self) -> Option<PathBuf> {
        match self {
            Self::Program(program) => Some(program.clone()),
            Self::Off => None,
            Self::Auto => match std::env::var_os(VARIABLE) {
                Some(value) if value == "off" => None,
                Some(value) if !value.is_empty() => Some(value.into()),
                _ => crate::journal::reaper::program(),
            },
        }
    }
}

#[cfg(all(test, unix))]
#[test]
fn named_reaper_is_used_as_it_is() {
    let program = PathBuf::from("/opt/isolate");
    let named = Reaper::Program(program.clone());
    named.check().unwrap();
    assert_eq!(named.program(), Some(program));
    Reaper::Off.check().unwrap();
    assert_eq!(Reaper::Off.program(), None);
}
