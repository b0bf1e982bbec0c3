//! The text that the first process of an environment reads for one command.

use std::collections::BTreeMap;

use crate::command::Command;
use crate::command::input::Input;
use crate::engines::shell::{FUNCTIONS, KnownPrograms, Program, Text, without_comments};

/// The directory of the pipes, inside.
pub(super) const PIPES: &str = "/dev/isolation";

/// The directory of the files of the main process, inside.
pub(super) const MAIN: &str = "/dev/isolation-main";

/// The pipe that the shell of the main process holds open, in the directory of the pipes.
pub(super) const ALIVE: &str = "main.alive";

/// How a command is started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start<'a> {
    /// The name of its pipes.
    pub(super) name: &'a str,
    /// The path of its terminal.
    pub(super) terminal: Option<&'a str>,
    /// The words before those of the command.
    pub(super) words: &'a [String],
    /// The lines that set its ulimits.
    pub(super) ulimits: &'a str,
    pub(super) role: Role,
    /// Whether its program is known to be machine code.
    pub(super) is_native: bool,
}

/// The role of a command in its environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Command,
    /// The main process, whose output this process reads.
    AttachedMain,
    /// The main process, which writes its output to files.
    Main,
}

impl Role {
    pub(super) fn is_main(self) -> bool {
        self != Self::Command
    }
}

/// The text of the first process.
pub(super) fn holder() -> String {
    [FUNCTIONS, include_str!("holder.sh")]
        .map(without_comments)
        .concat()
}

/// The text for a command, and its program.
///
/// 5 shows that the main process runs, 6 is the pipe of the reports, 8 and 9 are the outputs. This
/// shell keeps the outputs open until it has reported the end. That of the main process then ends
/// the first process, and so the environment; a signal can be lost between two steps of a shell.
pub(super) fn render(
    command: &Command,
    variables: &BTreeMap<String, String>,
    working_dir: &str,
    known: &KnownPrograms,
    start: Start<'_>,
) -> (Vec<u8>, Program) {
    let Start {
        name,
        terminal,
        words,
        ulimits,
        role,
        is_native,
    } = start;
    let path = variables.get("PATH").map_or("", String::as_str);
    let program_name = command.argv.first().map_or("", String::as_str);
    let relative = program_name.contains('/') && !program_name.starts_with('/');
    let directory = if relative { working_dir } else { "" };
    let program = (
        program_name.to_owned(),
        path.as_bytes().to_vec(),
        directory.to_owned(),
    );
    let input = match (terminal, &command.input) {
        (Some(_), _) => "&8".to_owned(),
        (None, Input::Empty) => "/dev/null".to_owned(),
        (None, Input::Bytes(_) | Input::Piped) => format!("{PIPES}/{name}.in"),
    };
    let input = match role {
        Role::Main => "/dev/null".to_owned(),
        Role::Command | Role::AttachedMain => input,
    };
    let outputs = match (terminal, role) {
        (_, Role::Main) => format!("8>>{MAIN}/stdout 9>>{MAIN}/stderr"),
        (Some(path), _) => format!("8<>{path} 9>&8"),
        (None, _) => format!("8>{PIPES}/{name}.out 9>{PIPES}/{name}.err"),
    };
    let (alive, began) = match role.is_main() {
        true => (
            format!("5>{PIPES}/{ALIVE} "),
            format!("echo B $leader $shell >>{MAIN}/state; "),
        ),
        false => (String::new(), String::new()),
    };
    let mut text = Text::default();
    text.push(&format!(
        "exec {alive}6>{PIPES}/{name}.reports {outputs} <&7 >/dev/null 2>&1\n\
         cd -P /proc/self; shell=${{PWD##*/}}\n\
         ( cd -P /proc/self; leader=${{PWD##*/}}; cd -P -- "
    ));
    text.word(working_dir.as_bytes());
    text.push(" || { echo F cwd >&6; exit; }\nisolate_check ");
    text.word(program_name.as_bytes()).push(" ").word(path.as_bytes());
    let is_known = is_native || known.contains(&program);
    text.push(if is_known { "" } else { " y" });
    text.push(" || { echo F $why >&6; exit; }\nexec <");
    text.push(&input);
    // The input is open before the report: from then on the other side holds its own end only.
    text.push(&format!(
        "\n{began}echo B $leader $shell >&6\n\
         exec 5>&- 6<&- 7<&- >&8 2>&9 8>&- 9>&-\n"
    ));
    // Every user of this machine can read the arguments of a process, but not its variables.
    let (exported, given): (Vec<_>, Vec<_>) = variables.iter().partition(|(name, _)| can_be_exported(name));
    for (name, value) in exported {
        text.push("export ")
            .push(name)
            .push("=")
            .word(value.as_bytes())
            .push("\n");
    }
    text.push(ulimits).push("set --");
    for argument in command.argv.iter().skip(1) {
        text.push(" ").word(argument.as_bytes());
    }
    let begin = |text: &mut Text| {
        text.push("exec \"$setsid\"");
        if terminal.is_some() {
            // The terminal becomes that of the new session.
            text.push(" -c");
        }
        for word in words {
            text.push(" ").word(word.as_bytes());
        }
    };
    // Most commands need no other program that sets their variables.
    if given.iter().all(|(name, _)| *name == "PATH") && !program_name.starts_with('-') {
        text.push("\n[ -z \"$unset\" ] || { unset PWD OLDPWD SHLVL; export PATH=")
            .word(path.as_bytes())
            .push("; ");
        begin(&mut text);
        text.push(" \"$program\" \"$@\"; }");
    }
    text.push("\n");
    begin(&mut text);
    text.push(" \"$env\" -u PWD -u OLDPWD -u SHLVL -u _ --");
    for (name, value) in given {
        text.push(" ").word(format!("{name}={value}").as_bytes());
    }
    text.push(" \"$program\" \"$@\"");
    if role.is_main() {
        text.push(&format!(
            " )\ncode=$?\nread -r began <{MAIN}/state || exit\necho E $code >>{MAIN}/state\n"
        ));
        if role == Role::AttachedMain {
            text.push("echo E $code >&6\n");
        }
        text.push("while :; do kill -USR1 1; done\n");
    } else {
        text.push(" )\necho E $? >&6\n");
    }
    (text.into_bytes(), program)
}

/// Whether a shell passes this variable on unchanged, and nothing else reads it before the command.
fn can_be_exported(name: &str) -> bool {
    const OTHERS: [&str; 28] = [
        "PATH",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
        "IFS",
        "PPID",
        "UID",
        "EUID",
        "GROUPS",
        "LINENO",
        "RANDOM",
        "SRANDOM",
        "SECONDS",
        "EPOCHSECONDS",
        "EPOCHREALTIME",
        "OPTIND",
        "OPTARG",
        "OPTERR",
        "SHELLOPTS",
        "ENV",
        "CDPATH",
        "DIRSTACK",
        "FUNCNAME",
        // The variables of the text itself.
        "env",
        "program",
        "setsid",
        "unset",
    ];
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_name = name.chars().all(word) && !name.starts_with(|c: char| c.is_ascii_digit());
    is_name
        && !name.is_empty()
        && !OTHERS.contains(&name)
        && !name.starts_with("BASH")
        && !name.starts_with("LD_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_command_are_quoted() {
        let mut command = Command::new(["-x", "it's", "$HOME `x` \\ *\n"]);
        command.input = Input::Piped;
        let variables = [("A", "a'b"), ("-u", "1"), ("PATH", "/bin")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let known = KnownPrograms::default();
        let start = Start {
            name: "ab",
            terminal: None,
            words: &[],
            ulimits: "",
            role: Role::Command,
            is_native: false,
        };
        let (text, _) = render(&command, &variables.clone().into(), "/w'", &known, start);
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("cd -P -- '/w'\\''' ||"), "{text}");
        assert!(text.contains("isolate_check '-x' '/bin' y ||"), "{text}");
        assert!(text.contains("\nexec </dev/isolation/ab.in\n"), "{text}");
        assert!(text.contains("\nexport A='a'\\''b'\n"), "{text}");
        let words = "set -- 'it'\\''s' '$HOME `x` \\ *\n'\nexec \"$setsid\" \"$env\"";
        assert!(text.contains(words), "{text}");
        let words = "-- '-u=1' 'PATH=/bin' \"$program\" \"$@\" )";
        assert!(text.contains(words), "{text}");
        let on_terminal = Start {
            terminal: Some("/dev/pts/3"),
            words: &["change user".to_owned()],
            ..start
        };
        let (text, _) = render(&command, &variables.clone().into(), "/", &known, on_terminal);
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.contains("8<>/dev/pts/3 9>&8 ") && text.contains("\nexec <&8\n"),
            "{text}"
        );
        assert!(text.contains("\"$setsid\" -c 'change user' \"$env\""), "{text}");
        assert!(!text.contains("kill -USR1 1"), "{text}");
        let main = Start {
            role: Role::Main,
            ..start
        };
        let (text, _) = render(&command, &variables.into(), "/", &known, main);
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.contains(" 8>>/dev/isolation-main/stdout 9>>/dev/isolation-main/stderr "),
            "{text}"
        );
        assert!(text.contains("\nexec </dev/null\n"), "{text}");
        assert!(text.ends_with("while :; do kill -USR1 1; done\n"), "{text}");
    }

    #[test]
    fn plain_command_is_started_without_env() {
        let known = KnownPrograms::default();
        let start = Start {
            name: "ab",
            terminal: None,
            words: &["setpriv".to_owned()],
            ulimits: "ulimit -n 3\n",
            role: Role::Command,
            is_native: true,
        };
        let rendered = |program: &str, more: &[(&str, &str)]| {
            let variables = [("PATH", "/b'in"), ("A", "1")].iter().chain(more);
            let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let command = Command::new([program, "x"]);
            let (text, _) = render(&command, &variables.collect(), "/", &known, start);
            String::from_utf8(text).unwrap()
        };
        let text = rendered("tool", &[]);
        let direct = "export PATH='/b'\\''in'; exec \"$setsid\" 'setpriv' \"$program\" \"$@\"; }\n";
        assert!(text.contains(direct), "{text}");
        assert!(text.contains("isolate_check 'tool' '/b'\\''in' ||"), "{text}");
        assert!(text.contains("\nulimit -n 3\nset -- 'x'\n"), "{text}");
        assert!(
            text.contains("\nexec \"$setsid\" 'setpriv' \"$env\" -u PWD"),
            "{text}"
        );
        // Words that the shell would change, or read as an option.
        for text in [rendered("tool", &[("PWD", "/x")]), rendered("-tool", &[])] {
            assert!(!text.contains("export PATH"), "{text}");
        }
    }

    #[test]
    fn text_of_the_first_process_has_no_comments() {
        let text = holder();
        assert!(text.lines().all(|line| !line.starts_with('#')), "{text}");
        assert!(
            text.contains("isolate_kill() {") && text.ends_with("done\n"),
            "{text}"
        );
    }
}
