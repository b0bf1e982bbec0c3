//! The default limits that the options of a command switch off.

use isolation::ResourceLimits;

use super::Command;

impl Command {
    /// The default limits that an option switches off, as a configuration does: with 0.
    pub(crate) fn lifted_limits(&self) -> ResourceLimits {
        let options = match self {
            Self::Run(run) => &run.environment,
            Self::Create(create) => &create.environment,
            Self::Shell(shell) => &shell.options,
            _ => return ResourceLimits::default(),
        };
        let mut lifted = options.limits.lifted();
        options.creation_limits.lift(&mut lifted);
        lifted
    }
}
