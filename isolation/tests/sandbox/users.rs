//! Commands as another user than root, and what an environment has without an overlay.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use isolation::{Command, EngineChoice, EnvironmentSpec, ErrorKind, Feature, TerminalSize};
use tar::Builder;

use crate::disk_limit::{large_image, limited, stopped_by};
use crate::images::{WithImage, append, programs, saved};
use crate::support::{
    Fixture, OTHERS, as_ordinary_user, as_user_with_others, has_users, printed, rustix_is_root, sh,
};

const CONFIG: &str = r#"{"Env":["PATH=/bin"],"WorkingDir":"/data","User":"app"}"#;

/// Appends a file of another user.
fn owned(builder: &mut Builder<Vec<u8>>, path: &str, (user, group): (u64, u64), mode: u32) {
    let mut header = tar::Header::new_gnu();
    header.set_size(4);
    header.set_mode(mode);
    header.set_uid(user);
    header.set_gid(group);
    builder.append_data(&mut header, path, &b"mine"[..]).unwrap();
}

/// An image whose commands run as another user.
fn image() -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    let passwd = "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/srv/app:/bin/sh\n";
    append(&mut builder, "etc/passwd", passwd.as_bytes(), 0o644);
    let group = "root:x:0:\napp:x:1001:\nwheel:x:10:app\n";
    append(&mut builder, "etc/group", group.as_bytes(), 0o644);
    append(&mut builder, "data/secret", b"secret", 0o600);
    owned(&mut builder, "data/own", (1000, 1001), 0o600);
    owned(&mut builder, "bin/special", (0, 10), 0o2755);
    saved(&[programs(), builder.into_inner().unwrap()], CONFIG, "users:1")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_run_as_the_user_of_the_image() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    fixture.import(&image()).await.unwrap();
    let environment = fixture.environment_of("users:1").await.unwrap();
    if !has_users() {
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

#[test]
fn user_of_an_image_as_a_user_with_others() {
    as_user_with_others("users::commands_run_as_the_user_of_the_image");
    as_user_with_others("users::user_of_a_specification_needs_several_users");
}

/// Files of other users, which the caller could neither read nor remove outside.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn helper_files_of_others() {
    if std::env::var_os("SANDBOX_WITH_OTHERS").is_none() {
        return;
    }
    let fixture = WithImage::new().await.unwrap();
    fixture.import(&image()).await.unwrap();
    let environment = fixture.environment_of("users:1").await.unwrap();
    let details = environment.inspect().await.unwrap().details;
    assert!(details["users"].contains(&OTHERS.to_string()), "{details:?}");
    let as_root = async |environment: &isolation::Environment, script: &str| {
        let mut command = Command::shell(script);
        command.user = Some("root".to_owned());
        let output = environment.run(command).await.unwrap();
        assert!(output.exit.success(), "{script}: {output:?}");
        output.stdout_text().trim().to_owned()
    };
    // Files of the image belong to its users.
    let shown = as_root(
        &environment,
        "stat -c %u:%g:%a /data/own /bin/special /data/secret",
    )
    .await;
    assert_eq!(shown, "1000:1001:600\n0:10:2755\n0:0:600");
    assert_eq!(printed(&environment, "cat own").await, "mine");
    let make = "mkdir -p /home/app; umask 077; mkdir /home/app/private; echo secret >/home/app/private/file
        chown -R 1000:1001 /home/app; stat -c %u:%g /home/app/private/file";
    assert_eq!(as_root(&environment, make).await, "1000:1001");
    // By its user, and by no other one.
    assert_eq!(
        printed(&environment, "cat /home/app/private/file").await,
        "secret"
    );
    let mut other = Command::shell("cat /home/app/private/file");
    other.user = Some("4321".to_owned());
    assert!(!environment.run(other).await.unwrap().exit.success());
    let copied = environment
        .copy_out("/home/app/private/file", &fixture.base.path().join("out"))
        .await;
    assert!(copied.is_err(), "the caller is another user");

    let forked = fixture
        .manager
        .fork(&environment, 1, isolation::ForkOptions::default())
        .await
        .unwrap();
    let shown = as_root(&forked[0], "stat -c %u:%g /home/app/private/file").await;
    assert_eq!(shown, "1000:1001");
    environment.stop(std::time::Duration::ZERO).await.unwrap();
    environment.start().await.unwrap();
    assert_eq!(
        printed(&environment, "cat /home/app/private/file").await,
        "secret"
    );
    for one in forked {
        one.destroy().await.unwrap();
    }
    environment.destroy().await.unwrap();
    assert_eq!(
        std::fs::read_dir(fixture.base.path()).unwrap().count(),
        0,
        "something is left"
    );
    let images = fixture.engine().images();
    let removed = images.remove("users:1").await.unwrap();
    assert_eq!(removed.len(), 2, "its name and its files: {removed:?}");

    // A later layer has a link in place of a directory: what it leads to stays as it is.
    let outside = fixture.base.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("own"), "").unwrap();
    let mut lower = Builder::new(Vec::new());
    owned(&mut lower, "trap/own", (1000, 1001), 0o600);
    let mut upper = Builder::new(Vec::new());
    crate::images::link(&mut upper, "trap", outside.to_str().unwrap());
    let layers = [
        programs(),
        lower.into_inner().unwrap(),
        upper.into_inner().unwrap(),
    ];
    fixture.import(&saved(&layers, CONFIG, "trap:1")).await.unwrap();
    let meta = std::fs::metadata(outside.join("own")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&meta), 54_321);
    println!("files of others as expected");
}

#[test]
fn files_of_others_are_kept_and_removed() {
    as_user_with_others("users::helper_files_of_others");
}

/// A program that changes its user to root, as an image may have it: it changes nothing inside, and
/// no other user of this machine reaches it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn program_with_set_user_id_stays_its_user() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    if !has_users() {
        return;
    }
    let mut trap = Builder::new(Vec::new());
    let id = std::fs::read("/usr/bin/id").unwrap();
    append(&mut trap, "bin/trap", &id, 0o6755);
    let layers = [programs(), trap.into_inner().unwrap()];
    fixture.import(&saved(&layers, CONFIG, "trap:1")).await.unwrap();
    let environment = fixture.environment_of("trap:1").await.unwrap();
    let mut command = Command::shell("/bin/trap -u; /bin/trap -g; stat -c %a:%u /bin/trap");
    command.user = Some("4321:4321".to_owned());
    let output = environment.run(command).await.unwrap();
    assert_eq!(output.stdout_text(), "4321\n4321\n6755:0\n", "{output:?}");
    environment.destroy().await.unwrap();
    if rustix_is_root() {
        let files = fixture.files();
        let mut paths = files.iter().filter_map(|file| file.split(' ').next());
        let path = paths.find(|path| path.ends_with("bin/trap")).unwrap();
        // By a shell: setpriv itself still has the rights of root.
        let other = [
            "--reuid=54322",
            "--regid=54322",
            "--clear-groups",
            "--",
            "sh",
            "-c",
            "exec \"$1\"",
            "sh",
        ];
        let tried = std::process::Command::new("setpriv")
            .args(other)
            .arg(path)
            .output()
            .unwrap();
        assert!(!tried.status.success(), "{path}: {tried:?}");
    }
}

#[test]
fn program_with_set_user_id_of_a_user_with_others() {
    as_user_with_others("users::program_with_set_user_id_stays_its_user");
}

/// A package manager of a system gives files to other users.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packages_of_a_system_need_several_users() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    let options = isolation::packages::InstallPackages {
        names: vec!["no-such-package".into()],
        ..Default::default()
    };
    let apt = environment.packages(isolation::packages::PackageManager::Apt);
    let error = apt.install(options).await.unwrap_err();
    if has_users() {
        assert_ne!(error.kind(), ErrorKind::Unsupported, "{error}");
    } else {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("uidmap"), "{error}");
    }
    environment.destroy().await.unwrap();
}

#[test]
fn packages_of_a_system_as_an_ordinary_user() {
    as_ordinary_user("users::packages_of_a_system_need_several_users");
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
    let created = fixture.manager.create(&EngineChoice::Auto, spec).await;
    if !has_users() {
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
    // The copy of the image is not counted.
    fixture.import(&large_image()).await.unwrap();
    let limited = limited(Some("large:1"));
    let environment = fixture
        .manager
        .create(&EngineChoice::Auto, limited)
        .await
        .unwrap();
    environment.start().await.unwrap();
    let used = stopped_by(&environment, &mut events, "cat /data/part >/data/copy").await;
    assert!(used < 7 << 20, "{used}");
    environment.destroy().await.unwrap();
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
