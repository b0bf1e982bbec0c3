//! apt: packages of Debian and Ubuntu.

use super::install::InstallPackages;
use super::inventory::Package;
use super::{INSTALL_TIMEOUT, LIST_TIMEOUT, Packages};
use crate::command::Command;
use crate::error::Result;

/// The lists of packages are read where an image leaves them out, for an upgrade, and where an
/// older list leads to files that are gone.
const INSTALL: &str = r#"
command -v apt-get >/dev/null || { echo "apt-get: not found" >&2; exit 127; }
how=$1; shift
install() { apt-get install -qq -y --no-install-recommends "$how" "$@"; }
known=$(find /var/lib/apt/lists -name '*_Packages*' 2>/dev/null | head -n 1)
if [ -n "$known" ] && [ "$how" = --no-upgrade ]; then
  install "$@" 2>/dev/null && exit
fi
apt-get update -qq || exit
install "$@"
"#;

pub(super) async fn install(packages: &Packages<'_>, options: &InstallPackages) -> Result<()> {
    let how = if options.upgrade {
        "--upgrade"
    } else {
        "--no-upgrade"
    };
    let start = ["sh", "-c", INSTALL, "apt-get", how, "--"].map(str::to_owned);
    let argv = start.into_iter().chain(options.names.iter().cloned());
    packages.run(quiet(argv), options.timeout()).await.map(drop)
}

pub(super) async fn uninstall(packages: &Packages<'_>, names: &[&str]) -> Result<()> {
    let start = ["apt-get", "remove", "-qq", "-y", "--"];
    let argv = start.iter().chain(names).map(|word| (*word).to_owned());
    packages.run(quiet(argv), INSTALL_TIMEOUT).await.map(drop)
}

pub(super) async fn list(packages: &Packages<'_>) -> Result<Vec<Package>> {
    let format = "--showformat=${db:Status-Status}\\t${Package}\\t${Version}\\n";
    let command = Command::new(["dpkg-query", "--show", format]);
    let output = packages.run(command, LIST_TIMEOUT).await?;
    Ok(parse(&output.stdout_text()))
}

fn parse(text: &str) -> Vec<Package> {
    let package = |line: &str| {
        let mut fields = line.split('\t');
        let (status, name, version) = (fields.next()?, fields.next()?, fields.next()?);
        (status == "installed").then(|| Package {
            name: name.to_owned(),
            version: version.to_owned(),
            ..Package::default()
        })
    };
    text.lines().filter_map(package).collect()
}

/// A command that asks no question.
fn quiet(argv: impl Iterator<Item = String>) -> Command {
    let mut command = Command::new(argv.collect::<Vec<_>>());
    command
        .env
        .extend([("DEBIAN_FRONTEND".to_owned(), "noninteractive".to_owned())]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_package_is_not_listed() {
        let text = "installed\tcurl\t8.5.0-2\nconfig-files\told\t1\ninstalled\tlibc6\t2.36\n";
        let names: Vec<_> = parse(text)
            .into_iter()
            .map(|one| (one.name, one.version))
            .collect();
        let expected = [("curl", "8.5.0-2"), ("libc6", "2.36")];
        assert_eq!(
            names,
            expected.map(|(name, version)| (name.to_owned(), version.to_owned()))
        );
    }
}
