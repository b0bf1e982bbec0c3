//! Security profiles: what a program in an environment can do.

use isolation::{Command, EnvironmentSpec, ErrorKind, Input, ResourceLimits, SecurityProfile, SecuritySpec};
use std::time::Duration;

use super::{active, manager, sh, spec};
use crate::support::{engines, one_line};

fn secured(security: SecuritySpec) -> EnvironmentSpec {
    EnvironmentSpec { security, ..spec() }
}

fn hardened() -> SecuritySpec {
    SecuritySpec {
        profile: SecurityProfile::Hardened,
        ..SecuritySpec::default()
    }
}

const CAPABILITIES: &str = "grep -E 'Cap(Eff|Bnd)' /proc/self/status | sort -u | awk '{print $2}' | uniq";

#[tokio::test]
async fn hardened_environment_can_do_nothing() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let environment = active(&manager, secured(hardened())).await;
        for (script, expected) in [
            ("id -u", "65534"),
            (CAPABILITIES, "0000000000000000"),
            ("grep NoNewPrivs /proc/self/status | awk '{print $2}'", "1"),
            ("touch /x 2>/dev/null; echo $?", "1"),
            ("echo y >/tmp/x; cat /tmp/x", "y"),
            ("ls /sys/class/net | grep -v lo; true", ""),
        ] {
            assert_eq!(
                sh(&environment, script).await,
                expected,
                "{}: {script}",
                subject.name
            );
        }
        let limits = environment.inspect().await.unwrap().limits.unwrap();
        assert_eq!(
            (limits.memory, limits.pids),
            (Some(512 << 20), Some(256)),
            "{}",
            subject.name
        );
        // A timeout kills all the same, though root has no rights.
        let slow = Command {
            timeout: Some(Duration::from_millis(300)),
            ..Command::shell("sleep 1060 & sleep 1060")
        };
        let output = environment.run(slow).await.unwrap();
        assert!(output.exit.timed_out, "{}: {}", subject.name, output.exit);
        assert_eq!(
            sh(&environment, "ps | grep -c 'sleep [1]060'; true").await,
            "0",
            "{}",
            subject.name
        );
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn each_exception_has_its_effect() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        for (security, script, expected) in [
            (
                SecuritySpec {
                    writable_root: true,
                    ..hardened()
                },
                "touch /tmp/x && echo ok",
                "ok",
            ),
            (
                SecuritySpec {
                    allow_new_privileges: true,
                    ..SecuritySpec::default()
                },
                "grep NoNewPrivs /proc/self/status | awk '{print $2}'",
                "0",
            ),
            (
                SecuritySpec {
                    drop_capabilities: vec!["ALL".into()],
                    ..SecuritySpec::default()
                },
                CAPABILITIES,
                "0000000000000000",
            ),
            (
                SecuritySpec {
                    profile: SecurityProfile::Trusted,
                    ..SecuritySpec::default()
                },
                "mknod /x c 1 3 && echo ok || echo none",
                if subject.name.starts_with("podman") {
                    "none"
                } else {
                    "ok"
                },
            ),
            (
                SecuritySpec {
                    add_capabilities: vec!["cap_mknod".into()],
                    ..SecuritySpec::default()
                },
                "mknod /x c 1 3 && echo ok",
                "ok",
            ),
            (
                SecuritySpec {
                    seccomp: Some("unconfined".into()),
                    ..SecuritySpec::default()
                },
                "grep 'Seccomp:' /proc/self/status | awk '{print $2}'",
                "0",
            ),
        ] {
            let environment = active(&manager, secured(security.clone())).await;
            let found = sh(&environment, script).await;
            assert_eq!(found, expected, "{}: {security:?}", subject.name);
            environment.destroy().await.unwrap();
        }
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn hardened_root_keeps_its_own_user_and_limits() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let environment = active(
            &manager,
            EnvironmentSpec {
                user: Some("1000:1000".into()),
                limits: ResourceLimits {
                    pids: Some(33),
                    ..ResourceLimits::default()
                },
                ..secured(hardened())
            },
        )
        .await;
        assert_eq!(sh(&environment, "id -u").await, "1000", "{}", subject.name);
        let limits = environment.inspect().await.unwrap().limits.unwrap();
        assert_eq!(limits.pids, Some(33), "{}", subject.name);
        let as_root = Command {
            user: Some("0".into()),
            ..Command::shell("id -u")
        };
        assert_eq!(
            environment.run(as_root).await.unwrap().stdout_text(),
            "0\n",
            "{}",
            subject.name
        );
        let unknown = Command {
            user: Some("no-such-user".into()),
            ..Command::shell("id -u")
        };
        let error = environment.run(unknown).await;
        assert!(
            error
                .as_ref()
                .is_err_and(|error| error.kind() != ErrorKind::Timeout)
                || error.as_ref().is_ok_and(|output| !output.exit.success()),
            "{}: {}",
            subject.name,
            error.err().map(|error| one_line(&error)).unwrap_or_default()
        );
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

/// Also where the daemon would give the capabilities of the profile to every user.
#[tokio::test]
async fn ordinary_user_may_do_nothing_more() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let ordinary = EnvironmentSpec {
            user: Some("65534".to_owned()),
            ..spec()
        };
        let environment = active(&manager, ordinary).await;
        // In a command shell, and as an exec.
        for input in [Input::Empty, Input::Piped] {
            let command = Command {
                input,
                ..Command::shell("echo x >/etc/file")
            };
            let output = environment.run(command).await.unwrap();
            assert!(!output.exit.success(), "{}: {output:?}", subject.name);
            let denied = output.stderr_text().contains("ermission denied");
            assert!(denied, "{}: {output:?}", subject.name);
        }
        environment.destroy().await.unwrap();
        // The same user in an environment of root.
        let environment = active(&manager, spec()).await;
        let command = Command {
            user: Some("65534".to_owned()),
            ..Command::shell("echo x >/etc/file")
        };
        let output = environment.run(command).await.unwrap();
        assert!(!output.exit.success(), "{}: {output:?}", subject.name);
        // Root keeps the capabilities of the profile.
        sh(&environment, "touch /f; chown 7 /f; chmod 600 /f; echo x >>/f").await;
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn devices_groups_and_parameters_are_inside() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let environment = active(
            &manager,
            secured(SecuritySpec {
                devices: vec!["/dev/zero:/dev/nothing:r".parse().unwrap()],
                groups: vec!["4711".into()],
                sysctls: [("net.core.somaxconn".into(), "77".into())].into(),
                ..SecuritySpec::default()
            }),
        )
        .await;
        for (script, expected) in [
            ("head -c 3 /dev/nothing | od -An -tx1 | tr -d ' '", "000000"),
            ("id -G | tr ' ' '\\n' | grep -c '^4711$'", "1"),
            ("cat /proc/sys/net/core/somaxconn", "77"),
        ] {
            let found = sh(&environment, script).await;
            assert_eq!(found, expected, "{}: {script}", subject.name);
        }
        let relaxations = environment.spec().relaxations();
        assert_eq!(relaxations.len(), 3, "{}: {relaxations:?}", subject.name);
        // Another process reads the same specification.
        let opened = manager.open(environment.id().as_str()).await.unwrap();
        assert_eq!(
            opened.spec().security,
            environment.spec().security,
            "{}",
            subject.name
        );
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}
