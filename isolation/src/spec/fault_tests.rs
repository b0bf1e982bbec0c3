//! Tests of the faults of single values: each message names the value and what to write.

use super::*;
use crate::engine::capabilities::Feature;
use crate::spec::limits::memory_swap::MemorySwap;

/// The fault of a specification that has a single one.
fn fault(json: &str) -> String {
    let spec = EnvironmentSpec::from_json(json).unwrap_or_else(|error| panic!("{json}: {error}"));
    let error = spec.validate().expect_err(json);
    assert!(error.failures().is_empty(), "{json}: {error}");
    error.to_string()
}

fn faults_of(key: &str, cases: &[(&str, &str)]) {
    for (value, words) in cases {
        let text = fault(&format!(r#"{{"{key}": {value}}}"#));
        assert!(text.contains(words), "{key} {value}: {text}");
    }
}

#[test]
fn network_that_cannot_exist_is_a_fault() {
    faults_of(
        "network",
        &[
            (r#"{"aliases": ["a"]}"#, "aliases need a named or private network"),
            (r#"{"internal": true}"#, "internal is for a private network"),
            (r#"{"ipv6": true}"#, "ipv6 is for a private network"),
            (r#"{"expose_host": [0]}"#, "from 1 to 65535, once, unlike 0"),
            (
                r#"{"expose_host": [80, 81, 80]}"#,
                "from 1 to 65535, once, unlike 80",
            ),
            (
                r#"{"mode": "private", "internal": true, "publish_all": true}"#,
                "name them, without publish_all",
            ),
            (
                r#"{"mode": "private", "internal": true, "ports": ["53/udp"]}"#,
                "TCP only, not of udp",
            ),
            (r#"{"mode": "none", "ports": ["80"]}"#, "cannot publish ports"),
            (
                r#"{"mode": {"named": "host"}, "join": ["b"]}"#,
                "every port of the host, and no other network",
            ),
            (r#"{"mode": "none", "publish_all": true}"#, "cannot publish ports"),
            (
                r#"{"ports": ["8080:80", "8080:81"]}"#,
                "use the same port of the host: 8080:81",
            ),
            (r#"{"mode": {"named": " "}}"#, "the name of the network is blank"),
        ],
    );
}

#[test]
fn name_of_a_network_that_is_wrong_is_a_fault() {
    faults_of(
        "network",
        &[
            (r#"{"mode": {"named": "a"}, "join": ["a"]}"#, "a is joined twice"),
            (r#"{"join": ["b", "b"]}"#, "b is joined twice"),
            (r#"{"join": [""]}"#, "the name of a network to join is blank"),
            (r#"{"mode": "none", "join": ["b"]}"#, "cannot join one"),
            (
                r#"{"hosts": {"a b": "127.0.0.1"}}"#,
                "the name of a host has letters",
            ),
            (r#"{"dns_search": [""]}"#, "a search domain has letters"),
            (r#"{"own": {"a/b": {}}}"#, "\"a/b\" is not the name of a network"),
            (
                r#"{"aliases_on": {"n": ["a"]}}"#,
                "the network n, which is not joined",
            ),
            (
                r#"{"join": ["n"], "aliases_on": {"n": ["a b"]}}"#,
                "\"a b\" is not an alias",
            ),
        ],
    );
}

#[test]
fn condition_with_a_wrong_value_is_a_fault() {
    faults_of(
        "ready",
        &[
            (r#"{"wait_for": {"http": {"port": 0}}}"#, "from 1 to 65535"),
            (
                r#"{"wait_for": {"http": {"port": 80, "path": "health"}}}"#,
                "\"health\" is not the path of a URL",
            ),
            (
                r#"{"wait_for": {"http": {"port": 80, "path": "/a b"}}}"#,
                "is not the path of a URL",
            ),
            (r#"{"wait_for": {"file": " "}}"#, "the path of a wait is blank"),
            (
                r#"{"wait_for": {"port": 80}, "timeout": 0}"#,
                "must be greater than 0; omit it for 60 s",
            ),
            (r#"{"wait_for": {"any": []}}"#, "a list of conditions is empty"),
        ],
    );
    let lines = fault(r#"{"main": "image", "ready": {"wait_for": {"log": {"pattern": "x", "count": 0}}}}"#);
    assert!(lines.contains("greater than 0"), "{lines}");
    for text in ["port:70000", "http:80/a b", "exit:"] {
        let error = text.parse::<wait_for::WaitFor>().unwrap_err();
        assert!(
            error.to_string().contains("a b") || error.to_string().contains(text),
            "{error}"
        );
    }
}

#[test]
fn mount_with_a_wrong_directory_is_a_fault() {
    faults_of(
        "mounts",
        &[
            (
                r#"[{"source": {"tmpfs": {}}, "target": "/t", "subpath": "a"}]"#,
                "only a volume is mounted by a directory in it",
            ),
            (
                r#"[{"source": {"volume": "v"}, "target": "/t", "subpath": "a/../b"}]"#,
                "without .., unlike \"a/../b\"",
            ),
            (
                r#"[{"source": {"volume": "v"}, "target": "/t", "subpath": "/a"}]"#,
                "a relative path in the volume",
            ),
            (
                r#"[{"source": {"volume": "v"}, "target": "/t", "subpath": ""}]"#,
                "the subpath of a mount is blank",
            ),
            (
                r#"[{"source": {"volume": "v"}, "target": "//"}]"#,
                "an absolute path below /",
            ),
        ],
    );
}

#[test]
fn command_that_cannot_run_by_itself_is_a_fault() {
    faults_of(
        "health",
        &[
            (
                r#"{"check": {"argv": ["x"], "input": "piped"}}"#,
                "neither piped input nor a terminal",
            ),
            (r#"{"check": {"argv": []}}"#, "command is empty"),
        ],
    );
    faults_of(
        "main",
        &[
            (r#"{"arguments": []}"#, "use \"image\" for its own"),
            (r#"{"arguments": ["a\u0000"]}"#, "an argument contains a NUL byte"),
        ],
    );
}

#[test]
fn file_in_place_of_a_directory_is_a_fault() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let build = |context: &std::path::Path| {
        let spec = EnvironmentSpec {
            build: Some(ImageBuild::directory(context)),
            ..EnvironmentSpec::default()
        };
        spec.validate().unwrap_err()
    };
    let error = build(&file).to_string();
    assert!(
        error.contains("the directory of a build is not a directory"),
        "{error}"
    );
    // The path cannot be looked up: the fault has the reason of the system.
    let error = build(&file.join("below"));
    assert!(error.to_string().contains("below"), "{error}");
    assert_ne!(error.kind(), crate::ErrorKind::NotFound, "{error}");
    let error = build(std::path::Path::new("")).to_string();
    assert!(error.contains("the directory of a build is blank"), "{error}");
}

#[test]
fn value_of_json_that_is_wrong_is_a_fault() {
    for (json, words) in [
        (
            r#"{"limits": {"memory": "64m", "memory_swap": -2}}"#,
            "-2 is not a size",
        ),
        (
            r#"{"limits": {"memory": "64m", "memory_swap": "lots"}}"#,
            "\"lots\" is not a size",
        ),
        (
            r#"{"limits": {"memory": 1.5}}"#,
            "a size is a whole number of bytes",
        ),
        (
            r#"{"limits": {"memory": "99999999999999999999t"}}"#,
            "is not a size",
        ),
        (r#"{"limits": {"cpus": "two"}}"#, "\"two\" is not a number"),
        (
            r#"{"limits": {"ulimits": {"nofile": "many"}}}"#,
            "\"many\" is not a limit",
        ),
        (r#"{"health": {"interval": -1.5}}"#, "health.interval"),
        (
            r#"{"health": {"interval": "soon"}}"#,
            "\"soon\" is not a duration",
        ),
        (
            r#"{"security": {"devices": ["fuse"]}}"#,
            "\"fuse\" is not a device",
        ),
        (r#"{"limits": null}"#, "an object is expected, not null"),
        (r#"{"limits": {"pids": 1.5}}"#, "not a number with a fraction"),
        (
            r#"{"network": {"publish_all": 1}}"#,
            "true or false is expected, not a number",
        ),
    ] {
        let error = EnvironmentSpec::from_json(json).expect_err(json).to_string();
        assert!(error.contains(words), "{json}: {error}");
    }
    let swap = |text: &str| {
        let json = format!(r#"{{"limits": {{"memory": "64m", "memory_swap": {text}}}}}"#);
        EnvironmentSpec::from_json(&json).unwrap().limits.memory_swap
    };
    assert_eq!(swap("-1"), Some(MemorySwap::Unlimited));
    assert_eq!(swap("134217728"), Some(MemorySwap::Total(128 << 20)));
    let whole = EnvironmentSpec::from_json(r#"{"limits": {"cpus": 2}, "health": {"interval": 1}}"#).unwrap();
    assert_eq!(whole.limits.cpus, Some(2.0));
    let groups = fault(r#"{"security": {"groups": [" "]}}"#);
    assert!(groups.contains("the name of a group is blank"), "{groups}");
}

#[test]
fn value_is_written_as_it_is_read() {
    let json = r#"{"security": {"devices": ["/dev/fuse:/dev/fuse:rwm"], "gpus": "device=0,1"},
        "limits": {"memory": 67108864, "memory_swap": "unlimited", "ulimits": {"core": {"soft": 0, "hard": "unlimited"}}}}"#;
    let spec = EnvironmentSpec::from_json(json).unwrap();
    let expected: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_value(&spec).unwrap(), expected);
    let core = spec.limits.ulimits["core"];
    assert_eq!(
        (core.soft.to_string(), core.hard.to_string()),
        ("0".into(), "unlimited".into())
    );
    let profiles = ["standard", "hardened", "trusted"].map(|name| {
        let json = format!(r#"{{"security": {{"profile": "{name}"}}}}"#);
        EnvironmentSpec::from_json(&json)
            .unwrap()
            .security
            .profile
            .to_string()
    });
    assert_eq!(profiles, ["standard", "hardened", "trusted"]);
    let lifetimes = ["owner", "kept", "shared"].map(|name| {
        let json = format!(r#"{{"lifetime": "{name}"}}"#);
        EnvironmentSpec::from_json(&json).unwrap().lifetime.to_string()
    });
    assert_eq!(lifetimes, ["owner", "kept", "shared"]);
}

#[test]
fn limit_without_its_feature_is_removed() {
    let json = r#"{"limits": {"memory": "64m", "memory_swap": "128m", "cpus": 1, "cpuset_cpus": "0", "pids": 9,
        "disk": "1g", "shm_size": "8m", "ulimits": {"nofile": 9}, "block_io": {"read_bps": {"/dev/sda": "1m"}}}}"#;
    let limits = EnvironmentSpec::from_json(json).unwrap().limits;
    let all: Vec<Feature> = limits.required_features().collect();
    assert_eq!(all.len(), 9);
    for feature in &all {
        let mut fewer = limits.clone();
        fewer.remove(*feature);
        let left: Vec<Feature> = fewer.required_features().collect();
        // The swap limit counts the memory, too: it goes with the memory limit.
        let gone = |one: &Feature| {
            one == feature || (*feature == Feature::MemoryLimit && *one == Feature::SwapLimit)
        };
        let expected: Vec<Feature> = all.iter().copied().filter(|one| !gone(one)).collect();
        assert_eq!(left, expected, "{feature:?}");
    }
    let mut same = limits.clone();
    same.remove(Feature::Logs);
    assert_eq!(same, limits);
}
