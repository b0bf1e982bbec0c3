//! The environment variables of the command: the values of `--env` and `--env-file`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;

use clap::Args;

use crate::client::Client;
use crate::console::Console;
use crate::parse;

/// The maximum size of a file of variables.
const MAX_FILE: u64 = 1 << 20;

/// The minimum length of a value that is searched everywhere in a recording. A shorter value, such
/// as `1`, would match everywhere, so it is searched only in its variable.
const LONG: usize = 8;

/// Options of environment variables.
#[derive(Debug, Args)]
pub(crate) struct VariableOptions {
    /// Set an environment variable; NAME alone passes the caller's value, so that no command line
    /// and no recording contains it; may be repeated
    #[arg(long, short, value_name = "NAME[=VALUE]", value_parser = parse::Hidden(variable))]
    env: Vec<Variable>,
    /// Set the environment variables of a file, a NAME=VALUE or NAME per line; may be repeated
    #[arg(long, value_name = "FILE", value_parser = env_file)]
    env_file: Vec<EnvFile>,
}

impl VariableOptions {
    pub(crate) fn given(&self) -> Variables<'_> {
        Variables::new(&self.env_file, &self.env)
    }
}

/// An environment variable.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    name: String,
    /// `None` if the caller has no variable of this name.
    value: Option<String>,
    /// Whether no command line contains the value, so that it may be secret.
    hidden: bool,
}

/// Shows no value: it may be secret.
impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=***", self.name)
    }
}

/// The variables of a file.
#[derive(Debug, Clone)]
pub(crate) struct EnvFile(Vec<Variable>);

/// An environment variable: `NAME=VALUE`, or `NAME` with the value that the caller has.
pub(crate) fn variable(text: &str) -> Result<Variable, String> {
    match text.split_once('=') {
        Some(("", _)) => Err("the name before `=` is missing".into()),
        Some((name, value)) => Ok(Variable {
            name: name.into(),
            value: Some(value.into()),
            hidden: false,
        }),
        None if text.is_empty() => Err("the name is missing; write NAME=VALUE or NAME".into()),
        None => of_caller(text),
    }
}

fn of_caller(name: &str) -> Result<Variable, String> {
    let value = match std::env::var(name) {
        Ok(value) => Some(value),
        Err(std::env::VarError::NotPresent) => None,
        Err(std::env::VarError::NotUnicode(_)) => {
            return Err(format!("the value of {name} in your environment is not UTF-8"));
        }
    };
    Ok(Variable {
        name: name.into(),
        value,
        hidden: true,
    })
}

/// A file of variables, as the docker command reads it: a line is `NAME=VALUE`, `NAME`, empty, or a
/// comment after `#`. Quotes are part of the value.
pub(crate) fn env_file(path: &str) -> Result<EnvFile, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot read {path}: {error}"))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("{path} is larger than 1 MiB; is it a file of variables?"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut variables = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        let at = |why: String| format!("{path}, line {number}: {why}");
        let line = std::str::from_utf8(line).map_err(|_| at("it is not UTF-8".into()))?;
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let name = line.split('=').next().unwrap_or_default();
        if name.contains(char::is_whitespace) {
            // The line is not shown: it may be a secret without its name.
            return Err(at("the name contains a blank; write NAME=VALUE".into()));
        }
        let variable = variable(line).map_err(at)?;
        variables.push(Variable {
            hidden: true,
            ..variable
        });
    }
    Ok(EnvFile(variables))
}

/// The variables of a run: those of the files, then those of the options.
#[derive(Debug)]
pub(crate) struct Variables<'a>(Vec<&'a Variable>);

impl<'a> Variables<'a> {
    pub(crate) fn new(files: &'a [EnvFile], options: &'a [Variable]) -> Self {
        Self(files.iter().flat_map(|file| &file.0).chain(options).collect())
    }

    /// The names and values; the last variable with a name wins.
    pub(crate) fn values(&self) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        for variable in &self.0 {
            match &variable.value {
                Some(value) => values.insert(variable.name.clone(), value.clone()),
                None => values.remove(&variable.name),
            };
        }
        values
    }

    /// Reports variables that the caller does not have: the command does not get them either.
    pub(crate) fn report_missing(&self, console: Console) {
        for variable in self.0.iter().filter(|variable| variable.value.is_none()) {
            console.note(&format!(
                "{} is not set here, so the command does not get it",
                variable.name
            ));
        }
    }

    /// Keeps secret values out of a recording.
    pub(crate) fn hide_from(&self, client: &Client) {
        for variable in self.0.iter().filter(|variable| variable.hidden) {
            let value = variable.value.as_deref().unwrap_or_default();
            if value.is_empty() {
                continue;
            }
            // A short value may be part of other words.
            match value.chars().count() >= LONG {
                true => client.secret(value),
                false => client.secret(&format!("{}={value}", variable.name)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_needs_a_name() {
        let read = |text: &str| variable(text).unwrap();
        assert_eq!(read("A=b=c").value.as_deref(), Some("b=c"));
        assert_eq!(read("A=").value.as_deref(), Some(""));
        assert!(!read("A=").hidden);
        assert!(variable("=x").unwrap_err().contains("name"));
        assert!(variable("").unwrap_err().contains("name"));
    }

    #[test]
    fn name_alone_takes_the_value_of_the_caller() {
        let path = variable("PATH").unwrap();
        assert_eq!(path.value, std::env::var("PATH").ok());
        assert!(path.hidden);
        assert_eq!(variable("ISOLATE_NO_SUCH_VARIABLE").unwrap().value, None);
    }

    #[test]
    fn debug_and_errors_show_no_value() {
        let variables = [variable("TOKEN=hunter22").unwrap()];
        assert_eq!(format!("{variables:?}"), "[TOKEN=***]");
        assert!(!variable("=hunter22").unwrap_err().contains("hunter22"));
        for content in ["the hunter22=x", "=hunter22", "hunter22 x"] {
            let error = file(content.as_bytes()).unwrap_err();
            assert!(error.contains("line 1") && !error.contains("hunter22"), "{error}");
        }
    }

    fn file(content: &[u8]) -> Result<BTreeMap<String, String>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let read = env_file(&file.path().display().to_string())?;
        assert!(read.0.iter().all(|variable| variable.hidden));
        Ok(Variables::new(&[read], &[]).values())
    }

    #[test]
    fn file_is_read_as_the_docker_command_does() {
        let lines = [
            "\u{feff}FIRST=1",
            "",
            "   # a comment",
            "  QUOTED=\"a # b\" ",
            "CRLF=x\r",
            "EMPTY=",
            "ISOLATE_NO_SUCH_VARIABLE",
            "TWICE=1",
            "TWICE=2=3",
        ];
        let expected = [
            ("CRLF", "x"),
            ("EMPTY", ""),
            ("FIRST", "1"),
            ("QUOTED", "\"a # b\" "),
            ("TWICE", "2=3"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(file(lines.join("\n").as_bytes()).unwrap(), expected.into());
    }

    #[test]
    fn later_variable_replaces_an_earlier_one() {
        let files = [EnvFile(vec![variable("A=1").unwrap(), variable("B=1").unwrap()])];
        let options = [
            variable("A=2").unwrap(),
            variable("A=3").unwrap(),
            Variable {
                name: "B".into(),
                value: None,
                hidden: true,
            },
        ];
        let values = Variables::new(&files, &options).values();
        assert_eq!(values, [("A".into(), "3".into())].into());
    }

    #[test]
    fn file_that_is_too_large_or_missing_is_an_error() {
        assert!(file(&vec![b'#'; 1 << 20]).unwrap().is_empty());
        assert!(
            file(&vec![b'#'; (1 << 20) + 1])
                .unwrap_err()
                .contains("larger than 1 MiB")
        );
        assert!(file(b"A=\xff").unwrap_err().contains("line 1: it is not UTF-8"));
        assert!(env_file("/no/such/file").unwrap_err().contains("/no/such/file"));
    }
}
