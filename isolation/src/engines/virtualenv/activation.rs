//! The three variables that make a command use a virtual environment, as activation sets them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::known::Known;
use super::{dependencies, validate};
use crate::engines::host::setup::Setup;
use crate::error::Result;
use crate::snapshots::LeftOut;

/// The directories of programs that belong to no user.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How much of a program is read to find its interpreter.
const FIRST_LINE: u64 = 256;

/// A virtual environment that commands use.
#[derive(Debug)]
pub(super) struct Activation {
    /// The directory of the virtual environment.
    pub(super) environment: PathBuf,
    /// Whether the caller's PATH follows.
    pub(super) host_path: bool,
    /// Answers of interpreters.
    pub(super) known: Known,
}

impl Activation {
    fn bin(&self) -> PathBuf {
        self.environment.join("bin")
    }
}

impl Setup for Activation {
    fn variables(&self) -> BTreeMap<String, String> {
        let callers = self.host_path.then(|| std::env::var("PATH").ok()).flatten();
        let rest = callers.unwrap_or_else(|| SYSTEM_PATH.to_owned());
        BTreeMap::from([
            ("PATH".to_owned(), format!("{}:{rest}", self.bin().display())),
            ("VIRTUAL_ENV".to_owned(), self.environment.display().to_string()),
        ])
    }

    fn before_start(&self) -> Result<()> {
        validate::check(&self.environment, &self.known)
    }

    fn left_out(&self) -> Result<Vec<LeftOut>> {
        dependencies::of(&self.environment)
    }

    /// A program of another Python would run with the packages of that one.
    fn missing_program(&self, program: &str, variables: &BTreeMap<String, String>) -> Option<String> {
        if program.contains('/') || self.host_path {
            return None;
        }
        let path = variables.get("PATH").map_or("", String::as_str);
        let Some(found) = on_path(program, path) else {
            let hosts = on_path(program, &std::env::var("PATH").ok()?)?;
            return Some(format!(
                "program not found; this machine has {}, which the option host_path allows",
                hosts.display()
            ));
        };
        let foreign = found.starts_with("/") && !found.starts_with(&self.environment) && is_of_python(&found);
        foreign.then(|| {
            format!(
                "program not found in the virtual environment; {} belongs to another Python: install it, \
                 or name its path",
                found.display()
            )
        })
    }
}

fn on_path(program: &str, path: &str) -> Option<PathBuf> {
    let found = std::env::split_paths(path).map(|directory| directory.join(program));
    found
        .filter(|path| path.is_file())
        .find(|path| path.is_absolute())
}

/// Whether this is a Python interpreter or a script of one.
fn is_of_python(program: &Path) -> bool {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    if ["python", "pypy"].iter().any(|start| name.starts_with(start)) {
        return true;
    }
    let mut start = Vec::new();
    let read = std::fs::File::open(program).and_then(|file| file.take(FIRST_LINE).read_to_end(&mut start));
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    read.is_ok() && line.starts_with(b"#!") && memchr::memmem::find(line, b"python").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_of_another_python_counts_as_missing() {
        let directory = tempfile::tempdir().unwrap();
        let environment = directory.path().join("env");
        let host = directory.path().join("host");
        std::fs::create_dir_all(environment.join("bin")).unwrap();
        std::fs::create_dir(&host).unwrap();
        for (path, text) in [
            (environment.join("bin/inside"), "#!/x/bin/python\n"),
            (host.join("pytest"), "#!/usr/bin/python3\n"),
            (host.join("env-script"), "#!/usr/bin/env python3\n"),
            (host.join("tool"), "#!/bin/sh\n# python\n"),
            (host.join("binary"), "\u{7f}ELF python"),
            (host.join("python3.9"), "\u{7f}ELF"),
        ] {
            std::fs::write(path, text).unwrap();
        }
        let path = format!("{}:{}", environment.join("bin").display(), host.display());
        let variables = BTreeMap::from([("PATH".to_owned(), path)]);
        let activation = |host_path| Activation {
            environment: environment.clone(),
            host_path,
            known: Known::default(),
        };
        for (program, missing) in [
            ("inside", false),
            ("pytest", true),
            ("env-script", true),
            ("tool", false),
            ("binary", false),
            ("python3.9", true),
            ("./pytest", false),
        ] {
            let why = activation(false).missing_program(program, &variables);
            assert_eq!(why.is_some(), missing, "{program}: {why:?}");
            assert_eq!(activation(true).missing_program(program, &variables), None);
        }
        let nothing = BTreeMap::from([("PATH".to_owned(), "/no/such/directory".to_owned())]);
        let why = activation(false).missing_program("sh", &nothing).unwrap();
        assert!(why.contains("host_path"), "{why}");
    }
}
