use std::time::Duration;

use super::*;
use crate::group::spec::Dependency;
use crate::spec::health::HealthSpec;
use crate::spec::main_process::Main;
use crate::spec::mount::{Mount, MountSource};
use crate::spec::network::NetworkMode;
use crate::spec::wait_for::WaitFor;

pub(super) struct Project(pub(super) tempfile::TempDir);

impl Project {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::Builder::new().prefix("Shop-x_").tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        Self(directory)
    }

    pub(super) fn read_with(&self, options: &ComposeOptions) -> Result<ComposeFile> {
        ComposeFile::read(&ComposeFile::find(self.0.path()).unwrap(), options)
    }
}

pub(super) fn options() -> ComposeOptions {
    ComposeOptions {
        name: Some("shop".to_owned()),
        ..ComposeOptions::default()
    }
}

pub(super) fn read(yaml: &str) -> Result<GroupSpec> {
    Project::new(&[("compose.yaml", yaml)])
        .read_with(&options())
        .map(|read| read.group)
}

pub(super) fn faults(yaml: &str) -> String {
    let error = read(yaml).unwrap_err();
    let mut text = error.to_string();
    for failure in error.failures() {
        text.push_str(&format!("\n{failure}"));
    }
    let mut source = std::error::Error::source(&error);
    while let Some(next) = source {
        text.push_str(&format!("\n{next}"));
        source = next.source();
    }
    text
}

#[test]
fn whole_file_becomes_a_group() {
    let project = Project::new(&[
        (".env", "TAG=9\nPASSWORD=from-file\n"),
        ("web.env", "A=file\nB=file\n"),
        (
            "compose.yaml",
            r#"
name: ignored-by-the-option
version: "3.8"
x-common: &common
  user: "1000:1000"
  init: true
volumes:
  data: {external: true, name: real-data}
services:
  db:
    image: postgres:${TAG}
    environment: {POSTGRES_PASSWORD: "${PASSWORD:?}", PASSED: , GONE: }
    command: postgres -c 'shared_buffers=1MB'
    healthcheck:
      test: ["CMD-SHELL", "pg_isready"]
      interval: 2s
      timeout: 1s
      retries: 5
      start_period: 10s
    volumes: ["data:/var/lib/data", "/cache"]
    mem_limit: 64m
    deploy: {resources: {limits: {cpus: "0.5", pids: 50}}}
  migrate:
    image: app
    entrypoint: ["sh", "-c"]
    command: ["exit 0"]
    depends_on: {db: {condition: service_healthy}}
  web:
    <<: *common
    image: app
    env_file: [web.env, {path: none.env, required: false}]
    environment: ["B=own", "C=$$x"]
    ports: ["8080:80", 443, {target: 53, published: "5353", protocol: udp, host_ip: 127.0.0.1}]
    expose: [80]
    volumes: ["./site:/srv:ro", {type: tmpfs, target: /t, tmpfs: {size: 1m}}]
    tmpfs: /run:size=64k
    depends_on: {migrate: {condition: service_completed_successfully}, db: {condition: service_started}}
    networks: {default: {aliases: [www]}}
    working_dir: /srv
    read_only: true
    cap_add: [CAP_NET_RAW]
    extra_hosts: ["a.test:10.0.0.1"]
  debug:
    image: app
    profiles: [debug]
    depends_on: [web]
"#,
        ),
    ]);
    let options = ComposeOptions {
        variables: [("PASSWORD", "hunter2"), ("PASSED", "on")].into(),
        ..options()
    };
    let group = project.read_with(&options).unwrap().group;
    assert_eq!(group.name, "shop");
    let names: Vec<&String> = group.services.keys().collect();
    assert_eq!(names, ["db", "migrate", "web"]);
    let db = &group.services["db"].environment;
    assert_eq!(db.image.as_deref(), Some("postgres:9"));
    assert_eq!(
        db.env,
        [("POSTGRES_PASSWORD", "hunter2"), ("PASSED", "on")].into()
    );
    let arguments = ["postgres", "-c", "shared_buffers=1MB"].map(str::to_owned);
    assert_eq!(db.main, Main::Arguments(arguments.into()));
    assert_eq!(db.mounts, [Mount::volume("real-data", "/var/lib/data")]);
    assert_eq!(
        (db.limits.memory, db.limits.cpus, db.limits.pids),
        (Some(64 << 20), Some(0.5), Some(50))
    );
    let ready = db.ready.as_ref().unwrap();
    assert_eq!(ready.wait_for, WaitFor::Healthy);
    // Later than the fifth failure of the health check.
    assert_eq!(ready.timeout, Some(Duration::from_secs(10 + 6 * 3)));
    let check = db.health.as_ref().unwrap().check.as_ref().unwrap();
    assert_eq!(check.argv[2], "pg_isready");
    assert_eq!(db.health.as_ref().unwrap().retries, Some(5));
    let migrate = &group.services["migrate"];
    assert!(matches!(&migrate.environment.main, Main::Command(main) if main.argv == ["sh", "-c", "exit 0"]));
    assert_eq!(migrate.depends_on["db"], Dependency::Ready);
    let web = &group.services["web"];
    assert_eq!(web.depends_on["migrate"], Dependency::Completed);
    assert_eq!(web.depends_on["db"], Dependency::Started);
    let web = &web.environment;
    assert_eq!(web.main, Main::Image);
    assert_eq!(web.env, [("A", "file"), ("B", "own"), ("C", "$x")].into());
    assert_eq!(
        (web.user.as_deref(), web.working_dir.as_deref()),
        (Some("1000:1000"), Some("/srv"))
    );
    let ports: Vec<String> = web.network.ports.iter().map(ToString::to_string).collect();
    assert_eq!(ports, ["8080:80", "443", "127.0.0.1:5353:53/udp"]);
    assert_eq!(web.network.aliases, ["www"]);
    let site = MountSource::Host(project.0.path().join("site"));
    assert_eq!((&web.mounts[0].source, web.mounts[0].read_only), (&site, true));
    assert_eq!(web.mounts[2], Mount::tmpfs("/run", Some(64 << 10)));
    assert!(web.security.read_only_root && web.security.add_capabilities == ["NET_RAW"]);
    let docker = &web.engine_options["docker"];
    assert_eq!(
        docker,
        &serde_json::json!({"init": true, "extra_hosts": ["a.test:10.0.0.1"]})
    );
    std::fs::create_dir(project.0.path().join("site")).unwrap();
    group.validate().unwrap();
    let debug = ComposeOptions {
        profiles: vec!["debug".to_owned()],
        ..options
    };
    assert_eq!(project.read_with(&debug).unwrap().group.services.len(), 4);
}

#[test]
fn name_comes_from_option_variable_file_or_directory() {
    let of = |yaml: &str, option: Option<&str>, variable: Option<&str>| {
        let options = ComposeOptions {
            name: option.map(str::to_owned),
            variables: variable
                .map(|name| ("COMPOSE_PROJECT_NAME", name))
                .into_iter()
                .collect(),
            ..ComposeOptions::default()
        };
        let yaml = format!("{yaml}services: {{a: {{image: x}}}}");
        Project::new(&[("docker-compose.yml", &yaml)])
            .read_with(&options)
            .unwrap()
            .group
            .name
    };
    assert_eq!(of("name: f\n", Some("o"), Some("v")), "o");
    assert_eq!(of("name: f\n", None, Some("v")), "v");
    assert_eq!(of("name: f\n", None, None), "f");
    assert!(of("", None, None).starts_with("shop-x_"));
}

#[test]
fn unsupported_keys_are_named_with_their_lines() {
    let yaml = "\
services:
  web:
    image: x
    links: [x]
    logging: {driver: none}
    ports: [{target: 80, colour: red}]
    volumes: [\"/a:/b:nocopy\"]
    deploy: {replicas: 2}
    network_mode: container:db
    imgae: y
secrets: {s: {external: true}}
networks: {n: {driver: overlay}}
";
    let text = faults(yaml);
    for part in [
        "line 4: services.web.links is not supported; services reach each other by their names",
        "line 5: services.web.logging",
        "line 6: services.web.ports[0].colour",
        "line 7: services.web.volumes[0]",
        "line 8: services.web.deploy.replicas",
        "line 9: services.web.network_mode is not supported; that container is not one of this file",
        "line 10: services.web.imgae",
        "line 11: secrets.s.external is not supported; name a file",
        "line 12: networks.n.driver",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let ignoring = ComposeOptions {
        ignore_unsupported: true,
        ..options()
    };
    let read = Project::new(&[("compose.yml", yaml)])
        .read_with(&ignoring)
        .unwrap();
    assert_eq!(read.ignored.len(), 9, "{:#?}", read.ignored);
    assert!(read.ignored[0].starts_with("line 4"), "{:#?}", read.ignored);
    assert_eq!(
        read.group.services["web"].environment.network.mode,
        NetworkMode::Default
    );
}

#[test]
fn faults_are_named_without_values() {
    for (yaml, part) in [
        ("services: {}", "no services"),
        ("services: {a: {}}", "line 1: services.a: it has no image"),
        (
            "services: {a: {image: x, depends_on: [b]}}",
            "no service is called \"b\"",
        ),
        (
            "services: {a: {image: x, depends_on: {b: {condition: service_healthy}}}, \
             b: {image: x, healthcheck: {disable: true}}}",
            "the healthcheck of b is disabled",
        ),
        (
            "services: {a: {image: x, depends_on: [b]}, b: {image: x, profiles: [p]}}",
            "profile of b is not active",
        ),
        (
            "services: {a: {image: x, profiles: [p]}}",
            "every service has a profile",
        ),
        (
            "services: {a: {image: x, ports: [\"hunter2\"]}}",
            "services.a.ports[0]: a port is expected",
        ),
        ("services: {a: {image: x, ports: 80}}", "a list is expected"),
        ("services: {a: {image: x, ports: [{published: 80}]}}", "no target"),
        (
            "services: {a: {image: x, volumes: [\"data:/x\"]}}",
            "not declared",
        ),
        ("services: {a: {image: x, volumes: [data]}}", "an absolute path"),
        (
            "services: {a: {image: x, volumes: [{type: bind, target: /x}]}}",
            "needs a source",
        ),
        (
            "services: {a: {image: x, healthcheck: {test: [hunter2]}}}",
            "begins with CMD",
        ),
        (
            "services: {a: {image: x, healthcheck: {interval: hunter2}}}",
            "a duration such as",
        ),
        (
            "services: {a: {image: x, command: \"'hunter2\"}}",
            "a quote is not closed",
        ),
        ("services: {a: {image: x, mem_limit: hunter2}}", "a size such as"),
        ("services: {a: {image: x, init: hunter2}}", "true or false"),
        (
            "services: {a: {image: x, networks: [n]}}",
            "no network is called \"n\"",
        ),
        ("services: {a: {image: x, restart: hunter2}}", "unless-stopped"),
        ("services: {a: {image: [hunter2]}}", "a text is expected"),
        ("services: {a: hunter2}", "a mapping is expected"),
        ("hunter2 $ ", "line 1: the file: a single $ names no variable"),
        (
            "services: {a: {image: \"${B?set it}\"}}",
            "services.a.image: the variable B is not set",
        ),
        ("services: {a: {image: x, env_file: gone}}", "gone"),
        (
            "services: {a: {image: x, depends_on: {b: {condition: hunter2}}}, b: {image: x}}",
            "service_started",
        ),
        ("services: [", "the YAML is invalid"),
        (
            "services: {a: {image: x, stop_grace_period: soon}}",
            "a duration such as 1m30s is expected",
        ),
        (
            "volumes: {v: , w: {external: true, name: v}}\nservices: {a: {image: x}}",
            "its name is that of the volume v",
        ),
        (
            "services: {a: {build: {context: ., cache_from: [x]}}}",
            "services.a.build.cache_from",
        ),
        (
            "services: {a: {build: \"https://git.test/x.git\"}}",
            "get the files, and name their directory",
        ),
        (
            "networks: {n: {ipam: {config: [{subnet: hunter2}]}}}\nservices: {a: {image: x}}",
            "a subnet such as",
        ),
        ("services: {a: {image: x, dns: hunter2}}", "an IP address"),
        (
            "services: {a: {image: x, network_mode: hunter2}}",
            "services.a.network_mode: none, host, bridge or service:NAME is expected",
        ),
        (
            "networks: {n: }\nservices: {a: {image: x, network_mode: host, networks: [n]}}",
            "services.a.networks: a service with a network_mode has no other networks",
        ),
        (
            "networks: {host: }\nservices: {a: {image: x, network_mode: host}}",
            "its network_mode is the name of a network of the file",
        ),
        (
            "services: {a: {image: x, network_mode: host, ports: [\"80\"]}}",
            "services.a.ports is not supported; on the network of the host",
        ),
    ] {
        let text = faults(yaml);
        assert!(text.contains(part) && text.contains("line "), "{yaml}: {text}");
        assert!(!text.contains("hunter2"), "{yaml}: {text}");
    }
}

#[test]
fn entrypoint_and_command_are_those_of_compose() {
    let main = |keys: &str| {
        let group = read(&format!("services: {{a: {{image: x, {keys}}}}}")).unwrap();
        match &group.services["a"].environment.main {
            Main::Image => "image".to_owned(),
            Main::Arguments(arguments) => format!("image {}", arguments.join(" ")),
            Main::Command(command) => command.argv.join(" "),
            Main::Idle => "idle".to_owned(),
        }
    };
    assert_eq!(main("command: null"), "image");
    assert_eq!(main("command: []"), "image");
    assert_eq!(main("command: serve --fast"), "image serve --fast");
    assert_eq!(main("entrypoint: /run.sh -x, command: [a]"), "/run.sh -x a");
    assert_eq!(main("entrypoint: [/run.sh]"), "/run.sh");
    assert_eq!(main("entrypoint: [], command: a b"), "a b");
}

#[test]
fn restart_and_disabled_check_are_read() {
    let group = read(
        "services:\n  a: {image: x, restart: \"on-failure:3\"}\n  b: {image: x, restart: \"no\"}\n  \
         c: {image: x, restart: always, healthcheck: {disable: true, test: x}}\n",
    )
    .unwrap();
    let restart = |name: &str| group.services[name].environment.restart.clone();
    assert_eq!(restart("a").unwrap().max_attempts, Some(3));
    assert_eq!(restart("b"), None);
    assert!(restart("c").is_some());
    assert_eq!(group.services["c"].environment.ready, None);
    let health = |name: &str| group.services[name].environment.health.clone();
    assert_eq!((health("a"), health("c")), (None, Some(HealthSpec::disabled())));
    let group = read("services: {a: {image: x, healthcheck: {test: [NONE]}}}").unwrap();
    assert!(group.services["a"].environment.health.as_ref().unwrap().disabled);
}

#[test]
fn ignored_settings_of_files_and_volumes_are_faults() {
    let text =
        faults("services:\n  web:\n    image: a\n    env_file:\n      - path: x\n        format: raw\n");
    assert!(text.contains("env_file.format"), "{text}");
    let text = faults(
        "services:\n  web:\n    image: a\n    volumes:\n      - type: volume\n        target: /t\n        read_only: true\n",
    );
    assert!(text.contains("anonymous"), "{text}");
}
