//! The lines that a shell prints about a command.

/// The first report of the shell.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// The command runs.
    Started,
    /// Nothing was run, for this reason.
    Refused(Refusal),
}

/// Why the shell did not run a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The working directory does not exist.
    WorkingDirectory,
    /// The program does not exist.
    NotFound,
    /// The program cannot be run by this user.
    NotExecutable,
    /// An exec must try: a script without an interpreter, or a tool that was removed.
    Exec,
    /// The time to start it has passed.
    Late,
    /// The users or groups of the container have changed: a process keeps those of its start.
    Users,
}

/// How the command ended, as the shell reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) code: i32,
    /// Whether another process may have the output open; the shell then ends, too.
    pub(super) held: bool,
}

/// A line after a mark.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// `B PID`: the command runs; the PID of its first process.
    Begin(u32),
    /// `F WHY`: nothing was run.
    Refused(Refusal),
    /// `E CODE HELD` on standard output.
    End(End),
    /// `E` on standard error.
    StderrEnd,
}

impl Report {
    /// Parses a line; `None` if no shell prints it.
    pub(super) fn parse(line: &str, is_stdout: bool) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        match (words.as_slice(), is_stdout) {
            (["B", pid], true) => Some(Self::Begin(pid.parse().ok()?)),
            (["F", why], true) => Some(Self::Refused(match *why {
                "cwd" => Refusal::WorkingDirectory,
                "not-found" => Refusal::NotFound,
                "not-executable" => Refusal::NotExecutable,
                "format" | "helper" => Refusal::Exec,
                "late" => Refusal::Late,
                "users" => Refusal::Users,
                _ => return None,
            })),
            (["E", code, held], true) => Some(Self::End(End {
                code: code.parse().ok()?,
                held: match *held {
                    "0" => false,
                    "1" => true,
                    _ => return None,
                },
            })),
            (["E"], false) => Some(Self::StderrEnd),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_shell_are_parsed() {
        let end = |code, held| Some(Report::End(End { code, held }));
        for (line, is_stdout, expected) in [
            ("B 17", true, Some(Report::Begin(17))),
            ("F cwd", true, Some(Report::Refused(Refusal::WorkingDirectory))),
            ("F format", true, Some(Report::Refused(Refusal::Exec))),
            ("F late", true, Some(Report::Refused(Refusal::Late))),
            ("F users", true, Some(Report::Refused(Refusal::Users))),
            ("E 137 0", true, end(137, false)),
            ("E 0 1", true, end(0, true)),
            ("E", false, Some(Report::StderrEnd)),
            ("E", true, None),
            ("E 0", true, None),
            ("E 0 2", true, None),
            ("B 17", false, None),
            ("B -1", true, None),
            ("F unknown", true, None),
            ("", true, None),
        ] {
            assert_eq!(Report::parse(line, is_stdout), expected, "{line:?}");
        }
    }
}
