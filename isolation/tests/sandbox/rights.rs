//! Kernel capabilities, and options that are refused.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use isolation::{
    Capabilities, Command, Engine, EngineChoice, Environment, EnvironmentSpec, Error, ErrorKind, Feature,
};
use tar::Builder;

use crate::images::{WithImage, append, programs, saved};
use crate::support::{as_ordinary_user, as_user_with_others, has_users, printed, sh};

const CONFIG: &str = r#"{"Env":["PATH=/bin"]}"#;

/// A program that can make every system call, if this machine has it.
pub(crate) fn perl() -> Option<&'static Path> {
    let path = Path::new("/usr/bin/perl");
    if !path.exists() {
        eprintln!("skipped: this machine has no perl");
    }
    path.exists().then_some(path)
}

/// An image with a program that makes system calls.
fn image() -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    let passwd = b"root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n";
    append(&mut builder, "etc/passwd", passwd, 0o644);
    append(&mut builder, "etc/group", b"root:x:0:\napp:x:1000:\n", 0o644);
    append(&mut builder, "bin/perl", b"", 0o644);
    if let Some(perl) = perl() {
        append(&mut builder, "bin/perl", &fs::read(perl).unwrap(), 0o755);
        let needed = std::process::Command::new("ldd").arg(perl).output().unwrap();
        let needed = String::from_utf8_lossy(&needed.stdout).into_owned();
        let paths = needed.split_whitespace().filter(|word| word.starts_with('/'));
        for library in paths.map(PathBuf::from).collect::<BTreeSet<_>>() {
            let path = library.to_str().unwrap().trim_start_matches('/').to_owned();
            append(&mut builder, &path, &fs::read(&library).unwrap(), 0o755);
        }
    }
    saved(&[programs(), builder.into_inner().unwrap()], CONFIG, "rights:1")
}

pub(crate) fn spec(security: &str) -> EnvironmentSpec {
    let json = format!(r#"{{"image": "rights:1", "security": {security}}}"#);
    EnvironmentSpec::from_json(&json).unwrap()
}

pub(crate) async fn fixture() -> Option<WithImage> {
    let fixture = WithImage::new().await?;
    fixture.import(&image()).await.unwrap();
    Some(fixture)
}

pub(crate) async fn create(fixture: &WithImage, spec: EnvironmentSpec) -> isolation::Result<Environment> {
    fixture
        .manager
        .create(&EngineChoice::Named("sandbox".to_owned()), spec)
        .await
}

pub(crate) async fn capabilities(fixture: &WithImage) -> Capabilities {
    fixture.engine().probe().await.capabilities
}

pub(crate) fn assert_unsupported(error: &Error, feature: Feature, word: &str) {
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    let named = error.missing().iter().any(|one| one.feature == feature);
    assert!(named, "{feature} is not named: {error}");
    assert!(error.to_string().contains(word), "{error}");
}

/// A value of `/proc/self/status`, as a number.
pub(crate) async fn mask(environment: &Environment, name: &str, user: Option<&str>) -> u64 {
    let mut command = Command::new(["cat", "/proc/self/status"]);
    command.user = user.map(str::to_owned);
    let status = environment.run(command).await.unwrap().stdout_text();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    u64::from_str_radix(line.unwrap().trim(), 16).unwrap()
}

pub(crate) const CHOWN: u64 = 1;
const DAC_OVERRIDE: u64 = 1 << 1;
const KILL: u64 = 1 << 5;
const SETUID: u64 = 1 << 7;
const NET_RAW: u64 = 1 << 13;
const OF_DOCKER: u64 = 0xa804_25fb;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kernel_capabilities_are_those_of_the_spec() {
    let Some(fixture) = fixture().await else {
        return;
    };
    for (security, expected) in [
        ("{}", OF_DOCKER),
        (r#"{"profile": "trusted"}"#, OF_DOCKER),
        (r#"{"drop_capabilities": ["NET_RAW"]}"#, OF_DOCKER & !NET_RAW),
        (
            r#"{"drop_capabilities": ["cap_kill", "SETUID", "DAC_OVERRIDE"]}"#,
            OF_DOCKER & !(KILL | SETUID | DAC_OVERRIDE),
        ),
        (r#"{"drop_capabilities": ["ALL"]}"#, 0),
        (
            r#"{"drop_capabilities": ["ALL"], "add_capabilities": ["CHOWN", "CAP_NET_RAW"]}"#,
            CHOWN | NET_RAW,
        ),
    ] {
        let mut spec = spec(security);
        if !has_users() && !spec.security.add_capabilities.is_empty() {
            let error = create(&fixture, spec).await.unwrap_err();
            assert_unsupported(&error, Feature::KernelCapabilities, "there is one user");
            continue;
        }
        spec.env.insert("NAME".to_owned(), "value".to_owned());
        let environment = create(&fixture, spec).await.unwrap();
        let expected = if has_users() { expected } else { 0 };
        let all = [
            ("CapEff:", true),
            ("CapPrm:", true),
            ("CapBnd:", has_users() && expected != OF_DOCKER),
        ];
        for (name, _) in all.into_iter().filter(|(_, is_exact)| *is_exact) {
            assert_eq!(
                mask(&environment, name, None).await,
                expected,
                "{security} {name}"
            );
        }
        if has_users() {
            assert_eq!(mask(&environment, "CapEff:", Some("app")).await, 0, "{security}");
            let changed = sh(&environment, "echo x >/file; chown 1000:1000 /file").await;
            assert_eq!(changed.exit.success(), expected & CHOWN != 0, "{security}");
        }
        // As every command.
        assert_eq!(
            printed(&environment, "id -u; echo $NAME $HOME; pwd").await,
            "0\nvalue /root\n/"
        );
        // The engine still ends the processes of other users.
        let mut slow = Command::shell("sleep 1000 & sleep 1000");
        slow.user = has_users().then(|| "app".to_owned());
        slow.timeout = Some(Duration::from_millis(300));
        assert!(environment.run(slow).await.unwrap().exit.timed_out, "{security}");
        let mut left = Command::shell("for one in /proc/[0-9]*; do cat $one/comm; done 2>/dev/null; true");
        left.user = None;
        let left = environment.run(left).await.unwrap().stdout_text();
        assert!(!left.contains("sleep"), "{security}: {left}");
        environment.destroy().await.unwrap();
    }
    let added = capabilities(&fixture).await;
    assert_eq!(added.has(Feature::KernelCapabilities), has_users());
    if has_users() {
        let error = create(&fixture, spec(r#"{"add_capabilities": ["SYS_ADMIN"]}"#))
            .await
            .unwrap_err();
        assert_unsupported(&error, Feature::KernelCapabilities, "not SYS_ADMIN");
    }
    let error = create(&fixture, spec(r#"{"allow_new_privileges": true}"#))
        .await
        .unwrap_err();
    assert_unsupported(&error, Feature::SecurityOptions, "gain privileges");
    assert_eq!(fs::read_dir(fixture.base.path()).unwrap().count(), 0);
}

/// The first process, which has kernel capabilities, read a script of root inside.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_from_inside_starts_no_other_script() {
    let Some(fixture) = fixture().await else {
        return;
    };
    let spec = spec(r#"{"drop_capabilities": ["ALL"]}"#);
    let environment = create(&fixture, spec).await.unwrap();
    environment.keep().await.unwrap();
    let plant = "mkdir -p /tmp; echo 'cat /proc/self/status >/tmp/seen' >/tmp/planted.sh; \
                 for word in run main; do echo $word ../../tmp/planted >/dev/isolation/control; done; \
                 echo all 0 ../../tmp/planted >/dev/isolation/control";
    let written = sh(&environment, plant).await;
    assert!(written.exit.success(), "root can write requests: {written:?}");
    for _ in 0..20 {
        // After the requests.
        assert_eq!(printed(&environment, "ls /tmp").await, "planted.sh");
    }
    environment.destroy().await.unwrap();
}

#[test]
fn rights_of_ordinary_users() {
    let test = "rights::kernel_capabilities_are_those_of_the_spec";
    as_ordinary_user(test);
    as_user_with_others(test);
}
