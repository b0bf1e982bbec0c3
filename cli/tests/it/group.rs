//! `isolate up, down, ls, logs` of a group from a compose file, on an engine in memory.

use fake_engine::Fault;

use crate::engine::Memory;
use crate::support::{Ended, Workspace};

const COMPOSE: &str = r#"
x-job: &job {image: busybox, entrypoint: [sh, -c]}
services:
  db:
    <<: *job
    command: ["echo listening; sleep 100"]
    healthcheck: {test: ["CMD", "true"], interval: 1s}
    expose: [5432]
  job:
    <<: *job
    command: ["echo ${GREETING:-hello}; exit ${CODE:-0}"]
    depends_on: {db: {condition: service_healthy}}
  web:
    <<: *job
    command: ["echo ready; sleep 100"]
    depends_on: {job: {condition: service_completed_successfully}}
    networks: {default: {aliases: [www]}}
"#;

struct Project {
    workspace: Workspace,
    memory: Memory,
}

impl Project {
    fn new(compose: &str) -> Self {
        let (workspace, memory) = (Workspace::new(), Memory::start());
        std::fs::write(workspace.home().join("compose.yaml"), compose).unwrap();
        Self { workspace, memory }
    }

    fn isolate(&self, arguments: &[&str]) -> Ended {
        let address = self.memory.address();
        let arguments = [&["--host", &address], arguments].concat();
        let mut command = self.workspace.command(&arguments);
        Ended::of(command.current_dir(self.workspace.home()))
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let ended = self.isolate(arguments);
        assert_eq!(ended.code(), Some(0), "{arguments:?}: {}", ended.stderr());
        ended.stdout()
    }

    fn fails(&self, arguments: &[&str]) -> String {
        let ended = self.isolate(arguments);
        assert_eq!(ended.code(), Some(125), "{arguments:?}: {}", ended.stdout());
        ended.stderr()
    }
}

/// After a restart, the network of the process before has gone.
#[test]
fn restart_includes_those_that_have_the_network() {
    let project = Project::new(
        r#"
services:
  web: {image: busybox, entrypoint: [sh, -c], command: ["sleep 100"]}
  side: {image: busybox, entrypoint: [sh, -c], command: ["echo began; sleep 100"], network_mode: "service:web"}
"#,
    );
    project.ok(&["up", "--name", "shop"]);
    project.ok(&["restart", "-t", "0", "shop/web"]);
    assert_eq!(project.ok(&["logs", "shop/side"]).matches("began").count(), 2);
    project.ok(&["stop", "-t", "0", "shop/web"]);
    project.ok(&["start", "shop/web"]);
    assert_eq!(project.ok(&["logs", "shop/side"]).matches("began").count(), 3);
    project.ok(&["down", "-t", "0", "shop"]);
}

/// A service that cannot be inspected prevented the start of every other one.
#[test]
fn start_needs_no_other_service() {
    let project = Project::new(
        r#"
services:
  web: {image: busybox, entrypoint: [sh, -c], command: ["sleep 100"]}
  side: {image: busybox, entrypoint: [sh, -c], command: ["sleep 100"], network_mode: "service:web"}
"#,
    );
    project.ok(&["up", "--name", "shop"]);
    let side = project.isolate(&["--json", "inspect", "shop/side"]);
    let details = &side.lines()[0]["details"];
    for arguments in [&["start", "shop/web"][..], &["restart", "-t", "0", "shop/web"]] {
        project.ok(&["stop", "-t", "0", "shop/web"]);
        for field in ["container", "container_id"] {
            let path = format!("/containers/{}/json", details[field].as_str().unwrap());
            let broken = Fault::internal_error("the disk is broken");
            project.memory.engine.fail_next("GET", &path, broken);
        }
        let ended = project.isolate(arguments);
        project.memory.engine.reset();
        let text = ended.stderr();
        assert_eq!(ended.code(), Some(0), "{text}");
        assert!(
            text.contains("warning: services that have the network of shop/web"),
            "{text}"
        );
        assert!(text.contains("the disk is broken"), "{text}");
        let status = project.isolate(&["--json", "inspect", "shop/web"]);
        assert_eq!(status.lines()[0]["status"], "running");
    }
    project.ok(&["down", "-t", "0", "shop"]);
}

#[test]
fn compose_file_of_the_directory_is_used() {
    let project = Project::new(COMPOSE);
    let table = project.ok(&["up", "--name", "shop"]);
    assert_eq!(table.lines().count(), 4, "{table}");
    let logs = project.ok(&["logs", "shop"]);
    let mut lines: Vec<&str> = logs.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["db  | listening", "job | hello", "web | ready"], "{logs}");
    let json = project.isolate(&["--json", "logs", "shop"]).lines();
    assert!(json.iter().any(|line| line["service"] == "db"), "{json:?}");
    assert_eq!(project.ok(&["ls", "--group", "shop"]).lines().count(), 4);
    assert_eq!(project.ok(&["ls", "--group", "other"]).lines().count(), 1);
    let ids = project.ok(&["ls", "-q"]);
    assert_eq!(ids.lines().count(), 3, "{ids}");
    for id in ids.lines() {
        project.ok(&["inspect", id]);
    }
    assert_eq!(project.ok(&["logs", "--tail", "all", "shop"]).lines().count(), 3);
    assert!(
        project
            .fails(&["logs", "--tail", "some", "shop"])
            .contains("or all")
    );
    let again = project.fails(&["up", "--name", "shop"]);
    assert!(again.contains("a group with this name exists"), "{again}");
    assert_eq!(again.matches("choose another name").count(), 1, "{again}");
    assert_eq!(project.ok(&["down", "-t", "0", "shop"]), "shop\n");
    assert_eq!(project.ok(&["ls"]).lines().count(), 1);
}

#[test]
fn name_of_the_directory_is_that_of_the_group() {
    let project = Project::new(COMPOSE);
    std::fs::write(
        project.workspace.home().join(".env"),
        "COMPOSE_PROJECT_NAME=by-env\n",
    )
    .unwrap();
    project.ok(&["up"]);
    assert!(project.ok(&["ls"]).contains("by-env/web"));
    assert_eq!(project.ok(&["down", "-t", "0"]), "by-env\n");
    project.ok(&["up", "compose.yaml"]);
    assert_eq!(project.ok(&["down", "-t", "0", "compose.yaml"]), "by-env\n");
}

#[test]
fn failed_one_shot_service_removes_the_group() {
    let project = Project::new(&COMPOSE.replace("${CODE:-0}", "3"));
    let error = project.fails(&["up", "--name", "shop"]);
    for part in ["shop/job", "exit code 3", "hello"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(project.ok(&["ls"]).lines().count(), 1);
}

#[test]
fn service_that_ends_at_once_fails_the_group() {
    let project =
        Project::new("services: {a: {image: busybox, entrypoint: [sh, -c, \"echo bad option; exit 7\"]}}");
    let error = project.fails(&["up", "--name", "shop"]);
    for part in ["shop/a", "exit code 7", "bad option"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(project.ok(&["ls"]).lines().count(), 1);
}

#[test]
fn unsupported_key_is_an_error_or_a_warning() {
    let project = Project::new(
        "services:\n  a:\n    image: busybox\n    entrypoint: [sleep, '9']\n    links: [b]\n    restart: always\n",
    );
    let error = project.fails(&["up"]);
    assert!(
        error.contains("line 5: services.a.links is not supported"),
        "{error}"
    );
    let ended = project.isolate(&["up", "--ignore-unsupported", "--name", "g"]);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    assert!(
        ended.stderr().contains("warning: ./compose.yaml: line 5"),
        "{}",
        ended.stderr()
    );
    assert!(
        ended.stderr().contains("services.a.restart"),
        "{}",
        ended.stderr()
    );
    project.ok(&["down", "-t", "0", "g"]);
    let without = std::fs::remove_file(project.workspace.home().join("compose.yaml"));
    without.unwrap();
    let error = project.fails(&["up"]);
    assert!(error.contains("compose.yaml"), "{error}");
}

const WITH_NETWORKS: &str = r#"
x-idle: &idle {image: busybox, entrypoint: [sleep, "100"]}
networks: {front: , back: {internal: true}}
volumes: {data: , cache: }
services:
  db: {<<: *idle, networks: [back], volumes: ["data:/data"]}
  api: {<<: *idle, networks: {front: , back: {aliases: [inner]}}, volumes: ["data:/data:ro", "cache:/cache"]}
  web: {<<: *idle, networks: [front], depends_on: [api]}
"#;

#[test]
fn group_has_several_networks() {
    let project = Project::new(WITH_NETWORKS);
    project.ok(&["up", "--name", "shop"]);
    let inspect = |service: &str| {
        let ended = project.isolate(&["--json", "inspect", &format!("shop/{service}")]);
        ended.lines().remove(0)
    };
    let api = inspect("api");
    let on_daemon = |network: &str| api["details"][format!("network.{network}")].clone();
    assert_eq!(
        api["spec"]["network"]["join"],
        serde_json::json!(["back"]),
        "{api}"
    );
    assert_eq!(
        inspect("db")["spec"]["network"]["mode"]["named"],
        on_daemon("back")
    );
    assert_eq!(
        inspect("web")["spec"]["network"]["mode"]["named"],
        on_daemon("front")
    );
    project.ok(&["down", "-t", "0", "shop"]);
}

#[test]
fn volumes_stay_after_the_end_of_the_group() {
    let project = Project::new(WITH_NETWORKS);
    let volumes = || {
        let listed = project.ok(&["volume", "ls"]);
        let lines = listed.lines().skip(1).map(str::to_owned);
        lines.collect::<Vec<_>>()
    };
    project.ok(&["up", "--name", "shop"]);
    let first = volumes();
    assert_eq!(first.len(), 2, "{first:?}");
    let ids = project.ok(&["volume", "ls", "-q"]);
    for id in ids.lines() {
        let volume = project.ok(&["volume", "inspect", id]);
        assert!(volume.contains(&format!("\"id\": \"{id}\"")), "{volume}");
    }
    for id in project.ok(&["network", "ls", "-q"]).lines() {
        let network = project.ok(&["network", "inspect", id]);
        assert!(network.contains("\"containers\": ["), "{network}");
    }
    assert!(project.fails(&["volume", "inspect", "none"]).contains("none"));
    project.ok(&["down", "-t", "0", "shop"]);
    assert_eq!(volumes(), first);
    project.ok(&["up", "--name", "shop"]);
    assert_eq!(volumes(), first, "the second group has the volumes of the first");
    project.ok(&["up", "--name", "other"]);
    assert_eq!(volumes().len(), 4, "another group has others");
    project.ok(&["down", "-t", "0", "-v", "shop"]);
    assert_eq!(volumes().len(), 2);
    project.ok(&["down", "-t", "0", "other"]);
    project.ok(&["down", "--volumes", "other"]);
    assert_eq!(volumes(), [""; 0]);
    let error = project.fails(&["down", "--volumes", "other"]);
    assert!(error.contains("no group has this name"), "{error}");
}

#[test]
fn kept_resources_have_different_names() {
    let project = Project::new("services: {}");
    for kind in ["volume", "network"] {
        let id = project.ok(&[kind, "create", "data"]);
        let error = project.fails(&[kind, "create", "data"]);
        assert!(error.contains(id.trim()) && error.contains("exists"), "{error}");
        project.ok(&[kind, "rm", "data"]);
        project.ok(&[kind, "create", "data"]);
    }
}

#[test]
fn group_file_is_named_as_for_docker_compose() {
    let project = Project::new("services: {}");
    let other = "services:\n  a: {image: busybox, entrypoint: [sh, -c, \"sleep 1000\"]}\n";
    std::fs::write(project.workspace.home().join("other.yaml"), other).unwrap();
    project.ok(&["up", "-d", "-f", "other.yaml", "-p", "shop"]);
    assert_eq!(project.ok(&["ls", "--group", "shop"]).lines().count(), 2);
    project.ok(&["down", "-t", "0", "shop"]);
    project.fails(&["up", "-f", "other.yaml", "other.yaml"]);
}

#[test]
fn failed_service_shows_the_last_lines_of_its_output() {
    let script = "for i in 1 2 3; do echo line $$i; done; echo last >&2; exit 3";
    let compose = format!("services:\n  a: {{image: busybox, entrypoint: [sh, -c, {script:?}]}}\n");
    let project = Project::new(&compose);
    let error = project.fails(&["up"]);
    for line in ["line 1", "line 2", "line 3", "last"] {
        assert!(error.contains(&format!("    {line}\n")), "{error}");
    }
}

#[test]
fn failed_group_leaves_no_new_volume() {
    let project = Project::new(&WITH_NETWORKS.replace(
        "web: {<<: *idle,",
        "web: {image: busybox, entrypoint: [sh, -c, \"exit 3\"],",
    ));
    project.fails(&["up", "--name", "shop"]);
    assert_eq!(project.ok(&["volume", "ls"]).lines().count(), 1);
    assert_eq!(project.ok(&["network", "ls"]).lines().count(), 1);
}

#[test]
fn each_fault_of_a_compose_file_has_a_line() {
    let project = Project::new("services:\n  a: {image: x, ports: [y],\n    z: 1, links: [b]}\n");
    let error = project.fails(&["up"]);
    let lines: Vec<&str> = error.lines().collect();
    assert!(lines[0].ends_with("3 errors"), "{error}");
    assert!(
        lines[1].starts_with("  caused by: line 2: services.a.ports[0]"),
        "{error}"
    );
    assert!(
        lines[2].starts_with("  caused by: line 3: services.a.links"),
        "{error}"
    );
    assert!(
        lines[3].starts_with("  caused by: line 3: services.a.z"),
        "{error}"
    );
}

#[test]
fn unset_variable_of_a_compose_file_is_a_warning() {
    let project = Project::new(
        "services: {web: {image: busybox, command: [sh, -c, 'echo ${NOT_SET}${ALSO:-x}; sleep 100']}}",
    );
    let ended = project.isolate(&["up", "--name", "unset"]);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    let text = ended.stderr();
    assert!(text.contains("the variable NOT_SET is not set"), "{text}");
    assert!(!text.contains("ALSO"), "{text}");
    project.ok(&["down", "unset"]);
}

#[test]
fn name_of_a_group_is_explained() {
    let project = Project::new(COMPOSE);
    project.ok(&["up", "--name", "shop"]);
    for command in ["stats", "stop", "rm", "inspect"] {
        let text = project.fails(&[command, "shop"]);
        for words in [
            "the name of a group",
            "shop/db, shop/job, shop/web",
            "isolate logs, down",
        ] {
            assert!(text.contains(words), "{command}: {text}");
        }
    }
    let text = project.fails(&["stop", "sho"]);
    assert!(text.contains("no environment has this name"), "{text}");
    project.ok(&["down", "shop"]);
}
