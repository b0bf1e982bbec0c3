//! Invalid input as a user sees it: the whole text on standard error.

use crate::support::{Ended, NOWHERE, Workspace};

/// A command line, in words between blanks after environment variables, and its error: the whole
/// text if it is JSON, otherwise the text after the first word and its colon. `{dir}` is a
/// directory that has the files of [`files`], and `NOWHERE` an address at which no daemon listens.
const TABLE: &[(&str, &str)] = &[
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
        "run --pids-limit -2 -- true",
        "invalid value '-2' for '--pids-limit <N>': \"-2\" is not a number of processes; write 1, 100 …\n\nFor more information, try '--help'.\n",
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
    // Words of the docker command.
    (
        "run --rm busybox true",
        "unexpected argument '--rm' found\n\n  tip: isolate run always destroys the environment; --keep keeps it\n\nUsage: isolate run [OPTIONS] [COMMAND]...\n\nFor more information, try '--help'.\n",
    ),
    (
        "run -d busybox",
        "unexpected argument '-d' found\n\n  tip: isolate create --start starts an environment that stays\n\nUsage: isolate run [OPTIONS] [COMMAND]...\n\nFor more information, try '--help'.\n",
    ),
    (
        "run python:3.9-slim python -c x",
        "python:3.9-slim looks like an image, not like a program\nhint: isolate run --image python:3.9-slim -- python -c x\n",
    ),
    (
        "run python:3.9-slim -- python -c x(1)",
        "python:3.9-slim looks like an image, not like a program\nhint: isolate run --image python:3.9-slim -- python -c 'x(1)'\n",
    ),
    // Mounts, users and terminals.
    (
        "run -v /:relative -- true",
        "invalid value '/:relative' for '--volume <SRC:DST[:ro]>': the target \"relative\" must be an absolute path; start it with `/`\n\nFor more information, try '--help'.\n",
    ),
    (
        "run -v /x -- true",
        "invalid value '/x' for '--volume <SRC:DST[:ro]>': the source is missing; write it as SRC:DST or SRC:DST:ro, or use --mount type=tmpfs,target=/x\n\nFor more information, try '--help'.\n",
    ),
    (
        "run -v /no/such:/x -- true",
        "invalid value '/no/such:/x' for '--volume <SRC:DST[:ro]>': cannot read the source /no/such: No such file or directory (os error 2)\n\nFor more information, try '--help'.\n",
    ),
    (
        "run -v /:/x:z -- true",
        "invalid value '/:/x:z' for '--volume <SRC:DST[:ro]>': the mode \"z\" is not supported; use ro or rw\n\nFor more information, try '--help'.\n",
    ),
    (
        "run -v data:/x --engine basic -- true",
        "engine `basic` does not support: volumes (a bind mount needs privileges; copy the directory in); supported by: docker\nhint: use an environment of an engine that supports it: docker\n",
    ),
    (
        "run --mount /etc:/x -- true",
        "invalid value '/etc:/x' for '--mount <type=TYPE,…>': the value of \"/etc:/x\" is missing; write it as type=bind,source=SRC,target=DST[,readonly]; the form SRC:DST is that of -v\n\nFor more information, try '--help'.\n",
    ),
    (
        "run -u  --engine basic -- true",
        "cannot create the environment: the user is blank; omit it or give a value\n",
    ),
    (
        "run -it -- sh",
        "standard input is not a terminal, so the command cannot be connected with one\nhint: omit -t: the command then reads standard input; or omit -i: it reads nothing\n",
    ),
    (
        "run --json -it -- sh",
        "{\"error\":{\"causes\":[],\"exit\":125,\"hint\":\"omit --json: a terminal shows what the command writes\",\"message\":\"these options exclude each other: --json and a terminal with an input\"}}\n",
    ),
    (
        "exec -it web -- sh",
        "standard input is not a terminal, so the command cannot be connected with one\nhint: omit -t: the command then reads standard input; or omit -i: it reads nothing\n",
    ),
    (
        "shell",
        "standard input is not a terminal, so the command cannot be connected with one\nhint: start it on a terminal; isolate exec runs commands without one\n",
    ),
    (
        "shell web --image x",
        "the argument '[ENVIRONMENT]' cannot be used with '--image <IMAGE>'\n\nUsage: isolate shell <ENVIRONMENT>\n\nFor more information, try '--help'.\n",
    ),
    // Engines.
    (
        "run --require jail -- true",
        "invalid value 'jail' for '--require <REQUIREMENT,…>': \"jail\" is neither an isolation level nor a feature; write process, container, or a feature such as memory-limit\n\nFor more information, try '--help'.\n",
    ),
    (
        "run --engine nope -- true",
        "unknown engine \"nope\"; registered engines: docker, sandbox, basic, virtualenv\nhint: `isolate engines` lists the features of each engine, `isolate doctor` reports why no Docker daemon answers\n",
    ),
    (
        "run --engine basic --image busybox -- true",
        "engine `basic` does not support: images (commands use the programs of this machine); supported by: docker, sandbox\nhint: use an environment of an engine that supports it: docker, sandbox\n",
    ),
    (
        "run --engine basic -w ../.. -- true",
        "cannot create the environment: the path \"../..\" is outside the environment; use a path inside it\n",
    ),
    (
        "run -- true",
        "engine `docker` is not available: no Docker daemon answers; NOWHERE (DOCKER_HOST): SystemPing: cannot reach the engine at NOWHERE; is the engine installed and running?: No such file or directory (os error 2)\nhint: start this daemon; auto uses no other engine, because DOCKER_HOST names it\n",
    ),
    (
        "ISOLATE_ENGINE=nope run -- true",
        "unknown engine \"nope\"; registered engines: docker, sandbox, basic, virtualenv\nhint: `isolate engines` lists the features of each engine, `isolate doctor` reports why no Docker daemon answers\n",
    ),
    (
        "ISOLATE_REQUIRE=jail run -- true",
        "cannot use the environment variable ISOLATE_REQUIRE: \"jail\" is neither an isolation level nor a feature; write process, container, or a feature such as memory-limit\n",
    ),
    (
        "ISOLATE_ENGINE=basic ISOLATE_REQUIRE=container run -- true",
        "an engine with the isolation of a container is required, but basic runs commands directly on this host\nhint: `isolate engines` lists the features of each engine, `isolate doctor` reports why no Docker daemon answers\n",
    ),
    // The configuration.
    (
        "run --config /no/such.json -- true",
        "cannot use the configuration /no/such.json: the file does not exist\n",
    ),
    (
        "ISOLATE_CONFIG=/no/such config",
        "cannot use the configuration /no/such: the file does not exist\n",
    ),
    (
        "config --config {dir}/broken.json",
        "cannot use the configuration {dir}/broken.json: it is not JSON: trailing comma at line 2 column 9\n",
    ),
    (
        "config --config {dir}/unknown.json",
        "cannot use the configuration {dir}/unknown.json: docker.default_imgae: unknown key; did you mean \"docker.default_image\"?\n",
    ),
    (
        "config --config {dir}/pull.json",
        "cannot use the configuration {dir}/pull.json: docker.pull: unknown value; use missing, always or never\n",
    ),
    (
        "config --config {dir}/version.json",
        "cannot use the configuration {dir}/version.json: version: the version 2 is not known; this program reads the versions up to 1\n",
    ),
    // Specifications.
    (
        "create --spec /no/such",
        "cannot read /no/such\n  caused by: No such file or directory (os error 2)\n",
    ),
    (
        "create --service -- x",
        "the argument '--service' cannot be used with '[COMMAND]...'\n\nUsage: isolate create --service [COMMAND]...\n\nFor more information, try '--help'.\n",
    ),
    (
        "run --env-file {dir}/env -- true",
        "invalid value '{dir}/env' for '--env-file <FILE>': {dir}/env, line 2: the name contains a blank; write NAME=VALUE\n\nFor more information, try '--help'.\n",
    ),
    // Names, IDs, signals and times.
    (
        "exec nobody true",
        "cannot open the environment nobody: no environment has this name or ID; list them: isolate ls; docker: not available: no Docker daemon answers\n",
    ),
    (
        "exec  true",
        "cannot open the environment: the name or ID of the environment is blank; omit it or give a value\n",
    ),
    (
        "exec nobody",
        "the following required arguments were not provided:\n  <COMMAND>...\n\nUsage: isolate exec <ENVIRONMENT> <COMMAND>...\n\nFor more information, try '--help'.\n",
    ),
    (
        "rm",
        "the following required arguments were not provided:\n  <ENVIRONMENT>...\n\nUsage: isolate rm <ENVIRONMENT>...\n\nFor more information, try '--help'.\n",
    ),
    (
        "stop -t -1 nobody",
        "invalid value '-1' for '--time <TIME>': \"-1\" is not a duration; write seconds, or 250ms, 30s, 1m30s, 2h\n\nFor more information, try '--help'.\n",
    ),
    (
        "kill -s FOO nobody",
        "invalid value 'FOO' for '--signal <SIGNAL>': it is not a signal that can be sent; use one of HUP, INT, QUIT, TERM, KILL, USR1, USR2\n\nFor more information, try '--help'.\n",
    ),
    // Copies.
    (
        "cp a b",
        "neither SRC nor DST names an environment\nhint: write isolate cp PATH ENVIRONMENT:PATH, or isolate cp ENVIRONMENT:PATH PATH; a path of this machine with a colon begins with ./\n",
    ),
    (
        "cp web: x",
        "the path after ENVIRONMENT: is missing\nhint: write isolate cp PATH ENVIRONMENT:PATH, or isolate cp ENVIRONMENT:PATH PATH; a path of this machine with a colon begins with ./\n",
    ),
    (
        "cp a:/x b:/y",
        "cp does not copy between two environments\nhint: copy to this machine first\n",
    ),
    (
        "cp -a a b:/y",
        "cp --archive is not supported: the owners of files are not copied\nhint: omit -a; permissions and times are kept without it\n",
    ),
];

fn files() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("empty", ""),
        ("object", "{}"),
        ("broken.json", "{\"engine\": \n\"basic\",}"),
        ("unknown.json", r#"{"docker": {"default_imgae": "x"}}"#),
        ("pull.json", "{\n\"docker\": {\"pull\": \"often\"}}"),
        ("version.json", r#"{"version": 2}"#),
        ("env", "A=1\nB C=2\n"),
    ] {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
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
        let (line, text) = (filled(line), filled(text));
        let mut words: Vec<&str> = line.split(' ').collect();
        let is_variable = |word: &&str| word.starts_with("ISOLATE_");
        let variables = words.iter().take_while(|word| is_variable(word)).count();
        let variables: Vec<&str> = words.drain(..variables).collect();
        let mut command = workspace.command(&words);
        command.envs(variables.iter().filter_map(|word| word.split_once('=')));
        let ended = Ended(command.output().unwrap());
        let expected = match text.starts_with('{') {
            true if line.contains("--json") => text,
            _ => format!("error: {text}"),
        };
        let expected = (Some(125), String::new(), expected);
        let got = (ended.code(), ended.stdout(), ended.stderr());
        if got != expected {
            different.push(format!("{line}: {got:#?}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(workspace.left().is_empty(), "{:?}", workspace.left());
}
