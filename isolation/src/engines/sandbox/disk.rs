//! The size of the files of an environment that has a disk limit, which is supervised.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::identity::Identity;
use super::instance::SandboxInstance;
use super::sandboxed::Sandboxed;
use super::{NAME, PATH};
use crate::BoxFuture;
use crate::engine::instance::DiskUsage;
use crate::engines::host::blocking;
use crate::error::{Error, Result};
use crate::files::copy::{Stop, StopOnDrop};
use crate::files::size;

/// The length of the output of a program that is kept.
const KEPT: u64 = 4 << 10;

impl DiskUsage for SandboxInstance {
    fn limit(&self) -> u64 {
        self.spec.limits.disk.unwrap_or(u64::MAX)
    }

    fn used(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(async move {
            self.check_exists()?;
            let (sandbox, stop) = (Arc::clone(&self.sandbox), Stop::default());
            let _guard = StopOnDrop(stop.clone());
            blocking(NAME, move || sandbox.written(&stop)).await
        })
    }
}

impl Sandboxed {
    /// The bytes that the environment has written. This blocks.
    fn written(&self, stop: &Stop) -> Result<u64> {
        let layout = &self.layout;
        if layout.is_overlay() {
            return self.size(&layout.upper(), stop);
        }
        let all = self.size(&layout.root(), stop)?;
        // The root began as a copy of the image.
        match layout.has_image() && !layout.has_own_image() {
            true => Ok(all.saturating_sub(self.size(&layout.image(), stop)?)),
            false => Ok(all),
        }
    }

    fn size(&self, tree: &Path, stop: &Stop) -> Result<u64> {
        let counted = size::of_tree(tree, stop)?;
        match counted.is_complete {
            true => Ok(counted.bytes),
            false => Ok(self.size_inside(tree)?.max(counted.bytes)),
        }
    }

    /// The size that the root of the environment finds: it may read directories that the caller may
    /// not read, because of their permissions or their owner.
    fn size_inside(&self, tree: &Path) -> Result<u64> {
        let mut words = vec!["du".to_owned(), "-skxH".to_owned(), "--".to_owned()];
        // The root of this machine may read everything.
        if !matches!(self.layout.identity(), Identity::Range { .. }) {
            let Some(process) = self.process() else {
                return Err(Error::engine(NAME, "the first process has ended"));
            };
            let enter = ["nsenter", "-t", &process.pid().to_string(), "-U"];
            let enter = enter.into_iter().chain(["--preserve-credentials", "--"]);
            words.splice(0..0, enter.map(str::to_owned).collect::<Vec<_>>());
        }
        measured(&words, tree)
    }
}

/// The size that a program of this machine prints, in kibibytes. It also prints it after an error,
/// for example about a file that was removed meanwhile.
fn measured(words: &[String], tree: &Path) -> Result<u64> {
    let failed = |error: io::Error| Error::engine(NAME, format!("{}: {error}", words[0]));
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).arg(tree);
    command.env_clear().env("PATH", PATH).current_dir("/");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    // Programs inside can cause an error for each file. The size is one line, for which the pipe
    // has room meanwhile.
    let why = beginning(child.stderr.take()).map_err(failed)?;
    let text = beginning(child.stdout.take()).map_err(failed)?;
    child.wait().map_err(failed)?;
    match text.split_whitespace().next().map(str::parse::<u64>) {
        Some(Ok(kibibytes)) => Ok(kibibytes.saturating_mul(1024)),
        _ => {
            let why = format!("{} has printed no size: {}", words[0], why.trim());
            Err(Error::engine(NAME, why))
        }
    }
}

/// The first [`KEPT`] bytes of an output, which is read to its end.
fn beginning(output: Option<impl Read>) -> io::Result<String> {
    let mut kept = Vec::new();
    if let Some(mut output) = output {
        output.by_ref().take(KEPT).read_to_end(&mut kept)?;
        io::copy(&mut output, &mut io::sink())?;
    }
    Ok(String::from_utf8_lossy(&kept).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_of_a_program_is_in_bytes() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let tree = Path::new("/tree");
        let printed = words(&["sh", "-c", "echo gone >&2; echo \"3\t$1\"; exit 1", "sh"]);
        assert_eq!(measured(&printed, tree).unwrap(), 3072);
        // More errors than a pipe has room for, and than are kept.
        let many = "yes 'no such file' | head -c 1000000 >&2; echo \"5\t$1\"";
        assert_eq!(measured(&words(&["sh", "-c", many, "sh"]), tree).unwrap(), 5120);
        let silent = "yes 'no such file' | head -c 1000000 >&2";
        let error = measured(&words(&["sh", "-c", silent, "sh"]), tree).unwrap_err();
        assert!(format!("{error:?}").len() < 2 * KEPT as usize);
        for (wrong, why) in [
            (words(&["sh", "-c", "echo too bad >&2", "sh"]), "too bad"),
            (words(&["no-such-program"]), "no-such-program"),
        ] {
            let error = format!("{:?}", measured(&wrong, tree).unwrap_err());
            assert!(error.contains(why), "{error}");
        }
        assert_eq!(beginning(None::<io::Empty>).unwrap(), "");
    }
}
