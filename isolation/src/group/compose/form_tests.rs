use std::path::Path;
use std::time::Duration;

use super::tests::{Project, options, read};
use super::{ComposeFile, ComposeOptions};
use crate::group::spec::Dependency;
use crate::spec::main_process::Main;
use crate::spec::mount::{Mount, MountSource};
use crate::spec::network::NetworkMode;
use crate::spec::wait_for::WaitFor;

fn faults(yaml: &str) -> String {
    let error = read(yaml).unwrap_err();
    let faults = error.failures().iter().map(ToString::to_string);
    let whole: Vec<String> = std::iter::once(format!("{error:?}")).chain(faults).collect();
    whole.join("\n")
}

#[test]
fn key_that_is_not_known_is_named_at_its_place() {
    for (yaml, part) in [
        (
            "colour: red\nservices: {a: {image: x}}",
            "colour is not supported",
        ),
        (
            "services: {a: {image: x, healthcheck: {colour: red}}}",
            "services.a.healthcheck.colour is not supported",
        ),
        (
            "services: {a: {image: x, deploy: {resources: {reservations: {cpus: 1}}}}}",
            "services.a.deploy.resources.reservations is not supported; only limits is",
        ),
        (
            "services: {a: {image: x, deploy: {resources: {limits: {devices: 1}}}}}",
            "services.a.deploy.resources.limits.devices is not supported",
        ),
        (
            "networks: {n: {ipam: {config: [{subnet: 10.9.0.0/24, gateway: 10.9.0.1}]}}}\nservices: {a: {image: x}}",
            "networks.n.ipam.config[0].gateway is not supported; a network has one subnet",
        ),
        (
            "networks: {n: {ipam: {driver: own}}}\nservices: {a: {image: x}}",
            "networks.n.ipam.driver is not supported",
        ),
        (
            "networks: {n: }\nservices: {a: {image: x, networks: {n: {colour: red}}}}",
            "services.a.networks.n.colour is not supported",
        ),
        (
            "services: {a: {image: x, depends_on: {b: {restart: true}}}, b: {image: x}}",
            "services.a.depends_on.b.restart is not supported",
        ),
    ] {
        let text = faults(yaml);
        assert!(text.contains(part), "{yaml}: {text}");
    }
}

#[test]
fn value_of_the_wrong_form_is_a_fault() {
    for (yaml, part) in [
        (
            "services: {a: {image: x, secrets: {s: hunter2}}}",
            "services.a.secrets: a list is expected",
        ),
        (
            "services: {a: {image: x, env_file: [{required: false}]}}",
            "services.a.env_file: the path of a file is expected",
        ),
        (
            "networks: {n: , out: {external: true, name: n}}\nservices: {a: {image: x, networks: [n]}}",
            "networks.out: its name is that of the network n of the file; give that another name",
        ),
        (
            "services: {a: {image: x, environment: [[hunter2]]}, b: {extends: a, environment: {C: 1}}}",
            "services.a.environment[0]: a text is expected",
        ),
        (
            "services: {a: {image: x, labels: [[hunter2]]}, b: {extends: a, labels: [c=1]}}",
            "services.b.labels[0]: a text is expected",
        ),
    ] {
        let text = faults(yaml);
        assert!(text.contains(part) && !text.contains("hunter2"), "{yaml}: {text}");
    }
}

#[test]
fn list_of_a_service_wins_by_name_and_by_target() {
    let yaml = "\
volumes: {data: , other: }
services:
  a:
    image: x
    environment: [A=1, PASSED, B=1]
    labels: [l=1, m=1]
    volumes: [\"data:/d\", {type: tmpfs, target: /t}, \"data:/e\", \"data:/f\"]
  b:
    extends: a
    environment: {B: own}
    labels: [m=own]
    volumes: [\"other:/d:ro\", {type: tmpfs, target: /t, tmpfs: {size: 1m}}, {type: volume, source: other, target: /e}]
";
    let options = ComposeOptions {
        variables: [("PASSED", "on")].into(),
        ..options()
    };
    let project = Project::new(&[("compose.yaml", yaml)]);
    let group = project.read_with(&options).unwrap().group;
    let own = &group.services["b"].environment;
    assert_eq!(own.env, [("A", "1"), ("PASSED", "on"), ("B", "own")].into());
    assert_eq!((own.labels["l"].as_str(), own.labels["m"].as_str()), ("1", "own"));
    let mut read_only = Mount::volume("other", "/d");
    read_only.read_only = true;
    let expected = [
        Mount::volume("data", "/f"),
        read_only,
        Mount::tmpfs("/t", Some(1 << 20)),
        Mount::volume("other", "/e"),
    ];
    assert_eq!(own.mounts, expected);
}

#[test]
fn other_forms_of_values_are_read() {
    let yaml = "\
networks:
  default: {internal: true, labels: {a: b}, attachable: true, ipam: {driver: default}}
services:
  a:
    image: x
    entrypoint: []
    cap_add:
    restart:
    network_mode:
    dns: [10.0.0.1]
    extra_hosts: {a.test: 10.0.0.2}
    healthcheck: {disable: false, test: check}
    volumes: [\"~/site:/srv\", \"../data:/data\"]
    depends_on: {b: {condition: service_healthy, required: false, restart: false}}
  b: {image: x, networks: {default: {priority: 5}}}
";
    let options = ComposeOptions {
        variables: [("HOME", "/home/me")].into(),
        ..options()
    };
    let project = Project::new(&[("compose.yaml", yaml)]);
    let group = project.read_with(&options).unwrap().group;
    assert!(group.networks["default"].internal);
    let (a, b) = (&group.services["a"], &group.services["b"]);
    assert_eq!(a.environment.main, Main::Image);
    assert_eq!(a.environment.restart, None);
    assert_eq!(a.environment.network.mode, NetworkMode::Default);
    assert_eq!(
        a.environment.network.dns,
        ["10.0.0.1".parse::<std::net::IpAddr>().unwrap()]
    );
    let hosts = &a.environment.engine_options["docker"]["extra_hosts"];
    assert_eq!(hosts[0], "a.test:10.0.0.2");
    let check = a.environment.health.as_ref().unwrap().check.as_ref().unwrap();
    assert_eq!(check.argv.last().unwrap(), "check");
    let sources: Vec<&MountSource> = a.environment.mounts.iter().map(|mount| &mount.source).collect();
    let above = project.0.path().parent().unwrap().join("data");
    let expected = [Path::new("/home/me/site"), &above].map(|path| MountSource::Host(path.into()));
    assert_eq!(sources, expected.iter().collect::<Vec<_>>());
    assert_eq!(a.depends_on["b"], Dependency::Ready);
    // The health check is that of the image, whose times are not known.
    let ready = b.environment.ready.as_ref().unwrap();
    assert_eq!(ready.wait_for, WaitFor::Healthy);
    assert_eq!(ready.timeout, Some(Duration::from_secs(600)));
}

#[test]
fn file_that_cannot_be_read_is_named() {
    let long = "#".repeat((4 << 20) + 1);
    let error = read(&long).unwrap_err().to_string();
    assert!(error.contains("compose.yaml is larger than 4 MiB"), "{error}");
    let yaml = "services: {a: {image: x}}";
    let project = Project::new(&[(".env", "A=1\nhunter2 x\n"), ("compose.yaml", yaml)]);
    let error = project.read_with(&options()).unwrap_err().to_string();
    assert!(error.contains(".env, line 2"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
    let missing = project.0.path().join("gone.yaml");
    let error = ComposeFile::read(&missing, &options()).unwrap_err().to_string();
    assert!(error.contains("gone.yaml"), "{error}");
}
