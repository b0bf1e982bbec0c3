//! Tests of whole specifications.

use super::mount::MountSource;
use super::network::NetworkMode;
use super::own_network::OwnNetwork;
use super::wait_for::WaitFor;
use super::*;
use crate::ErrorKind;
use crate::command::Command;

fn rejected(spec: &EnvironmentSpec) -> String {
    spec.validate().unwrap_err().to_string()
}

fn spec() -> EnvironmentSpec {
    EnvironmentSpec::default()
}

#[test]
fn invalid_specification_is_rejected() {
    let some = |text: &str| Some(text.to_owned());
    let limits = |cpus, memory| ResourceLimits {
        cpus,
        memory,
        ..ResourceLimits::default()
    };
    let copies = vec![CopyIn {
        source: "/no/such/file".into(),
        target: "x".into(),
    }];
    let mount = |mount| EnvironmentSpec {
        mounts: vec![mount],
        ..spec()
    };
    let main = |command| EnvironmentSpec {
        main: Main::Command(command),
        ..spec()
    };
    for (spec, word) in [
        (
            EnvironmentSpec {
                name: some("  "),
                ..spec()
            },
            "name",
        ),
        (
            EnvironmentSpec {
                name: some("a\u{1b}[2J"),
                ..spec()
            },
            "name",
        ),
        (
            EnvironmentSpec {
                image: some(""),
                ..spec()
            },
            "image",
        ),
        (
            EnvironmentSpec {
                user: some(" "),
                ..spec()
            },
            "user",
        ),
        (
            EnvironmentSpec {
                env: [("", "x")].into(),
                ..spec()
            },
            "variable",
        ),
        (
            EnvironmentSpec {
                env: [("A=B", "x")].into(),
                ..spec()
            },
            "A=B",
        ),
        (
            EnvironmentSpec {
                env: [("A", "x\0")].into(),
                ..spec()
            },
            "NUL",
        ),
        (
            EnvironmentSpec {
                working_dir: some("a\0b"),
                ..spec()
            },
            "NUL",
        ),
        (EnvironmentSpec { copies, ..spec() }, "/no/such/file"),
        (mount(Mount::host("/", "relative")), "absolute"),
        (mount(Mount::host("/", "/")), "below /"),
        (mount(Mount::host("relative", "/x")), "absolute"),
        (mount(Mount::volume("a\nb", "/x")), "volume"),
        (mount(Mount::tmpfs("/x", Some(0))), "greater than 0"),
        (
            EnvironmentSpec {
                limits: limits(None, Some(0)),
                ..spec()
            },
            "greater than 0",
        ),
        (
            EnvironmentSpec {
                limits: limits(Some(0.0), None),
                ..spec()
            },
            "CPUs",
        ),
        (
            EnvironmentSpec {
                limits: limits(Some(f64::NAN), None),
                ..spec()
            },
            "CPUs",
        ),
        (
            EnvironmentSpec {
                limits: limits(Some(f64::INFINITY), None),
                ..spec()
            },
            "CPUs",
        ),
        (main(Command::default()), "empty"),
        (
            main(Command {
                timeout: Some(Duration::ZERO),
                ..Command::new(["x"])
            }),
            "timeout",
        ),
    ] {
        assert!(rejected(&spec).contains(word), "{word}: {}", rejected(&spec));
    }
    let both = vec![Mount::host("/", "/x"), Mount::tmpfs("/x/", None)];
    assert!(
        rejected(&EnvironmentSpec {
            mounts: both,
            ..spec()
        })
        .contains("two mounts")
    );
}

#[test]
fn every_fault_is_listed_at_once() {
    let spec = EnvironmentSpec {
        image: Some(" ".into()),
        env: [("A=B", "secret-value"), ("", "secret-value")].into(),
        mounts: vec![Mount::host("/no/such/directory", "relative")],
        ..spec()
    };
    let error = spec.validate().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.failures().len(), 5, "{error}");
    let text = error.to_string();
    for word in ["image", "A=B", "/no/such/directory", "relative"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!text.contains("secret-value"), "{text}");
}

#[test]
fn variable_values_are_not_printed() {
    let main = Main::Command(Command {
        env: [("TOKEN", "hunter2")].into(),
        ..Command::new(["x"])
    });
    let env = [("TOKEN", "hunter2")].into();
    let printed = format!("{:?}", EnvironmentSpec { env, main, ..spec() });
    assert!(
        printed.contains("TOKEN") && !printed.contains("hunter2"),
        "{printed}"
    );
}

#[test]
fn required_features_follow_the_specification() {
    assert!(spec().required_features().is_empty());
    let features = |spec: EnvironmentSpec| spec.required_features();
    let read_only = Mount {
        read_only: true,
        ..Mount::host("/", "/x")
    };
    let limits = ResourceLimits {
        pids: Some(9),
        ..ResourceLimits::default()
    };
    let both = EnvironmentSpec {
        mounts: vec![read_only],
        limits,
        ..spec()
    };
    let expected = [Feature::PidsLimit, Feature::Mounts, Feature::ReadOnlyMounts];
    assert_eq!(features(both), expected.into());
    let mounts = vec![Mount::volume("data", "/x"), Mount::tmpfs("/y", None)];
    let expected = [Feature::Volumes, Feature::Tmpfs];
    assert_eq!(features(EnvironmentSpec { mounts, ..spec() }), expected.into());
    let main = Main::Image;
    assert_eq!(
        features(EnvironmentSpec { main, ..spec() }),
        [Feature::MainProcess].into()
    );
    let network = NetworkSpec {
        mode: NetworkMode::None,
        ..NetworkSpec::default()
    };
    let expected = [Feature::NetworkIsolation].into();
    assert_eq!(features(EnvironmentSpec { network, ..spec() }), expected);
}

#[test]
fn health_and_restart_without_sense_are_rejected() {
    let rejected = |text: &str| {
        let spec = EnvironmentSpec::from_json(text).unwrap();
        spec.validate().unwrap_err().to_string()
    };
    for (text, why) in [
        (r#"{"restart": {}}"#, "main process"),
        (
            r#"{"restart": {"on_exit": "never", "on_unhealthy": true}}"#,
            "health",
        ),
        (r#"{"main": "image", "lifetime": "kept", "restart": {}}"#, "kept"),
        (r#"{"health": {"retries": 0}}"#, "greater than 0"),
        (r#"{"health": {"interval": 0}}"#, "greater than 0"),
        (r#"{"health": {"disabled": true, "retries": 2}}"#, "disabled"),
        (
            r#"{"health": {"disabled": true}, "restart": {"on_exit": "never", "on_unhealthy": true}}"#,
            "health",
        ),
        (
            r#"{"main": {"command": {"argv": ["x"], "input": "piped"}}, "restart": {}}"#,
            "input",
        ),
    ] {
        let error = rejected(text);
        assert!(error.contains(why), "{text}: {error}");
    }
    for text in [
        r#"{"health": {"every": 3}}"#,
        r#"{"restart": {"on_exit": "sometimes"}}"#,
        r#"{"restart": {"recovery": "hope"}}"#,
    ] {
        assert!(EnvironmentSpec::from_json(text).is_err(), "{text}");
    }
}

#[test]
fn json_round_trips_and_is_short() {
    assert_eq!(serde_json::to_string(&spec()).unwrap(), "{}");
    let full = EnvironmentSpec {
        isolation: Some(IsolationLevel::Container),
        require: [Feature::Tty].into(),
        name: Some("größe 7".into()),
        image: Some("busybox".into()),
        build: Some(ImageBuild {
            target: "test".into(),
            args: [("V", "7")].into(),
            ..ImageBuild::directory(".")
        }),
        main: Main::Command(Command::new(["httpd", "-f"])),
        env: [("A", "1")].into(),
        working_dir: Some("/w".into()),
        user: Some("1000:1000".into()),
        mounts: vec![
            Mount::host("/srv", "/srv"),
            Mount {
                subpath: Some("a/b".into()),
                ..Mount::volume("v", "/v")
            },
            Mount::tmpfs("/t", Some(1 << 20)),
        ],
        copies: vec![CopyIn {
            source: "/etc/hosts".into(),
            target: "hosts".into(),
        }],
        limits: ResourceLimits {
            memory: Some(1 << 28),
            cpus: Some(0.5),
            pids: Some(9),
            disk: Some(1 << 30),
            ..ResourceLimits::default()
        },
        network: NetworkSpec {
            mode: NetworkMode::Named("n".into()),
            ports: vec![80.into(), "127.0.0.1:5353:53/udp".parse().unwrap()],
            aliases: vec!["www".into()],
            join: vec!["m".into(), "own".into()],
            aliases_on: [("own".to_owned(), vec!["api".to_owned()])].into(),
            own: [(
                "own".to_owned(),
                OwnNetwork {
                    name: Some("shop-net".into()),
                    subnet: Some("10.9.0.0/24".parse().unwrap()),
                    internal: true,
                    ipv6: true,
                },
            )]
            .into(),
            dns: vec!["10.0.0.53".parse().unwrap()],
            dns_search: vec!["test.internal".into()],
            hosts: [("db".to_owned(), "10.0.0.7".parse().unwrap())].into(),
            ..NetworkSpec::default()
        },
        security: SecuritySpec {
            read_only_root: true,
            add_capabilities: vec!["NET_RAW".into()],
            ..SecuritySpec::default()
        },
        lifetime: Lifetime::Kept,
        ready: Some(WaitFor::Port(80).into()),
        group: Some(Membership {
            group: "g".into(),
            service: "s".into(),
            rank: 1,
        }),
        health: Some(HealthSpec {
            check: Some(Command::new(["true"])),
            interval: Some(Duration::from_secs(2)),
            ..HealthSpec::default()
        }),
        restart: Some(RestartSpec::default()),
        stop_grace: Some(Duration::from_millis(1500)),
        labels: [("k".to_owned(), "v".to_owned())].into(),
        owner: Some("me".into()),
        session: Some("s".into()),
        engine_options: [("docker".to_owned(), serde_json::json!({"shm_size": "64m"}))].into(),
    };
    let text = serde_json::to_string(&full).unwrap();
    assert_eq!(EnvironmentSpec::from_json(&text).unwrap(), full, "{text}");
}

#[test]
fn json_accepts_texts_with_units() {
    let read = |text: &str| EnvironmentSpec::from_json(text);
    let limits = read(r#"{"limits": {"memory": "512m", "cpus": "1.0"}}"#)
        .unwrap()
        .limits;
    assert_eq!((limits.memory, limits.cpus), (Some(512 << 20), Some(1.0)));
    let command = read(r#"{"main": {"command": {"argv": ["x"], "env": {"A": "1"}}}}"#).unwrap();
    assert!(matches!(command.main, Main::Command(command) if command.env["A"] == "1"));
    assert_eq!(read(r#"{"main": "image"}"#).unwrap().main, Main::Image);
    let tmpfs = read(r#"{"mounts": [{"source": {"tmpfs": {}}, "target": "/t"}]}"#).unwrap();
    assert_eq!(tmpfs.mounts[0].source, MountSource::Tmpfs { size: None });
    assert_eq!(read(r#"{"lifetime": "kept"}"#).unwrap().lifetime, Lifetime::Kept);
    for (text, word) in [
        (r#"{"imgae": "x"}"#, "imgae"),
        (r#"{"limits": {"memory": "lots"}}"#, "lots"),
        (r#"{"limits": {"cpus": "two"}}"#, "two"),
        (r#"{"limits": {"swap": 1}}"#, "swap"),
        (
            r#"{"lifetime": "forever"}"#,
            "lifetime: unknown value; use owner, kept or shared",
        ),
        ("{", "line 1"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.to_string().contains(word), "{text}: {error}");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}
