//! Package managers, played by scripts: their command lines, and what their failures say.

use std::time::Duration;

use isolation::packages::{InstallPackages, LockFormat, PackageIndex, PackageManager};
use isolation::{CopySource, Environment, EnvironmentSpec, ErrorKind};

use crate::support::{Fixture, printed, sh};

/// An environment whose first programs are these scripts. Each notes its name and its arguments.
async fn with_programs(fixture: &Fixture, programs: &[(&str, &str)]) -> Environment {
    let spec = EnvironmentSpec {
        env: [("PATH", "/tmp/bin:/usr/bin:/bin")].into(),
        ..EnvironmentSpec::default()
    };
    let environment = fixture.create(spec).await.unwrap();
    printed(&environment, "mkdir /tmp/bin").await;
    for (name, script) in programs {
        let text = format!("#!/bin/sh\necho \"{name} $*\" >>/tmp/calls\n{script}\n");
        let content = CopySource::Bytes {
            content: text.into(),
            mode: 0o755,
        };
        environment
            .copy_in(content, &format!("/tmp/bin/{name}"))
            .await
            .unwrap();
    }
    environment
}

/// The calls since the last question, without the lists of dpkg.
async fn calls(environment: &Environment) -> Vec<String> {
    let read = "grep -v -e '^$' -e '^dpkg-query' /tmp/calls; rm -f /tmp/calls";
    let text = sh(environment, read).await.stdout_text();
    text.lines().map(str::to_owned).collect()
}

fn named(name: &str) -> InstallPackages {
    InstallPackages {
        names: vec![name.to_owned()],
        ..InstallPackages::default()
    }
}

/// An index has moved on since its lists were read: the first attempt fails.
const APT: &str = "[ \"$DEBIAN_FRONTEND\" = noninteractive ] || exit 9
[ \"$1\" = update ] && touch /tmp/updated
[ \"$1\" != install ] || [ -e /tmp/updated ] || { echo 'E: 404 Not Found' >&2; exit 100; }";

const DPKG: &str = r"printf 'installed\tvim\t9\nconfig-files\told\t1\ninstalled\tcurl\t8.5\n'";

#[tokio::test]
async fn apt_reads_its_lists_only_if_needed() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let programs = [("apt-get", APT), ("dpkg-query", DPKG)];
    let environment = with_programs(&fixture, &programs).await;
    let packages = environment.packages(PackageManager::Apt);
    let listed = packages.list().await.unwrap();
    let names: Vec<_> = listed.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["curl", "vim"]);
    calls(&environment).await;

    let install = "apt-get install -qq -y --no-install-recommends";
    let place = "rm -rf /var/lib/apt/lists; mkdir -p /var/lib/apt/lists";
    printed(&environment, place).await;
    packages.install(named("less=590-2")).await.unwrap();
    let without_lists = [
        "apt-get update -qq",
        &format!("{install} --no-upgrade -- less=590-2"),
    ];
    assert_eq!(calls(&environment).await, without_lists);
    let list = "touch /var/lib/apt/lists/x_Packages";
    printed(&environment, list).await;
    packages.install(named("less")).await.unwrap();
    assert_eq!(
        calls(&environment).await,
        [format!("{install} --no-upgrade -- less")]
    );
    printed(&environment, "rm /tmp/updated").await;
    packages.install(named("less")).await.unwrap();
    let once = format!("{install} --no-upgrade -- less");
    assert_eq!(calls(&environment).await, [&once, "apt-get update -qq", &once]);

    for name in ["curl=8.6", "curl:amd64", "curl/stable"] {
        packages.upgrade(named(name)).await.unwrap();
        let made = calls(&environment).await;
        assert_eq!(
            made,
            ["apt-get update -qq", &format!("{install} --upgrade -- {name}")]
        );
    }
    packages.uninstall(&["vim"]).await.unwrap();
    assert_eq!(calls(&environment).await, ["apt-get remove -qq -y -- vim"]);
    for missing in ["old", "Vim"] {
        let error = packages.uninstall(&[missing]).await.unwrap_err();
        assert!(error.is_not_found(), "{error}");
        assert_eq!(calls(&environment).await, [""; 0], "it only lists");
    }
    environment.destroy().await.unwrap();
}

const APK: &str = r#"[ "$1" != info ] || printf 'musl-1.2.4-r2\ncurl-8.5.0-r0\n'"#;

#[tokio::test]
async fn apk_gets_names_after_its_options() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = with_programs(&fixture, &[("apk", APK)]).await;
    let packages = environment.packages(PackageManager::Apk);
    let before = packages.list().await.unwrap();
    assert_eq!(
        (before[0].name.as_str(), before[0].version.as_str()),
        ("curl", "8.5.0-r0")
    );
    packages.install(named("less")).await.unwrap();
    packages.upgrade(named("curl~8")).await.unwrap();
    packages.uninstall(&["musl"]).await.unwrap();
    let made = [
        "apk info -v",
        "apk add --quiet --no-cache -- less",
        "apk info -v",
        "apk add --quiet --no-cache --upgrade -- curl~8",
        "apk info -v",
        "apk del --quiet -- musl",
    ];
    assert_eq!(calls(&environment).await, made);
    assert!(packages.diff(&before).await.unwrap().is_empty());
    let error = packages.upgrade(named("less")).await.unwrap_err();
    assert!(
        error.is_not_found() && error.to_string().contains("less"),
        "{error}"
    );
    let refused = packages
        .export(LockFormat::Pylock, "/archives")
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported, "{refused}");
    environment.destroy().await.unwrap();
}

const NPM: &str = r#"[ "$1" != ls ] || echo '{"dependencies":{"@a/b":{"version":"1.0.0"}}}'
[ "$1" = ls ] || echo "registry=$npm_config_registry offline=$npm_config_offline" >>/tmp/calls"#;

#[tokio::test]
async fn npm_gets_its_index_by_a_variable() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = with_programs(&fixture, &[("npm", NPM)]).await;
    let packages = environment.packages(PackageManager::Npm);
    assert_eq!(packages.list().await.unwrap()[0].version, "1.0.0");
    calls(&environment).await;
    let address = "https://me:hunter2@npm.test/";
    for (index, variables) in [
        (PackageIndex::Public, "registry= offline=".to_owned()),
        (PackageIndex::None, "registry= offline=true".to_owned()),
        (
            PackageIndex::Address(address.to_owned()),
            format!("registry={address} offline="),
        ),
    ] {
        let options = InstallPackages {
            index,
            ..named("left-pad@1")
        };
        packages.install(options).await.unwrap();
        let line = "npm install --global --loglevel=error -- left-pad@1";
        assert_eq!(calls(&environment).await, [line, &variables]);
    }
    packages.upgrade(named("@a/b@2")).await.unwrap();
    packages.uninstall(&["@a/b"]).await.unwrap();
    let made = calls(&environment).await;
    let removal = "npm uninstall --global --loglevel=error -- @a/b";
    assert!(made.iter().any(|line| line == removal), "{made:?}");
    environment.destroy().await.unwrap();
}

#[tokio::test]
async fn failure_of_a_package_manager_has_its_kind() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = with_programs(&fixture, &[]).await;
    let missing = environment.packages(PackageManager::Apk).list().await;
    let missing = missing.unwrap_err();
    assert!(missing.is_not_found(), "{missing}");
    let short = InstallPackages {
        timeout: Some(Duration::from_millis(300)),
        ..named("x")
    };
    for (script, options, kind, words) in [
        (
            "echo 'unable to select: https://me:hunter2@h/x' >&2; exit 7",
            named("x"),
            ErrorKind::Engine,
            "apk ended with exit code 7: unable to select: https://***@h/x",
        ),
        ("exit 127", named("x"), ErrorKind::NotFound, "has no apk"),
        ("exec sleep 1000", short, ErrorKind::Timeout, "within 0.3 s"),
    ] {
        let environment = with_programs(&fixture, &[("apk", script)]).await;
        let packages = environment.packages(PackageManager::Apk);
        let error = packages.install(options).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), kind, "{text}");
        assert!(text.contains(words) && !text.contains("hunter2"), "{text}");
        assert_eq!(error.operation(), Some("install packages in"));
        environment.destroy().await.unwrap();
    }
    environment.destroy().await.unwrap();
}

#[tokio::test]
async fn driver_of_python_may_ask_for_a_second_run() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let again = "[ -e /tmp/again ] && { echo 'virtual environment /v'; exit 0; }; touch /tmp/again; exit 75";
    let environment = with_programs(&fixture, &[("python", again)]).await;
    let packages = environment.packages(PackageManager::Pip);
    let installed = packages.install(named("x")).await.unwrap();
    assert_eq!(installed.virtual_environment.as_deref(), Some("/v"));
    for (script, kind, words) in [
        (
            "echo 'no digest' >&2; exit 78",
            ErrorKind::InvalidInput,
            "no digest",
        ),
        (
            "echo 'put uv on the PATH' >&2; exit 127",
            ErrorKind::NotFound,
            "put uv",
        ),
        (
            "exec sleep 1000",
            ErrorKind::Timeout,
            "pip did not end within 0.3 s",
        ),
    ] {
        let environment = with_programs(&fixture, &[("python", script)]).await;
        let packages = environment.packages(PackageManager::Pip);
        let options = InstallPackages {
            timeout: (kind == ErrorKind::Timeout).then_some(Duration::from_millis(300)),
            ..named("x")
        };
        let error = packages.install(options).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        environment.destroy().await.unwrap();
    }
    environment.destroy().await.unwrap();
}
