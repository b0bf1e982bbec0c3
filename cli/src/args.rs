//! The command line, and the errors of its arguments.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, CommandFactory, Parser};

use crate::commands::Command;
use crate::error::CliError;
use crate::exit_code;
use crate::global::Global;

/// Run a command in an isolated environment: a container, a sandbox, a virtual environment or a
/// temporary directory.
#[derive(Debug, Parser)]
#[command(name = "isolate", version = env!("ISOLATE_VERSION"), after_help = exit_code::HELP)]
#[command(arg_required_else_help = true, args_override_self = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    /// The same as --verbose, before the command; -vv also prints each call of the Docker daemon
    #[arg(short = 'v', action = ArgAction::Count)]
    details: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Parses the command line, whose first word is the name of the program.
    pub(crate) fn parse_words(words: &[OsString]) -> Result<Self, clap::Error> {
        let mut cli = Self::try_parse_from(words).map_err(|error| suggest(error, words))?;
        cli.global.details = cli.details;
        Ok(cli)
    }
}

/// Whether an error of the arguments is printed as JSON. The command line could not be parsed, so
/// this function searches for the word `--json`.
pub(crate) fn want_json(words: &[OsString]) -> bool {
    let mut options = words.iter().take_while(|word| *word != "--");
    options.any(|word| word == "--json")
}

/// Converts clap's error of the arguments to an error of this program.
pub(crate) fn error(error: &clap::Error) -> CliError {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand
    ) {
        return CliError::new("the command is missing").hint("--help lists the commands");
    }
    let text = error.to_string();
    let mut paragraphs = text.split("\n\n").map(|paragraph| {
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        words.join(" ")
    });
    let first = paragraphs.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(&first);
    let hint = paragraphs.find(|text| !text.is_empty());
    let error = CliError::new(message);
    match hint {
        Some(hint) => error.hint(hint.strip_prefix("tip: ").unwrap_or(&hint)),
        None => error,
    }
}

/// Options of the docker command that isolate does not have, and what to use instead.
const OF_DOCKER: [(&str, &str); 4] = [
    (
        "--rm",
        "isolate run always destroys the environment; --keep keeps it",
    ),
    ("-d", "isolate create --start starts an environment that stays"),
    (
        "--detach",
        "isolate create --start starts an environment that stays",
    ),
    (
        "--entrypoint",
        "the command after -- replaces the image's own program",
    ),
];

/// Commands of docker that have another name in isolate.
const COMMANDS_OF_DOCKER: [(&str, &str); 12] = [
    ("attach", "logs --follow"),
    ("container", "ls"),
    ("images", "image ls"),
    ("info", "doctor"),
    ("load", "image load"),
    ("prune", "gc"),
    ("ps", "ls"),
    ("pull", "image pull"),
    ("push", "image push"),
    ("rmi", "image rm"),
    ("save", "image save"),
    ("system", "doctor"),
];

/// Adds a hint: the replacement of an option of docker, or the most similar command. clap finds no
/// similar command for a short word such as `rn`.
fn suggest(mut error: clap::Error, words: &[OsString]) -> clap::Error {
    if let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) {
        if let Some((_, tip)) = OF_DOCKER.iter().find(|(known, _)| known == option) {
            let tip = ContextValue::StyledStrs(vec![StyledStr::from(*tip)]);
            error.insert(ContextKind::Suggested, tip);
            return error;
        }
    }
    let unknown = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) => word.clone(),
        _ => return error,
    };
    if let Some((_, name)) = COMMANDS_OF_DOCKER.iter().find(|(known, _)| *known == unknown) {
        if words.get(1).is_some_and(|first| *first == *unknown) {
            error.remove(ContextKind::SuggestedSubcommand);
            let tip = StyledStr::from(format!("the command of isolate is `isolate {name}`"));
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
            return error;
        }
    }
    // This replaces clap's own suggestion, which counts common letters: `rename` for `rn`.
    if let Some(name) = similar(&unknown, words) {
        let names = ContextValue::Strings(vec![name]);
        error.insert(ContextKind::SuggestedSubcommand, names);
    }
    error
}

/// The command that is most similar to a word. At most a third of the letters may differ.
fn similar(unknown: &str, words: &[OsString]) -> Option<String> {
    let mut command = Cli::command();
    for word in words.iter().skip(1).take_while(|word| *word != unknown) {
        if let Some(inner) = command.find_subcommand(word) {
            command = inner.clone();
        }
    }
    let names = command.get_subcommands().map(clap::Command::get_name);
    let near = names.map(|name| (strsim::damerau_levenshtein(unknown, name), name));
    let near = near.filter(|(edits, name)| edits * 3 <= name.len());
    near.min().map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        Cli::parse_words(&words)
    }

    #[test]
    fn declaration_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn short_options_mean_what_they_mean_in_docker() {
        let of_docker = [
            ('P', "publish-all"),
            ('e', "env"),
            // Of `docker run`, it is the host name, which has no short option here.
            ('h', "help"),
            ('i', "interactive"),
            ('l', "label"),
            ('m', "memory"),
            ('p', "publish"),
            ('q', "quiet"),
            ('t', "tty"),
            ('u', "user"),
            ('v', "volume"),
            ('w', "workdir"),
        ];
        let mut cli = Cli::command();
        cli.build();
        for name in ["run", "create", "exec"] {
            let command = cli.find_subcommand(name).unwrap();
            for argument in command.get_arguments() {
                let (short, long) = (argument.get_short(), argument.get_long().unwrap_or_default());
                let known = short.is_none_or(|short| of_docker.contains(&(short, long)));
                assert!(known, "{name}: -{short:?} is --{long}");
            }
        }
    }

    #[test]
    fn conflicting_options_are_rejected_in_any_place() {
        let check = |line: &str| parse(line).unwrap().global.check();
        assert!(check("isolate --replay x doctor --host unix:///y").is_err());
        assert!(check("isolate doctor --replay x --record y").is_err());
        assert!(check("isolate -q doctor --verbose").is_err());
        assert!(check("isolate --host unix:///y doctor --record x").is_ok());
    }

    #[test]
    fn options_may_be_repeated_and_the_last_one_counts() {
        let cli = parse("isolate --verbose --json doctor --verbose --json --host unix:///a --host unix:///b")
            .unwrap();
        assert!(cli.global.verbose && cli.global.json);
        assert_eq!(cli.global.host.as_deref(), Some("unix:///b"));
    }

    #[test]
    fn details_are_counted_before_the_command() {
        let details = |line: &str| parse(line).unwrap().global.details;
        assert_eq!(details("isolate ls"), 0);
        assert_eq!(details("isolate -v ls"), 1);
        assert_eq!(details("isolate -vv --json ls"), 2);
        // After the command, `-v` is the option of volumes.
        assert_eq!(details("isolate run -v a:/b -- true"), 0);
    }

    #[test]
    fn similar_command_is_suggested() {
        for (line, name) in [
            ("isolate rn", Some("run")),
            ("isolate urn x", Some("run")),
            ("isolate doctro", Some("doctor")),
            ("isolate engine", Some("engines")),
            ("isolate apu", Some("api")),
            ("isolate mna", Some("man")),
            ("isolate fixtures --json dif", Some("diff")),
            ("isolate fixtures shwo", Some("show")),
            ("isolate fixtures run", None),
            ("isolate exec", None),
            ("isolate xyz", None),
        ] {
            let error = parse(line).unwrap_err();
            let tip = name.map(|name| format!("a similar subcommand exists: '{name}'"));
            match tip {
                Some(tip) => assert!(error.to_string().contains(&tip), "{line}: {error}"),
                None => assert!(!error.to_string().contains("similar"), "{line}: {error}"),
            }
        }
    }

    #[test]
    fn commands_of_docker_have_a_tip_that_is_a_command() {
        for (word, name) in COMMANDS_OF_DOCKER {
            let error = parse(&format!("isolate {word} x")).unwrap_err().to_string();
            assert!(error.contains(&format!("`isolate {name}`")), "{word}: {error}");
            let verbs = name.split(' ').take_while(|verb| !verb.starts_with('-'));
            let mut command = Cli::command();
            for verb in verbs {
                command = command.find_subcommand(verb).unwrap().clone();
            }
        }
    }

    #[test]
    fn error_of_arguments_is_an_error_like_others() {
        let text = |line: &str| error(&parse(line).unwrap_err()).text();
        assert_eq!(
            text("isolate rn"),
            "error: unrecognized subcommand 'rn'\nhint: a similar subcommand exists: 'run'\n"
        );
        assert_eq!(
            text("isolate run -m 12q x"),
            "error: invalid value '12q' for '--memory <SIZE>': \"12q\" is not a size; \
             write bytes, or 512k, 512m, 2g\nhint: For more information, try '--help'.\n"
        );
        assert!(text("isolate run --pull often x").contains("[possible values: missing, always, never]"));
        assert!(text("isolate run").contains("hint: Usage: isolate run"));
        assert_eq!(
            text("isolate"),
            "error: the command is missing\nhint: --help lists the commands\n"
        );
    }

    #[test]
    fn json_is_wanted_before_the_end_of_the_options() {
        let json = |line: &str| want_json(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert!(json("isolate nonsense --json") && json("isolate --json"));
        assert!(!json("isolate run -- x --json") && !json("isolate --jsonx"));
    }
}
