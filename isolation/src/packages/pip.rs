//! pip: packages of Python.

use super::install::{InstallPackages, PackageIndex};
use super::inventory::Package;
use super::redact::without_credentials;
use super::{INSTALL_TIMEOUT, LIST_TIMEOUT, Packages};
use crate::command::Command;
use crate::error::{Error, ErrorKind, Result};

/// Runs the interpreter of the environment: `python` if there is one, as in a virtual environment.
const PYTHON: &str = r#"command -v python >/dev/null && exec python "$@"; exec python3 "$@""#;

/// Reads the metadata of packages, see the file.
const INVENTORY: &str = include_str!("inventory.py");

/// Variables by which pip would install elsewhere, from elsewhere, or something else. pip ignores
/// empty ones.
const EMPTIED: [&str; 19] = [
    "PIP_BREAK_SYSTEM_PACKAGES",
    "PIP_CONSTRAINT",
    "PIP_DRY_RUN",
    "PIP_EDITABLE",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_FORCE_REINSTALL",
    "PIP_IGNORE_INSTALLED",
    "PIP_INDEX_URL",
    "PIP_NO_DEPS",
    "PIP_NO_INDEX",
    "PIP_PREFIX",
    "PIP_PYTHON",
    "PIP_REQUIREMENT",
    "PIP_REQUIRE_HASHES",
    "PIP_ROOT",
    "PIP_TARGET",
    "PIP_UPGRADE",
    "PIP_USER",
];

/// No file of settings, no questions.
const SETTINGS: [(&str, &str); 4] = [
    ("PIP_CONFIG_FILE", "/dev/null"),
    ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
    ("PIP_NO_INPUT", "1"),
    ("PIP_ROOT_USER_ACTION", "ignore"),
];

pub(super) async fn install(packages: &Packages<'_>, options: &InstallPackages) -> Result<()> {
    let mut arguments = words(&["install", "--quiet"]);
    if options.upgrade {
        arguments.push("--upgrade".to_owned());
    }
    if options.require_hashes {
        arguments.push("--require-hashes".to_owned());
    }
    for (option, values) in [
        ("--requirement", &options.requirements),
        ("--constraint", &options.constraints),
        ("--find-links", &options.find_links),
    ] {
        arguments.extend(values.iter().flat_map(|value| [option.to_owned(), value.clone()]));
    }
    let mut command = pip(arguments, &options.names);
    match &options.index {
        PackageIndex::Public => {}
        PackageIndex::None => command.env.extend([("PIP_NO_INDEX".to_owned(), "1".to_owned())]),
        PackageIndex::Address(address) => {
            command
                .env
                .extend([("PIP_INDEX_URL".to_owned(), address.clone())]);
        }
    }
    packages.run(command, options.timeout()).await.map(drop)
}

pub(super) async fn uninstall(packages: &Packages<'_>, installed: &[Package], names: &[&str]) -> Result<()> {
    let inherited = |name: &&&str| installed.iter().any(|one| one.inherited && one.is_named(name));
    if let Some(name) = names.iter().find(inherited) {
        let why = format!("the package {name} belongs to the interpreter, not to the virtual environment");
        return Err(Error::invalid(why));
    }
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let command = pip(words(&["uninstall", "--quiet", "--yes"]), &names);
    packages.run(command, INSTALL_TIMEOUT).await.map(drop)
}

pub(super) async fn list(packages: &Packages<'_>) -> Result<Vec<Package>> {
    let command = python(words(&["-I", "-c", INVENTORY]));
    let output = packages.run(command, LIST_TIMEOUT).await?;
    parse(&output.stdout_text())
}

fn parse(text: &str) -> Result<Vec<Package>> {
    let read = |line: &str| {
        let mut package: Package = serde_json::from_str(line).map_err(|error| {
            Error::new(
                ErrorKind::Corrupt,
                format!("the list of packages is invalid: {error}"),
            )
        })?;
        package.source = package.source.map(|source| without_credentials(&source));
        Ok(package)
    };
    text.lines().map(read).collect()
}

fn pip(arguments: Vec<String>, names: &[String]) -> Command {
    let arguments = words(&["-I", "-m", "pip"]).into_iter().chain(arguments);
    // The arguments after it are not options, even with a leading dash.
    let names = names.iter().cloned();
    let mut command = python(arguments.chain(["--".to_owned()]).chain(names).collect());
    let emptied = EMPTIED.iter().map(|name| (*name, ""));
    let settings = emptied.chain(SETTINGS);
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    command.env.extend(settings);
    command
}

fn python(arguments: Vec<String>) -> Command {
    let start = words(&["sh", "-c", PYTHON, "python"]);
    Command::new(start.into_iter().chain(arguments).collect::<Vec<_>>())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_shows_no_credentials() {
        let text = r#"{"name": "x", "version": "1", "installer": "pip", "requested": true, "editable": false,
            "source": "https://me:hunter2@h/x.whl", "inherited": false}"#
            .replace('\n', "");
        let read = parse(&text).unwrap();
        assert_eq!(read[0].source.as_deref(), Some("https://***@h/x.whl"));
        assert!(read[0].requested);
        assert_eq!(parse("nonsense").unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn names_follow_the_end_of_the_options() {
        let command = pip(words(&["install"]), &["flask".to_owned()]);
        let tail: Vec<_> = command.argv.iter().rev().take(3).map(String::as_str).collect();
        assert_eq!(tail, ["flask", "--", "install"]);
    }
}
