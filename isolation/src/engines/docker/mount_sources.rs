//! The files of this machine that are mounted: a daemon elsewhere may have others at the same path.
//!
//! Before anything runs, a file that this process sees is compared with the one that the container
//! sees. Nothing is written, except into an empty directory.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use engine_api::common::Timestamp;
use engine_api::containers::PathStat;
use engine_api::{Docker, connect::Address};
use tokio::time::sleep;

use super::diagnostics::to_error;
use super::{publish, within_container};
use crate::environment::id::random_hex;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::EnvironmentSpec;
use crate::spec::mount::{Mount, MountSource};

/// How often a file is compared that changes meanwhile.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(20);

/// Rejects mounts whose files the daemon does not see, if that is not certain from its address.
pub(super) async fn check(docker: &Docker, container: &str, spec: &EnvironmentSpec) -> Result<()> {
    let mounts = of_host(spec);
    if mounts.is_empty() || !may_differ(docker).await {
        return Ok(());
    }
    for (path, mount) in mounts {
        check_one(docker, container, path, mount).await?;
    }
    Ok(())
}

fn of_host(spec: &EnvironmentSpec) -> Vec<(&Path, &Mount)> {
    let of_host = spec.mounts.iter().filter_map(|mount| match &mount.source {
        MountSource::Host(path) => Some((path.as_path(), mount)),
        _ => None,
    });
    of_host.collect()
}

/// Whether the daemon may have other files than this process.
async fn may_differ(docker: &Docker) -> bool {
    // A player has no files.
    let is_real = docker.address().parse::<Address>().is_ok();
    is_real && (!publish::is_local(docker) || within_container::is_of(docker).await)
}

async fn check_one(docker: &Docker, container: &str, path: &Path, mount: &Mount) -> Result<()> {
    let mut missing = String::new();
    for _ in 0..TRIES {
        let Some(sample) = Sample::of(path, !mount.read_only) else {
            // An empty directory that cannot be written to shows nothing.
            return Ok(());
        };
        let inside = match &sample.below {
            None => mount.target.clone(),
            Some(name) => format!("{}/{name}", mount.target.trim_end_matches('/')),
        };
        match docker.containers().stat(container, &inside).await {
            Ok(seen) if sample.is(&seen) => return Ok(()),
            Ok(_) => missing = format!("{} is another file there", sample.file.display()),
            Err(error) if error.is_not_found() => {
                missing = format!("{} is not there", sample.file.display());
            }
            // Podman does not show mounts of a container that does not run.
            Err(error) if error.status().is_some() => return Ok(()),
            Err(error) => return Err(to_error(error)),
        }
        sleep(PAUSE).await;
    }
    let text = format!(
        "the daemon at {} does not have the files of {} on this machine: {missing}; copy them in instead of a mount \
         (isolate cp, or copies of the specification), or mount a volume",
        docker.address(),
        path.display()
    );
    Err(Error::new(ErrorKind::Unsupported, text))
}

/// A file of this machine by which a mount is recognised.
#[derive(Debug)]
struct Sample {
    file: PathBuf,
    /// Its name in the directory that is mounted; `None` for a mount of the file.
    below: Option<String>,
    size: u64,
    modified: Option<SystemTime>,
    /// It was made for this, and is removed.
    is_ours: bool,
}

impl Sample {
    /// A file of the mount, or one that is made in an empty directory.
    fn of(path: &Path, may_write: bool) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        if !metadata.is_dir() {
            return Some(Self::new(path.to_owned(), None, &metadata));
        }
        let (mut is_empty, mut files) = (true, Vec::new());
        // Some of them are enough.
        for entry in fs::read_dir(path).ok()?.flatten().take(1000) {
            is_empty = false;
            let (Ok(name), Ok(metadata)) = (entry.file_name().into_string(), entry.metadata()) else {
                continue;
            };
            if metadata.is_file() {
                files.push((name, metadata));
            }
        }
        files.sort_by(|(one, _), (other, _)| one.cmp(other));
        if let Some((name, metadata)) = files.into_iter().next() {
            return Some(Self::new(path.join(&name), Some(name), &metadata));
        }
        if !is_empty || !may_write {
            return None;
        }
        let name = format!(".isolate-mount-{}", random_hex());
        let file = path.join(&name);
        fs::write(&file, "").ok()?;
        let metadata = fs::metadata(&file).ok();
        let size = metadata.as_ref().map_or(0, Metadata::len);
        Some(Self {
            file,
            below: Some(name),
            size,
            modified: metadata.and_then(|metadata| metadata.modified().ok()),
            is_ours: true,
        })
    }

    fn new(file: PathBuf, below: Option<String>, metadata: &Metadata) -> Self {
        Self {
            file,
            below,
            size: metadata.len(),
            modified: metadata.modified().ok(),
            is_ours: false,
        }
    }

    /// Whether the container sees this file: it has its size or its time. A program may write to it
    /// at the moment.
    fn is(&self, seen: &PathStat) -> bool {
        let seconds = |time: SystemTime| {
            time.duration_since(SystemTime::UNIX_EPOCH)
                .ok()
                .map(|at| at.as_secs())
        };
        let at = Timestamp::from_rfc3339(&seen.mtime)
            .ok()
            .and_then(|at| at.to_system_time());
        let same_time =
            at.and_then(seconds).is_some() && at.and_then(seconds) == self.modified.and_then(seconds);
        let same_size = u64::try_from(seen.size).ok() == Some(self.size);
        !seen.is_dir() && (same_time || (same_size && self.size > 0))
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        if self.is_ours {
            // It is empty, and has a name of its own.
            let _ = fs::remove_file(&self.file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(size: i64, mtime: &str) -> PathStat {
        let text = format!(r#"{{"name": "f", "size": {size}, "mode": 420, "mtime": "{mtime}"}}"#);
        engine_api::from_json(text.as_bytes()).unwrap()
    }

    #[test]
    fn file_is_recognised_by_size_or_time() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("b"), "12345").unwrap();
        fs::create_dir(directory.path().join("a")).unwrap();
        let sample = Sample::of(directory.path(), true).unwrap();
        assert_eq!(sample.below.as_deref(), Some("b"));
        assert!(sample.is(&seen(5, "2001-01-01T00:00:00Z")));
        let now = Timestamp::from(sample.modified.unwrap()).to_rfc3339();
        assert!(sample.is(&seen(7, &now)));
        assert!(!sample.is(&seen(7, "2001-01-01T00:00:00Z")));
        assert!(!sample.is(&seen(7, "")));
        let one = Sample::of(&directory.path().join("b"), false).unwrap();
        assert_eq!((one.below.as_deref(), one.size), (None, 5));
        assert!(Sample::of(&directory.path().join("gone"), true).is_none());
    }

    #[test]
    fn empty_directory_gets_a_file_for_a_moment() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Sample::of(directory.path(), false).is_none());
        let sample = Sample::of(directory.path(), true).unwrap();
        assert!(sample.file.exists());
        assert!(
            !sample.is(&seen(0, "2001-01-01T00:00:00Z")),
            "every empty file has this size"
        );
        let file = sample.file.clone();
        drop(sample);
        assert!(!file.exists());
        fs::create_dir(directory.path().join("only")).unwrap();
        assert!(Sample::of(directory.path(), true).is_none());
    }

    #[cfg(unix)]
    #[test]
    fn file_whose_name_is_no_text_is_not_the_sample() {
        use std::os::unix::ffi::OsStrExt;

        let directory = tempfile::tempdir().unwrap();
        let odd = std::ffi::OsStr::from_bytes(b"\xff");
        fs::write(directory.path().join(odd), "1").unwrap();
        assert!(Sample::of(directory.path(), true).is_none());
        fs::write(directory.path().join("z"), "22").unwrap();
        let sample = Sample::of(directory.path(), true).unwrap();
        assert_eq!((sample.below.as_deref(), sample.size), (Some("z"), 2));
    }
}
