use super::ComposeOptions;
use super::tests::{Project, options, read};
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
