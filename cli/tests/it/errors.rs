//! Rejected arguments, and how errors are printed.

use crate::support::{Ended, NOWHERE, Workspace};

#[test]
fn invalid_arguments_are_rejected_before_any_work() {
    let workspace = Workspace::new();
    for (arguments, words) in [
        (&["run"][..], "COMMAND"),
        (&["run", "-m", "12q", "--", "true"], "512m"),
        (&["run", "-e", "", "--", "true"], "NAME=VALUE"),
        (
            &["run", "--mount", "type=tmpfs", "--", "true"],
            "target= is missing",
        ),
        (&["run", "--env-file", "/no/such", "--", "true"], "/no/such"),
        (&["run", "-v", "/:relative", "--", "true"], "absolute"),
        (&["run", "--mount", "/:/x", "--", "true"], "that of -v"),
        (&["run", "--copy", "/no/such:x", "--", "true"], "/no/such"),
        (&["run", "--cpus", "none", "--", "true"], "CPUs"),
        (&["run", "--engine", "nope", "--", "true"], "basic"),
        (&["run", "--name", "a\u{7}", "--", "true"], "name"),
        (&["run", "--", ""], "program"),
        (&["--replay", "x", "--host", NOWHERE, "doctor"], "exclude"),
        (&["api", "GET"], "PATH"),
        (&["nonsense"], "nonsense"),
    ] {
        let ended = workspace.isolate(arguments);
        assert_eq!(ended.code(), Some(125), "{arguments:?}");
        assert!(
            ended.stderr().starts_with("error: "),
            "{arguments:?}: {}",
            ended.stderr()
        );
        assert!(
            ended.stderr().contains(words),
            "{arguments:?}: {}",
            ended.stderr()
        );
        assert_eq!(ended.stdout(), "", "{arguments:?}");
    }
    assert!(workspace.left().is_empty(), "{:?}", workspace.left());
}

#[cfg(unix)]
#[test]
fn image_without_a_daemon_lists_every_engine() {
    let workspace = Workspace::new();
    let arguments = [
        "run",
        "--image",
        "busybox",
        "-p",
        "80",
        "--network",
        "front",
        "--",
        "true",
    ];
    let ended = workspace.isolate_without_a_daemon(&arguments);
    assert_eq!(ended.code(), Some(125));
    let stderr = ended.stderr();
    assert!(
        stderr.starts_with("error: no available engine supports this environment\n"),
        "{stderr}"
    );
    assert!(stderr.contains("\n  caused by: basic: "), "{stderr}");
    assert!(stderr.contains("\nhint: "), "{stderr}");
}

#[test]
fn daemon_that_is_named_is_never_replaced_by_the_host() {
    let workspace = Workspace::new();
    let directory = workspace.home().join(".docker/contexts/meta/0a");
    std::fs::create_dir_all(&directory).unwrap();
    let meta = format!(r#"{{"Name":"remote","Endpoints":{{"docker":{{"Host":"{NOWHERE}"}}}}}}"#);
    std::fs::write(directory.join("meta.json"), meta).unwrap();
    let named = workspace.home().join("named.json");
    std::fs::write(&named, format!(r#"{{"docker": {{"docker_host": "{NOWHERE}"}}}}"#)).unwrap();
    let config = workspace.home().join(".docker/config.json");
    let run = |variables: &[(&str, &str)]| {
        let mut command = workspace.command(&["run", "--", "touch", "here"]);
        command.env_remove("DOCKER_HOST").envs(variables.iter().copied());
        let ended = Ended(command.output().unwrap());
        assert_eq!(ended.code(), Some(125), "{variables:?}: {}", ended.stderr());
        assert!(
            ended.stderr().contains("auto uses no other engine"),
            "{}",
            ended.stderr()
        );
        ended.stderr()
    };
    assert!(run(&[("DOCKER_HOST", NOWHERE)]).contains("because DOCKER_HOST names it"));
    let context = run(&[("DOCKER_CONTEXT", "remote")]);
    assert!(
        context.contains("because DOCKER_CONTEXT \"remote\" names it"),
        "{context}"
    );
    assert!(run(&[("DOCKER_CONTEXT", "gone")]).contains("there is no such context"));
    assert!(run(&[("ISOLATE_CONFIG", named.to_str().unwrap())]).contains(NOWHERE));
    std::fs::write(config, r#"{"currentContext": "remote"}"#).unwrap();
    assert!(run(&[]).contains("because the current context \"remote\" names it"));
}

#[test]
fn host_is_never_replaced_by_another_engine() {
    let workspace = Workspace::new();
    let ended = workspace.isolate(&["--host", NOWHERE, "run", "--", "true"]);
    assert_eq!(ended.code(), Some(125), "{}", ended.stderr());
    let ended = workspace.isolate(&["--host", NOWHERE, "run", "--engine", "basic", "--", "true"]);
    assert!(
        ended.stderr().contains("cannot be combined with --engine basic"),
        "{}",
        ended.stderr()
    );
}

#[test]
fn error_is_one_json_document() {
    let workspace = Workspace::new();
    let ended = workspace.isolate(&["--json", "api", "GET", "/info"]);
    assert_eq!(ended.code(), Some(125));
    let error: serde_json::Value = serde_json::from_str(&ended.stderr()).unwrap();
    assert_eq!(error["error"]["exit"], 125);
    assert!(
        error["error"].to_string().contains("/no/such/docker.sock"),
        "{error}"
    );
}

#[test]
fn error_of_arguments_is_json_if_wanted() {
    let workspace = Workspace::new();
    for (line, words) in [
        (&["--json"][..], "the command is missing"),
        (&["--json", "nonsense"], "unrecognized subcommand 'nonsense'"),
        (&["rn", "--json"], "a similar subcommand exists: 'run'"),
        (&["run", "--json"], "<COMMAND>"),
        (&["run", "--json", "-m", "12q", "--", "true"], "512m"),
        (&["run", "--json", "--nope", "--", "true"], "--nope"),
        (&["fixtures", "--json"], "the command is missing"),
        (&["-q", "--verbose", "--json", "doctor"], "exclude each other"),
        (
            &["run", "--json", "--engine", "nope", "--", "true"],
            "unknown engine",
        ),
    ] {
        let ended = workspace.isolate(line);
        assert_eq!(
            (ended.code(), ended.stdout().as_str()),
            (Some(125), ""),
            "{line:?}"
        );
        let error: serde_json::Value = serde_json::from_str(&ended.stderr()).unwrap();
        assert_eq!(error["error"]["exit"], 125, "{line:?}");
        assert!(error.to_string().contains(words), "{line:?}: {error}");
    }
    // The command's own arguments are not options of isolate.
    let ended = workspace.isolate(&["run", "--nope", "--", "true", "--json"]);
    assert!(ended.stderr().starts_with("error: "), "{}", ended.stderr());
}

#[test]
fn value_that_may_be_secret_is_in_no_error() {
    let workspace = Workspace::new();
    for line in [
        &["run", "-e", "=hunter22", "--", "true"][..],
        &["run", "-e", "A\nB=hunter22", "--engine", "nope", "--", "true"],
        &["api", "GET", "/_ping", "-H", "hunter22"],
        &["api", "GET", "/_ping", "-H", ": hunter22"],
        &["api", "GET", "/_ping", "-H", "a b: hunter22"],
        &["api", "GET", "/_ping", "-H", "X-Registry-Auth: hunter22\n"],
    ] {
        for json in [&[][..], &["--json"]] {
            let ended = workspace.isolate(&[json, line].concat());
            assert_eq!(ended.code(), Some(125), "{line:?}");
            assert!(!ended.stderr().contains("hunter22"), "{}", ended.stderr());
            assert!(!ended.stdout().contains("hunter22"), "{}", ended.stdout());
        }
    }
}

#[test]
fn version_has_the_commit_and_its_date() {
    let version = Workspace::new().isolate(&["--version"]).stdout();
    let rest = version.strip_prefix(concat!("isolate ", env!("CARGO_PKG_VERSION")));
    let rest = rest.and_then(|rest| rest.strip_suffix('\n')).unwrap();
    // A directory that is not a checkout has only the version.
    let Some(commit) = rest.strip_prefix(" (").and_then(|rest| rest.strip_suffix(')')) else {
        assert_eq!(rest, "", "{version}");
        return;
    };
    let (hash, date) = commit.split_once(' ').unwrap_or((commit, "2026-01-01"));
    assert!(
        hash.len() >= 7 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{version}"
    );
    let shape: String = date
        .chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    assert_eq!(shape, "9999-99-99", "{version}");
}

#[test]
fn help_lists_exit_codes() {
    let workspace = Workspace::new();
    let help = workspace.isolate(&["--help"]);
    assert_eq!(help.code(), Some(0));
    for code in [
        "122",
        "123",
        "124",
        "125",
        "126",
        "127",
        "128+n",
        "129 130 131 143",
        "head -n 1",
    ] {
        assert!(help.stdout().contains(code), "{code}");
    }
}

#[test]
fn unknown_environment_is_named_by_every_command() {
    let workspace = Workspace::new();
    for line in [
        &["start", "missing"][..],
        &["stop", "missing"],
        &["restart", "missing"],
        &["kill", "missing"],
        &["rm", "missing"],
        &["inspect", "missing"],
        &["logs", "missing"],
        &["wait", "missing"],
        &["port", "missing"],
        &["stats", "missing"],
        &["exec", "missing", "true"],
        &["cp", "missing:/x", "."],
        &["cp", ".", "missing:/x"],
    ] {
        for json in [&[][..], &["--json"]] {
            let ended = workspace.isolate(&[json, line].concat());
            assert_eq!(
                (ended.code(), ended.stdout().as_str()),
                (Some(125), ""),
                "{line:?}"
            );
            let text = ended.stderr();
            assert!(
                text.contains("environment missing: no environment has this name or ID; list them"),
                "{line:?}: {text}"
            );
            assert_eq!(
                text.starts_with("{\"error\":"),
                !json.is_empty(),
                "{line:?}: {text}"
            );
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn help_that_cannot_be_written_is_an_error() {
    let full = std::fs::File::create("/dev/full").unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_isolate"));
    let ended = command.arg("--help").stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(125));
    let error = String::from_utf8(ended.stderr).unwrap();
    assert!(error.contains("No space left on device"), "{error}");
}
