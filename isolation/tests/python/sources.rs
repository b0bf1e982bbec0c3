//! Where packages come from: wheels, directories, requirement and constraint files, digests.

use isolation::packages::{InstallPackages, PackageIndex, PackageManager};
use isolation::{CopySource, Environment, ErrorKind};

use crate::engine::{Fixture, printed, run};
use crate::packages::{from_wheels, wheel};

async fn write(environment: &Environment, path: &str, text: &str) {
    let content = CopySource::bytes(text.as_bytes().to_vec());
    environment.copy_in(content, path).await.unwrap();
}

fn from_file(file: &str) -> InstallPackages {
    InstallPackages {
        requirements: vec![file.to_owned()],
        ..from_wheels(&[])
    }
}

async fn digest_of(environment: &Environment, path: &str) -> String {
    let script = "import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest())";
    printed(environment, &["python", "-c", script, path]).await
}

/// A project whose build needs nothing from an index.
const BACKEND: &str = "import zipfile
def get_requires_for_build_wheel(config_settings=None): return []
get_requires_for_build_editable = get_requires_for_build_wheel
def build(directory, editable):
    import os
    text = open('local_probe.py').read()
    info = 'local_probe-1.0.dist-info'
    files = {f'{info}/METADATA': 'Metadata-Version: 2.1\\nName: local-probe\\nVersion: 1.0\\n',
             f'{info}/WHEEL': 'Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n'}
    files['local_probe.pth' if editable else 'local_probe.py'] = os.getcwd() if editable else text
    files[f'{info}/RECORD'] = ''.join(f'{path},,\\n' for path in [*files, f'{info}/RECORD'])
    name = 'local_probe-1.0-py3-none-any.whl'
    with zipfile.ZipFile(os.path.join(directory, name), 'w') as wheel:
        for path, text in files.items(): wheel.writestr(path, text)
    return name
def build_wheel(directory, config_settings=None, metadata_directory=None): return build(directory, False)
def build_editable(directory, config_settings=None, metadata_directory=None): return build(directory, True)
";

async fn project(environment: &Environment) {
    printed(environment, &["mkdir", "-p", "project/build"]).await;
    let toml = "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\"build\"]\n\
                [project]\nname = \"local-probe\"\nversion = \"1.0\"\n";
    write(environment, "project/pyproject.toml", toml).await;
    write(environment, "project/build/backend.py", BACKEND).await;
    write(environment, "project/local_probe.py", "VALUE = 'first'\n").await;
}

fn local(path: &str) -> InstallPackages {
    InstallPackages {
        names: vec![path.to_owned()],
        index: PackageIndex::None,
        ..InstallPackages::default()
    }
}

#[tokio::test]
async fn changed_local_package_is_installed_again() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    let packages = environment.packages(PackageManager::Pip);
    project(&environment).await;
    let value = ["python", "-c", "import local_probe; print(local_probe.VALUE)"];
    packages.install(local("./project")).await.unwrap();
    assert_eq!(printed(&environment, &value).await, "first");
    write(&environment, "project/local_probe.py", "VALUE = 'second'\n").await;
    packages.install(local("./project")).await.unwrap();
    assert_eq!(printed(&environment, &value).await, "second");

    // A wheel of the same version with another content; pip alone keeps the installed one.
    wheel(&environment, "probe_base", "1.0", &[]).await;
    let path = "./wheels/probe_base-1.0-py3-none-any.whl";
    packages.install(local(path)).await.unwrap();
    let first = packages.list_with_digests().await.unwrap();
    packages.install(local(path)).await.unwrap();
    assert_eq!(packages.list_with_digests().await.unwrap(), first);
    let change = "import zipfile, sys
with zipfile.ZipFile(sys.argv[1], 'a') as wheel: wheel.writestr('probe_added.py', 'VALUE = 3')";
    printed(&environment, &["python", "-c", change, path]).await;
    packages.install(local(path)).await.unwrap();
    printed(&environment, &["python", "-c", "import probe_added"]).await;
}

#[tokio::test]
async fn requirements_have_constraints_and_digests() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    for version in ["1.0", "2.0"] {
        wheel(&environment, "probe_base", version, &[]).await;
    }
    let packages = environment.packages(PackageManager::Pip);
    write(&environment, "r.txt", "-r nested.txt  # one\n").await;
    write(&environment, "nested.txt", "probe-base\n").await;
    write(&environment, "c.txt", "probe-base<2\n").await;
    let constrained = InstallPackages {
        constraints: vec!["./c.txt".into()],
        ..from_file("./r.txt")
    };
    packages.install(constrained).await.unwrap();
    assert_eq!(printed(&environment, &["probe_base-script"]).await, "1.0");
    let upgraded = packages.upgrade(from_wheels(&["Probe_Base"])).await.unwrap();
    assert_eq!(upgraded.virtual_environment, None);
    assert_eq!(printed(&environment, &["probe_base-script"]).await, "2.0");
    let error = packages.upgrade(from_wheels(&["other"])).await.unwrap_err();
    assert!(
        error.is_not_found() && error.to_string().contains("other"),
        "{error}"
    );

    packages.uninstall(&["probe-base"]).await.unwrap();
    let before = packages.list().await.unwrap();
    let hashed = InstallPackages {
        require_hashes: true,
        ..from_file("./h.txt")
    };
    // Without a digest: found before anything is asked for.
    for text in [
        "probe-base==1.0\n",
        "probe-base --hash=sha256:00\n",
        "-r nested.txt\n",
    ] {
        write(&environment, "h.txt", text).await;
        let error = packages.install(hashed.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}: {error}");
        assert!(error.to_string().contains("probe-base"), "{error}");
    }
    // One digest asks for those of all, also without the option. The file must be there, and end.
    let one = format!(
        "probe-base==1.0 --hash=sha256:{}\nprobe-other==1.0\n",
        "0".repeat(64)
    );
    write(&environment, "one.txt", &one).await;
    write(&environment, "round.txt", "probe-base\n-r ./other.txt\n").await;
    write(&environment, "other.txt", "-r round.txt\n").await;
    for (file, words) in [
        (
            "./one.txt",
            "probe-other==1.0 in ./one.txt has no version with == and a digest with --hash, and",
        ),
        (
            "./absent.txt",
            "./absent.txt does not exist in the environment; copy it in",
        ),
        ("./round.txt", "round.txt includes itself; remove one"),
    ] {
        let error = packages.install(from_file(file)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    write(
        &environment,
        "h.txt",
        &format!("probe-base==1.0 \\\n  --hash=sha256:{}\n", "0".repeat(64)),
    )
    .await;
    let error = packages.install(hashed.clone()).await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("hash"), "{error}");
    assert_eq!(packages.list().await.unwrap(), before);
    let digest = digest_of(&environment, "wheels/probe_base-1.0-py3-none-any.whl").await;
    write(
        &environment,
        "h.txt",
        &format!("probe-base==1.0 \\\n  --hash=sha256:{digest}\n"),
    )
    .await;
    packages.install(hashed).await.unwrap();
    let changes = packages.diff(&before).await.unwrap();
    assert_eq!(changes[0].to_string(), "probe_base: added 1.0");
}

/// An index in a requirement file would be asked although none is to be used.
#[tokio::test]
async fn requirement_file_names_no_index_if_none_is_used() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    for option in [
        "--index-url http://127.0.0.1:9/",
        "--index-url=http://127.0.0.1:9/",
        "-i http://127.0.0.1:9/",
        "-ihttp://127.0.0.1:9/",
        "--extra-index-url http://127.0.0.1:9/",
        "--find-links /tmp",
        "-f /tmp",
        "--trusted-host \\\n  example.com",
    ] {
        write(&environment, "inner.txt", &format!("{option}\nprobe\n")).await;
        write(&environment, "r.txt", "-rinner.txt\n").await;
        let packages = environment.packages(PackageManager::Pip);
        let error = packages.install(from_file("./r.txt")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{option}: {error}");
        assert!(error.to_string().contains("no index is to be used"), "{error}");
    }
}

/// Entries of a wheel that lead out of the environment.
#[tokio::test]
async fn wheel_cannot_write_outside() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    let packages = environment.packages(PackageManager::Pip);
    let outside = tempfile::tempdir().unwrap();
    let add = "import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'a') as wheel: wheel.writestr(sys.argv[2], 'trap')";
    let deep = "../".repeat(20);
    let target = format!("{}/trap", outside.path().display());
    for entry in [
        target.clone(),
        format!("{deep}{}", &target[1..]),
        format!("probe_trap-1.0.data/scripts/{deep}{}", &target[1..]),
        format!("probe_trap-1.0.data/data/{deep}{}", &target[1..]),
    ] {
        wheel(&environment, "probe_trap", "1.0", &[]).await;
        let path = "./wheels/probe_trap-1.0-py3-none-any.whl";
        printed(&environment, &["python", "-c", add, path, &entry]).await;
        let before = packages.list().await.unwrap();
        // zipfile, and so uv, cut the start of an absolute path and parent directories.
        if packages.install(local(path)).await.is_ok() {
            packages.uninstall(&["probe-trap"]).await.unwrap();
        }
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0, "{entry}");
        assert_eq!(packages.list().await.unwrap(), before, "{entry}");
    }
}

/// A list of files that names one outside: an uninstallation must not remove that.
#[tokio::test]
async fn record_with_paths_outside_removes_nothing_there() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    let packages = environment.packages(PackageManager::Pip);
    wheel(&environment, "probe_base", "1.0", &[]).await;
    packages.install(from_wheels(&["probe-base"])).await.unwrap();
    let outside = tempfile::tempdir().unwrap();
    let precious = outside.path().join("precious");
    std::fs::write(&precious, "x").unwrap();
    let script = "import importlib.metadata as m, sys
record = m.distribution('probe-base').locate_file('probe_base-1.0.dist-info/RECORD')
with open(record, 'a') as file: file.write(f'{sys.argv[1]},,\\n' + '../' * 20 + f'{sys.argv[1][1:]},,\\n')";
    printed(
        &environment,
        &["python", "-c", script, precious.to_str().unwrap()],
    )
    .await;
    packages.uninstall(&["probe-base"]).await.unwrap();
    assert!(precious.exists());
}

/// The list is read from files; pip reads the same ones. On each interpreter that is there.
#[tokio::test]
async fn list_equals_the_report_of_pip() {
    let fixture = Fixture::new();
    let mut compared = 0;
    for python in ["3.9", "3.10", "3.11", "3.12", "3.13", "3"] {
        let options = isolation::engines::virtualenv::VirtualenvOptions {
            python: Some(python.to_owned()),
            ..Default::default()
        };
        match fixture.create(options).await {
            Ok(environment) => compare_with_pip(&environment).await,
            Err(error) if error.is_not_found() => continue,
            Err(error) => panic!("{python}: {error}"),
        }
        compared += 1;
    }
    assert!(compared > 0, "the engine has no Python");
}

async fn compare_with_pip(environment: &Environment) {
    let packages = environment.packages(PackageManager::Pip);
    wheel(environment, "Probe_Base", "1.0", &[]).await;
    wheel(environment, "probe.top", "1.0rc1", &["probe-base"]).await;
    project(environment).await;
    packages.install(from_wheels(&["probe.top"])).await.unwrap();
    let editable = [
        "pip",
        "install",
        "--no-index",
        "--quiet",
        "--editable",
        "./project",
    ];
    let has_editable = run(environment, &editable).await.exit.success();
    let report = printed(environment, &["pip", "inspect"]).await;
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let mut expected: Vec<_> = report["installed"].as_array().unwrap().iter().map(row).collect();
    expected.sort();
    let list = packages.list().await.unwrap();
    assert_eq!(list.iter().any(|one| one.editable), has_editable);
    let mut found: Vec<_> = list
        .into_iter()
        .map(|one| (one.name, one.version, one.requested, one.editable, one.source))
        .collect();
    found.sort();
    assert_eq!(found, expected);
}

type Row = (String, String, bool, bool, Option<String>);

fn row(installed: &serde_json::Value) -> Row {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let direct = &installed["direct_url"];
    (
        text(&installed["metadata"]["name"]),
        text(&installed["metadata"]["version"]),
        installed["requested"].as_bool().unwrap(),
        direct["dir_info"]["editable"].as_bool().unwrap_or(false),
        direct["url"].as_str().map(str::to_owned),
    )
}

/// Only where this machine has uv.
#[tokio::test]
async fn uv_gives_the_same_list_as_pip() {
    let fixture = Fixture::new();
    let options = isolation::engines::virtualenv::VirtualenvOptions {
        host_path: true,
        ..Default::default()
    };
    let environment = fixture.create(options.clone()).await.unwrap();
    wheel(&environment, "probe_base", "1.0", &[]).await;
    wheel(&environment, "probe_top", "1.0", &["probe-base"]).await;
    project(&environment).await;
    let by_uv = environment.packages(PackageManager::Uv);
    let before = by_uv.list().await.unwrap();
    let installed = by_uv.install(from_wheels(&["probe-top"])).await;
    if !run(&environment, &["sh", "-c", "command -v uv"])
        .await
        .exit
        .success()
    {
        let error = installed.unwrap_err();
        assert!(
            error.is_not_found() && error.to_string().contains("no uv"),
            "{error}"
        );
        return;
    }
    installed.unwrap();
    by_uv.install(local("./project")).await.unwrap();
    write(&environment, "project/local_probe.py", "VALUE = 'second'\n").await;
    by_uv.install(local("./project")).await.unwrap();
    let value = ["python", "-c", "import local_probe; print(local_probe.VALUE)"];
    assert_eq!(printed(&environment, &value).await, "second");
    let names = |list: Vec<isolation::packages::Package>| -> Vec<_> {
        list.into_iter()
            .map(|one| (one.name, one.version, one.digest))
            .collect()
    };
    let of_uv = names(by_uv.list_with_digests().await.unwrap());
    by_uv
        .uninstall(&["probe-top", "probe_base", "local.probe"])
        .await
        .unwrap();
    assert_eq!(by_uv.list().await.unwrap(), before);
    let by_pip = environment.packages(PackageManager::Pip);
    by_pip.install(from_wheels(&["probe-top"])).await.unwrap();
    by_pip.install(local("./project")).await.unwrap();
    assert_eq!(names(by_pip.list_with_digests().await.unwrap()), of_uv);

    // Files of the cache of uv are shared with no environment: a test may edit them in place.
    let second = fixture.create(options.clone()).await.unwrap();
    wheel(&second, "probe_base", "1.0", &[]).await;
    let by_uv = second.packages(PackageManager::Uv);
    by_uv.install(from_wheels(&["probe-base"])).await.unwrap();
    let edit = "import probe_base; open(probe_base.__file__, 'a').write('VERSION = 3\\n')";
    printed(&second, &["python", "-c", edit]).await;
    assert_eq!(printed(&second, &["probe_base-script"]).await, "3");
    let third = fixture.create(options.clone()).await.unwrap();
    wheel(&third, "probe_base", "1.0", &[]).await;
    let by_uv = third.packages(PackageManager::Uv);
    by_uv.install(from_wheels(&["probe-base"])).await.unwrap();
    assert_eq!(printed(&third, &["probe_base-script"]).await, "1.0");
    // The digests of archives are those that pip reports.
    let archives = async |packages: isolation::packages::Packages<'_>| {
        let all = packages.list_with_digests().await.unwrap();
        all.into_iter()
            .find(|one| one.is_named("probe-base"))
            .unwrap()
            .archives
    };
    let digest = digest_of(&third, "wheels/probe_base-1.0-py3-none-any.whl").await;
    assert_eq!(archives(by_uv).await, [format!("sha256:{digest}")]);

    // Without pip, uv serves.
    let bare = isolation::engines::virtualenv::VirtualenvOptions {
        without_pip: true,
        ..options
    };
    let bare = fixture.create(bare).await.unwrap();
    wheel(&bare, "probe_base", "1.0", &[]).await;
    let packages = bare.packages(PackageManager::Pip);
    packages.install(from_wheels(&["probe-base"])).await.unwrap();
    assert_eq!(packages.list().await.unwrap()[0].installer.as_deref(), Some("uv"));
}
