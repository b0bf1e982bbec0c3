//! A workspace for each test, and the command started in it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

/// A socket at which no Docker daemon listens.
pub(crate) const NOWHERE: &str = "unix:///no/such/docker.sock";

/// The same command in a mount namespace in which these files are empty.
#[cfg(unix)]
fn hiding(files: &[&str], command: &Command) -> Command {
    let why = format!("stop the Docker daemon for this test: it listens at one of {files:?}");
    assert_eq!(std::env::consts::OS, "linux", "{why}");
    let script =
        r#"while [ "$1" != -- ]; do mount --bind /dev/null "$1" || exit 99; shift; done; shift; exec "$@""#;
    let mut hidden = Command::new("unshare");
    hidden
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .args(files)
        .arg("--")
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => hidden.env(name, value),
            None => hidden.env_remove(name),
        };
    }
    hidden
}

/// A directory for temporary files that no other test uses: the command wrote every file in it. And
/// a home without configuration.
pub(crate) struct Workspace {
    directory: tempfile::TempDir,
    home: tempfile::TempDir,
    engine: Option<&'static str>,
    /// The directory of the journal.
    state: tempfile::TempDir,
}

impl Workspace {
    /// Commands use `auto`, and `DOCKER_HOST` names a daemon that does not answer.
    pub(crate) fn new() -> Self {
        let (directory, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(home.path().join("config.json"), "{}").unwrap();
        Self {
            directory,
            home,
            engine: None,
            state: tempfile::tempdir().unwrap(),
        }
    }

    /// Commands use the engine `basic`, unless an option names another one.
    pub(crate) fn basic() -> Self {
        let mut workspace = Self::new();
        workspace.engine = Some("basic");
        workspace
    }

    /// Whether `auto` uses the engine `sandbox` where no daemon answers; then a test of `basic` in
    /// its place has nothing to test, which is printed.
    #[cfg(unix)]
    pub(crate) fn has_sandboxes(&self) -> bool {
        let rows = self.isolate(&["engines", "--json"]).lines();
        let is_available =
            |row: &serde_json::Value| row["name"] == "sandbox" && !row["availability"]["available"].is_null();
        let found = rows[0].as_array().unwrap().iter().any(is_available);
        if found {
            eprintln!("skipped: auto uses the engine sandbox here");
        }
        found
    }

    /// The home of the user, and the working directory.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The command where `auto` finds no Docker daemon: no variable names one, and the usual
    /// sockets of this machine are hidden from the command.
    #[cfg(unix)]
    pub(crate) fn command_without_a_daemon(&self, arguments: &[&str]) -> Command {
        let sockets = ["/var/run/docker.sock", "/run/podman/podman.sock"];
        let sockets: Vec<&str> = sockets
            .into_iter()
            .filter(|path| Path::new(path).exists())
            .collect();
        let mut command = match sockets.as_slice() {
            [] => self.command(arguments),
            _ => hiding(&sockets, &self.command(arguments)),
        };
        command.env_remove("DOCKER_HOST");
        command
    }

    /// Runs the command without a daemon to its end.
    #[cfg(unix)]
    pub(crate) fn isolate_without_a_daemon(&self, arguments: &[&str]) -> Ended {
        Ended(self.command_without_a_daemon(arguments).output().unwrap())
    }

    /// The command, in a home that is empty, with environment variables that name no daemon.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_isolate"));
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("DOCKER_") || text.starts_with("ISOLATE_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .env("TMPDIR", self.directory.path())
            .env("HOME", self.home())
            .env("XDG_RUNTIME_DIR", self.home())
            .env_remove("XDG_CONFIG_HOME")
            .env("ISOLATE_CONFIG", self.home().join("config.json"))
            .envs(self.engine.map(|engine| ("ISOLATE_ENGINE", engine)))
            .env("DOCKER_HOST", NOWHERE)
            .env("ISOLATE_STATE_DIR", self.state.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the command to its end.
    pub(crate) fn isolate(&self, arguments: &[&str]) -> Ended {
        Ended::of(&mut self.command(arguments))
    }

    /// Runs the command to its end with this standard input.
    pub(crate) fn isolate_with(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let feeding = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        feeding.join().unwrap();
        Ended(output)
    }

    /// Starts the command and waits for the first line of its standard output.
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

    /// The leases and locks of shared environments.
    pub(crate) fn leases(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.state.path().join("shared"));
        let entries = entries.into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// The entries of the journal.
    pub(crate) fn journal(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.state.path().join("journal"));
        let entries = entries.into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// The files left in the directory for temporary files.
    pub(crate) fn left(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

impl Drop for Workspace {
    /// Removes the environments of this machine that the test has kept: with their directory alone,
    /// their control groups and processes would stay.
    fn drop(&mut self) {
        let entries = std::fs::read_dir(self.directory.path());
        let names = entries.into_iter().flatten().flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let ids: Vec<String> = names.filter_map(|name| id(&name).map(str::to_owned)).collect();
        if !ids.is_empty() {
            let arguments = ["rm", "--force"]
                .into_iter()
                .chain(ids.iter().map(String::as_str));
            // A test that damages an environment on purpose has removed the rest of it.
            let _ = self.command(&arguments.collect::<Vec<_>>()).output();
        }
    }
}

/// The ID of the environment with this directory: `isolation-ENGINE-ID`.
fn id(directory: &str) -> Option<&str> {
    let (_, id) = directory.strip_prefix("isolation-")?.split_once('-')?;
    (id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

/// A command that ended.
pub(crate) struct Ended(pub(crate) Output);

impl Ended {
    /// Runs the command to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        Self(command.output().unwrap())
    }

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

/// A running command, killed at the end of the test.
pub(crate) struct Started {
    pub(crate) child: Child,
    /// The rest of its standard output; dropping it closes the pipe.
    pub(crate) stdout: Option<BufReader<ChildStdout>>,
    /// The first line of its standard output.
    pub(crate) first: String,
}

impl Started {
    /// Sends a signal, given by name.
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

    /// Waits for the end and returns the exit code.
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
