//! The shells at the other end of the owner connection. They work in ash, dash and bash.
//!
//! Each one reads lines until the end of its input. The line `keep` ends the link instead of the
//! container. Only builtins are used: the image's `PATH` need not have any program. Bash takes
//! functions of these names from the environment, so they are unset first.

use std::collections::BTreeMap;

use super::{OwnerLink, Start};
use crate::command::Command;
use crate::engines::docker::shell_program;

/// Process 1 that does nothing, with the connection as its input.
///
/// It is in `wait`, so that traps run at once and orphaned processes are reaped. A signal ends
/// `wait` early, so it is repeated until the reader has ended. `USR1` keeps it running, too:
/// another process than the owner can send it. In an image without `sleep` it then ends.
const IDLE_OWNED: &str = r#"unset -f read wait kill
exec 3<&0 </dev/null
k=
trap 'exit 0' TERM INT HUP QUIT
trap k=1 USR1
(while read -r l; do [ "$l" = keep ] && exit 0; done; exit 1) <&3 >/dev/null 2>&1 & c=$!
exec 3<&-
while :; do wait $c; r=$?; kill -0 $c 2>/dev/null || break; done
[ -n "$k" ] || [ "$r" = 0 ] || exit 0
trap '' USR1
"#;

/// Process 1 that does nothing until it is stopped. As process 1 it would ignore signals without a
/// `trap`.
const IDLE: &str = "trap 'exit 0' TERM INT HUP QUIT
PATH=$PATH:/usr/local/bin:/usr/bin:/bin
while :; do sleep 3600 & wait $! || exit 1; done";

/// Becomes the command, below an init program. A child reads the connection and kills the command.
/// `kill 0` in the command does not end the child.
const WATCHED: &str = r#"exec 3<&0
(unset -f read kill; trap "" TERM INT HUP QUIT; while read -r l; do [ "$l" = keep ] && exit; done; kill -9 $$) <&3 >/dev/null 2>&1 &
"#;

/// Becomes the command: with `env`, which undoes what the shell has changed. `$1` is the number of
/// its arguments and itself, or `-` if `env` cannot run the command. No variable is set: it may be
/// one of the user's.
const BECOME: &str = r#"if [ "$1" = - ]; then shift
elif [ -x /usr/bin/env ]; then shift; exec /usr/bin/env "$@"
elif [ -x /bin/env ]; then shift; exec /bin/env "$@"
else shift $1; fi
exec "$@""#;

/// Process 1 without an init program: starts the command, passes signals on, and ends with its
/// code. The shell's own messages, such as "Killed", go nowhere. The command ignores `INT` and
/// `QUIT`, as every process in the background of such a shell.
const PASS_ON: &str = r#"unset -f wait kill
for s in HUP INT QUIT USR1 USR2 TERM; do trap "kill -$s $p" $s; done
while :; do wait $p; r=$?; kill -0 $p || break; done
wait $p; q=$?; [ $q = 127 ] || r=$q
exit $r"#;

/// An exec that holds the connection, and kills everything but process 1.
pub(super) const LEASE: &str =
    r#"unset -f read kill; while read -r l; do [ "$l" = keep ] && exit; done; kill -9 -1"#;

/// The line that ends the link.
pub(super) const KEEP: &[u8] = b"keep\n";

/// Variables that a shell adds.
const ADDED: [&str; 4] = ["OLDPWD", "PWD", "SHLVL", "_"];

/// The entry point and the arguments of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engines::docker) struct Entry {
    pub(in crate::engines::docker) entrypoint: Vec<String>,
    pub(in crate::engines::docker) cmd: Vec<String>,
}

impl Entry {
    /// A container without a main process.
    pub(in crate::engines::docker) fn idle(link: OwnerLink, shell: &str) -> Self {
        let script = match link {
            OwnerLink::None => IDLE.to_owned(),
            _ => format!("{IDLE_OWNED}{IDLE}"),
        };
        Self::shell(shell, script, [])
    }

    /// A command as the main process. `adjustments` are those of [`adjustments`].
    pub(in crate::engines::docker) fn command(
        command: &Command,
        link: OwnerLink,
        start: Start,
        adjustments: Vec<String>,
    ) -> Self {
        let plain = || Self {
            // Without the image's own entry point: it may be a script that changes the command.
            entrypoint: command.argv[..1].to_vec(),
            cmd: command.argv[1..].to_vec(),
        };
        let Some(shell) = start.shell else {
            return plain();
        };
        let (script, input) = match (link, start.init) {
            (OwnerLink::Watcher, true) => (format!("{WATCHED}exec </dev/null 3<&-\n{BECOME}"), ""),
            (OwnerLink::Watcher, false) => (alone(WATCHER), "</dev/null"),
            (OwnerLink::Lease, false) => (alone(""), "<&3"),
            (OwnerLink::Lease, true) | (OwnerLink::None | OwnerLink::Idle, _) => return plain(),
        };
        let count = match command.argv[0].contains('=') {
            true => vec!["-".to_owned()],
            false => {
                let mut all = vec![(adjustments.len() + 1).to_string()];
                all.extend(adjustments);
                all
            }
        };
        let words = count.into_iter().chain(command.argv.iter().cloned());
        Self::shell(shell, script.replace("INPUT", input), words)
    }

    fn shell(shell: &str, script: String, words: impl IntoIterator<Item = String>) -> Self {
        Self {
            entrypoint: [shell, "-c"].map(str::to_owned).to_vec(),
            cmd: [script, "sh".to_owned()].into_iter().chain(words).collect(),
        }
    }
}

/// The reader of the connection beside a command that is not process 1 and has no init program.
const WATCHER: &str = r#"(unset -f read kill; trap "" TERM INT HUP QUIT; while read -r l; do [ "$l" = keep ] && exit; done; kill -9 $p) <&3 >/dev/null 2>&1 9>&- &
"#;

/// The script of process 1 without an init program.
fn alone(watcher: &str) -> String {
    format!(
        "exec 3<&0 9>&2 2>/dev/null\n{{ {BECOME}\n}} INPUT 3<&- 2>&9 9>&- &\np=$!\n{watcher}exec 3<&- 9>&-\n{PASS_ON}"
    )
}

/// Arguments of `env` that give a command the variables of its container, whatever a shell has made
/// of them. `known` are those of the image and of the user; the daemon adds others, such as `HOME`,
/// which no shell changes.
pub(in crate::engines::docker) fn adjustments(known: &BTreeMap<String, String>) -> Vec<String> {
    let added = ADDED.iter().filter(|name| !known.contains_key(**name));
    let removed = added.flat_map(|name| ["-u".to_owned(), (*name).to_owned()]);
    let lost = known.iter().filter(|(name, _)| shell_program::is_lost(name));
    // Otherwise `env` would take such a name for an option.
    let end = known
        .keys()
        .any(|name| name.starts_with('-'))
        .then(|| "--".to_owned());
    removed
        .chain(end)
        .chain(lost.map(|(name, value)| format!("{name}={value}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command as Process;

    const INIT: Start = Start {
        shell: Some("/bin/sh"),
        init: true,
        names_log: false,
    };

    fn words(entry: &Entry) -> Vec<&str> {
        entry.cmd[2..].iter().map(String::as_str).collect()
    }

    #[test]
    fn adjustments_restore_what_a_shell_changes() {
        let known = [("A", "1"), ("PWD", "/x"), ("a.b", "2"), ("PS1", "$ ")];
        let known = known.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            adjustments(&known.into()),
            [
                "-u", "OLDPWD", "-u", "SHLVL", "-u", "_", "PS1=$ ", "PWD=/x", "a.b=2"
            ]
        );
        let dash = [("-u".to_owned(), "3".to_owned())].into();
        assert!(adjustments(&dash).ends_with(&["--".to_owned(), "-u=3".to_owned()]));
    }

    #[test]
    fn command_with_an_equals_sign_runs_without_env() {
        let entry = Entry::command(
            &Command::new(["a=b", "c"]),
            OwnerLink::Watcher,
            INIT,
            vec!["-u".into()],
        );
        assert_eq!(words(&entry), ["-", "a=b", "c"]);
        let entry = Entry::command(&Command::new(["x"]), OwnerLink::Watcher, INIT, vec!["-u".into()]);
        assert_eq!(words(&entry), ["2", "-u", "x"]);
    }

    #[test]
    fn command_with_its_own_input_is_started_directly() {
        for link in [OwnerLink::Lease, OwnerLink::None] {
            let entry = Entry::command(&Command::new(["x", "y"]), link, INIT, Vec::new());
            assert_eq!(
                (&entry.entrypoint[..], &entry.cmd[..]),
                (&["x".to_owned()][..], &["y".to_owned()][..])
            );
        }
    }

    /// Runs an entry on this machine, with an input that is open until `close`.
    #[cfg(unix)]
    fn run(entry: &Entry, close: bool) -> (Option<i32>, String, String) {
        use std::process::Stdio;
        let mut child = Process::new(&entry.entrypoint[0])
            .args(&entry.entrypoint[1..])
            .args(&entry.cmd)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        if close {
            drop(input);
        }
        let ended = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let code = ended.status.code().or_else(|| {
            use std::os::unix::process::ExitStatusExt;
            ended.status.signal().map(|signal| 128 + signal)
        });
        (code, text(ended.stdout), text(ended.stderr))
    }

    #[cfg(unix)]
    #[test]
    fn watched_command_keeps_its_code_and_its_streams() {
        for init in [true, false] {
            let start = Start { init, ..INIT };
            let of = |script: &str| {
                let command = Command::shell(script);
                let changes = adjustments(&[("PWD".to_owned(), "/gone".to_owned())].into());
                Entry::command(&command, OwnerLink::Watcher, start, changes)
            };
            let all = "cat; echo out; echo err >&2; exit 37";
            assert_eq!(
                run(&of(all), false),
                (Some(37), "out\n".into(), "err\n".into()),
                "{init}"
            );
            let killed = run(&of("kill -9 $$"), false);
            assert_eq!(killed, (Some(137), String::new(), String::new()), "{init}");
            let ended = run(&of("exec sleep 100"), true);
            assert_eq!(ended.0, Some(137), "{init}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn idle_process_ends_with_its_connection() {
        assert_eq!(run(&Entry::idle(OwnerLink::Idle, "/bin/sh"), true).0, Some(0));
    }
}
