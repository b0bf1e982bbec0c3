//! The files of a directory that a build context contains, and their tar archive.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::dockerfile::NAMES;
use super::ignore::{Fitting, Ignore};
use super::{BuildImage, Builder, dockerfile};
use crate::archive;
use crate::error::{Cause, Error, Result};
use crate::wire::body::Upload;

/// The maximum size of a Dockerfile or `.dockerignore`, in bytes.
const LONGEST: u64 = 16 << 20;

/// The files of a directory that are sent.
#[derive(Debug)]
pub(super) struct Found {
    root: PathBuf,
    /// Paths relative to the directory; a directory is before its files.
    paths: Vec<PathBuf>,
    /// The feature of the Dockerfile that Docker's builder does not support.
    pub(super) beyond: Option<Cause>,
    pub(super) base_images: Vec<String>,
    /// Whether the ignore file is that of the Dockerfile, not `.dockerignore`.
    pub(super) has_own_ignore: bool,
}

impl Found {
    /// Does not send `.dockerignore`: Podman would apply it again.
    pub(super) fn leave_out_dockerignore(&mut self) {
        self.paths.retain(|path| path != Path::new(".dockerignore"));
    }
}

/// Reads the Dockerfile and finds the files to send.
pub(super) fn find_files(root: PathBuf, options: &BuildImage) -> Result<Found> {
    let builder = options.builder;
    let input = |error: io::Error| Error::local(Cause::UploadSource(error));
    let (name, text) = dockerfile_of(&root, options)?;
    let text = String::from_utf8_lossy(&text);
    let beyond = dockerfile::beyond(&text, builder, &options.target);
    let base_images = dockerfile::base_images(&text, options);
    let (mut ignore, has_own_ignore) = ignore(&root, &name, builder)?;
    ignore.keep(name.as_bytes());
    if builder == Builder::Classic {
        // The classic builder reads both files, and removes excluded ones from the context.
        // BuildKit copies every file of the context.
        ignore.keep(b".dockerignore");
    }
    let paths = walk(&root, &ignore, None, builder).map_err(input)?;
    Ok(Found {
        root,
        paths,
        beyond,
        base_images,
        has_own_ignore,
    })
}

/// The name and the text of the Dockerfile.
fn dockerfile_of(root: &Path, options: &BuildImage) -> Result<(String, Vec<u8>)> {
    let name = match options.dockerfile.as_str() {
        "" => NAMES
            .into_iter()
            .find(|name| root.join(name).is_file())
            .unwrap_or(NAMES[0])
            .to_owned(),
        name => name.trim_start_matches("./").to_owned(),
    };
    archive::check(&name)?;
    let text = read(&root.join(&name)).map_err(|error| Error::local(Cause::UploadSource(error)))?;
    Ok((name, text))
}

/// Fails if the Dockerfile or the ignore file of a directory cannot be read: BuildKit asks for them
/// only during the build.
#[cfg(feature = "buildkit")]
pub(super) fn check(root: &Path, options: &BuildImage) -> Result<()> {
    let (name, _text) = dockerfile_of(root, options)?;
    ignore(root, &name, Builder::BuildKit).map(drop)
}

/// The patterns that apply to a Dockerfile, and whether they come from a file that is named after
/// it.
fn ignore(root: &Path, dockerfile: &str, builder: Builder) -> Result<(Ignore, bool)> {
    let own = match builder {
        Builder::BuildKit => Some(format!("{dockerfile}.dockerignore")),
        Builder::Classic => None,
    };
    for name in own.iter().map(String::as_str).chain([".dockerignore"]) {
        match read(&root.join(name)) {
            Ok(text) => {
                let ignore = Ignore::parse(&text, name, builder).map_err(Error::invalid)?;
                return Ok((ignore, own.as_deref() == Some(name)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::local(Cause::UploadSource(error))),
        }
    }
    Ok((Ignore::default(), false))
}

/// Reads a small file. A pipe or device could have no end.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let failed = |error: io::Error| archive::at(path, &error);
    let invalid = |reason| Err(failed(io::Error::new(io::ErrorKind::InvalidData, reason)));
    if !path.metadata().map_err(failed)?.is_file() {
        return invalid("not a file");
    }
    let mut text = Vec::new();
    let mut file = File::open(path).map_err(failed)?.take(LONGEST + 1);
    file.read_to_end(&mut text).map_err(failed)?;
    match text.len() as u64 > LONGEST {
        true => invalid("longer than 16 MiB"),
        false => Ok(text),
    }
}

/// The paths in a directory that `ignore` does not exclude and `only` selects, relative to it; a
/// directory is before its files.
pub(super) fn walk(
    root: &Path,
    ignore: &Ignore,
    only: Option<&Ignore>,
    builder: Builder,
) -> io::Result<Vec<PathBuf>> {
    let mut walk = Walk {
        ignore,
        only,
        parents: builder == Builder::BuildKit,
        pending: Vec::new(),
        found: Vec::new(),
    };
    walk.enter(root, Path::new(""), b"", &Parent::default())?;
    Ok(walk.found)
}

/// The walk through a directory.
struct Walk<'a> {
    ignore: &'a Ignore,
    /// Include patterns, if there are any. A path must match one of them.
    only: Option<&'a Ignore>,
    /// Whether an excluded directory is sent if one of its files is sent. The classic builder
    /// creates such directories itself, with other permissions.
    parents: bool,
    /// Excluded directories above the current one that have not been sent.
    pending: Vec<PathBuf>,
    found: Vec<PathBuf>,
}

/// The patterns that a directory matches.
#[derive(Default)]
struct Parent {
    ignore: Fitting,
    only: Fitting,
}

impl Walk<'_> {
    /// Whether a path is excluded, whether it is entered if it is a directory, and the patterns
    /// that it matches.
    fn match_patterns(&self, name: &[u8], parent: &Parent) -> (bool, bool, Parent) {
        let (excluded, ignore) = self.ignore.excludes(name, &parent.ignore);
        let (selected, only) = match self.only {
            Some(only) => only.excludes(name, &parent.only),
            None => (true, Fitting::new()),
        };
        let enter = (!excluded || self.ignore.may_return(name))
            && (selected || self.only.is_some_and(|only| only.may_return(name)));
        (excluded || !selected, enter, Parent { ignore, only })
    }

    /// Adds the files of a directory. `name` is its path as bytes with slashes.
    fn enter(&mut self, directory: &Path, relative: &Path, name: &[u8], parent: &Parent) -> io::Result<()> {
        for child in archive::children(directory)? {
            let path = child.path();
            let kind = child.file_type().map_err(|error| archive::at(&path, &error))?;
            let file_name = child.file_name();
            let relative = relative.join(&file_name);
            let own = file_name.as_encoded_bytes();
            let name = match name {
                b"" => own.to_vec(),
                name => [name, b"/", own].concat(),
            };
            let (excluded, enter, matches) = self.match_patterns(&name, parent);
            let plain = kind.is_dir() || kind.is_file() || kind.is_symlink();
            if !excluded && !plain {
                return Err(archive::no_file(&path));
            }
            if !excluded {
                self.found.append(&mut self.pending);
                self.found.push(relative.clone());
            }
            if kind.is_dir() && enter {
                let before = self.pending.len();
                if excluded && self.parents {
                    self.pending.push(relative.clone());
                }
                self.enter(&path, &relative, &name, &matches)?;
                self.pending.truncate(before);
            }
        }
        Ok(())
    }
}

/// The tar archive of these files, written while it is sent.
pub(super) fn pack(found: Found, modified: Option<u64>) -> Upload {
    let Found { root, paths, .. } = found;
    archive::packing(move |builder| {
        paths
            .iter()
            .try_for_each(|path| archive::append_one(builder, &root.join(path), path, modified))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_cannot_be_read_are_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".dockerignore");
        let failed = || match ignore(directory.path(), "Dockerfile", Builder::BuildKit) {
            Ok(_) => String::new(),
            Err(error) => {
                assert_eq!(error.kind(), crate::ErrorKind::UploadSource);
                error.to_string()
            }
        };
        assert_eq!(failed(), "");
        std::fs::create_dir(&path).unwrap();
        assert!(failed().ends_with(".dockerignore: not a file"), "{}", failed());
        std::fs::remove_dir(&path).unwrap();
        File::create(&path).unwrap().set_len(LONGEST + 1).unwrap();
        assert!(
            failed().ends_with(".dockerignore: longer than 16 MiB"),
            "{}",
            failed()
        );
    }
}
