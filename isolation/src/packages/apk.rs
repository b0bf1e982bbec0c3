//! apk: packages of Alpine. It follows the documentation of apk 2.14; no engine of the tests has an
//! image of Alpine.

use super::install::InstallPackages;
use super::inventory::Package;
use super::{INSTALL_TIMEOUT, LIST_TIMEOUT, Packages};
use crate::command::Command;
use crate::error::Result;

pub(super) async fn install(packages: &Packages<'_>, options: &InstallPackages) -> Result<()> {
    let upgrade = options.upgrade.then_some("--upgrade");
    let start = ["apk", "add", "--quiet", "--no-cache"]
        .into_iter()
        .chain(upgrade)
        .chain(["--"]);
    let argv = start.map(str::to_owned).chain(options.names.iter().cloned());
    let command = Command::new(argv.collect::<Vec<_>>());
    packages.run(command, options.timeout()).await.map(drop)
}

pub(super) async fn uninstall(packages: &Packages<'_>, names: &[&str]) -> Result<()> {
    let argv = ["apk", "del", "--quiet", "--"]
        .iter()
        .chain(names)
        .map(|word| (*word).to_owned());
    packages
        .run(Command::new(argv.collect::<Vec<_>>()), INSTALL_TIMEOUT)
        .await
        .map(drop)
}

pub(super) async fn list(packages: &Packages<'_>) -> Result<Vec<Package>> {
    let output = packages
        .run(Command::new(["apk", "info", "-v"]), LIST_TIMEOUT)
        .await?;
    Ok(output.stdout_text().lines().filter_map(parse).collect())
}

/// Reads `musl-1.2.4-r2`: the version begins after the last but one hyphen.
fn parse(line: &str) -> Option<Package> {
    let (rest, release) = line.trim().rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    (release.starts_with('r') && !name.is_empty()).then(|| Package {
        name: name.to_owned(),
        version: format!("{version}-{release}"),
        ..Package::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_may_hold_hyphens() {
        for (line, name, version) in [
            ("musl-1.2.4-r2", "musl", "1.2.4-r2"),
            (
                "ca-certificates-bundle-20240226-r0",
                "ca-certificates-bundle",
                "20240226-r0",
            ),
        ] {
            let read = parse(line).unwrap();
            assert_eq!((read.name.as_str(), read.version.as_str()), (name, version));
        }
        assert!(parse("WARNING: opening cache").is_none());
    }
}
