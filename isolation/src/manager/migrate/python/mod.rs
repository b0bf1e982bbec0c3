//! A virtual environment of Python that moves with its directory, or is installed again.

mod decide;
mod work;

use std::path::{Path, PathBuf};

use serde::Deserialize;

pub(super) use self::decide::plan;
pub(super) use self::work::PythonWork;
use super::tree::Side;
use crate::counted::counted;
use crate::engines::virtualenv::VirtualenvOptions;
use crate::engines::{SANDBOX, VIRTUALENV};
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::packages::{Package, PackageManager, python_command};
use crate::snapshots::LeftOut;
use crate::spec::EnvironmentSpec;

/// Prints what decides, see the file.
const FACTS: &str = include_str!("facts.py");

/// The directory of the virtual environment in one of the engine `virtualenv`, and in others to
/// which packages move.
const DIRECTORY: &str = ".venv";

/// Packages that come with a virtual environment.
const SEEDS: [&str; 5] = ["pip", "setuptools", "wheel", "distribute", "uv"];

fn is_seed(package: &Package) -> bool {
    SEEDS.iter().any(|seed| package.is_named(seed))
}

/// An interpreter, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Python {
    version: (u32, u32, u32),
    implementation: String,
    /// The tag of compiled modules, such as `cpython-311-x86_64-linux-gnu`.
    abi: String,
    libc: (String, String),
    /// The program itself, not one of a virtual environment.
    base: PathBuf,
    #[serde(rename = "virtual")]
    is_virtual: bool,
    prefix: String,
    /// The directory of packages, relative to the prefix.
    packages: PathBuf,
    path: String,
}

/// The Python of an environment that is to move, and its packages.
#[derive(Debug)]
pub(super) struct Found {
    python: Python,
    packages: Vec<Package>,
    /// The virtual environment, relative to the directory that moves, if it is in it.
    own: Option<PathBuf>,
}

impl Found {
    fn counted(&self) -> String {
        counted(self.packages.len(), "package of Python", "packages of Python")
    }

    /// The text of a plan while the interpreter of the new environment is not known.
    pub(super) fn undecided(&self) -> LeftOut {
        LeftOut::new(
            self.counted(),
            "they move with their files if the interpreter of the image fits, and are installed again if not; \
             the image is not there yet, and a plan does not pull it",
        )
    }
}

impl Found {
    /// A hint at an image that has the interpreter, unless the one that was chosen has it. `asked`
    /// is the answer of the chosen image, if it is there.
    pub(super) fn better_image(&self, image: Option<&str>, asked: Option<Option<&Python>>) -> Option<String> {
        let Python {
            version: (major, minor, _),
            implementation,
            libc,
            ..
        } = &self.python;
        let (name, system) = match (implementation.as_str(), libc.0.as_str()) {
            ("CPython", "glibc") => ("python", "slim"),
            ("CPython", _) => ("python", "alpine"),
            ("PyPy", _) => ("pypy", "slim"),
            _ => return None,
        };
        let better = format!("{name}:{major}.{minor}-{system}");
        let is_same = |other: &Python| {
            (other.implementation == *implementation && other.libc.0 == libc.0)
                && (other.version.0, other.version.1) == (*major, *minor)
        };
        let has_it = match asked {
            Some(asked) => asked.is_some_and(is_same),
            None => image.is_some_and(|image| image.contains(&format!("{name}:{major}.{minor}"))),
        };
        (!has_it).then(|| {
            format!(
                "the environment has {implementation} {major}.{minor}, as the image {better} has: --image {better}"
            )
        })
    }
}

/// Asks the interpreter of an environment; `None` without one.
pub(super) async fn ask(environment: &Environment) -> Result<Option<Python>> {
    let arguments = ["-I", "-c", FACTS].map(str::to_owned);
    let output = environment.run(python_command(arguments.into_iter())).await?;
    match output.exit.code {
        0 => {}
        126 | 127 => return Ok(None),
        code => {
            let text = output.stderr_text();
            let last = text.lines().last().unwrap_or_default();
            let why = format!("the interpreter of the environment ended with exit code {code}: {last}");
            return Err(Error::new(ErrorKind::Engine, why));
        }
    }
    let read = serde_json::from_str(output.stdout_text().trim());
    let read = read.map_err(|error| {
        let why = format!("the interpreter of the environment gave no valid answer: {error}");
        Error::new(ErrorKind::Corrupt, why)
    })?;
    Ok(Some(read))
}

/// The packages of Python that belong to an environment; `None` without any.
pub(super) async fn of(source: &Environment, from: &Side) -> Result<Option<Found>> {
    // Those of the engine `basic` belong to this machine.
    if from.host && source.engine() != VIRTUALENV {
        return Ok(None);
    }
    let Some(python) = ask(source).await? else {
        return Ok(None);
    };
    // Without an image, a sandbox has the interpreter of this machine, and its packages.
    if source.engine() == SANDBOX && source.spec().image.is_none() && !python.is_virtual {
        return Ok(None);
    }
    let mut packages = source.packages(PackageManager::Pip).list().await?;
    packages.retain(|package| !package.inherited);
    let own = match python.is_virtual {
        true => Path::new(&python.prefix)
            .strip_prefix(&from.seen)
            .ok()
            .map(Path::to_owned),
        false => None,
    };
    if own.is_none() && packages.iter().all(is_seed) {
        return Ok(None);
    }
    Ok(Some(Found {
        python,
        packages,
        own,
    }))
}

/// Asks for the same version of Python, if the engine can choose; returns whether it did.
pub(super) fn wants(engine: &str, spec: &mut EnvironmentSpec, found: &Found) -> bool {
    if engine != VIRTUALENV || spec.engine_options.contains_key(engine) {
        return false;
    }
    let (major, minor, _) = found.python.version;
    // The names of requests; without one it is CPython.
    let implementation = match found.python.implementation.as_str() {
        "PyPy" => "pypy",
        _ => "",
    };
    VirtualenvOptions {
        python: Some(format!("{implementation}{major}.{minor}")),
        ..VirtualenvOptions::default()
    }
    .add_to(spec);
    true
}

impl Python {
    /// Why the files of packages of this interpreter do not run with another one.
    fn misfit(&self, other: &Self) -> Option<String> {
        let version = |one: &Self| format!("{} {}.{}", one.implementation, one.version.0, one.version.1);
        if version(self) != version(other) {
            let (was, is) = (version(self), version(other));
            return Some(format!("the interpreter is {is} instead of {was}"));
        }
        if self.abi != other.abi {
            let why = format!("compiled modules are for {} instead of {}", other.abi, self.abi);
            return Some(why);
        }
        let number = |one: &Self| -> Vec<u32> {
            one.libc
                .1
                .split('.')
                .map(|part| part.parse().unwrap_or_default())
                .collect()
        };
        (self.libc.0 != other.libc.0 || number(self) > number(other)).then(|| {
            format!(
                "the C library is {} {} instead of {} {}",
                other.libc.0, other.libc.1, self.libc.0, self.libc.1
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn python() -> Python {
        Python {
            version: (3, 11, 7),
            implementation: "CPython".into(),
            abi: "cpython-311-x86_64-linux-gnu".into(),
            libc: ("glibc".into(), "2.36".into()),
            base: "/usr/bin/python3.11".into(),
            is_virtual: true,
            prefix: "/old/.venv".into(),
            packages: "lib/python3.11/site-packages".into(),
            path: "/usr/bin:/bin".into(),
        }
    }

    #[test]
    fn other_interpreters_do_not_run_the_files() {
        let same = Python {
            version: (3, 11, 2),
            base: "/usr/local/bin/python3.11".into(),
            ..python()
        };
        assert_eq!(python().misfit(&same), None);
        for (other, why) in [
            (
                Python {
                    version: (3, 12, 0),
                    ..python()
                },
                "CPython 3.12 instead of CPython 3.11",
            ),
            (
                Python {
                    implementation: "PyPy".into(),
                    ..python()
                },
                "PyPy 3.11",
            ),
            (
                Python {
                    libc: ("glibc".into(), "2.9".into()),
                    ..python()
                },
                "glibc 2.9 instead of glibc 2.36",
            ),
        ] {
            let misfit = python().misfit(&other).unwrap();
            assert!(misfit.contains(why), "{misfit}");
        }
    }

    #[test]
    fn image_with_the_same_interpreter_is_named() {
        let found = |python: Python| Found {
            python,
            packages: Vec::new(),
            own: None,
        };
        let hint = |python: &Python, image, asked| found(python.clone()).better_image(image, asked);
        let own = python();
        let newer = Python {
            version: (3, 12, 1),
            ..python()
        };
        let musl = Python {
            libc: (String::new(), String::new()),
            ..python()
        };
        let pypy = Python {
            implementation: "PyPy".into(),
            ..python()
        };
        // The image that was chosen is there, and has or lacks the interpreter.
        assert_eq!(hint(&own, Some("mine"), Some(Some(&own))), None);
        for asked in [None, Some(&newer), Some(&musl)] {
            let text = hint(&own, Some("python:3.11"), Some(asked)).unwrap();
            assert!(text.ends_with("--image python:3.11-slim"), "{text}");
        }
        // It is not there yet.
        assert_eq!(hint(&own, Some("python:3.11-slim"), None), None);
        for (one, image) in [
            (&own, "python:3.11-slim"),
            (&musl, "python:3.11-alpine"),
            (&pypy, "pypy:3.11-slim"),
        ] {
            let text = hint(one, Some("python:3.9-slim"), None).unwrap();
            assert!(text.contains(image), "{text}");
        }
        // The same version is not enough.
        hint(&pypy, Some("python:3.11-slim"), None).unwrap();
        assert_eq!(hint(&pypy, Some("pypy:3.11"), None), None);
        let other = Python {
            implementation: "GraalVM".into(),
            ..python()
        };
        assert_eq!(hint(&other, None, None), None);
    }
}
