//! The value of `--volume`: `SRC:DST[:ro]`, as the docker command reads it.

use std::path::Path;

use isolation::{Mount, MountSource};

use crate::parse;

const FORM: &str = "SRC:DST or SRC:DST:ro";

/// A mount. A source with a slash is a path, another one the name of a volume.
pub(crate) fn volume(text: &str) -> Result<Mount, String> {
    let (source, target, mode) = split(text)?;
    let read_only = match mode {
        None | Some("rw") => false,
        Some("ro") => true,
        Some(mode) => return Err(format!("the mode {mode:?} is not supported; use ro or rw")),
    };
    let source = match is_path(source) {
        true => MountSource::Host(parse::existing(source)?),
        false if Path::new(source).is_file() => {
            return Err(format!(
                "{source:?} is the name of a volume; for the file in this directory write ./{text}"
            ));
        }
        false => MountSource::Volume(source.to_owned()),
    };
    Ok(Mount {
        source,
        target: target.to_owned(),
        read_only,
        subpath: None,
    })
}

/// A file system in memory: `/run`, `/run:size=64m,ro`, with the options of the docker command that
/// have a meaning here.
pub(crate) fn tmpfs(text: &str) -> Result<Mount, String> {
    let (target, options) = text.split_once(':').unwrap_or((text, ""));
    if !target.starts_with('/') {
        return Err(format!(
            "the target {target:?} must be an absolute path; start it with `/`"
        ));
    }
    let mut mount = Mount::tmpfs(target, None);
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("size", size)) => {
                mount.source = MountSource::Tmpfs {
                    size: Some(parse::size(size)?),
                };
            }
            None if option == "ro" => mount.read_only = true,
            // Every such mount has them, beside the first.
            None if matches!(option, "rw" | "noexec" | "nosuid" | "nodev") => {}
            _ => {
                return Err(format!(
                    "the option {option:?} is not supported; use size=SIZE, ro or rw"
                ));
            }
        }
    }
    Ok(mount)
}

/// The source, the target and the mode. A path on this machine may contain a colon; the target
/// begins with a slash.
fn split(text: &str) -> Result<(&str, &str, Option<&str>), String> {
    if let Some(at) = text.rfind(":/").filter(|at| *at > 0) {
        let (source, rest) = (&text[..at], &text[at + 1..]);
        let (target, mode) = match rest.split_once(':') {
            Some((target, mode)) => (target, Some(mode)),
            None => (rest, None),
        };
        return Ok((source, target, mode));
    }
    match text.split_once(':') {
        Some((source, target)) if !source.is_empty() && !target.is_empty() => Err(format!(
            "the target {target:?} must be an absolute path; start it with `/`"
        )),
        None if text.starts_with('/') => Err(format!(
            "the source is missing; write it as {FORM}, or use --mount type=tmpfs,target={text}"
        )),
        _ => Err(format!("write it as {FORM}")),
    }
}

/// Whether the source is a path: `/srv`, `.`, `./data`, `data/x`, on Windows also `C:\data`.
fn is_path(source: &str) -> bool {
    source.starts_with('.') || source.contains(['/', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_mounted_from_this_machine() {
        let directory = tempfile::tempdir().unwrap();
        let colon = directory.path().join("a:b,c=d");
        std::fs::write(&colon, "").unwrap();
        let text = |end: &str| format!("{}:/x{end}", colon.display());
        for (end, read_only) in [("", false), (":rw", false), (":ro", true)] {
            let expected = Mount {
                read_only,
                ..Mount::host(&colon, "/x")
            };
            assert_eq!(volume(&text(end)), Ok(expected), "{end}");
        }
        let here = std::env::current_dir().unwrap();
        assert_eq!(volume(".:/here"), Ok(Mount::host(here, "/here")));
    }

    #[test]
    fn name_is_a_volume_of_the_engine() {
        assert_eq!(volume("data:/x"), Ok(Mount::volume("data", "/x")));
        let read_only = Mount {
            read_only: true,
            ..Mount::volume("data", "/x/y")
        };
        assert_eq!(volume("data:/x/y:ro"), Ok(read_only));
    }

    #[test]
    fn tmpfs_has_a_size_and_may_be_read_only() {
        assert_eq!(tmpfs("/run"), Ok(Mount::tmpfs("/run", None)));
        assert_eq!(
            tmpfs("/run:rw,noexec,nosuid,size=64k"),
            Ok(Mount::tmpfs("/run", Some(64 << 10)))
        );
        assert!(tmpfs("/run:ro").unwrap().read_only);
        for (text, words) in [
            ("run", "absolute"),
            ("/run:size=lots", "512m"),
            ("/run:uid=7", "\"uid=7\" is not supported"),
        ] {
            let error = tmpfs(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn invalid_volume_is_reported_with_what_to_write() {
        for (text, words) in [
            ("/:relative", "must be an absolute path"),
            ("data:relative", "must be an absolute path"),
            ("/no/such:/x", "/no/such"),
            ("/:/x:z", "use ro or rw"),
            ("/:/x:ro:ro", "use ro or rw"),
            ("/x", "--mount type=tmpfs,target=/x"),
            (":/x", "SRC:DST"),
            ("data:", "SRC:DST"),
            ("data", "SRC:DST"),
            // Tests run in the directory of the crate.
            ("Cargo.toml:/x", "write ./Cargo.toml:/x"),
            ("", "SRC:DST"),
        ] {
            let error = volume(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
