//! Tests of the configuration.

use super::*;
use crate::{ErrorKind, IsolationLevel};

fn rejected(text: &str) -> String {
    let error = Config::from_json(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    error.to_string()
}

#[test]
fn every_key_is_read_and_written() {
    let text = r#"{
        "version": 1, "engine": "docker", "require": "container,memory-limit", "timeout": "1m30s",
        "pool": 2, "engines": {"basic": {"enabled": false}, "docker": {"priority": -3}},
        "docker": {
            "docker_host": "tcp://127.0.0.1:1", "default_image": "busybox", "pull": "never",
            "default_registry": "registry.test", "pull_timeout": "1m", "build_timeout": 7,
            "container_timeout": 9.5, "registry_mirror": "mirror.test:5000", "image_prefix": "hub",
            "container_prefix": "ci-", "network_subnet": "10.0.0.0/8",
            "network_prefix": "net-", "volume_base_path": "/v", "volume_prefix": "vol-",
            "published_host": "docker.test",
            "resource_limits": {"memory": "64m", "cpus": 0.5, "pids": 9, "disk": "1g"}
        }
    }"#;
    let config = Config::from_json(text).unwrap();
    assert_eq!(config.timeout, Some(Duration::from_secs(90)));
    assert_eq!(config.manager_options().pool, 2);
    assert_eq!(Config::default().manager_options().pool, 0);
    assert_eq!(config.docker.resource_limits.memory, Some(64 << 20));
    assert_eq!(config.choice(), EngineChoice::Named("docker".into()));
    let written = serde_json::to_string(&config).unwrap();
    assert_eq!(Config::from_json(&written).unwrap(), config);
    // A key that this test does not set would have no value here.
    let value = serde_json::to_value(&config).unwrap();
    assert!(
        keys::KEYS.iter().all(|key| keys::value(&value, key).is_some()),
        "{value}"
    );
    assert_eq!(config.clone().over(Config::defaults()), config);
}

#[test]
fn images_are_pulled_by_the_names_of_the_file() {
    for (text, pulled) in [
        ("{}", "busybox"),
        (r#"{"registry_mirror": "m.test"}"#, "m.test/library/busybox"),
        (
            r#"{"registry_mirror": "m.test", "image_prefix": "hub"}"#,
            "m.test/hub/busybox",
        ),
        (r#"{"default_registry": "r.test"}"#, "r.test/busybox"),
        // As the engine docker: a name with a registry is not rewritten.
        (
            r#"{"default_registry": "r.test:1/x", "registry_mirror": "m.test"}"#,
            "r.test:1/x/busybox",
        ),
    ] {
        let config = Config::from_json(&format!(r#"{{"docker": {text}}}"#)).unwrap();
        assert_eq!(config.docker.image_names().pulled("busybox"), pulled, "{text}");
        #[cfg(target_os = "linux")]
        assert_eq!(
            config.sandbox().unwrap().images().pulled_name("busybox"),
            pulled,
            "{text}"
        );
    }
    let registry = Config::default().registry().unwrap();
    let names = |registry: &Registry| -> Vec<String> {
        let engines = registry.engines();
        engines.map(|engine| engine.name().to_owned()).collect()
    };
    assert_eq!(names(&registry), names(&Registry::with_builtin()));
}

#[test]
fn limit_of_0_removes_the_default() {
    let limits = |text: &str| {
        let config = Config::from_json(text).unwrap();
        config.docker.engine().unwrap().settings().limits.clone()
    };
    let default = limits("{}");
    assert_eq!(
        (default.memory, default.cpus, default.disk),
        (Some(512 << 20), Some(1.0), Some(10 << 30))
    );
    let none = r#"{"docker": {"resource_limits": {"memory": 0, "cpus": 0, "disk": 0, "pids": 0}}}"#;
    assert_eq!(limits(none), crate::ResourceLimits::default());
}

#[test]
fn invalid_value_is_rejected_with_its_line_or_a_hint() {
    for (text, words) in [
        ("{\n\"engine\": 5}", "engine: a text is expected, not a number"),
        ("{\n\n", "line 3"),
        (r#"{"version": 2}"#, "reads the versions up to 1"),
        (r#"{"engine": " "}"#, "the engine is blank"),
        (r#"{"require": "jail"}"#, "container"),
        (
            r#"{"engines": {"basic": {"enable": true}}}"#,
            "did you mean \"enabled\"",
        ),
        (
            r#"{"engines": {"basic": 1}}"#,
            "engines.basic: an object is expected",
        ),
        (
            r#"{"engines": {"basic": {"priority": "x"}}}"#,
            "a whole number is expected, not a text",
        ),
        (r#"{"engine": "basic", "engine": "docker"}"#, "twice"),
        (r#"{"timeout": 0}"#, "greater than 0"),
        (r#"{"timeout": "soon"}"#, "30s"),
        (r#"{"docker": {"pull": "often"}}"#, "missing"),
        (r#"{"docker": {"docker_host": "carrier://x"}}"#, "unix:///"),
        (r#"{"docker": {"default_image": ""}}"#, "the image is blank"),
        (r#"{"docker": {"container_prefix": "-"}}"#, "letter or digit"),
        (
            r#"{"docker": {"registry_mirror": "https://x"}}"#,
            "is not a registry",
        ),
        (r#"{"docker": {"image_prefix": "a b"}}"#, "cannot stand before"),
        (
            r#"{"docker": {"resource_limits": {"cpus": -1}}}"#,
            "not a number of CPUs",
        ),
        (r#"{"docker": {"pull_timeout": 0}}"#, "pull_timeout must be"),
        (
            r#"{"docker": {"network_subnet": "172.20.0.1/16"}}"#,
            "write 172.20.0.0/16",
        ),
        (
            r#"{"docker": {"default_registry": "https://x"}}"#,
            "is not a registry",
        ),
        (r#"{"docker": {"volume_base_path": "x"}}"#, "absolute path"),
        (r#"{"docker": {"volume_prefix": "_"}}"#, "letter or digit"),
        (r#"{"docker": {"published_host": "x:80"}}"#, "without a port"),
    ] {
        assert!(rejected(text).contains(words), "{text}: {}", rejected(text));
    }
}

#[test]
fn every_fault_of_a_file_is_reported() {
    let text = r#"{"engin": "x", "engine": "", "timeout": [], "engines": {"basic": {"enable": 1, "priority": 1.5}},
        "docker": {"pull": "often", "default_image": "", "default_imgae": 1, "pull_timeout": 0,
                   "resource_limits": {"memory": "lots", "cpus": -1, "gpus": 1}}}"#;
    let error = Config::from_json(text).unwrap_err();
    let found: Vec<String> = error.failures().iter().map(ToString::to_string).collect();
    for start in [
        "engin: unknown key; did you mean \"engine\"?",
        "engine: the engine is blank",
        "timeout: a number is expected, or a text",
        "engines.basic.enable: unknown key; did you mean \"enabled\"?",
        "engines.basic.priority: a whole number is expected",
        "docker.pull: unknown value; use ",
        "docker.default_image: the image is blank",
        "docker.default_imgae: unknown key; did you mean \"docker.default_image\"?",
        "docker.pull_timeout: ",
        "docker.resource_limits.memory: \"lots\" is not a size",
        "docker.resource_limits.cpus: ",
        "docker.resource_limits.gpus: unknown key; did you mean \"docker.resource_limits.cpus\"?",
    ] {
        assert!(
            found.iter().any(|text| text.starts_with(start)),
            "{start}: {found:#?}"
        );
    }
    assert_eq!(found.len(), 12, "{found:#?}");
    // The keys of version 0 are those of the file.
    let old = rejected(r#"{"default_image": "", "pull_timeout": 0}"#);
    assert!(old.starts_with("default_image: "), "{old}");
}

#[test]
fn specification_and_command_keep_their_own_values() {
    let config = Config::from_json(r#"{"require": "container,tty", "timeout": 5}"#).unwrap();
    let mut spec = EnvironmentSpec::default();
    config.fill_spec(&mut spec);
    assert_eq!(spec.isolation, Some(IsolationLevel::Container));
    assert!(spec.required_features().contains(&crate::Feature::Tty));
    spec.isolation = Some(IsolationLevel::Process);
    config.fill_spec(&mut spec);
    assert_eq!(spec.isolation, Some(IsolationLevel::Process));
    let mut command = Command::new(["true"]);
    config.fill_command(&mut command);
    assert_eq!(command.timeout, Some(Duration::from_secs(5)));
    command.timeout = Some(Duration::from_secs(1));
    config.fill_command(&mut command);
    assert_eq!(command.timeout, Some(Duration::from_secs(1)));
}
