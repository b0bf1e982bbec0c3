//! `isolate packages` with apt and npm in a sandbox, which install what the test has built: without
//! a network.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use crate::support::{Ended, Workspace};

/// Makes a repository of apt; the tests of the library use it, too.
const APT: &str = include_str!("../../../isolation/tests/sandbox/apt_repository.sh");

/// Packs two versions of a package with one program.
const NPM: &str = r#"set -e
for version in 1.0.0 2.0.0; do
    mkdir -p /src/$version && cd /src/$version
    echo '{"name": "probe-local", "version": "'$version'", "bin": {"probe-local": "main.js"}}' >package.json
    printf '#!/usr/bin/env node\nconsole.log("'$version'")\n' >main.js
    npm pack --offline --silent --pack-destination /src >/dev/null
done"#;

/// A sandbox that is kept between commands; it is removed in the end.
struct Sandbox {
    workspace: Workspace,
    /// The directory of its files, which every user may enter.
    base: TempDir,
}

impl Sandbox {
    /// `None` where no sandbox can be started, or a program is missing, which is printed.
    fn new(options: &[&str], programs: &str) -> Option<Self> {
        let base = tempfile::tempdir().unwrap();
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let workspace = Workspace::new();
        let sandbox = Self { workspace, base };
        let create = ["create", "--engine", "sandbox", "--name", "box", "--start"];
        let created = sandbox.isolate(&[&create, options].concat());
        if created.stderr().contains("not available") {
            eprintln!("skipped: {}", created.stderr());
            return None;
        }
        assert_eq!(created.code(), Some(0), "{}", created.stderr());
        let look = format!("for name in {programs}; do command -v $name >/dev/null || echo $name; done");
        let missing = sandbox.printed(&["exec", "box", "--", "sh", "-c", &look]);
        if !missing.is_empty() {
            let missing = missing.replace('\n', " and no ");
            eprintln!("skipped: this machine has no {missing}");
            return None;
        }
        Some(sandbox)
    }

    fn isolate(&self, arguments: &[&str]) -> Ended {
        let mut command = self.workspace.command(arguments);
        command
            .env("TMPDIR", self.base.path())
            .current_dir(self.workspace.home());
        Ended::of(&mut command)
    }

    /// The output of a command, which must succeed.
    fn printed(&self, arguments: &[&str]) -> String {
        let ended = self.isolate(arguments);
        assert_eq!(ended.code(), Some(0), "{arguments:?}: {}", ended.stderr());
        ended.stdout().trim().to_owned()
    }

    fn sh(&self, script: &str) -> String {
        self.printed(&["exec", "box", "--", "sh", "-c", script])
    }

    fn packages(&self, manager: &str, call: &str, arguments: &[&str]) -> Ended {
        let first = ["packages", call, "box", "--manager", manager];
        self.isolate(&[&first, arguments].concat())
    }

    /// Changes packages, which must succeed.
    fn changes(&self, manager: &str, call: &str, arguments: &[&str]) {
        let ended = self.packages(manager, call, arguments);
        assert_eq!(ended.code(), Some(0), "{call} {arguments:?}: {}", ended.stderr());
    }

    /// The version of a package in the list of a package manager.
    fn version(&self, manager: &str, name: &str) -> Option<String> {
        let list = ["--json", "packages", "list", "box", "--manager", manager];
        let text = self.printed(&list);
        fs::write(self.workspace.home().join("list.json"), &text).unwrap();
        let listed: serde_json::Value = serde_json::from_str(&text).unwrap();
        let found = listed.as_array().unwrap().iter().find(|one| one["name"] == name);
        found.map(|one| one["version"].as_str().unwrap().to_owned())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Also after a failure: it is kept. Without one it is there no longer.
        drop(self.isolate(&["rm", "--force", "box"]));
    }
}

#[test]
fn packages_of_apt_are_installed_in_a_sandbox() {
    let Some(sandbox) = Sandbox::new(&[], "apt-get dpkg-deb sha256sum") else {
        return;
    };
    sandbox.sh(APT);
    let first = sandbox.packages("apt", "install", &["probe-deb=1.0"]);
    if first.stderr().contains("needs several users") {
        assert_eq!(first.code(), Some(125), "{}", first.stderr());
        eprintln!("skipped: {}", first.stderr());
        return;
    }
    assert_eq!(first.code(), Some(0), "{}", first.stderr());
    assert_eq!(sandbox.sh("cat /opt/probe/version"), "1.0");
    assert_eq!(sandbox.version("apt", "probe-deb").as_deref(), Some("1.0"));
    sandbox.changes("apt", "upgrade", &["probe-deb"]);
    assert_eq!(sandbox.sh("cat /opt/probe/version"), "2.0");
    let diff = ["packages", "diff", "--manager", "apt", "list.json", "box"];
    let diff = sandbox.printed(&diff);
    assert!(
        diff.contains("probe-deb") && diff.contains("1.0") && diff.contains("2.0"),
        "{diff}"
    );
    let lock = sandbox.printed(&["lock", "box"]);
    let lock: serde_json::Value = serde_json::from_str(&lock).unwrap();
    assert_eq!(lock["packages"]["apt"][0]["version"], "2.0", "{lock}");
    let absent = sandbox.packages("apt", "install", &["probe-deb=3.0"]);
    assert_eq!(absent.code(), Some(125), "{}", absent.stdout());
    assert!(absent.stderr().contains("3.0"), "{}", absent.stderr());
    sandbox.changes("apt", "uninstall", &["probe-deb"]);
    assert_eq!(sandbox.version("apt", "probe-deb"), None);
    sandbox.printed(&["rm", "--force", "box"]);
    assert_eq!(fs::read_dir(sandbox.base.path()).unwrap().count(), 0);
}

#[test]
fn packages_of_npm_are_installed_in_a_sandbox() {
    // The programs of this machine are read-only.
    let options = [
        "-e",
        "npm_config_prefix=/opt/npm",
        "-e",
        "PATH=/opt/npm/bin:/usr/local/bin:/usr/bin:/bin",
    ];
    let Some(sandbox) = Sandbox::new(&options, "npm node") else {
        return;
    };
    sandbox.sh(NPM);
    for version in ["1.0.0", "2.0.0"] {
        let archive = format!("/src/probe-local-{version}.tgz");
        sandbox.changes("npm", "install", &["--no-index", &archive]);
        assert_eq!(sandbox.sh("probe-local"), version);
        assert_eq!(sandbox.version("npm", "probe-local").as_deref(), Some(version));
    }
    let missing = sandbox.packages("npm", "install", &["--no-index", "left-pad"]);
    assert_eq!(missing.code(), Some(125), "{}", missing.stdout());
    assert!(missing.stderr().contains("ENOTCACHED"), "{}", missing.stderr());
    sandbox.changes("npm", "uninstall", &["probe-local"]);
    assert_eq!(sandbox.version("npm", "probe-local"), None);
}
