//! Invalid input as a user sees it: the whole text on standard error.

use crate::support::{NOWHERE, Workspace};

/// A command line, in words between blanks, and the text after `error: `. `{dir}` is a directory
/// that has the files of [`files`], and `NOWHERE` an address at which no daemon listens.
const TABLE: [(&str, &str); 37] = [
    // The command line.
    (
        "nonsense",
        "unrecognized subcommand 'nonsense'\n\nUsage: isolate [OPTIONS] <COMMAND>\n\nFor more information, try '--help'.\n",
    ),
    (
        "rn",
        "unrecognized subcommand 'rn'\n\n  tip: a similar subcommand exists: 'run'\n\nUsage: isolate [OPTIONS] <COMMAND>\n\nFor more information, try '--help'.\n",
    ),
    (
        "--nonsense",
        "unexpected argument '--nonsense' found\n\nUsage: isolate [OPTIONS] <COMMAND>\n\nFor more information, try '--help'.\n",
    ),
    (
        "doctor extra",
        "unexpected argument 'extra' found\n\nUsage: isolate doctor [OPTIONS]\n\nFor more information, try '--help'.\n",
    ),
    (
        "completions tcsh",
        "invalid value 'tcsh' for '<SHELL>'\n  [possible values: bash, elvish, fish, powershell, zsh]\n\n  tip: a similar value exists: 'zsh'\n\nFor more information, try '--help'.\n",
    ),
    (
        "-q --verbose doctor",
        "these options exclude each other: --quiet and --verbose\n",
    ),
    (
        "--record x --replay y doctor",
        "these options exclude each other: --replay and --record: a replay is recorded already\n",
    ),
    (
        "--replay x --host NOWHERE doctor",
        "these options exclude each other: --replay and --host: a recording replaces the Docker daemon\n",
    ),
    // Addresses.
    (
        "--host tcp://:0 doctor",
        "invalid engine address \"tcp://:0\": the host is missing or malformed; write unix:///path/to.sock or tcp://host:port\n",
    ),
    (
        "--host carrier://x doctor",
        "invalid engine address \"carrier://x\": the scheme \"carrier\" is unknown; write unix:///path/to.sock or tcp://host:port\n",
    ),
    // Values of `run`.
    (
        "run -m 12q -- true",
        "invalid value '12q' for '--memory <SIZE>': \"12q\" is not a size; write bytes, or 512k, 512m, 2g\n\nFor more information, try '--help'.\n",
    ),
    (
        "run --cpus two -- true",
        "invalid value 'two' for '--cpus <N>': \"two\" is not a number of CPUs; write 0.5, 1, 2 …\n\nFor more information, try '--help'.\n",
    ),
    (
        "run --cpus -1 -- true",
        "invalid value '-1' for '--cpus <N>': \"-1\" is not a number of CPUs; write 0.5, 1, 2 …\n\nFor more information, try '--help'.\n",
    ),
    (
        "run --pids -1 -- true",
        "invalid value '-1' for '--pids <N>': \"-1\" is not a number of processes; write 1, 100 …\n\nFor more information, try '--help'.\n",
    ),
    (
        "run --mount type=image,source=x,target=/x -- true",
        "invalid value 'type=image,source=x,target=/x' for '--mount <type=TYPE,…>': the type \"image\" is not supported; use bind, volume or tmpfs\n\nFor more information, try '--help'.\n",
    ),
    (
        "run --timeout 1m30 -- true",
        "invalid value '1m30' for '--timeout <TIME>': \"1m30\" is not a duration; write seconds, or 250ms, 30s, 1m30s, 2h\n\nFor more information, try '--help'.\n",
    ),
    (
        "run --timeout 0 -- true",
        "invalid value '0' for '--timeout <TIME>': a duration must be greater than 0; omit it for no limit\n\nFor more information, try '--help'.\n",
    ),
    (
        "run -e =x -- true",
        "invalid value for '--env <NAME[=VALUE]>': the name before `=` is missing\n",
    ),
    (
        "run --env-file /no/such -- true",
        "invalid value '/no/such' for '--env-file <FILE>': cannot read /no/such: No such file or directory (os error 2)\n\nFor more information, try '--help'.\n",
    ),
    (
        "run --copy /no/such:/x -- true",
        "invalid value '/no/such:/x' for '--copy <SRC:DST>': cannot read the source /no/such: No such file or directory (os error 2)\n\nFor more information, try '--help'.\n",
    ),
    (
        "run --pull often -- true",
        "invalid value 'often' for '--pull <WHEN>'\n  [possible values: missing, always, never]\n\nFor more information, try '--help'.\n",
    ),
    // Calls.
    (
        "api GET",
        "the following required arguments were not provided:\n  <PATH>\n\nUsage: isolate api <METHOD> <PATH>\n\nFor more information, try '--help'.\n",
    ),
    (
        "api GET info",
        "the path \"info\" must start with `/`; write /info\nhint: `isolate api --list` lists the paths\n",
    ),
    (
        "api G=T /info",
        "\"G=T\" is not an HTTP method; write GET, POST, PUT, DELETE or HEAD\n",
    ),
    (
        "api GET /info -H nocolon",
        "invalid value for '--header <NAME: VALUE>': write it as `Name: value`\n",
    ),
    (
        "api POST /x -d @/no/such",
        "cannot read the body from @/no/such\n  caused by: No such file or directory (os error 2)\n",
    ),
    (
        "api GET /info",
        "no Docker daemon answers\n  caused by: NOWHERE (DOCKER_HOST): SystemPing: cannot reach the engine at NOWHERE; is the engine installed and running?: No such file or directory (os error 2)\nhint: `isolate doctor` lists the addresses tried; --host names another one\n",
    ),
    // Recordings.
    (
        "--replay /no/such.json doctor",
        "cannot read /no/such.json: No such file or directory (os error 2); check the path, or make the recording first\n",
    ),
    (
        "--replay {dir} doctor",
        "cannot read {dir}: it is a directory; name a file in it\n",
    ),
    (
        "--replay {dir}/empty doctor",
        "{dir}/empty is not a recording: it is empty; name a file that `isolate fixtures record` or a test with ENGINE=record wrote\n",
    ),
    (
        "fixtures show {dir}/object",
        "{dir}/object:1 is not a recording: it is JSON without a `meta`, which every recording has; name a file that `isolate fixtures record` or a test with ENGINE=record wrote\n",
    ),
    (
        "fixtures shwo x",
        "unrecognized subcommand 'shwo'\n\n  tip: a similar subcommand exists: 'show'\n\nUsage: isolate fixtures [OPTIONS] <COMMAND>\n\nFor more information, try '--help'.\n",
    ),
    (
        "fixtures record --to {dir} -- true",
        "cannot write {dir}: it is not a file; name another one with --to\n",
    ),
    (
        "fixtures record --to x --canary NO_SUCH_NAME -- true",
        "--canary NO_SUCH_NAME: this environment variable is not set, or it is empty\n",
    ),
    (
        "--replay x fixtures show y",
        "--replay and --record apply to other commands only; here, files are arguments\n",
    ),
    (
        "fixtures check",
        "the following required arguments were not provided:\n  <FILE>...\n\nUsage: isolate fixtures check <FILE>...\n\nFor more information, try '--help'.\n",
    ),
    (
        "man --dir {dir}/empty",
        "cannot write the manual pages to {dir}/empty\n  caused by: File exists (os error 17)\n",
    ),
];

fn files() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("empty"), "").unwrap();
    std::fs::write(directory.path().join("object"), "{}").unwrap();
    directory
}

#[cfg(unix)]
#[test]
fn invalid_input_is_reported_with_what_to_write() {
    let (workspace, directory) = (Workspace::new(), files());
    let directory = directory.path().to_str().unwrap();
    let filled = |text: &str| text.replace("{dir}", directory).replace("NOWHERE", NOWHERE);
    let mut different = Vec::new();
    for (line, text) in TABLE {
        let line = filled(line);
        let ended = workspace.isolate(&line.split(' ').collect::<Vec<_>>());
        let expected = (Some(125), String::new(), format!("error: {}", filled(text)));
        let got = (ended.code(), ended.stdout(), ended.stderr());
        if got != expected {
            different.push(format!("{line}: {got:#?}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(workspace.left().is_empty(), "{:?}", workspace.left());
}
