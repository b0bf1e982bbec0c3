use std::fs;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use isolation::engines::sandbox::SandboxOptions;
use isolation::{Command, EnvironmentSpec};

use crate::support::{Fixture, as_ordinary_user, printed, rustix_is_root, sh};

#[tokio::test]
async fn nothing_of_the_caller_is_seen() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    let sockets = "find / -xdev -type s 2>/dev/null; find /run /tmp /etc /dev -type s 2>/dev/null; true";
    assert_eq!(printed(&environment, sockets).await, "");
    let processes = printed(&environment, "ls -d /proc/[0-9]* | wc -l").await;
    assert!(processes.parse::<u32>().unwrap() < 10, "{processes}");
    for path in ["/etc/shadow", "/sys", "/boot", "/srv", "/home", "/etc/machine-id"] {
        let seen = sh(&environment, &format!("[ -e {path} ]")).await;
        assert!(!seen.exit.success(), "{path} is there");
    }
    assert_eq!(
        printed(&environment, "ls -A /root /tmp /run")
            .await
            .lines()
            .count(),
        5,
        "headings only"
    );
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_ne!(
        printed(&environment, "cat /proc/sys/kernel/hostname").await,
        host.trim()
    );
}

#[tokio::test]
async fn root_inside_is_not_root_outside() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    assert_eq!(printed(&environment, "id -u").await, "0");
    let map = printed(&environment, "cat /proc/self/uid_map").await;
    let fields: Vec<&str> = map.split_whitespace().collect();
    assert_eq!(fields[0], "0");
    assert_ne!(fields[1], "0", "root is mapped to root");
    assert_eq!(fields[2], if rustix_is_root() { "65536" } else { "1" });
    let status = printed(&environment, "grep -E 'CapEff|NoNewPrivs' /proc/self/status").await;
    let capabilities = if rustix_is_root() {
        "00000000a80425fb"
    } else {
        "0000000000000000"
    };
    assert!(status.contains(capabilities), "{status}");
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    for setting in [
        "vm/drop_caches",
        "kernel/hostname",
        "kernel/core_pattern",
        "net/ipv4/ip_forward",
    ] {
        let written = sh(&environment, &format!(": >>/proc/sys/{setting}")).await;
        assert!(!written.exit.success(), "{setting} can be written");
    }
    for path in [
        "/usr/bin/new",
        "/etc/ssl/certs/new",
        "/dev/isolation/new",
        "/proc/sys/x",
    ] {
        let written = sh(&environment, &format!("echo >{path}")).await;
        assert!(!written.exit.success(), "{path} can be written");
    }
    if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        let status = printed(&environment, "grep Seccomp: /proc/self/status").await;
        assert_eq!(status, "Seccomp:\t2");
        for (program, script) in [
            ("unshare", "unshare -U true"),
            ("unshare", "unshare -n true"),
            ("mount", "mount -t tmpfs none /tmp"),
            ("nsenter", "nsenter -t 1 -m true"),
            ("dmesg", "dmesg"),
        ] {
            let script = format!("command -v {program} >/dev/null || exit 9; {script}");
            let code = sh(&environment, &script).await.exit.code;
            assert_ne!(code, 0, "{script}");
        }
    }
    // Several users, where there are several.
    let changed = sh(
        &environment,
        "echo >/tmp/f; chown 1000:1000 /tmp/f && stat -c %u:%g /tmp/f",
    )
    .await;
    assert_eq!(changed.exit.success(), rustix_is_root(), "{changed:?}");
}

#[tokio::test]
async fn network_is_only_its_own() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let name = format!("sandbox-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _abstract = UnixListener::bind_addr(&address).unwrap();
    let connect = format!(
        "import socket\nsocket.create_connection(('127.0.0.1', {port}), 5)\n\
         s = socket.socket(socket.AF_UNIX)\ns.connect('\\0{name}')\nprint('reached')"
    );
    let python = |environment: &isolation::Environment| {
        let command = Command::new(["python3", "-c", &connect]);
        let environment = environment.clone();
        async move { environment.run(command).await.unwrap() }
    };
    let alone = fixture.environment().await;
    if !sh(&alone, "command -v python3").await.exit.success() {
        eprintln!("skipped: this machine has no python3 in /usr");
        return;
    }
    let refused = python(&alone).await;
    assert!(!refused.exit.success(), "{refused:?}");
    assert!(refused.stderr_text().contains("refused"), "{refused:?}");
    // One command reaches the listener of another one.
    let serve = "python3 -m http.server 8000 --bind 127.0.0.1 >/dev/null 2>&1 &";
    printed(&alone, serve).await;
    let fetch = "import time, urllib.request\nfor _ in range(500):\n try:\n  \
                 print(urllib.request.urlopen('http://localhost:8000/').status)\n  break\n \
                 except OSError:\n  time.sleep(0.02)";
    let fetched = alone.run(Command::new(["python3", "-c", fetch])).await.unwrap();
    assert_eq!(fetched.stdout_text(), "200\n");
    let lookup = sh(
        &alone,
        "python3 -c 'import socket; socket.gethostbyname(\"example.org\")'",
    )
    .await;
    assert!(!lookup.exit.success());

    let mut spec = EnvironmentSpec::default();
    SandboxOptions { host_network: true }.add_to(&mut spec);
    let shared = fixture.create(spec).await.unwrap();
    let reached = python(&shared).await;
    assert_eq!(reached.stdout_text(), "reached\n", "{reached:?}");
    let details = shared.inspect().await.unwrap().details;
    assert_eq!(details["network"], "that of this machine");
}

#[tokio::test]
async fn descriptors_of_the_caller_are_closed() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    let open = printed(&environment, "ls /proc/self/fd").await;
    // The last one is the listing itself.
    assert_eq!(open.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"]);
}

#[test]
fn inherited_descriptors_are_not_passed_on() {
    // The same test with files that this program inherits.
    let test = "isolation_inside::descriptors_of_the_caller_are_closed";
    let status = std::process::Command::new("bash")
        .args(["-c", "exec 7</etc/passwd 251</etc/passwd; exec \"$@\"", "bash"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn ordinary_user_is_isolated_too() {
    for test in [
        "isolation_inside::nothing_of_the_caller_is_seen",
        "isolation_inside::root_inside_is_not_root_outside",
        "isolation_inside::network_is_only_its_own",
    ] {
        as_ordinary_user(test);
    }
}

/// The mount of a restart went to a file outside, where a link led.
#[tokio::test]
async fn planted_link_is_refused_at_the_next_start() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    let outside = fixture.base.path().join("outside");
    let plant = format!(
        "mv /etc /x; mkdir /etc; ln -s /oldroot{} /etc/alternatives",
        outside.display()
    );
    printed(&environment, &plant).await;
    environment.stop(std::time::Duration::ZERO).await.unwrap();
    let error = environment.start().await.unwrap_err();
    assert!(error.to_string().contains("is a link"), "{error}");
    assert!(!outside.exists());
    environment.destroy().await.unwrap();
}

/// Code that a restart runs before the first process is ready could name another process.
#[tokio::test]
async fn report_of_the_child_is_not_written_inside() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    let fake = "printf '#!/usr/bin/bash\\necho \\\"child-pid\\\": 1 >&2\\necho isolate-ready: >&2\\nexec /usr/bin/bash \"$@\"\\n' >/tmp/sh; \
                chmod +x /tmp/sh; rm -f /bin; mkdir /bin; cp /tmp/sh /bin/sh; chmod +x /bin/sh";
    sh(&environment, fake).await;
    environment.stop(std::time::Duration::ZERO).await.unwrap();
    // It starts or fails; never is the root of this machine that of the environment.
    if environment.start().await.is_ok() {
        let target = fixture.base.path().join("copy");
        let copied = environment.copy_out("/etc/machine-id", &target).await;
        assert!(copied.is_err() && !target.exists());
    }
    environment.destroy().await.unwrap();
}
