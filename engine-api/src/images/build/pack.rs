//! The files of a build context: which of a directory are sent, and the tar archive of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::ignore::{Fitting, Ignore};
use super::{Builder, dockerfile};
use crate::archive;
use crate::error::{Cause, Error, Result};
use crate::wire::body::Upload;

/// The default name of a Dockerfile, and the one that engines try next.
pub(super) const NAMES: [&str; 2] = ["Dockerfile", "dockerfile"];

/// Fails when the builder cannot do what a Dockerfile asks for.
pub(super) fn check_dockerfile(text: &str, builder: Builder) -> Result<()> {
    match dockerfile::beyond(text, builder) {
        Some(cause) => Err(Error::local(cause)),
        None => Ok(()),
    }
}

/// Paths to send, relative to the directory and with slashes.
pub(super) type Found = Vec<String>;

/// Reads the Dockerfile and finds the files to send.
pub(super) fn find_files(root: PathBuf, name: &str, builder: Builder) -> Result<(PathBuf, Found)> {
    let input = |error: io::Error| Error::local(Cause::UploadSource(error));
    let name = match name {
        "" => NAMES
            .into_iter()
            .find(|name| root.join(name).is_file())
            .unwrap_or(NAMES[0])
            .to_owned(),
        name => name.trim_start_matches("./").to_owned(),
    };
    archive::check(&name)?;
    let text = fs::read(root.join(&name)).map_err(|error| input(archive::at(&root.join(&name), &error)))?;
    check_dockerfile(&String::from_utf8_lossy(&text), builder)?;
    let mut ignore = ignore(&root, &name, builder)?;
    ignore.keep(".dockerignore");
    ignore.keep(&name);
    let mut found = Found::new();
    walk(&root, "", &ignore, &Fitting::new(), &mut found).map_err(input)?;
    Ok((root, found))
}

/// The patterns that hold for a Dockerfile.
fn ignore(root: &Path, dockerfile: &str, builder: Builder) -> Result<Ignore> {
    let own = match builder {
        Builder::BuildKit => Some(format!("{dockerfile}.dockerignore")),
        Builder::Classic => None,
    };
    for name in own.iter().map(String::as_str).chain([".dockerignore"]) {
        let path = root.join(name);
        match fs::read(&path) {
            Ok(text) => return Ignore::parse(&String::from_utf8_lossy(&text)).map_err(Error::invalid),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::local(Cause::UploadSource(archive::at(&path, &error)))),
        }
    }
    Ok(Ignore::default())
}

/// Adds the paths to send of a directory, each directory before its contents.
fn walk(folder: &Path, name: &str, ignore: &Ignore, parent: &Fitting, found: &mut Found) -> io::Result<()> {
    for child in archive::children(folder)? {
        let path = child.path();
        let kind = child.file_type().map_err(|error| archive::at(&path, &error))?;
        let file_name = child.file_name();
        let name = match (name, file_name.to_string_lossy()) {
            ("", own) => own.into_owned(),
            (folder, own) => format!("{folder}/{own}"),
        };
        let (excluded, fitting) = ignore.excludes(&name, parent);
        let plain = kind.is_dir() || kind.is_file() || kind.is_symlink();
        if !excluded && !plain {
            return Err(archive::no_file(&path));
        }
        if !excluded {
            found.push(name.clone());
        }
        if kind.is_dir() && (!excluded || ignore.may_return(&name)) {
            walk(&path, &name, ignore, &fitting, found)?;
        }
    }
    Ok(())
}

/// The tar archive of the files that were found, written while it is sent.
pub(super) fn pack(root: PathBuf, found: Found, modified: Option<u64>) -> Upload {
    archive::packing(move |builder| {
        found
            .iter()
            .try_for_each(|name| archive::append_one(builder, &root.join(name), Path::new(name), modified))
    })
}
