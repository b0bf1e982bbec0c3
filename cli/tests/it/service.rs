//! `isolate port, logs, wait, stats`, and the options of services, on an engine in memory.

use crate::engine::Memory;
use crate::support::{Ended, Workspace};

struct Service {
    workspace: Workspace,
    memory: Memory,
}

impl Service {
    fn new() -> Self {
        let (workspace, memory) = (Workspace::new(), Memory::start());
        Self { workspace, memory }
    }

    fn isolate(&self, arguments: &[&str]) -> Ended {
        let address = self.memory.address();
        self.workspace
            .isolate(&[&["--host", &address], arguments].concat())
    }

    /// Runs the command, which must succeed; returns its standard output.
    fn ok(&self, arguments: &[&str]) -> String {
        let ended = self.isolate(arguments);
        assert_eq!(ended.code(), Some(0), "{arguments:?}: {}", ended.stderr());
        ended.stdout()
    }

    fn create(&self, options: &[&str], script: &str) {
        let first = ["create", "--image", "busybox", "--name", "web", "--start"];
        self.ok(&[&first, options, &["--", "sh", "-c", script]].concat());
    }

    /// Runs the command, which must fail; returns its standard error.
    fn fails(&self, arguments: &[&str]) -> String {
        let ended = self.isolate(arguments);
        assert_eq!(ended.code(), Some(125), "{arguments:?}: {}", ended.stdout());
        ended.stderr()
    }
}

#[test]
fn published_port_is_printed_alone() {
    let service = Service::new();
    service.create(&["-p", "80", "-p", "5353:53/udp"], "sleep 100");
    let all = service.ok(&["port", "web"]);
    assert!(all.contains("53/udp -> 127.0.0.1:5353\n"), "{all}");
    let one = service.ok(&["port", "web", "80"]);
    assert!(all.contains(&format!("80/tcp -> {one}")), "{all}: {one}");
    let json = service.isolate(&["--json", "port", "web", "53/udp"]).lines();
    assert_eq!(
        (&json[0]["port"], &json[0]["host_port"]),
        (&53.into(), &5353.into())
    );
    let error = service.fails(&["port", "web", "81"]);
    assert!(error.contains("81/tcp: it is not published"), "{error}");
    service.ok(&["stop", "-t", "0", "web"]);
    assert_eq!(service.ok(&["port", "web"]), "");
    let error = service.fails(&["port", "web", "80"]);
    assert!(error.contains("start it first: `isolate start web`"), "{error}");
    let error = service.fails(&["port", "web", "81"]);
    assert!(error.contains("81/tcp: it is not published"), "{error}");
}

#[test]
fn logs_keep_streams_apart_and_end_with_the_process() {
    let service = Service::new();
    service.create(
        &["--wait-for", "log:^up$"],
        "echo up; echo err >&2; sleep 0.3; echo end",
    );
    let followed = service.isolate(&["logs", "-f", "web"]);
    assert_eq!(
        (followed.stdout().as_str(), followed.stderr().as_str()),
        ("up\nend\n", "err\n")
    );
    assert_eq!(service.ok(&["logs", "-n", "1", "web"]), "end\n");
    let timed = service.ok(&["logs", "-t", "-n", "1", "web"]);
    let (time, text) = timed.split_once(' ').unwrap();
    assert!(time.ends_with('Z') && text == "end\n", "{timed}");
    assert_eq!(
        service.ok(&["logs", "--until", "2020-01-01T00:00:00Z", "web"]),
        ""
    );
    let events = service.isolate(&["--json", "logs", "web"]).lines();
    let err = events.iter().find(|event| event["type"] == "stderr").unwrap();
    assert_eq!(err["text"], "err");
    let error = service.fails(&["logs", "--since", "yesterday", "web"]);
    assert!(error.contains("10m for ten minutes ago"), "{error}");
}

#[test]
fn wait_prints_the_exit_code_of_the_main_process() {
    let service = Service::new();
    service.create(&[], "sleep 0.2; exit 7");
    assert_eq!(service.ok(&["wait", "web"]), "7\n");
    let json = service.isolate(&["--json", "wait", "web"]).lines();
    assert_eq!(json[0]["exit"]["code"], 7);
}

#[test]
fn condition_that_does_not_come_true_is_explained() {
    let service = Service::new();
    service.create(&[], "echo starting; sleep 100");
    assert_eq!(
        service.ok(&["wait", "--for", "log:start", "--for", "exec:true", "web"]),
        ""
    );
    // On a busy machine, the command may not have ended so soon.
    let condition = ["wait", "--for", "exec:echo no >&2; exit 3", "web", "--timeout"];
    let mut late = String::new();
    for timeout in ["200ms", "2s", "20s", "200s"] {
        late = service.fails(&[&condition[..], &[timeout]].concat());
        if late.contains("exit code 3") {
            break;
        }
    }
    for part in ["cannot wait for web", "exit code 3: no", "last output: starting"] {
        assert!(late.contains(part), "{late}");
    }
    let late = service.fails(&["wait", "--timeout", "200ms", "web"]);
    assert!(late.contains("did not end within 0.2 s"), "{late}");
    let first = [
        "create",
        "--start",
        "--image",
        "busybox",
        "--wait-for",
        "log:ready",
    ];
    let ended = service.fails(&[&first[..], &["--", "sh", "-c", "echo no space; exit 4"]].concat());
    for part in ["the main process ended", "exit code 4", "last output: no space"] {
        assert!(ended.contains(part), "{ended}");
    }
    // The failed creation leaves nothing.
    assert_eq!(service.ok(&["ls"]).lines().count(), 2);
}

#[test]
fn stats_are_those_of_running_environments() {
    let service = Service::new();
    assert_eq!(service.ok(&["stats"]).lines().count(), 1);
    service.create(&["-m", "64m"], "sleep 100");
    let text = service.ok(&["stats", "--interval", "50ms"]);
    assert!(text.lines().nth(1).unwrap().contains(" / 64.0MiB"), "{text}");
    let json = service
        .isolate(&["--json", "stats", "--interval", "50ms", "web"])
        .lines();
    assert_eq!(
        (&json[0]["name"], &json[0]["memory_limit"]),
        (&"web".into(), &(64 << 20).into())
    );
    service.ok(&["stop", "-t", "0", "web"]);
    let error = service.fails(&["stats", "web"]);
    assert!(
        error.contains("cannot measure web: the environment is stopped"),
        "{error}"
    );
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let service = Service::new();
    for (options, part) in [
        (&["-p", "80", "--network", "none"][..], "cannot publish ports"),
        (&["-p", "80:80", "-p", "80:81"], "the same port of the host"),
        (&["-p", "http"], "from 1 to 65535"),
        (&["--network-alias", "db"], "need a named or private network"),
        (&["--wait-for", "exit:0"], "needs a main process"),
        (&["--wait-timeout", "5s"], "--wait-for"),
    ] {
        let ended = service.isolate(&[&["create", "--image", "busybox"], options].concat());
        assert_ne!(ended.code(), Some(0), "{options:?}");
        assert!(ended.stderr().contains(part), "{options:?}: {}", ended.stderr());
    }
    assert!(
        !service
            .memory
            .engine
            .requests()
            .iter()
            .any(|request| request.contains("create"))
    );
}

#[test]
fn group_goes_up_and_down() {
    let service = Service::new();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shop.json");
    let text = r#"{"name": "shop", "services": {
        "db": {"image": "busybox", "main": {"command": {"argv": ["sh", "-c", "echo up; sleep 100"]}},
               "ready": {"wait_for": {"log": {"pattern": "up"}}}, "network": {"ports": [5432]}},
        "job": {"image": "busybox", "main": {"command": {"argv": ["true"]}}, "depends_on": {"db": "ready"}},
        "web": {"image": "busybox", "main": {"command": {"argv": ["sleep", "100"]}}, "depends_on": {"job": "completed"}}
    }}"#;
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let table = service.ok(&["up", file]);
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        (rows[1][0], rows[1][2], rows[1][3]),
        ("db", "running", "5432/tcp"),
        "{table}"
    );
    assert_eq!((rows[2][0], rows[2][2]), ("job", "stopped"), "{table}");
    assert_eq!(service.ok(&["logs", "shop/db"]), "up\n");
    let again = service.fails(&["up", file]);
    assert!(
        again.contains("cannot start the group shop") && again.contains("isolate down"),
        "{again}"
    );
    assert_eq!(service.ok(&["down", "-t", "0", "shop"]), "shop\n");
    assert_eq!(service.ok(&["ls"]).lines().count(), 1);
    let gone = service.fails(&["down", "shop"]);
    assert!(gone.contains("no group has this name"), "{gone}");
    std::fs::write(file, text.replace("\"ready\"}}", "\"ready\", \"x\": 1}}")).unwrap();
    let invalid = service.fails(&["up", file]);
    assert!(
        invalid.contains("cannot use") && invalid.contains('x'),
        "{invalid}"
    );
}

#[test]
fn health_of_a_kept_one_is_shown_by_inspect() {
    let service = Service::new();
    let options = [
        "--health-cmd",
        "echo looked",
        "--health-interval",
        "50ms",
        "--health-retries",
        "2",
    ];
    service.create(&options, "sleep 100");
    let health = loop {
        let shown = &service.isolate(&["--json", "inspect", "web"]).lines()[0]["health"];
        if shown["status"] == "healthy" {
            break shown.clone();
        }
    };
    assert_eq!(health["checks"][0]["output"], "looked\n");
    let error = service.fails(&["create", "--image", "busybox", "--restart", "always", "--", "x"]);
    assert!(error.contains("kept"), "{error}");
    let error = service.isolate(&["run", "--health-cmd", "x", "--no-healthcheck", "--", "x"]);
    assert!(
        error.stderr().contains("cannot be used with"),
        "{}",
        error.stderr()
    );
}

#[test]
fn command_is_started_again_as_often_as_asked() {
    let service = Service::new();
    let count = "echo run >>/runs; wc -l </runs; [ $(wc -l </runs) -lt 3 ] && exit 3; exit 0";
    let run = |options: &[&str], script: &str| {
        let first = ["run", "--image", "busybox"];
        service.isolate(&[&first, options, &["--", "sh", "-c", script]].concat())
    };
    let ended = run(&["--restart", "on-failure"], count);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    let numbers: Vec<_> = ended.stdout().split_whitespace().map(str::to_owned).collect();
    assert_eq!(numbers, ["1", "2", "3"]);
    let restarted = "warning: the environment was restarted: its main process ended: exit code 3";
    assert_eq!(ended.stderr().matches(restarted).count(), 2, "{}", ended.stderr());
    let ended = run(&["--restart", "on-failure:1", "--recovery", "recreate"], count);
    assert_eq!(ended.code(), Some(3), "{}", ended.stderr());
    let numbers: Vec<_> = ended.stdout().split_whitespace().map(str::to_owned).collect();
    assert_eq!(numbers, ["1", "1"], "the files are new");
    for (options, words) in [
        (
            ["--restart", "always", "--wait-for", "port:80"].as_slice(),
            "--wait-for",
        ),
        (&["--restart", "always", "--shared"], "--shared"),
        (&["--restart", "always", "--keep"], "kept"),
        (&["--restart", "always", "-i"], "input"),
        (&["--restart-unhealthy"], "health check"),
    ] {
        let refused = run(options, "true");
        assert_eq!(refused.code(), Some(125), "{options:?}");
        assert!(
            refused.stderr().contains(words),
            "{options:?}: {}",
            refused.stderr()
        );
    }
    let basic = service
        .workspace
        .isolate(&["run", "--engine", "basic", "--restart", "always", "--", "true"]);
    assert!(basic.stderr().contains("main process"), "{}", basic.stderr());
}
