//! npm: packages of Node, installed for all users.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::install::{InstallPackages, PackageIndex};
use super::inventory::Package;
use super::{INSTALL_TIMEOUT, LIST_TIMEOUT, Packages};
use crate::command::Command;
use crate::error::{Error, ErrorKind, Result};

/// No questions, no reports to a server.
const SETTINGS: [(&str, &str); 4] = [
    ("npm_config_audit", "false"),
    ("npm_config_fund", "false"),
    ("npm_config_update_notifier", "false"),
    ("npm_config_yes", "true"),
];

pub(super) async fn install(packages: &Packages<'_>, options: &InstallPackages) -> Result<()> {
    // npm replaces an installed package by the newest one that fits anyway.
    let mut command = npm(
        &["install", "--global", "--loglevel=error", "--"],
        options.names.iter().cloned(),
    );
    match &options.index {
        PackageIndex::Public => {}
        PackageIndex::None => command
            .env
            .extend([("npm_config_offline".to_owned(), "true".to_owned())]),
        PackageIndex::Address(address) => {
            command
                .env
                .extend([("npm_config_registry".to_owned(), address.clone())]);
        }
    }
    packages.run(command, options.timeout()).await.map(drop)
}

pub(super) async fn uninstall(packages: &Packages<'_>, names: &[&str]) -> Result<()> {
    let names = names.iter().map(|name| (*name).to_owned());
    let command = npm(&["uninstall", "--global", "--loglevel=error", "--"], names);
    packages.run(command, INSTALL_TIMEOUT).await.map(drop)
}

pub(super) async fn list(packages: &Packages<'_>) -> Result<Vec<Package>> {
    let mut command = npm(&["ls", "--global", "--json", "--depth=0"], std::iter::empty());
    command.timeout = Some(LIST_TIMEOUT);
    let output = packages.execute(command).await?;
    if !output.exit.success() {
        if let Some(listed) = in_spite_of_problems(&output.stdout) {
            return Ok(listed);
        }
    }
    parse(&packages.succeeded(output, LIST_TIMEOUT)?.stdout)
}

/// The list of an npm that has failed, if it is complete: packages whose own requirements are not
/// met are listed, and a place that does not exist has no package.
fn in_spite_of_problems(text: &[u8]) -> Option<Vec<Package>> {
    let failure: Failure = serde_json::from_slice(text).ok()?;
    match failure.error.code.as_str() {
        "ELSPROBLEMS" => parse(text).ok(),
        "ENOENT" if failure.error.summary.contains("lstat") => Some(Vec::new()),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Failure {
    error: Reason,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    code: String,
    #[serde(default)]
    summary: String,
}

#[derive(Deserialize)]
struct Listing {
    #[serde(default)]
    dependencies: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    version: String,
    /// Whether another package needs it, and it is not there.
    #[serde(default)]
    missing: bool,
}

fn parse(text: &[u8]) -> Result<Vec<Package>> {
    let listing: Listing = serde_json::from_slice(text).map_err(|error| {
        Error::new(
            ErrorKind::Corrupt,
            format!("the list of packages is invalid: {error}"),
        )
    })?;
    let package = |(name, entry): (String, Entry)| Package {
        name,
        version: entry.version,
        requested: true,
        ..Package::default()
    };
    let there = listing
        .dependencies
        .into_iter()
        .filter(|(_, entry)| !entry.missing);
    Ok(there.map(package).collect())
}

fn npm(arguments: &[&str], names: impl Iterator<Item = String>) -> Command {
    let start = ["npm"].iter().chain(arguments).map(|word| (*word).to_owned());
    let mut command = Command::new(start.chain(names).collect::<Vec<_>>());
    let settings = SETTINGS
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    command.env.extend(settings);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_the_top_are_listed() {
        let text = br#"{"name": "lib", "dependencies": {"npm": {"version": "9.2.0", "overridden": false}, "@a/b": {}}}"#;
        let read = parse(text).unwrap();
        assert_eq!(
            (read[0].name.as_str(), read[1].version.as_str()),
            ("@a/b", "9.2.0")
        );
        assert!(parse(b"{}").unwrap().is_empty());
        assert!(parse(b"x").is_err());
    }

    #[test]
    fn list_with_problems_is_a_list() {
        let text = br#"{"problems": ["missing: c@1, required by b@1"], "error": {"code": "ELSPROBLEMS"},
            "dependencies": {"b": {"version": "1"}, "c": {"required": "1", "missing": true}}}"#;
        let read = in_spite_of_problems(text).unwrap();
        assert_eq!((read.len(), read[0].name.as_str()), (1, "b"));
        let nowhere = br#"{"error": {"code": "ENOENT", "summary": "ENOENT: ..., lstat '/opt/npm'"}}"#;
        assert!(in_spite_of_problems(nowhere).unwrap().is_empty());
        for text in [
            &br#"{"error": {"code": "EACCES", "summary": "lstat"}}"#[..],
            b"{}",
            b"",
            b"x",
        ] {
            assert!(in_spite_of_problems(text).is_none());
        }
    }
}
