use super::ComposeOptions;
use super::tests::{Project, options, read};
use crate::group::spec::GroupSpec;
use crate::spec::mount::Mount;
use crate::spec::security::SecurityProfile;

fn faults(yaml: &str) -> String {
    let error = read(yaml).unwrap_err();
    let faults = error.failures().iter().map(ToString::to_string);
    let whole: Vec<String> = std::iter::once(format!("{:?}", error)).chain(faults).collect();
    whole.join("\n")
}

#[test]
fn rights_and_limits_of_processes_are_read() {
    let group = read(
        "services:\n  a:\n    image: x\n    privileged: true\n    ulimits: {nofile: 1024, core: {soft: 0, hard: -1}}\n    \
         sysctls: {net.core.somaxconn: 1024}\n    security_opt: [\"no-new-privileges:false\", seccomp=unconfined, \
         \"apparmor:unconfined\"]\n  b:\n    image: x\n    privileged: false\n    sysctls: [net.ipv4.ip_forward=1]\n    \
         security_opt: [\"no-new-privileges:true\"]\n",
    )
    .unwrap();
    group.validate().unwrap();
    let a = &group.services["a"].environment;
    assert!(a.security.privileged && a.security.profile == SecurityProfile::Trusted);
    assert!(a.security.allow_new_privileges);
    assert_eq!(a.security.seccomp.as_deref(), Some("unconfined"));
    assert_eq!(a.security.apparmor.as_deref(), Some("unconfined"));
    assert_eq!(a.security.sysctls["net.core.somaxconn"], "1024");
    let limit = |name: &str| a.limits.ulimits[name];
    assert_eq!(limit("nofile"), "1024".parse().unwrap());
    assert_eq!(limit("core"), "0:unlimited".parse().unwrap());
    let b = &group.services["b"].environment.security;
    assert!(!b.privileged && b.profile == SecurityProfile::Standard && !b.allow_new_privileges);
    assert_eq!(b.sysctls["net.ipv4.ip_forward"], "1");
    for (keys, part) in [
        ("ulimits: {nofile: many}", "services.a.ulimits.nofile: a number"),
        ("ulimits: {nofile: {soft: 1}}", "soft and hard are expected"),
        ("ulimits: {nofile: {soft: 1, hard: 2, x: 3}}", "ulimits.nofile.x"),
        ("security_opt: [label=disable]", "services.a.security_opt[0]"),
        ("security_opt: [seccomp=gone.json]", "cannot read the file"),
    ] {
        let text = faults(&format!("services: {{a: {{image: x, {keys}}}}}"));
        assert!(text.contains(part), "{keys}: {text}");
    }
}

#[test]
fn seccomp_profile_is_a_file() {
    let yaml = "services: {a: {image: x, security_opt: [seccomp:own.json]}}";
    let project = Project::new(&[
        ("own.json", "{\"defaultAction\": \"SCMP_ACT_ALLOW\"}"),
        ("compose.yaml", yaml),
    ]);
    let group = project.read_with(&options()).unwrap().group;
    group.validate().unwrap();
    let seccomp = group.services["a"].environment.security.seccomp.as_deref();
    assert!(seccomp.unwrap().contains("SCMP_ACT_ALLOW"));
}

#[test]
fn secrets_and_configs_are_files_to_read() {
    let yaml = "\
secrets:
  token: {file: ./token.txt}
  unused: {file: gone.txt}
configs:
  web.conf: {file: web.conf}
services:
  a:
    image: x
    secrets: [token, {source: token, target: other}, {source: token, target: /etc/token}]
    configs: [web.conf, {source: web.conf, target: /etc/web.conf}]
";
    let project = Project::new(&[
        ("token.txt", "hunter2"),
        ("web.conf", "listen 80"),
        ("compose.yaml", yaml),
    ]);
    let group = project.read_with(&options()).unwrap().group;
    group.validate().unwrap();
    let at = |file: &str, target: &str| Mount {
        read_only: true,
        ..Mount::host(project.0.path().join(file), target)
    };
    assert_eq!(
        group.services["a"].environment.mounts,
        [
            at("token.txt", "/run/secrets/token"),
            at("token.txt", "/run/secrets/other"),
            at("token.txt", "/etc/token"),
            at("web.conf", "/web.conf"),
            at("web.conf", "/etc/web.conf"),
        ]
    );
    // The value is nowhere but in the file.
    assert!(!format!("{group:?}").contains("hunter2"));
    assert!(!serde_json::to_string(&group).unwrap().contains("hunter2"));
    for (yaml, part) in [
        (
            "services: {a: {image: x, secrets: [s]}}",
            "services.a.secrets[0]: it is not declared",
        ),
        (
            "secrets: {s: {environment: S}}\nservices: {a: {image: x, secrets: [s]}}",
            "line 1: secrets.s.environment: the variable S is not set",
        ),
        (
            "secrets: {s: {content: hunter2}}\nservices: {a: {image: x}}",
            "secrets.s.content is not supported; name a file",
        ),
        (
            "configs: {s: {content: hunter2, file: f}}\nservices: {a: {image: x}}",
            "configs.s: it has two sources",
        ),
        (
            "secrets: {s: }\nservices: {a: {image: x, secrets: [s]}}",
            "services.a.secrets[0]: it has no file and no variable",
        ),
        (
            "secrets: {s: {file: f}}\nservices: {a: {image: x, secrets: [{source: s, mode: 0400}]}}",
            "services.a.secrets[0].mode",
        ),
        (
            "secrets: {s: {file: f}}\nservices: {a: {image: x, secrets: [{target: s}]}}",
            "it has no source",
        ),
    ] {
        let text = faults(yaml);
        assert!(text.contains(part) && !text.contains("hunter2"), "{yaml}: {text}");
    }
}

#[test]
fn secret_may_be_the_value_of_a_variable() {
    let yaml = "\
secrets:
  token: {environment: TOKEN}
configs:
  web.conf: {content: \"listen ${PORT}\"}
services:
  a:
    image: x
    secrets: [token, {source: token, target: /etc/token}]
    configs: [web.conf]
  b: {image: x}
";
    let options = ComposeOptions {
        variables: [("TOKEN", "hunter2"), ("PORT", "80")].into(),
        ..options()
    };
    let project = Project::new(&[("compose.yaml", yaml)]);
    let group = project.read_with(&options).unwrap().group;
    group.validate().unwrap();
    let expected = [("secrets.token", "hunter2"), ("configs.web.conf", "listen 80")];
    assert_eq!(group.files, expected.into());
    let files = |name: &str| &group.services[name].files;
    assert_eq!(files("a")["/run/secrets/token"], "secrets.token");
    assert_eq!(files("a")["/etc/token"], "secrets.token");
    assert_eq!(files("a")["/web.conf"], "configs.web.conf");
    assert!(files("b").is_empty());
    assert!(!format!("{group:?}").contains("hunter2"));
}

fn extending(yaml: &str) -> GroupSpec {
    let group = read(yaml).unwrap();
    group.validate().unwrap();
    group
}

#[test]
fn service_has_the_keys_of_the_extended_one() {
    let group = extending(
        "\
services:
  base:
    image: x
    command: [serve, slow]
    environment: {A: base, B: base}
    ports: [\"80\"]
    tmpfs: [/t]
    labels: [l=base]
    mem_limit: 64m
    healthcheck: {test: [CMD, base], interval: 5s}
  middle:
    extends: {service: base}
    environment: [B=middle, C=middle]
  last:
    extends: middle
    image: y
    command: [serve]
    ports: [\"80\", \"81\"]
    labels: {m: last}
    healthcheck: {test: [CMD, last]}
",
    );
    let middle = &group.services["middle"].environment;
    assert_eq!(middle.image.as_deref(), Some("x"));
    assert_eq!(
        middle.env,
        [("A", "base"), ("B", "middle"), ("C", "middle")].into()
    );
    let last = &group.services["last"].environment;
    assert_eq!(last.image.as_deref(), Some("y"));
    assert_eq!(last.env, middle.env);
    assert_eq!(
        last.main,
        crate::spec::main_process::Main::Arguments(vec!["serve".to_owned()])
    );
    let ports: Vec<String> = last.network.ports.iter().map(ToString::to_string).collect();
    assert_eq!(ports, ["80", "81"]);
    assert_eq!(last.mounts, [Mount::tmpfs("/t", None)]);
    assert_eq!(
        (last.labels["l"].as_str(), last.labels["m"].as_str()),
        ("base", "last")
    );
    assert_eq!(last.limits.memory, Some(64 << 20));
    let health = last.health.as_ref().unwrap();
    assert_eq!(health.check.as_ref().unwrap().argv, ["last"]);
    assert_eq!(health.interval, Some(std::time::Duration::from_secs(5)));
    for (yaml, part) in [
        (
            "services: {a: {image: x, extends: b}}",
            "no service is called \"b\"",
        ),
        (
            "services: {a: {image: x, extends: b}, b: {image: x, extends: {service: a}}}",
            "services extend each other",
        ),
        (
            "services: {a: {image: x, extends: {service: b, file: other.yaml}}, b: {image: x}}",
            "services.a.extends.file is not supported; only services of the same file",
        ),
        ("services: {a: {image: x, extends: {}}}", "it names no service"),
    ] {
        let text = faults(yaml);
        assert!(text.contains(part), "{yaml}: {text}");
    }
}

#[test]
fn extending_service_adds_what_has_no_target() {
    let yaml = "\
secrets:
  one: {file: one.txt}
  two: {file: two.txt}
  three: {file: three.txt}
services:
  base: {image: x, secrets: [{source: one}, three]}
  last: {extends: base, secrets: [two]}
";
    let files = [
        ("one.txt", "1"),
        ("two.txt", "2"),
        ("three.txt", "3"),
        ("compose.yaml", yaml),
    ];
    let project = Project::new(&files);
    let group = project.read_with(&options()).unwrap().group;
    let mounts = &group.services["last"].environment.mounts;
    let targets: Vec<&str> = mounts.iter().map(|mount| mount.target.as_str()).collect();
    assert_eq!(
        targets,
        ["/run/secrets/one", "/run/secrets/three", "/run/secrets/two"]
    );
}

#[test]
fn service_is_found_by_its_container_name() {
    let group = extending(
        "networks: {n: }\nservices:\n  a: {image: x, container_name: main-db}\n  b: {image: x, container_name: b}\n  \
         c: {image: x, container_name: see, networks: [n, default]}\n",
    );
    let network = |name: &str| &group.services[name].environment.network;
    assert_eq!(network("a").aliases, ["main-db"]);
    assert!(network("b").aliases.is_empty());
    assert_eq!(network("c").aliases_on["n"], ["see"]);
    assert_eq!(network("c").aliases_on["default"], ["see"]);
}

#[test]
fn policy_of_pulls_and_one_copy_are_read() {
    let group = extending(
        "services:\n  a: {image: x, pull_policy: always, scale: 1}\n  b: {image: x, pull_policy: if_not_present, \
         deploy: {replicas: 1}}\n  c: {image: x, pull_policy: build}\n",
    );
    let policy = |name: &str| {
        group.services[name]
            .environment
            .engine_options
            .get("docker")
            .cloned()
    };
    assert_eq!(policy("a").unwrap()["pull"], "always");
    assert_eq!(policy("b").unwrap()["pull"], "missing");
    assert_eq!(policy("c"), None);
    for (keys, part) in [
        (
            "scale: 2",
            "services.a.scale is not supported; write a service for each copy",
        ),
        ("deploy: {mode: global}", "services.a.deploy.mode"),
        ("pull_policy: daily", "services.a.pull_policy"),
    ] {
        let text = faults(&format!("services: {{a: {{image: x, {keys}}}}}"));
        assert!(text.contains(part), "{keys}: {text}");
    }
}
