//! The environment variables of a command.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::environment_processes::MARK;
use super::instance::HostInstance;
use crate::command::Command;

impl HostInstance {
    /// All environment variables of a command.
    pub(super) fn variables(&self, command: &Command) -> BTreeMap<String, String> {
        let directory = |path: PathBuf| path.to_string_lossy().into_owned();
        let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned());
        let own = [
            ("PATH", path),
            ("HOME", directory(self.directory.home())),
            ("TMPDIR", directory(self.directory.tmp())),
            ("LANG", "C.UTF-8".to_owned()),
            ("ISOLATION_ROOT", directory(self.directory.root())),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        // The output is usually shown on the terminal of the caller.
        let kind = || std::env::var("TERM").unwrap_or_else(|_| "xterm".to_owned());
        let kind = command.terminal.map(|_| ("TERM".to_owned(), kind()));
        let given = self.spec.env.iter().chain(command.env.iter());
        let given = given.map(|(name, value)| (name.clone(), value.clone()));
        let given = self.setup.variables().into_iter().chain(given);
        // The marks come last: otherwise a command could override its mark, and would not be found
        // again.
        let mark = [(MARK.to_owned(), self.id.to_string())];
        own.into_iter().chain(kind).chain(given).chain(mark).collect()
    }
}
