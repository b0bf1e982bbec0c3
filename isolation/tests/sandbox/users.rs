//! Commands as another user than root, and what an environment has without an overlay.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use isolation::{Command, EnvironmentSpec, ErrorKind, Feature, TerminalSize};
use tar::Builder;

use crate::images::{WithImage, append, programs, saved};
use crate::support::{as_ordinary_user, printed, rustix_is_root, sh};

const CONFIG: &str = r#"{"Env":["PATH=/bin"],"WorkingDir":"/data","User":"app"}"#;

/// An image whose commands run as another user.
fn image() -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    let passwd = "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/srv/app:/bin/sh\n";
    append(&mut builder, "etc/passwd", passwd.as_bytes(), 0o644);
    let group = "root:x:0:\napp:x:1001:\nwheel:x:10:app\n";
    append(&mut builder, "etc/group", group.as_bytes(), 0o644);
    append(&mut builder, "data/secret", b"secret", 0o600);
    saved(&[programs(), builder.into_inner().unwrap()], CONFIG, "users:1")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_run_as_the_user_of_the_image() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    fixture.import(&image()).await.unwrap();
    let environment = fixture.environment_of("users:1").await.unwrap();
    if !rustix_is_root() {
        // There is one user, which the image cannot change.
        assert_eq!(printed(&environment, "id -u; echo $HOME").await, "0\n/root");
        let details = environment.inspect().await.unwrap().details;
        assert!(details["not_from_image"].contains("not as app"), "{details:?}");
        return;
    }
    let script = "id -u; id -g; id -G; echo $HOME; pwd; grep CapEff /proc/self/status";
    let script = script.replace("grep CapEff /proc/self/status", "cat /proc/self/status");
    let told = printed(&environment, &script).await;
    let mut lines = told.lines();
    let start: Vec<_> = lines.by_ref().take(5).collect();
    assert_eq!(start, ["1000", "1001", "1001 10", "/srv/app", "/data"]);
    for line in ["CapEff:\t0000000000000000", "NoNewPrivs:\t1"] {
        assert!(told.contains(line), "{told}");
    }
    // The user is not root, and can open the outputs of the command again.
    let tried = sh(
        &environment,
        "cat secret || echo >/dev/stdout refused; echo told >/dev/stderr",
    )
    .await;
    assert_eq!((tried.stdout_text(), tried.exit.code), ("refused\n".into(), 0));
    assert!(tried.stderr_text().ends_with("told\n"), "{}", tried.stderr_text());
    let mut command = Command::shell("[ -O \"$(tty)\" ] && id -u");
    command.terminal = Some(TerminalSize {
        rows: 24,
        columns: 80,
    });
    let output = environment.run(command).await.unwrap();
    assert_eq!(output.stdout_text().trim(), "1000", "{output:?}");
    for (user, expected) in [
        ("root", "0 0 0 /root"),
        ("0:10", "0 10 10 /root"),
        ("4321", "4321 0 0 /"),
        ("app:5", "1000 5 5 /srv/app"),
    ] {
        let mut command = Command::shell("echo $(id -u) $(id -g) $(id -G) $HOME");
        command.user = Some(user.to_owned());
        let output = environment.run(command).await.unwrap();
        assert_eq!(output.stdout_text().trim(), expected, "{user}: {output:?}");
    }
    let mut unknown = Command::new(["id"]);
    unknown.user = Some("nobody".into());
    let error = environment.run(unknown).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("/etc/passwd"), "{error}");
    environment.destroy().await.unwrap();
}

#[test]
fn user_of_an_image_as_an_ordinary_user() {
    as_ordinary_user("users::commands_run_as_the_user_of_the_image");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn user_of_a_specification_needs_several_users() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    let spec = EnvironmentSpec {
        user: Some("4321:4322".into()),
        ..EnvironmentSpec::default()
    };
    let created = fixture.manager.create(&isolation::EngineChoice::Auto, spec).await;
    if !rustix_is_root() {
        let error = created.unwrap_err();
        assert!(error.to_string().contains(&Feature::Users.to_string()), "{error}");
        return;
    }
    // Without an image too.
    let environment = created.unwrap();
    assert_eq!(
        printed(&environment, "id -u; id -g; echo $HOME").await,
        "4321\n4322\n/"
    );
    assert!(!sh(&environment, "echo >/etc/new").await.exit.success());
    environment.destroy().await.unwrap();
}

#[test]
fn user_of_a_specification_as_an_ordinary_user() {
    as_ordinary_user("users::user_of_a_specification_needs_several_users");
}

/// Runs inside [`without_an_overlay_the_files_are_copied`], on a file system that takes no overlay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn helper_without_an_overlay() {
    if std::env::var_os("SANDBOX_WITHOUT_OVERLAY").is_none() {
        return;
    }
    let fixture = WithImage::new().await.unwrap();
    let before = fixture.files();
    let mut events = fixture.manager.subscribe();
    let environment = fixture.environment().await;
    let details = environment.inspect().await.unwrap().details;
    assert_eq!(details["root"], "a copy of the files of the image");
    let mut warned = String::new();
    while !warned.contains("no overlay can be mounted") {
        warned = format!("{:?}", events.next().await.unwrap());
    }
    assert_eq!(
        printed(&environment, "cat kept new; [ ! -e gone ] && echo .").await,
        "onethree."
    );
    printed(&environment, "echo changed >kept; rm new").await;
    environment.stop(std::time::Duration::ZERO).await.unwrap();
    environment.start().await.unwrap();
    assert_eq!(printed(&environment, "cat kept; ls").await, "changed\nkept");
    environment.destroy().await.unwrap();
    assert_eq!(fixture.files(), before, "the files of the image were changed");
    println!("copied as expected");
}

#[test]
fn without_an_overlay_the_files_are_copied() {
    if !rustix_is_root() {
        return; // only root mounts the file system of the test
    }
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    // An overlay takes no other one above it. The mount ends with its namespace.
    let script = "cd \"$1\" && mkdir lower upper work merged && \
                  mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged && \
                  chmod 1777 merged && exec \"$2\" --exact --nocapture users::helper_without_an_overlay";
    let output = std::process::Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(directory.path())
        .arg(std::env::current_exe().unwrap())
        .env("TMPDIR", directory.path().join("merged"))
        .env("SANDBOX_WITHOUT_OVERLAY", "yes")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    assert!(
        text.contains("copied as expected") || text.contains("skipped"),
        "{text}"
    );
}
