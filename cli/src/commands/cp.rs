//! `isolate cp`: copies between this machine and an environment.

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use isolation::{CopySource, Environment, FileKind};
use serde_json::json;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;
use crate::signals;
use crate::standard_input;

/// Copy files between this machine and an environment
///
/// One of SRC and DST is ENVIRONMENT:PATH. A relative PATH starts at the working directory of the
/// environment. If DST is a directory, the copy gets the name of SRC in it; SRC/. copies what the
/// directory contains. Missing parent directories are created; a DST that ends in / must exist.
///
/// Permissions and times are kept. The owner of a copy in an environment is its root user, or the
/// caller on the engine basic.
#[derive(Debug, Args)]
pub(crate) struct Cp {
    /// Copy the target of a link, not the link; isolate always does so for SRC itself
    #[arg(long, short = 'L')]
    follow_link: bool,
    /// Not supported: the owners of files are not copied
    #[arg(long, short, hide = true)]
    archive: bool,
    /// A path, ENVIRONMENT:PATH, or - for a tar archive on standard input
    #[arg(value_name = "SRC")]
    source: String,
    /// A path, ENVIRONMENT:PATH, or - for a tar archive on standard output
    #[arg(value_name = "DST")]
    target: String,
}

/// One side of a copy.
#[derive(Debug, PartialEq, Eq)]
enum Side<'a> {
    /// Standard input or output.
    Stream,
    Host(&'a str),
    Inside {
        environment: &'a str,
        path: &'a str,
    },
}

/// The direction of a copy.
enum Direction<'a> {
    In {
        environment: &'a str,
        source: Side<'a>,
        target: &'a str,
    },
    Out {
        environment: &'a str,
        source: &'a str,
        target: Side<'a>,
    },
}

impl Cp {
    /// Rejects invalid arguments before anything is sent.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        if self.archive {
            let error = CliError::new("cp --archive is not supported: the owners of files are not copied");
            return Err(error.hint("omit -a; permissions and times are kept without it"));
        }
        match self.direction()? {
            Direction::Out {
                target: Side::Stream, ..
            } if std::io::stdout().is_terminal() => {
                let error = CliError::new("an archive is not written to a terminal");
                Err(error.hint("redirect standard output: isolate cp ENVIRONMENT:PATH - > FILE"))
            }
            _ => Ok(()),
        }
    }

    fn direction(&self) -> Result<Direction<'_>, CliError> {
        const HINT: &str = "write isolate cp PATH ENVIRONMENT:PATH, or isolate cp ENVIRONMENT:PATH PATH; \
                            a path of this machine with a colon begins with ./";
        match (side(&self.source), side(&self.target)) {
            (Side::Inside { .. }, Side::Inside { .. }) => {
                let error = CliError::new("cp does not copy between two environments");
                Err(error.hint("copy to this machine first"))
            }
            (Side::Inside { path: "", .. }, _) | (_, Side::Inside { path: "", .. }) => {
                Err(CliError::new("the path after ENVIRONMENT: is missing").hint(HINT))
            }
            (
                source,
                Side::Inside {
                    environment,
                    path: target,
                },
            ) => Ok(Direction::In {
                environment,
                source,
                target,
            }),
            (
                Side::Inside {
                    environment,
                    path: source,
                },
                target,
            ) => Ok(Direction::Out {
                environment,
                source,
                target,
            }),
            _ => Err(CliError::new("neither SRC nor DST names an environment").hint(HINT)),
        }
    }

    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        // A signal drops the copy. The drop removes its temporary files.
        signals::interruptible(console, "the copy is not complete", self.copy(session, console)).await
    }

    async fn copy(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let (environment, stream) = match self.direction()? {
            Direction::In {
                environment,
                source,
                target,
            } => {
                let environment = session.manager().open(environment).await?;
                copy_in(&environment, &source, target).await?;
                (environment, false)
            }
            Direction::Out {
                environment,
                source,
                target,
            } => {
                let environment = session.manager().open(environment).await?;
                copy_out(&environment, source, &target).await?;
                (environment, target == Side::Stream)
            }
        };
        if console.json && !stream {
            let (id, name) = (environment.id(), environment.name());
            console
                .value(&json!({ "id": id, "name": name, "source": self.source, "target": self.target }))?;
        }
        Ok(exit_code::SUCCESS)
    }
}

/// Reads an argument as the docker command does: an argument that begins with a slash or a dot is a
/// path of this machine, even if it contains a colon.
fn side(argument: &str) -> Side<'_> {
    let drive = cfg!(windows) && argument.as_bytes().get(1) == Some(&b':') && argument.len() > 2;
    match argument.split_once(':') {
        _ if argument == "-" => Side::Stream,
        Some((environment, path))
            if !argument.starts_with(['/', '.']) && !drive && !environment.is_empty() =>
        {
            Side::Inside { environment, path }
        }
        _ => Side::Host(argument),
    }
}

async fn copy_in(environment: &Environment, source: &Side<'_>, target: &str) -> Result<(), CliError> {
    let kind = environment.file_kind(target).await?;
    let Side::Host(source) = *source else {
        if kind != Some(FileKind::Directory) {
            let error = CliError::new(format!("{target} is not a directory in {}", environment.name()));
            return Err(error.hint("an archive is extracted into a directory that exists"));
        }
        let directory = blocking(|| extract(standard_input::blocking())).await?;
        let source = CopySource::Path(directory.path().to_owned());
        return Ok(environment.copy_in(source, target).await?);
    };
    let inner = match kind {
        Some(FileKind::Directory) => last_name(source).map(|name| join(target, name)),
        Some(_) if Path::new(source).is_dir() => {
            let error = CliError::new(format!("{target} is a file, which a directory cannot replace"));
            return Err(error.hint("name another target, or remove the file first"));
        }
        None if target.ends_with('/') && !Path::new(source).is_dir() => return Err(no_directory(target)),
        _ => None,
    };
    let target = inner.as_deref().unwrap_or(target);
    let source = std::path::absolute(source)
        .map_err(|error| CliError::new(format!("cannot read {source}")).because(&error))?;
    Ok(environment.copy_in(CopySource::Path(source), target).await?)
}

async fn copy_out(environment: &Environment, source: &str, target: &Side<'_>) -> Result<(), CliError> {
    let name = last_name(source);
    let Side::Host(target) = *target else {
        let directory = temporary()?;
        let entry = name.unwrap_or(".").to_owned();
        let copy = directory.path().join("copy");
        environment.copy_out(source, &copy).await?;
        // The directory is removed after the archive is written.
        return blocking(move || pack(&copy, &entry, directory)).await;
    };
    let target = match (Path::new(target), name) {
        (directory, Some(name)) if directory.is_dir() => directory.join(name),
        (path, _) if target.ends_with('/') && !path.exists() => {
            // The copy of a directory may create this name. The copy of a file may not.
            match environment.file_kind(source).await? {
                Some(FileKind::Directory) | None => path.to_owned(),
                _ => return Err(no_directory(target)),
            }
        }
        (path, _) => path.to_owned(),
    };
    Ok(environment.copy_out(source, target).await?)
}

/// The last name of a path; `None` if the path means the contents of a directory: `/`, `.`,
/// `dir/.`, `..`.
fn last_name(path: &str) -> Option<&str> {
    let last = path.trim_end_matches('/').rsplit('/').next();
    last.filter(|name| !matches!(*name, "" | "." | ".."))
}

fn join(directory: &str, name: &str) -> String {
    format!("{}/{name}", directory.trim_end_matches('/'))
}

fn no_directory(target: &str) -> CliError {
    CliError::new(format!("the directory {target} does not exist"))
        .hint("create it first, or omit the slash at the end for a file of this name")
}

fn temporary() -> Result<tempfile::TempDir, CliError> {
    let created = tempfile::tempdir();
    created.map_err(|error| CliError::new("cannot create a temporary directory").because(&error))
}

/// Runs blocking work on another thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CliError> + Send + 'static,
) -> Result<T, CliError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(ended) => Err(CliError::new("the copy has ended early").because(&ended)),
    }
}

/// Extracts an archive into a temporary directory. Nothing is written outside of it.
fn extract(archive: impl Read) -> Result<tempfile::TempDir, CliError> {
    let directory = temporary()?;
    let mut archive = tar::Archive::new(engine_api::archive::gnu_names(archive));
    archive.set_preserve_permissions(true);
    archive.set_preserve_mtime(true);
    archive
        .unpack(directory.path())
        .map_err(|error| CliError::new("cannot read the archive on standard input").because(&error))?;
    Ok(directory)
}

/// Writes an archive with this entry to standard output.
fn pack(copy: &PathBuf, entry: &str, directory: tempfile::TempDir) -> Result<(), CliError> {
    let mut builder = tar::Builder::new(std::io::stdout().lock());
    builder.follow_symlinks(false);
    let appended = match copy.is_dir() {
        true => builder.append_dir_all(entry, copy),
        false => builder.append_path_with_name(copy, entry),
    };
    let written = appended
        .and_then(|()| builder.into_inner())
        .and_then(|mut out| out.flush());
    drop(directory);
    written.map_err(|error| CliError::output(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn side_is_an_environment_a_path_or_a_stream() {
        let inside = |environment, path| Side::Inside { environment, path };
        for (argument, expected) in [
            ("-", Side::Stream),
            ("web:/etc/hosts", inside("web", "/etc/hosts")),
            ("my web:a:b", inside("my web", "a:b")),
            ("web:", inside("web", "")),
            ("file", Side::Host("file")),
            ("./a:b", Side::Host("./a:b")),
            ("/a:b", Side::Host("/a:b")),
            (":/x", Side::Host(":/x")),
        ] {
            assert_eq!(side(argument), expected, "{argument}");
        }
    }

    #[test]
    fn last_name_is_none_for_contents() {
        for (path, name) in [
            ("/etc/hosts", Some("hosts")),
            ("/etc/", Some("etc")),
            ("file", Some("file")),
            ("/etc/.", None),
            (".", None),
            ("..", None),
            ("/", None),
        ] {
            assert_eq!(last_name(path), name, "{path}");
        }
        assert_eq!((join("/", "a"), join("/x/", "a")), ("/a".into(), "/x/a".into()));
    }
}
