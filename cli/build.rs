//! Adds the commit and its date to the version that `isolate --version` prints.
//!
//! A checkout has both, a package from a registry only the commit, a plain directory none of them:
//! then the version stands alone. Nothing here fails a build.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let version = match commit() {
        Some(commit) => format!("{version} ({commit})"),
        None => version,
    };
    println!("cargo::rustc-env=ISOLATE_VERSION={version}");
}

/// `7533520 2026-11-28`.
fn commit() -> Option<String> {
    packaged().or_else(checked_out)
}

/// The commit that `cargo package` has written down.
fn packaged() -> Option<String> {
    const FILE: &str = ".cargo_vcs_info.json";
    println!("cargo::rerun-if-changed={FILE}");
    let info = std::fs::read_to_string(FILE).ok()?;
    let (_, rest) = info.split_once("\"sha1\"")?;
    let commit = rest.split('"').nth(1)?;
    let is_commit = commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_commit.then(|| commit[..7].to_owned())
}

/// The commit of this repository. Another repository may contain this directory, such as one of
/// the user's whole home: its commit would be wrong.
fn checked_out() -> Option<String> {
    let top = git(&["rev-parse", "--show-toplevel"])?;
    let ours = Path::new("..").canonicalize().ok()?;
    if Path::new(&top).canonicalize().ok()? != ours || git(&["ls-files", "build.rs"])?.is_empty() {
        return None;
    }
    // Both change with a commit or a checkout; the second only if there is a log.
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]) {
            if Path::new(&path).exists() {
                println!("cargo::rerun-if-changed={path}");
            }
        }
    }
    git(&[
        "log",
        "-1",
        "--abbrev=7",
        "--format=%h %cd",
        "--date=format:%Y-%m-%d",
    ])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}
