//! The text that a shell reads for one command.

use std::collections::BTreeMap;

use super::marks::Mark;
use crate::command::Command;
use crate::command::input::Input;
use crate::engines::shell::{FUNCTIONS, KnownPrograms, Program, Text, without_comments};

/// The longest standard input that is sent as text. Each byte can become four, and some shells read
/// them one by one.
const LONGEST_INPUT: usize = 32 << 10;

/// The longest argument or environment variable: the kernel's limit for one is 128 KiB.
const LONGEST_WORD: usize = 120_000;

/// The longest text for a command.
pub(super) const LONGEST_TEXT: usize = 1 << 20;

/// The longest text for bash, which reads its input byte by byte: an exec takes as long as that.
pub(super) const LONGEST_TEXT_OF_BASH: usize = 128 << 10;

/// A latest time that does not come: the text for a command is then the same each time.
pub(super) const NEVER: u64 = i64::MAX as u64;

/// The prelude without its comments.
pub(super) fn prelude() -> String {
    [include_str!("streams.sh"), FUNCTIONS, include_str!("setup.sh")]
        .map(without_comments)
        .concat()
}

/// Whether a shell can run this command with the same result as an exec.
pub(super) fn can_serve(command: &Command) -> bool {
    let input = match &command.input {
        Input::Empty => 0,
        Input::Bytes(bytes) => bytes.len(),
        Input::Piped => return false,
    };
    let variables = command.env.iter().map(|(name, value)| name.len() + value.len());
    let words = command.argv.iter().map(String::len).chain(variables);
    // A runtime replaces an empty `HOME` by the user's directory.
    let replaced = command.env.get("HOME").is_some_and(String::is_empty);
    command.terminal.is_none()
        && !replaced
        && input <= LONGEST_INPUT
        && words.clone().all(|length| length < LONGEST_WORD)
        && words.sum::<usize>() < LONGEST_TEXT
        && !command.argv.first().is_some_and(|program| program.contains('='))
}

/// The environment variables that an exec would have, by name.
#[derive(Debug, Default)]
pub(super) struct Environment(BTreeMap<Vec<u8>, Vec<u8>>);

impl Environment {
    /// Reads `/proc/PID/environ`.
    pub(super) fn parse(text: &[u8]) -> Self {
        let entries = text.split(|byte| *byte == 0);
        Self(entries.filter_map(split_entry).collect())
    }

    fn with<'a>(&'a self, variables: &'a BTreeMap<String, String>) -> BTreeMap<&'a [u8], &'a [u8]> {
        let ours = self
            .0
            .iter()
            .map(|(name, value)| (name.as_slice(), value.as_slice()));
        let added = variables
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        ours.chain(added).collect()
    }
}

fn split_entry(entry: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let at = entry.iter().position(|byte| *byte == b'=')?;
    Some((entry[..at].to_vec(), entry[at + 1..].to_vec()))
}

/// The text for a command, and its program. It is not run after the time `latest`, see
/// [`Clock`](super::shell::Clock).
pub(super) fn render(
    command: &Command,
    working_dir: &str,
    environment: &Environment,
    known: &KnownPrograms,
    mark: &Mark,
    latest: u64,
) -> (Vec<u8>, Program) {
    let variables = environment.with(&command.env);
    let path = variables.get(&b"PATH"[..]).copied().unwrap_or_default();
    let name = command.argv.first().map_or("", String::as_str);
    let relative = name.contains('/') && !name.starts_with('/');
    let directory = if relative { working_dir } else { "" };
    let program = (name.to_owned(), path.to_vec(), directory.to_owned());
    let mut text = Text::default();
    // A shell runs nothing of a group before its end has arrived.
    text.push("{ M=").push(mark.as_str()).push("\n");
    let input = match &command.input {
        Input::Bytes(bytes) => Some(bytes),
        Input::Empty | Input::Piped => None,
    };
    if let Some(bytes) = input {
        text.push("printf ").format(bytes).push(" | ");
    }
    text.push(&format!(
        "( isolate_late {latest} && {{ echo $M F late >&8; exit; }}\n\
         isolate_users || {{ echo $M F users >&8; exit; }}\n"
    ));
    text.push("cd -P -- ").word(working_dir.as_bytes());
    text.push(" || { echo $M F cwd >&8; exit; }\nisolate_check ");
    text.word(name.as_bytes()).push(" ").word(path);
    text.push(if known.contains(&program) { "" } else { " y" });
    text.push(" || { echo $M F $why >&8; exit; }\n");
    text.push("IFS=' '; read -r p rest </proc/self/stat; echo $M B $p >&8; exec ");
    text.push(if input.is_none() { "<&7 " } else { "" });
    text.push("5<&- 6<&- 7<&- >&8 2>&9 8>&- 9>&-\nexec \"$setsid\" \"$env\" -i");
    // `env` would read a first word with a hyphen as an option.
    let (plain, hyphens): (Vec<_>, Vec<_>) = variables.iter().partition(|(name, _)| !name.starts_with(b"-"));
    for (name, value) in plain.into_iter().chain(hyphens) {
        text.push(" ").word(&[*name, b"=", *value].concat());
    }
    text.push(" \"$program\"");
    for argument in command.argv.iter().skip(1) {
        text.push(" ").word(argument.as_bytes());
    }
    text.push(" )\nr=$?; isolate_held; echo $M E $r $held >&8; echo $M E >&9; [ $held = 0 ] || exit $r; }\n");
    (text.into_bytes(), program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn text(command: &Command, environment: &str) -> String {
        let environment = Environment::parse(environment.as_bytes());
        let (text, _) = render(
            command,
            "/w'",
            &environment,
            &KnownPrograms::default(),
            &Mark::random(),
            NEVER,
        );
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn prelude_has_no_comments() {
        let prelude = prelude();
        assert!(prelude.lines().all(|line| !line.starts_with('#')), "{prelude}");
        assert!(prelude.ends_with("environ >&8\n"));
    }

    #[test]
    fn words_are_quoted() {
        let mut command = Command::new(["echo", "it's", "$HOME `x` \\ *\n"]);
        command.env.insert("A".into(), "a'b".into());
        let text = text(&command, "PATH=/bin\0A=old\0-u=1\0");
        assert!(text.contains("cd -P -- '/w'\\''' ||"), "{text}");
        assert!(
            text.contains(" 'A=a'\\''b' 'PATH=/bin' '-u=1' \"$program\" 'it'\\''s' '$HOME `x` \\ *\n' )"),
            "{text}"
        );
        assert!(text.contains("isolate_check 'echo' '/bin' y ||"), "{text}");
    }

    #[test]
    fn input_is_a_format_of_printf() {
        let mut command = Command::new(["cat"]);
        assert!(text(&command, "").contains("exec <&7 5<&- 6<&- 7<&-"));
        command.input = Input::Bytes(Bytes::from_static(b"a%'\\\n\0\xff"));
        let text = text(&command, "");
        assert!(
            text.contains(r"printf 'a%%\047\134\012\000\377' | ( isolate_late"),
            "{text}"
        );
        assert!(text.contains("exec 5<&- 6<&- 7<&-"), "{text}");
    }

    #[test]
    fn known_program_is_not_looked_at_again() {
        let environment = Environment::parse(b"PATH=/bin\0");
        let mut known = KnownPrograms::default();
        let mark = Mark::random();
        let command = Command::new(["./p"]);
        let (_, program) = render(&command, "/a", &environment, &known, &mark, NEVER);
        known.add(program);
        let looked = |directory: &str| {
            let (text, _) = render(&command, directory, &environment, &known, &mark, NEVER);
            String::from_utf8(text).unwrap().contains("'/bin' y")
        };
        assert!(!looked("/a"));
        assert!(
            looked("/b"),
            "a relative path is another program in another directory"
        );
    }

    /// The standard output of a shell of this machine for the prelude and a command.
    #[cfg(target_os = "linux")]
    fn printed(command: &Command, mark: &Mark, latest: u64) -> String {
        use std::io::Write;
        use std::process::{Command as Program, Stdio};
        let environment = Environment::parse(b"PATH=/usr/bin:/bin\0");
        let (text, _) = render(
            command,
            "/",
            &environment,
            &KnownPrograms::default(),
            mark,
            latest,
        );
        let mut shell = Program::new("/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = shell.stdin.take().unwrap();
        stdin.write_all(prelude().as_bytes()).unwrap();
        stdin
            .write_all(format!("echo \"{} $missing.\" >&8\n", mark.as_str()).as_bytes())
            .unwrap();
        stdin.write_all(&text).unwrap();
        drop(stdin);
        String::from_utf8_lossy(&shell.wait_with_output().unwrap().stdout).into_owned()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn shell_of_this_machine_understands_the_text() {
        let mark = Mark::random();
        let mut command = Command::shell("cat; printf \"$V\"; exit 7");
        command.input = Input::Bytes("in%put\n".into());
        command.env.insert("V".into(), "it's \"quoted\"".into());
        let text = printed(&command, &mark, NEVER);
        let name = mark.as_str();
        assert!(
            text.contains(&format!("{name} .\n{name} B ")),
            "nothing is missing: {text}"
        );
        // On a busy machine the list of processes may not settle, so the last number may be 1.
        let end = format!("\nin%put\nit's \"quoted\"{name} E 7 ");
        assert!(text.contains(&end), "{text}");
        let text = printed(&Command::new(["/no/such/program"]), &mark, NEVER);
        assert!(text.contains(&format!("{name} F not-found\n")), "{text}");
        let directory = printed(&Command::new(["/etc"]), &mark, NEVER);
        assert!(
            directory.contains(&format!("{name} F not-executable\n")),
            "{directory}"
        );
        let late = printed(&command, &mark, 1);
        assert!(late.contains(&format!("{name} F late\n{name} E ")), "{late}");
    }

    #[test]
    fn commands_for_an_exec_are_recognised() {
        assert!(can_serve(&Command::new(["true"])));
        let long = "x".repeat(LONGEST_WORD);
        let many = vec!["x".repeat(100_000); 11];
        let input = |input| Command {
            input,
            ..Command::new(["cat"])
        };
        for command in [
            Command {
                terminal: Some(crate::TerminalSize::default()),
                ..Command::new(["sh"])
            },
            Command::new(["a=b"]),
            Command::new(["echo".to_owned(), long.clone()]),
            Command::new(many),
            Command {
                env: [("A".to_owned(), long)].into(),
                ..Command::new(["env"])
            },
            Command {
                env: [("HOME".to_owned(), String::new())].into(),
                ..Command::new(["env"])
            },
            input(Input::Piped),
            input(Input::Bytes(vec![0; LONGEST_INPUT + 1].into())),
        ] {
            assert!(!can_serve(&command), "{:?}", command.argv.first());
        }
    }
}
