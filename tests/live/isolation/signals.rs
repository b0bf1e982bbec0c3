//! Signals of `isolate run`: the command in the container gets them first, and can end properly.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command as Process, Stdio};

use isolation::EnvironmentId;

use super::owner_ends::{program, reaper};
use crate::support::{Subject, engines};

/// A run whose command is ready for a signal.
struct Run {
    child: Child,
    /// The rest of its output, after the first line.
    stdout: BufReader<std::process::ChildStdout>,
    prefix: String,
    _state: tempfile::TempDir,
}

impl Run {
    fn start(subject: &Subject, options: &[&str], script: &str) -> Self {
        let name = format!("live{}", EnvironmentId::random().short());
        let state = tempfile::tempdir().unwrap();
        let (variable, reaper) = reaper();
        // A signal that was ignored when isolate is started stays ignored, such as SIGINT in a test
        // that a script runs in the background.
        let mut child = Process::new("env")
            .args(["--default-signal", program()])
            .args([
                "--host",
                &subject.docker.address(),
                "run",
                "-q",
                "--image",
                "busybox",
            ])
            .args(["--name", &name])
            .args(options)
            .args(["--", "sh", "-c", script])
            .env("ISOLATE_STATE_DIR", state.path())
            .env(variable, reaper)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        assert_eq!(first, "ready\n", "{}: {options:?}", subject.name);
        Self {
            child,
            stdout,
            prefix: format!("ptest_{name}_"),
            _state: state,
        }
    }

    fn signal(&self, name: &str) {
        let sent = Process::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// The exit code and the rest of the output, after the environment was removed.
    async fn ended(mut self, subject: &Subject) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        let code = self.child.wait().unwrap().code();
        let left = subject.containers(&self.prefix).await;
        assert!(left.is_empty(), "{}: {left:?}", subject.name);
        (code, rest)
    }
}

/// The command as main process, and as an exec in an environment that is ready first.
const WAYS: [&[&str]; 2] = [&[], &["--wait-for", "exec:true"]];

#[tokio::test]
async fn command_that_handles_a_signal_has_its_own_code() {
    for subject in engines() {
        for options in WAYS {
            for name in ["TERM", "INT", "HUP", "QUIT"] {
                let script = format!(
                    "trap 'echo {name}; exit 7' {name}; trap 'echo user' USR1; echo ready
                     while :; do sleep 0.1; done"
                );
                let mut run = Run::start(&subject, options, &script);
                run.signal("USR1");
                let mut line = String::new();
                run.stdout.read_line(&mut line).unwrap();
                let what = format!("{}: {options:?}: {name}", subject.name);
                assert_eq!(line, "user\n", "{what}");
                run.signal(name);
                let ended = run.ended(&subject).await;
                assert_eq!(ended, (Some(7), format!("{name}\n")), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn command_that_ignores_a_signal_is_removed() {
    for subject in engines() {
        for options in WAYS {
            let script = "trap '' TERM; echo ready; while :; do sleep 0.1; done";
            let run = Run::start(&subject, options, script);
            run.signal("TERM");
            let ended = run.ended(&subject).await;
            let code = Some(143);
            assert_eq!(ended, (code, String::new()), "{}: {options:?}", subject.name);
        }
    }
}
