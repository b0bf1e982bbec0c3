//! The profile hardened: each thing that it forbids is tried from inside.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use isolation::engines::sandbox::SandboxOptions;
use isolation::{Command, Environment, EnvironmentSpec, Feature, Mount, SecurityProfile, TerminalSize};

use crate::images::WithImage;
use crate::rights::{CHOWN, assert_unsupported, capabilities, create, fixture, mask, perl, spec};
use crate::support::{as_ordinary_user, as_user_with_others, has_users, printed};

/// Why this machine cannot have a hardened environment; `None` if it can.
async fn obstacle(fixture: &WithImage) -> Option<(Feature, &'static str)> {
    if !has_users() {
        return Some((Feature::SecurityOptions, "it needs several users"));
    }
    let capabilities = capabilities(fixture).await;
    let limits = [Feature::MemoryLimit, Feature::CpuLimit, Feature::PidsLimit];
    let missing = limits.into_iter().find(|limit| !capabilities.has(*limit));
    missing.map(|limit| (limit, "the profile hardened needs this limit"))
}

/// The error number of a system call in perl; 0 after success.
async fn errno(environment: &Environment, call: libc::c_long, arguments: &str) -> i32 {
    let script = format!("$r = syscall({call}, {arguments}); print $r < 0 ? $!+0 : 0");
    let output = environment
        .run(Command::new(["perl", "-e", &script]))
        .await
        .unwrap();
    output.stdout_text().trim().parse().map_err(|_| output).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hardened_environment_can_do_nothing() {
    let Some(fixture) = fixture().await else {
        return;
    };
    let hardened = spec(r#"{"profile": "hardened"}"#);
    if let Some((feature, why)) = obstacle(&fixture).await {
        let error = create(&fixture, hardened).await.unwrap_err();
        assert_unsupported(&error, feature, why);
        assert_eq!(fs::read_dir(fixture.base.path()).unwrap().count(), 0);
        return;
    }
    let shared = tempfile::tempdir().unwrap();
    fs::set_permissions(shared.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let mut spec = hardened.clone();
    spec.mounts.push(Mount::host(shared.path(), "/out"));
    let environment = create(&fixture, spec).await.unwrap();
    assert!(environment.spec().relaxations().is_empty());
    for name in ["CapEff:", "CapPrm:", "CapInh:", "CapBnd:", "CapAmb:"] {
        assert_eq!(mask(&environment, name, None).await, 0, "{name}");
        assert_eq!(mask(&environment, name, Some("root")).await, 0, "{name} of root");
    }
    let status = printed(&environment, "cat /proc/self/status").await;
    assert!(
        status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"),
        "{status}"
    );
    for (script, expected) in [
        ("id -u; id -g; id -G", "65534\n65534\n65534"),
        ("echo y >/tmp/x; cat /tmp/x; rm /tmp/x", "y"),
        ("echo y >/out/x; cat /out/x; rm /out/x", "y"),
        ("ls -A /tmp", ""),
        (
            "cat /proc/net/dev | while read -r name rest; do case $name in *:) echo $name;; esac; done",
            "lo:",
        ),
        (
            "cat /proc/net/route | while read -r name rest; do echo $name; done",
            "Iface",
        ),
        ("[ -e /sys ] || echo none", "none"),
    ] {
        assert_eq!(printed(&environment, script).await, expected, "{script}");
    }
    let variables = environment
        .run(Command::new(["env"]))
        .await
        .unwrap()
        .stdout_text();
    let mut names: Vec<&str> = variables
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["HOME", "HOSTNAME", "PATH"]);
    let of_nobody = [
        "echo x >/root/x",
        "echo x >/dev/x",
        "cat /proc/1/environ",
        "ls /proc/1/root/",
        "chown 0:0 /tmp",
        "kill -9 1",
        "echo all KILL x >/dev/isolation/control",
    ];
    for script in of_nobody {
        let output = environment.run(Command::shell(script)).await.unwrap();
        assert!(!output.exit.success(), "{script}: {output:?}");
    }
    for script in [
        "echo x >/x",
        "echo x >/etc/hosts",
        "echo x >/dev/isolation/x",
        "echo x >/proc/sys/kernel/hostname",
        "echo x >/proc/sysrq-trigger",
        "cat /proc/kallsyms",
        "cat /proc/kcore",
        "cat /proc/keys",
        "chown 1000:1000 /tmp",
    ] {
        for user in ["65534", "root"] {
            let mut command = Command::shell(script);
            command.user = Some(user.to_owned());
            let output = environment.run(command).await.unwrap();
            assert!(!output.exit.success(), "{script} as {user}: {output:?}");
        }
    }
    let limits = environment.inspect().await.unwrap().limits.unwrap();
    assert_eq!((limits.memory, limits.pids), (Some(512 << 20), Some(256)));
    assert_eq!(limits.cpus, Some(1.0));
    let mut command = Command::shell("true");
    command.terminal = Some(TerminalSize::default());
    let error = environment.run(command).await.unwrap_err();
    assert_unsupported(&error, Feature::SecurityOptions, "it has no terminals");
    // A timeout kills all the same.
    let mut slow = Command::shell("sleep 1000 & sleep 1000");
    slow.timeout = Some(Duration::from_millis(300));
    assert!(environment.run(slow).await.unwrap().exit.timed_out);
    environment.stop(Duration::ZERO).await.unwrap();
    environment.start().await.unwrap();
    assert_eq!(
        printed(&environment, "id -u; [ -w / ] || echo no").await,
        "65534\nno"
    );
    environment.destroy().await.unwrap();
    assert_eq!(fs::read_dir(fixture.base.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hardened_filter_rejects_calls() {
    let Some(fixture) = fixture().await else {
        return;
    };
    if perl().is_none() || !cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        return;
    }
    let standard = create(&fixture, spec("{}")).await.unwrap();
    let user = i64::from(libc::CLONE_NEWUSER);
    let hardened = match obstacle(&fixture).await {
        None => Some(
            create(&fixture, spec(r#"{"profile": "hardened"}"#))
                .await
                .unwrap(),
        ),
        Some(_) => None,
    };
    // Rejected everywhere.
    for (call, arguments) in [
        (libc::SYS_unshare, user.to_string()),
        (libc::SYS_clone, format!("{}, 0, 0, 0, 0", user | 17)),
        (libc::SYS_mount, "0, 0, 0, 0, 0".to_owned()),
        (libc::SYS_keyctl, "0, 0, 0, 0, 0".to_owned()),
        (libc::SYS_bpf, "0, 0, 0".to_owned()),
    ] {
        for environment in [Some(&standard), hardened.as_ref()].into_iter().flatten() {
            assert_eq!(errno(environment, call, &arguments).await, libc::EPERM, "{call}");
        }
    }
    // Only in a hardened environment.
    let family = |family: i32| format!("{family}, {}, 0", libc::SOCK_DGRAM);
    for (call, arguments) in [
        (libc::SYS_ptrace, "0, 0, 0, 0".to_owned()),
        (libc::SYS_personality, "0xffffffff".to_owned()),
        (libc::SYS_process_vm_readv, "$$, 0, 0, 0, 0, 0".to_owned()),
        (libc::SYS_process_vm_writev, "$$, 0, 0, 0, 0, 0".to_owned()),
        (libc::SYS_pidfd_getfd, "-1, 0, 0".to_owned()),
        (libc::SYS_socket, family(libc::AF_ALG)),
        (libc::SYS_socket, family(libc::AF_VSOCK)),
    ] {
        assert_ne!(
            errno(&standard, call, &arguments).await,
            libc::EPERM,
            "{call} {arguments}"
        );
        if let Some(hardened) = &hardened {
            assert_eq!(
                errno(hardened, call, &arguments).await,
                libc::EPERM,
                "{call} {arguments}"
            );
        }
    }
    if let Some(hardened) = hardened {
        let packets = family(libc::AF_PACKET);
        assert_eq!(errno(&hardened, libc::SYS_socket, &packets).await, libc::EPERM);
        for family in [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6] {
            let arguments = format!("{family}, {}, 0", libc::SOCK_STREAM);
            assert_eq!(
                errno(&hardened, libc::SYS_socket, &arguments).await,
                0,
                "{family}"
            );
        }
        hardened.destroy().await.unwrap();
    }
    standard.destroy().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hardened_profile_is_refused_or_relaxed() {
    let Some(fixture) = fixture().await else {
        return;
    };
    if obstacle(&fixture).await.is_some() {
        // The other test shows the reason.
        return;
    }
    let hardened = || spec(r#"{"profile": "hardened"}"#);
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let socket = directory.path().join("agent.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).unwrap();
    let mut refused: Vec<(EnvironmentSpec, &str)> = Vec::new();
    let mut without_image = hardened();
    without_image.image = None;
    refused.push((without_image, "it needs an image"));
    for source in [directory.path(), &socket] {
        let mut mounted = hardened();
        mounted.mounts.push(Mount::host(source, "/in"));
        mounted.mounts[0].read_only = true;
        refused.push((mounted, "agent.sock is a socket"));
    }
    let mut with_network = hardened();
    SandboxOptions { host_network: true }.add_to(&mut with_network);
    refused.push((with_network, "it has no network"));
    for (spec, why) in refused {
        let error = create(&fixture, spec).await.unwrap_err();
        assert_unsupported(&error, Feature::SecurityOptions, why);
        assert_eq!(fs::read_dir(fixture.base.path()).unwrap().count(), 0, "{why}");
    }
    // Each exception changes one thing, and is listed.
    let mut writable = spec(r#"{"profile": "hardened", "writable_root": true}"#);
    writable.user = Some("root".to_owned());
    let environment = create(&fixture, writable).await.unwrap();
    let relaxations = environment.spec().relaxations();
    assert_eq!(
        relaxations,
        ["the root file system is writable", "its user is root"]
    );
    assert_eq!(
        printed(&environment, "echo x >/new; cat /new; id -u").await,
        "x\n0"
    );
    assert_eq!(mask(&environment, "CapEff:", None).await, 0);
    environment.destroy().await.unwrap();
    let mut added = spec(r#"{"profile": "hardened", "add_capabilities": ["CHOWN"]}"#);
    added.limits.memory = Some(64 << 20);
    added.user = Some("0".to_owned());
    let environment = create(&fixture, added).await.unwrap();
    assert_eq!(mask(&environment, "CapEff:", None).await, CHOWN);
    let limits = environment.inspect().await.unwrap().limits.unwrap();
    assert_eq!((limits.memory, limits.pids), (Some(64 << 20), Some(256)));
    let security = &environment.spec().security;
    assert_eq!(security.profile, SecurityProfile::Hardened);
    assert!(!security.read_only_root, "the specification stays as it was");
    environment.destroy().await.unwrap();
}

#[test]
fn hardened_environment_of_ordinary_users() {
    for test in [
        "hardened::hardened_environment_can_do_nothing",
        "hardened::hardened_filter_rejects_calls",
    ] {
        as_ordinary_user(test);
        as_user_with_others(test);
    }
}
