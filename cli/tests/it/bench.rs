//! A place of its own for each test, and the command run in it.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

/// A socket at which no engine listens.
pub(crate) const NOWHERE: &str = "unix:///no/such/docker.sock";

/// A folder for temporary files that nobody else uses, so that whatever is left in it was left by us.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    /// The command, with an environment that names no engine.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_isolate"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DOCKER_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .env("TMPDIR", self.folder.path())
            .env("DOCKER_HOST", NOWHERE)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub(crate) fn isolate(&self, arguments: &[&str]) -> Ended {
        Ended(self.command(arguments).output().unwrap())
    }

    /// Runs it to its end with this on its standard input.
    pub(crate) fn isolate_with(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let feeding = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        feeding.join().unwrap();
        Ended(output)
    }

    /// Starts it, and waits for the first line of its standard output.
    pub(crate) fn start(&self, command: &mut Command) -> Started {
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        Started {
            child,
            stdout: Some(stdout),
            first: first.trim_end().to_owned(),
        }
    }

    /// What is left in the folder for temporary files.
    pub(crate) fn left(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

/// The end of the command.
pub(crate) struct Ended(pub(crate) Output);

impl Ended {
    pub(crate) fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    /// The lines of standard output, each a JSON value.
    pub(crate) fn lines(&self) -> Vec<serde_json::Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap();
        self.stdout().lines().map(parse).collect()
    }
}

/// The command, while it runs; killed when the test is over.
pub(crate) struct Started {
    pub(crate) child: Child,
    /// The rest of its standard output; dropped, it is a closed pipe.
    pub(crate) stdout: Option<BufReader<ChildStdout>>,
    /// The first line of it.
    pub(crate) first: String,
}

impl Started {
    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let script = format!("kill -{name} {}", self.child.id());
        assert!(
            Command::new("sh")
                .args(["-c", &script])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits for the end; the exit code.
    pub(crate) fn code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
