use super::ComposeOptions;
use super::tests::{Project, faults, options, read};
use crate::spec::image_build::ImageBuild;
use crate::spec::mount::Mount;
use crate::spec::network::NetworkMode;

#[test]
fn networks_are_external_or_those_of_the_group() {
    let group = read(
        "networks: {out: {external: true, name: real}, n: {driver: bridge}, closed: {internal: true, \
         ipam: {config: [{subnet: 10.9.0.0/24}]}}, unused: }\n\
         services:\n  a: {image: x, networks: {out: {aliases: [z]}}}\n  b: {image: x, network_mode: none}\n  \
         c: {image: x, networks: [n]}\n  d: {image: x, networks: {closed: {aliases: [y]}, n: }}\n  e: {image: x}\n",
    )
    .unwrap();
    group.validate().unwrap();
    let network = |name: &str| &group.services[name].environment.network;
    assert_eq!(network("a").mode, NetworkMode::Named("real".to_owned()));
    assert_eq!(network("a").aliases, ["z"]);
    assert_eq!(network("b").mode, NetworkMode::None);
    assert_eq!(network("c").mode, NetworkMode::Named("n".to_owned()));
    // From a closed network nothing else can be reached.
    assert_eq!(network("d").mode, NetworkMode::Named("n".to_owned()));
    assert_eq!(network("d").join, ["closed"]);
    assert_eq!(network("d").aliases_on["closed"], ["y"]);
    assert_eq!(network("e").mode, NetworkMode::Default);
    let names: Vec<&String> = group.networks.keys().collect();
    assert_eq!(names, ["closed", "n"]);
    let closed = &group.networks["closed"];
    assert!(closed.internal && closed.subnet == Some("10.9.0.0/24".parse().unwrap()));
    let with_default =
        read("networks: {n: }\nservices:\n  a: {image: x, networks: [default, n]}\n  b: {image: x}\n")
            .unwrap();
    with_default.validate().unwrap();
    let names: Vec<&String> = with_default.networks.keys().collect();
    assert_eq!(names, ["default", "n"]);
    assert!(!with_default.networks["default"].internal);
    let declared = read(
        "networks: {n: , default: {internal: true}}\nservices:\n  a: {image: x, networks: [default, n]}\n",
    )
    .unwrap();
    assert!(declared.networks["default"].internal && !declared.networks["n"].internal);
}

#[test]
fn volumes_are_external_or_those_of_the_group() {
    let group = read(
        "volumes: {data: {labels: {a: b}}, ext: {external: true, name: real}}\n\
         services:\n  a:\n    image: x\n    shm_size: 64m\n    volumes: [\"data:/d\", \"ext:/e\", \
         {type: volume, source: data, target: /s, volume: {subpath: a/b}}]\n",
    )
    .unwrap();
    group.validate().unwrap();
    assert_eq!(group.volumes["data"].labels["a"], "b");
    assert_eq!(group.volumes.len(), 1);
    let service = &group.services["a"].environment;
    assert_eq!(service.mounts[0], Mount::volume("data", "/d"));
    assert_eq!(service.mounts[1], Mount::volume("real", "/e"));
    assert_eq!(service.mounts[2].subpath.as_deref(), Some("a/b"));
    assert_eq!(service.limits.shm_size, Some(64 << 20));
}

#[test]
fn build_is_a_directory_or_a_mapping() {
    let project = Project::new(&[(
        "compose.yaml",
        "services:\n  a: {build: ./app}\n  b:\n    image: own:7\n    stop_signal: SIGINT\n    hostname: b.test\n    build:\n      \
         context: ./app\n      dockerfile: test.Dockerfile\n      target: test\n      args: {A: hunter2, B: , C: }\n",
    )]);
    let options = ComposeOptions {
        variables: [("B", "passed")].into(),
        ..options()
    };
    let group = project.read_with(&options).unwrap().group;
    let directory = project.0.path().join("app");
    let build = |name: &str| group.services[name].environment.build.clone().unwrap();
    assert_eq!(build("a"), ImageBuild::directory(&directory));
    let b = build("b");
    assert_eq!(
        (b.dockerfile.as_str(), b.target.as_str()),
        ("test.Dockerfile", "test")
    );
    assert_eq!(b.args, [("A", "hunter2"), ("B", "passed")].into());
    let environment = &group.services["b"].environment;
    assert_eq!(environment.image.as_deref(), Some("own:7"));
    assert_eq!(environment.engine_options["docker"]["stop_signal"], "SIGINT");
    assert_eq!(environment.engine_options["docker"]["hostname"], "b.test");
    assert!(
        group
            .validate()
            .unwrap_err()
            .to_string()
            .contains("does not exist")
    );
    std::fs::create_dir(directory).unwrap();
    group.validate().unwrap();
}

#[test]
fn end_and_input_of_a_service_are_read() {
    let group = read(
        "services:\n  a: {image: x, stop_grace_period: 1m30s, tty: true, stdin_open: true}\n  \
         b: {image: x, tty: false}\n",
    )
    .unwrap();
    group.validate().unwrap();
    let a = &group.services["a"].environment;
    assert_eq!(a.stop_grace, Some(std::time::Duration::from_secs(90)));
    let options = &a.engine_options["docker"];
    assert_eq!(
        (&options["tty"], &options["stdin_open"]),
        (&true.into(), &true.into())
    );
    let b = &group.services["b"].environment;
    assert_eq!(
        (b.stop_grace, &b.engine_options["docker"]["tty"]),
        (None, &false.into())
    );
}

#[test]
fn network_of_a_service_may_be_one_of_the_engine() {
    let yaml = "services:\n  a: {image: x, network_mode: host}\n  b: {image: x, network_mode: bridge}\n";
    let group = read(yaml).unwrap();
    group.validate().unwrap();
    for (service, name) in [("a", "host"), ("b", "bridge")] {
        let network = &group.services[service].environment.network;
        assert_eq!(network.mode, NetworkMode::Named(name.to_owned()));
        assert!(!network.has_names(), "{name}");
    }
    assert!(group.networks.is_empty());
}

#[test]
fn network_of_a_service_may_be_that_of_another() {
    let yaml =
        "services:\n  vpn: {image: x, ports: [\"80\"]}\n  app: {image: x, network_mode: \"service:vpn\"}\n";
    let group = read(yaml).unwrap();
    group.validate().unwrap();
    let network = &group.services["app"].environment.network;
    assert_eq!(network.mode, NetworkMode::Environment("vpn".to_owned()));
    assert!(!network.has_names());
    assert!(group.networks.is_empty());
}

#[test]
fn shared_network_has_no_settings_of_its_own() {
    let file = |rest: &str| {
        let service = format!("{{image: x, network_mode: \"service:vpn\", {rest}}}");
        format!("networks: {{n: }}\nservices:\n  vpn: {{image: x}}\n  app: {service}\n")
    };
    for (rest, part) in [
        (
            "ports: [\"80\"]",
            "services.app.ports is not supported; it has the network of vpn; publish them by",
        ),
        ("hostname: h", "services.app.hostname is not supported"),
        (
            "extra_hosts: [\"a:10.0.0.1\"]",
            "services.app.extra_hosts is not supported",
        ),
        ("dns: 10.0.0.1", "services.app.dns is not supported"),
        ("dns_search: d", "services.app.dns_search is not supported"),
        (
            "networks: [n]",
            "a service with a network_mode has no other networks",
        ),
    ] {
        let text = faults(&file(rest));
        assert!(text.contains(part), "{rest}: {text}");
    }
    let ignoring = ComposeOptions {
        ignore_unsupported: true,
        ..options()
    };
    let yaml = file("ports: [\"80\"], hostname: h, extra_hosts: [\"a:10.0.0.1\"], dns: 10.0.0.1");
    let read = Project::new(&[("compose.yaml", &yaml)])
        .read_with(&ignoring)
        .unwrap();
    read.group.validate().unwrap();
    let app = &read.group.services["app"].environment;
    assert!(!app.network.publishes() && app.network.dns.is_empty());
    assert_eq!(app.engine_options["docker"].as_object().unwrap().len(), 0);
    for (mode, part) in [
        ("service:db", "no service is called \"db\""),
        ("service:app", "cannot have its own network"),
        ("service:", "service:NAME is expected"),
        ("container:c", "that container is not one of this file"),
    ] {
        let text = faults(&file("tty: false").replace("service:vpn", mode));
        assert!(text.contains(part), "{mode}: {text}");
    }
}

#[test]
fn own_names_are_those_on_the_engine() {
    let yaml = "networks: {n: {name: shop-net}}\nvolumes: {v: {name: shop-data}}\n\
                services: {a: {image: x, networks: [n], volumes: [\"v:/v\"]}}\n";
    let group = read(yaml).unwrap();
    group.validate().unwrap();
    assert_eq!(group.networks["n"].name.as_deref(), Some("shop-net"));
    assert_eq!(group.volumes["v"].name.as_deref(), Some("shop-data"));
    assert_eq!(group.services["a"].environment.mounts, [Mount::volume("v", "/v")]);
    let invalid = read(&yaml.replace("shop-data", "shop/data")).unwrap();
    let error = invalid.validate().unwrap_err().to_string();
    assert!(
        error.contains("\"shop/data\" is not the name of a volume"),
        "{error}"
    );
}
