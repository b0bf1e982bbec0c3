//! A problem of a virtual environment, or a change below it.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A problem of a virtual environment, or a change below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum VirtualenvProblem {
    /// Its files name another path than the one where it is: programs would run with the packages
    /// of that path, or not at all.
    Moved {
        /// The path that its files name.
        from: PathBuf,
        /// The path where it is.
        to: PathBuf,
    },
    /// No file of it names a path, so that activation in a shell has no effect.
    NotCreatedHere {
        /// The path where it is.
        path: PathBuf,
    },
    /// The program of its interpreter does not exist.
    InterpreterGone {
        /// The program to which it links.
        program: PathBuf,
        /// The directory of the interpreter from which it was created.
        home: PathBuf,
    },
    /// The program of its interpreter is no interpreter.
    InterpreterBroken {
        /// The program.
        program: PathBuf,
        /// The reason.
        reason: String,
    },
    /// Its interpreter has another minor version, which looks for packages elsewhere.
    OtherVersion {
        /// The version from which it was created.
        recorded: String,
        /// The version of its interpreter now.
        actual: String,
    },
    /// Its interpreter has another patch version. Everything works.
    NewPatch {
        /// The version from which it was created.
        recorded: String,
        /// The version of its interpreter now.
        actual: String,
    },
}

impl VirtualenvProblem {
    /// Whether the environment cannot be used; otherwise this is a note.
    pub fn is_broken(&self) -> bool {
        !matches!(self, Self::NewPatch { .. })
    }

    /// Whether [`VirtualenvEngine::repair`](super::VirtualenvEngine::repair) can repair it.
    pub fn is_repairable(&self) -> bool {
        matches!(self, Self::Moved { .. } | Self::NewPatch { .. })
    }

    /// The hint for people.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Moved { .. } => "`isolate repair` rewrites its paths",
            Self::NewPatch { .. } => "`isolate repair` writes the new version down",
            Self::InterpreterGone { .. } | Self::InterpreterBroken { .. } => {
                "install this interpreter again, or create another environment"
            }
            Self::NotCreatedHere { .. } => "create another environment",
            Self::OtherVersion { .. } => "create another environment, and install its packages in it",
        }
    }
}

impl fmt::Display for VirtualenvProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved { from, to } => write!(
                f,
                "the virtual environment was moved from {} to {}",
                from.display(),
                to.display()
            ),
            Self::NotCreatedHere { path } => {
                write!(f, "the virtual environment was not created at {}", path.display())
            }
            Self::InterpreterGone { program, home } => write!(
                f,
                "the base interpreter {} in {} is gone",
                program.display(),
                home.display()
            ),
            Self::InterpreterBroken { program, reason } => {
                write!(
                    f,
                    "the base interpreter {} does not run: {reason}",
                    program.display()
                )
            }
            Self::OtherVersion { recorded, actual } => write!(
                f,
                "the base interpreter had version {recorded} and has {actual}, so that no package is found"
            ),
            Self::NewPatch { recorded, actual } => {
                write!(f, "the base interpreter had version {recorded} and has {actual}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_says_what_to_do() {
        let (path, to) = (PathBuf::from("/old"), PathBuf::from("/new"));
        let (recorded, actual) = ("3.11.1".to_owned(), "3.11.2".to_owned());
        let reason = "exit status: 3".to_owned();
        for (problem, text, hint, is_repairable) in [
            (
                VirtualenvProblem::Moved {
                    from: path.clone(),
                    to,
                },
                "/old",
                "isolate repair",
                true,
            ),
            (
                VirtualenvProblem::NewPatch {
                    recorded: recorded.clone(),
                    actual: actual.clone(),
                },
                "had version 3.11.1 and has 3.11.2",
                "writes the new version down",
                true,
            ),
            (
                VirtualenvProblem::NotCreatedHere { path: path.clone() },
                "/old",
                "create another environment",
                false,
            ),
            (
                VirtualenvProblem::InterpreterGone {
                    program: path.clone(),
                    home: "/usr/bin".into(),
                },
                "/old in /usr/bin is gone",
                "install this interpreter again",
                false,
            ),
            (
                VirtualenvProblem::InterpreterBroken {
                    program: path,
                    reason,
                },
                "/old does not run: exit status: 3",
                "install this interpreter again",
                false,
            ),
            (
                VirtualenvProblem::OtherVersion { recorded, actual },
                "so that no package is found",
                "install its packages in it",
                false,
            ),
        ] {
            let shown = problem.to_string();
            assert!(shown.contains(text), "{text}: {shown}");
            assert!(problem.hint().contains(hint), "{hint}: {}", problem.hint());
            assert_eq!(problem.is_repairable(), is_repairable, "{shown}");
        }
    }
}
