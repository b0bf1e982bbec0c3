//! The shell of an image: where it is, if there is one, and which variables it may lose.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The files that may be the shell, in an image whose `PATH` has the usual directories.
const USUAL: [&str; 3] = ["sh", "/bin/sh", "/busybox/sh"];

/// The same for other images.
const UNUSUAL: [&str; 3] = ["/bin/sh", "/busybox/sh", "sh"];

/// The shell of a container. It is looked for by trying: a missing one costs nothing in advance.
#[derive(Debug, Clone)]
pub(super) struct ShellProgram {
    usual: bool,
    /// How many candidates are missing.
    missing: Arc<AtomicUsize>,
}

impl ShellProgram {
    /// For a container with these environment variables, each as `NAME=value`.
    pub(super) fn new<'a>(mut env: impl Iterator<Item = &'a str>) -> Self {
        let path = env
            .find_map(|entry| entry.strip_prefix("PATH="))
            .unwrap_or_default();
        let usual = path
            .split(':')
            .any(|directory| matches!(directory, "/bin" | "/usr/bin"));
        Self {
            // The daemon has a default for a container without this variable.
            usual: usual || path.is_empty(),
            missing: Arc::default(),
        }
    }

    fn candidates(&self) -> [&'static str; 3] {
        if self.usual { USUAL } else { UNUSUAL }
    }

    /// The program to try; `None` if the image has no shell.
    pub(super) fn get(&self) -> Option<&'static str> {
        self.candidates()
            .get(self.missing.load(Ordering::Acquire))
            .copied()
    }

    /// Notes that the container has no such program.
    pub(super) fn is_missing(&self, program: &str) {
        let at = self
            .candidates()
            .iter()
            .position(|candidate| *candidate == program);
        if let Some(at) = at {
            self.missing.fetch_max(at + 1, Ordering::AcqRel);
        }
    }

    /// The program `env`, found in the same way.
    pub(super) fn env(&self) -> &'static str {
        if self.usual { "env" } else { "/usr/bin/env" }
    }
}

/// Whether a message of a daemon means that this program does not exist: an error, or a text in
/// place of the output. All runtimes quote the name.
pub(super) fn names_missing(message: &str, program: &str) -> bool {
    let quoted = [format!("\"{program}\""), format!("`{program}`")];
    quoted.iter().any(|name| message.contains(name))
        && ["not found", "no such file", "No such file"]
            .iter()
            .any(|text| message.contains(text))
}

/// Environment variables that some shell changes or does not pass on.
const OF_SHELLS: [&str; 29] = [
    "COMP_WORDBREAKS",
    "DIRSTACK",
    "EUID",
    "FUNCNAME",
    "GROUPS",
    "HISTCMD",
    "IFS",
    "LINENO",
    "MAILCHECK",
    "OLDPWD",
    "OPTARG",
    "OPTERR",
    "OPTIND",
    "PIPESTATUS",
    "POSIXLY_CORRECT",
    "PPID",
    "PS1",
    "PS2",
    "PS3",
    "PS4",
    "PWD",
    "RANDOM",
    "READLINE_LINE",
    "SECONDS",
    "SHELLOPTS",
    "SHLVL",
    "SRANDOM",
    "UID",
    "_",
];

/// Beginnings of names of such variables: bash has many.
const OF_BASH: [&str; 2] = ["BASH", "EPOCH"];

/// Whether a shell loses an environment variable on the way to a command. Names with dots are
/// common (`discovery.type`) but not valid in a shell.
pub(super) fn is_lost(name: &str) -> bool {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let rest = chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
    let valid = first && rest;
    !valid || OF_SHELLS.contains(&name) || OF_BASH.iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_is_looked_for_outside_an_unusual_path() {
        let found = |env: &[&str]| ShellProgram::new(env.iter().copied());
        assert_eq!(found(&["A=1", "PATH=/usr/local/bin:/bin"]).get(), Some("sh"));
        assert_eq!(found(&[]).get(), Some("sh"));
        let odd = found(&["PATH=/opt/only"]);
        assert_eq!((odd.get(), odd.env()), (Some("/bin/sh"), "/usr/bin/env"));
        odd.is_missing("/bin/sh");
        odd.is_missing("/bin/sh");
        assert_eq!(odd.get(), Some("/busybox/sh"));
        let same = odd.clone();
        odd.is_missing("sh");
        assert_eq!(same.get(), None, "the image has no shell");
    }

    #[test]
    fn missing_programs_of_every_runtime_are_recognised() {
        for message in [
            "exec: \"/bin/sh\": stat /bin/sh: no such file or directory: unknown",
            "crun: executable file `/bin/sh` not found: No such file or directory: OCI runtime attempted \
             to invoke a command that was not found",
        ] {
            assert!(names_missing(message, "/bin/sh"), "{message}");
            assert!(!names_missing(message, "sh"), "{message}");
        }
        let directory = "chdir to cwd (\"/none\") set in config.json failed: no such file or directory";
        assert!(!names_missing(directory, "/bin/sh"));
        assert!(names_missing(
            "exec: \"sh\": executable file not found in $PATH: unknown",
            "sh"
        ));
    }
}
