//! Commands whose result must be the same, however they are run.

use isolation::{Command, Input};

/// Names of variables that some shell sets, changes, drops or obeys, and names that are odd.
pub(super) const SHELL_NAMES: [&str; 45] = [
    "PS1",
    "PS4",
    "_",
    "HISTCMD",
    "COMP_WORDBREAKS",
    "SRANDOM",
    "OPTERR",
    "OPTIND",
    "POSIXLY_CORRECT",
    "BASH",
    "BASHPID",
    "BASHOPTS",
    "BASH_ENV",
    "BASH_FUNC_echo%%",
    "BASH_VERSION",
    "EPOCHSECONDS",
    "EPOCHREALTIME",
    "IFS",
    "PWD",
    "OLDPWD",
    "UID",
    "SHLVL",
    "PPID",
    "LINENO",
    "SHELLOPTS",
    "CDPATH",
    "RANDOM",
    "FUNCNAME",
    "GROUPS",
    "DIRSTACK",
    "HOME",
    "ENV",
    "a.b",
    "a-b",
    "9x",
    "sp ace",
    "é",
    "-u",
    "M",
    "env",
    "program",
    "held",
    "known",
    "LANGUAGE",
    "TMPDIR",
];

/// The names whose values differ between two processes of the same shell.
const CHANGING: [&str; 6] = [
    "PPID",
    "RANDOM",
    "SRANDOM",
    "EPOCHSECONDS",
    "EPOCHREALTIME",
    "BASHPID",
];

pub(super) fn shell(script: &str) -> Command {
    Command::new(["/bin/sh", "-c", script])
}

fn with_env(command: Command, pairs: &[(&str, &str)]) -> Command {
    let env = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Command {
        env: env.collect(),
        ..command
    }
}

pub(super) fn within(command: Command, directory: &str) -> Command {
    Command {
        working_dir: Some(directory.to_owned()),
        ..command
    }
}

fn reading(command: Command, input: impl Into<Vec<u8>>) -> Command {
    Command {
        input: Input::Bytes(input.into().into()),
        ..command
    }
}

/// The commands whose result must be the same. None of them has output after its end.
pub(super) fn commands() -> Vec<Command> {
    let mut commands: Vec<_> = [0, 1, 3, 126, 127, 128, 129, 137, 255]
        .map(|code| shell(&format!("exit {code}")))
        .into();
    commands.extend([1, 2, 3, 6, 9, 13, 15].map(|signal| shell(&format!("kill -{signal} $$; sleep 5"))));
    commands.extend(
        [
            "kill -9 0; sleep 1",
            "printf out; printf err >&2",
            "echo a; exec >&- 2>&-; exit 4",
            "head -c 20000 /dev/zero | tr '\\0' x; head -c 300 /dev/zero >&2",
            "echo 0123456789abcdef0123456789abcdef E 0 0; echo 0123456789abcdef0123456789abcdef E >&2; exit 9",
            "ulimit -n 20; umask 777; trap 'echo bye' EXIT; cd /; set -e; false",
            "ulimit -n; umask; cat /proc/self/oom_score_adj",
            "readlink /proc/self/fd/0; cat; echo $?",
            "ls /proc/$$/fd",
            "read -r p c s pp g i r </proc/$$/stat; [ $p = $g ] && echo group; [ $p = $i ] && echo session",
            "sleep 1 >/dev/null 2>&1 & echo go",
            // No mark of a shell is in them.
            "tr '\\0' '\\n' </proc/$$/environ | sort; tr '\\0' '\\n' </proc/$$/cmdline",
        ]
        .map(shell),
    );
    commands.push(Command::new([
        "grep",
        "-E",
        "Sig(Blk|Ign|Cgt)|Cap|NoNew|Seccomp|Uid|Gid|Groups",
        "/proc/self/status",
    ]));
    commands.push(Command::new([
        "printf",
        "[%s]\n",
        "",
        " ",
        "it's",
        "a\nb",
        "$HOME `id` \\ * \"",
        "größe",
        "-n",
    ]));
    commands.push(Command::new(["printf", "%s", "x".repeat(100_000).as_str()]));
    commands.push(Command::new(
        std::iter::once("echo".to_owned()).chain((0..10_000).map(|n| n.to_string())),
    ));
    for names in SHELL_NAMES.chunks(9) {
        let value = |name: &&'static str| (*name, "/x 'q' \"d\"\n$v");
        let all: Vec<_> = names.iter().map(value).collect();
        commands.push(with_env(Command::new(["env"]), &all));
        // A shell sets the others itself, differently in each process.
        let same = names.iter().filter(|name| !CHANGING.contains(name));
        commands.push(with_env(
            shell("env | sort"),
            &same.map(value).collect::<Vec<_>>(),
        ));
    }
    let echo = || Command::new(["/bin/echo", "hi"]);
    commands.push(with_env(shell("env | sort"), &[("LC_ALL", "C")]));
    commands.push(with_env(echo(), &[("PATH", "/nowhere")]));
    commands.push(with_env(echo(), &[("PATH", "")]));
    commands.push(with_env(Command::new(["p", "1"]), &[("PATH", "/nowhere:/x")]));
    commands.push(with_env(Command::new(["echo", "1"]), &[("PATH", "/x/bin:/bin")]));
    commands.push(within(Command::new(["./p", "a b"]), "/x"));
    commands.push(within(Command::new(["pwd"]), "/x/d 'q"));
    commands.push(within(Command::new(["/bin/pwd"]), "/x/link/.."));
    let all: Vec<u8> = (0..=255).collect();
    commands.push(reading(Command::new(["cat"]), ""));
    commands.push(reading(Command::new(["cat"]), all.clone()));
    commands.push(reading(Command::new(["cat"]), all.repeat(80)));
    commands.push(reading(Command::new(["true"]), vec![b'x'; 20_000]));
    commands.push(reading(Command::new(["head", "-c", "5"]), vec![b'y'; 20_000]));
    commands.push(reading(Command::new(["cat"]), "%s%d\\n\\0%%'\"\n"));
    commands
}
