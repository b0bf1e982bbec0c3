//! The options of a command in an environment: of `run` and `exec`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use isolation::Input;

use crate::console::Console;
use crate::error::CliError;
use crate::global::Global;
use crate::{escape, parse, terminal};

/// Options of a command in an environment.
#[derive(Debug, Args)]
pub(crate) struct CommandOptions {
    /// Timeout in seconds, or as 250ms, 30s, 1m30s: after this time, kill the command and exit with
    /// 124
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    #[arg(allow_negative_numbers = true)]
    timeout: Option<Duration>,
    /// Whether the command reads isolate's standard input; auto: unless that is a terminal or
    /// /dev/null, or --record or --replay is used
    #[arg(long, value_enum, default_value_t = Stdin::Auto, value_name = "WHEN")]
    stdin: Stdin,
    /// The same as --stdin always
    #[arg(short, long, conflicts_with = "stdin")]
    interactive: bool,
    /// Run the command on a terminal; -it connects it with this terminal
    #[arg(short, long)]
    tty: bool,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Whether the command reads this process's standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stdin {
    /// Unless it is a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Whether standard input is the null device, which has nothing to forward.
#[cfg(unix)]
fn is_null() -> bool {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let device = |path: &str| {
        let found = std::fs::metadata(path).ok()?;
        found.file_type().is_char_device().then(|| found.rdev())
    };
    let null = device("/dev/null");
    null.is_some() && device("/dev/stdin") == null
}

#[cfg(not(unix))]
fn is_null() -> bool {
    false
}

impl CommandOptions {
    #[cfg(test)]
    pub(crate) fn argv(&self) -> &[String] {
        &self.command
    }

    /// Rejects an invalid command and options that exclude each other, before anything is sent.
    pub(crate) fn check(&self, global: &Global) -> Result<(), CliError> {
        if self.tty && self.forwards(global) {
            let hint = "omit -t: the command then reads standard input; or omit -i: it reads nothing";
            check_terminal(global, hint)?;
        }
        Ok(self.command(global).validate()?)
    }

    /// Rejects an image in the place of the program. The docker command expects an image there.
    pub(crate) fn check_no_image(&self) -> Result<(), CliError> {
        let [program, arguments @ ..] = self.command.as_slice() else {
            return Ok(());
        };
        if !is_tagged_image(program) {
            return Ok(());
        }
        // `--` comes after the image in `isolate run IMAGE -- COMMAND`.
        let rest = match arguments.strip_prefix(&["--".to_owned()]).unwrap_or(arguments) {
            [] => "COMMAND".to_owned(),
            rest => rest
                .iter()
                .map(|one| escape::word(one))
                .collect::<Vec<_>>()
                .join(" "),
        };
        let error = CliError::new(format!("{program} looks like an image, not like a program"));
        Err(error.hint(format!("isolate run --image {program} -- {rest}")))
    }

    /// Reports that the command does not read the terminal on standard input, if the command
    /// probably reads its input.
    pub(crate) fn report_unused_input(&self, global: &Global, console: Console) {
        let unused = self.stdin == Stdin::Auto && !self.forwards(global) && terminal::is_input();
        // A program without arguments, such as a shell, reads its standard input.
        if unused && self.command.len() == 1 {
            let option = if self.tty { "-i" } else { "-it" };
            console.note(&format!(
                "the command does not read this terminal; {option} connects it"
            ));
        }
    }

    /// Whether an option connects the command with this process's standard input.
    pub(crate) fn asks_for_input(&self) -> bool {
        self.interactive || self.stdin == Stdin::Always
    }

    /// The command.
    pub(crate) fn command(&self, global: &Global) -> isolation::Command {
        let piped = self.forwards(global);
        isolation::Command {
            input: if piped { Input::Piped } else { Input::Empty },
            terminal: self.tty.then(|| terminal::size().unwrap_or_default()),
            timeout: self.timeout.or(global.settings.config().timeout),
            ..isolation::Command::new(self.command.clone())
        }
    }

    /// Whether the command reads this process's standard input.
    fn forwards(&self, global: &Global) -> bool {
        match self.stdin {
            _ if self.interactive => true,
            Stdin::Always => true,
            Stdin::Never => false,
            // Only -i connects the input of a terminal, as for the docker command.
            Stdin::Auto if self.tty => false,
            // A recording must not depend on the terminal in which it was recorded.
            Stdin::Auto => {
                global.record.is_none() && global.replay.is_none() && !terminal::is_input() && !is_null()
            }
        }
    }
}

/// Fails unless this process has a terminal that can be connected with a command.
pub(super) fn check_terminal(global: &Global, hint: &str) -> Result<(), CliError> {
    if global.json {
        let error = CliError::new("these options exclude each other: --json and a terminal with an input");
        return Err(error.hint("omit --json: a terminal shows what the command writes"));
    }
    match terminal::is_input() {
        true => Ok(()),
        false => Err(CliError::new(
            "standard input is not a terminal, so the command cannot be connected with one",
        )
        .hint(hint)),
    }
}

/// Whether the word is the name of an image with a tag or a digest: `python:3.9-slim`. Programs
/// have no colon in their names.
fn is_tagged_image(word: &str) -> bool {
    let Some((name, tag)) = word.rsplit_once(':') else {
        return false;
    };
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let of_name = |c: char| lower(c) || matches!(c, '.' | '_' | '-' | '/' | ':' | '@');
    let of_tag = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.starts_with(lower) && name.chars().all(of_name) && !tag.is_empty() && tag.chars().all(of_tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_with_a_tag_is_no_program() {
        for word in [
            "python:3.9-slim",
            "docker.io/library/busybox:latest",
            "localhost:5000/a/b:1",
            "busybox@sha256:0123456789abcdef",
        ] {
            assert!(is_tagged_image(word), "{word}");
        }
        for word in [
            "sh", "./a:b", "/opt/a:1", "busybox", "a:", ":a", "C:\\x", "a:b/c", "",
        ] {
            assert!(!is_tagged_image(word), "{word}");
        }
    }
}
