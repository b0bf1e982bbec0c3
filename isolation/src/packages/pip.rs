//! pip and uv: packages of Python.

use serde::Deserialize;

use super::install::{InstallPackages, PackageIndex, PackageSources};
use super::inventory::Package;
use super::redact::without_credentials;
use super::{INSTALL_TIMEOUT, LIST_TIMEOUT, PackageManager, Packages};
use crate::command::Command;
use crate::command::input::Input;
use crate::command::output::CommandOutput;
use crate::error::{Error, ErrorKind, Result};

/// Runs the interpreter of the environment: that of its virtual environment, also if a `PATH` of
/// the user leads to another one; in a container whose Python belongs to the distribution, that of
/// the virtual environment that the driver has created.
const PYTHON: &str = r#"
active=$VIRTUAL_ENV/bin/python
[ -n "$VIRTUAL_ENV" ] && [ -x "$active" ] && exec "$active" "$@"
own=/opt/isolation/venv/bin/python
[ -z "$VIRTUAL_ENV" ] && [ -x "$own" ] && exec "$own" "$@"
command -v python >/dev/null && exec python "$@"
exec python3 "$@""#;

/// Reads the metadata of packages, see the files.
const INVENTORY: &str = concat!(include_str!("contents.py"), include_str!("inventory.py"));

/// Runs pip or uv, see the files.
const DRIVER: &str = concat!(include_str!("contents.py"), include_str!("driver.py"));

/// The codes of the driver.
const AGAIN: i32 = 75;
pub(super) const INVALID: i32 = 78;

/// The line of the driver before the directory of the virtual environment.
const VIRTUAL_ENVIRONMENT: &str = "virtual environment ";

/// The variable in which the driver gets an index: it may hold credentials.
const INDEX: &str = "ISOLATION_PACKAGE_INDEX";

/// Installs packages; returns the virtual environment that a Python of a distribution needs.
pub(super) async fn install(packages: &Packages<'_>, options: &InstallPackages) -> Result<Option<String>> {
    run_install(packages, options, None).await
}

/// Installs exactly these packages, from archives with these digests.
pub(super) async fn install_locked(
    packages: &Packages<'_>,
    locked: &[&Package],
    sources: &PackageSources,
) -> Result<()> {
    let lines: Result<Vec<String>> = locked.iter().map(|package| requirement(package)).collect();
    let options = InstallPackages {
        index: sources.index.clone(),
        find_links: sources.find_links.clone(),
        timeout: sources.timeout,
        ..InstallPackages::default()
    };
    let requirements = lines?.join("\n") + "\n";
    run_install(packages, &options, Some(requirements))
        .await
        .map(drop)
}

/// The line of a requirement file. A lock is a file of a user: nothing in it may be an option.
fn requirement(package: &Package) -> Result<String> {
    let invalid = |what: &str, text: &str| {
        Error::invalid(format!(
            "the package {:?} of the lock has the {what} {text:?}",
            package.name
        ))
    };
    let is_word = |text: &str, more: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
        !text.is_empty() && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(allowed)
    };
    if !is_word(&package.name, "._-") {
        return Err(invalid("name", &package.name));
    }
    if !is_word(&package.version, "._-+!") {
        return Err(invalid("version", &package.version));
    }
    let source = package.source.as_deref().filter(|source| {
        let is_address = source.starts_with("https://") || source.starts_with("http://");
        // One with credentials is not known as a whole.
        is_address && !source.contains("***")
    });
    let mut line = match source {
        Some(source) if source.contains(char::is_whitespace) => return Err(invalid("source", source)),
        Some(source) => format!("{} @ {source}", package.name),
        None => format!("{}=={}", package.name, package.version),
    };
    for archive in &package.archives {
        let (kind, digest) = archive.split_once(':').unwrap_or_default();
        let length = match kind {
            "sha256" => 64,
            "sha384" => 96,
            "sha512" => 128,
            _ => return Err(invalid("digest", archive)),
        };
        if digest.len() != length || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(invalid("digest", archive));
        }
        line.push_str(&format!(" --hash={archive}"));
    }
    Ok(line)
}

async fn run_install(
    packages: &Packages<'_>,
    options: &InstallPackages,
    locked: Option<String>,
) -> Result<Option<String>> {
    let mut arguments = Vec::new();
    for (is_set, option) in [
        (locked.is_some(), "--locked"),
        (options.upgrade, "--upgrade"),
        (options.require_hashes, "--require-hashes"),
        (options.index == PackageIndex::None, "--no-index"),
    ] {
        arguments.extend(is_set.then(|| option.to_owned()));
    }
    for (option, values) in [
        ("--requirement", &options.requirements),
        ("--constraint", &options.constraints),
        ("--find-links", &options.find_links),
    ] {
        arguments.extend(values.iter().flat_map(|value| [option.to_owned(), value.clone()]));
    }
    let mut command = driver(packages.manager, "install", arguments, &options.names);
    if let PackageIndex::Address(address) = &options.index {
        command.env.extend([(INDEX.to_owned(), address.clone())]);
    }
    if let Some(locked) = locked {
        command.input = Input::Bytes(locked.into());
    }
    command.timeout = Some(options.timeout());
    let output = run(packages, command).await?;
    let text = output.stdout_text();
    let environment = text
        .lines()
        .find_map(|line| line.strip_prefix(VIRTUAL_ENVIRONMENT));
    Ok(environment.map(str::to_owned))
}

pub(super) async fn uninstall(packages: &Packages<'_>, installed: &[Package], names: &[&str]) -> Result<()> {
    let inherited = |name: &&&str| installed.iter().any(|one| one.inherited && one.is_named(name));
    if let Some(name) = names.iter().find(inherited) {
        let why = format!("the package {name} belongs to the interpreter, not to the virtual environment");
        return Err(Error::invalid(why));
    }
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let command = driver(packages.manager, "uninstall", Vec::new(), &names);
    run(packages, command).await.map(drop)
}

/// Runs the driver, a second time if the first one has created a virtual environment.
async fn run(packages: &Packages<'_>, mut command: Command) -> Result<CommandOutput> {
    let timeout = *command.timeout.get_or_insert(INSTALL_TIMEOUT);
    match packages.execute(command.clone()).await? {
        output if output.exit.code == AGAIN => packages.run(command, timeout).await,
        output => packages.succeeded(output, timeout),
    }
}

/// The installed packages, with digests of their content if they are wanted.
pub(super) async fn list(packages: &Packages<'_>, digests: bool) -> Result<Vec<Package>> {
    let wanted = digests.then_some("hashes");
    let arguments = ["-I", "-c", INVENTORY].into_iter().chain(wanted);
    let command = python(arguments.map(str::to_owned));
    let output = packages.run(command, LIST_TIMEOUT).await?;
    parse(&output.stdout_text())
}

/// The part of `direct_url.json` that is shown.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Origin {
    url: Option<String>,
    dir_info: DirInfo,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DirInfo {
    editable: bool,
}

fn parse(text: &str) -> Result<Vec<Package>> {
    let read = |record: &str| {
        let fields: Vec<_> = record.split('\u{1f}').collect();
        let &[
            name,
            version,
            installer,
            requested,
            origin,
            inherited,
            digest,
            archives,
        ] = fields.as_slice()
        else {
            let why = "the list of packages is invalid: a package has other fields";
            return Err(Error::new(ErrorKind::Corrupt, why));
        };
        // A file that another tool has damaged hides no package.
        let origin: Origin = serde_json::from_str(origin).unwrap_or_default();
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(Package {
            name: name.to_owned(),
            version: version.to_owned(),
            installer: given(installer),
            requested: !requested.is_empty(),
            editable: origin.dir_info.editable,
            source: origin.url.map(|url| without_credentials(&url)),
            inherited: !inherited.is_empty(),
            digest: given(digest),
            archives: archives.split_whitespace().map(str::to_owned).collect(),
        })
    };
    text.split_terminator('\u{1e}').map(read).collect()
}

/// A command of the driver. A name after the end of the options is never an option.
fn driver(manager: PackageManager, action: &str, options: Vec<String>, names: &[String]) -> Command {
    let start = ["-I", "-c", DRIVER, manager.name(), action].map(str::to_owned);
    let names = std::iter::once("--".to_owned()).chain(names.iter().cloned());
    python(start.into_iter().chain(options).chain(names))
}

/// A command of the interpreter of the environment.
pub(crate) fn python(arguments: impl Iterator<Item = String>) -> Command {
    let start = ["sh", "-c", PYTHON, "python"].map(str::to_owned);
    Command::new(start.into_iter().chain(arguments).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_shows_no_credentials() {
        let text = "x\u{1f}1\u{1f}pip\u{1f}1\u{1f}{\"url\": \"https://me:hunter2@h/x.whl\", \
                    \"dir_info\": {}}\u{1f}\u{1f}\u{1f}sha256:1\u{1e}";
        let read = parse(text).unwrap();
        assert_eq!(read[0].source.as_deref(), Some("https://***@h/x.whl"));
        assert!(read[0].requested && !read[0].editable);
        assert_eq!(read[0].archives, ["sha256:1"]);
        assert_eq!(parse("nonsense").unwrap_err().kind(), ErrorKind::Corrupt);
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn requirement_of_a_lock_holds_no_option() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let package = |name: &str, version: &str, source: Option<&str>, archive: &str| {
            requirement(&Package {
                name: name.to_owned(),
                version: version.to_owned(),
                source: source.map(str::to_owned),
                archives: vec![archive.to_owned()],
                ..Package::default()
            })
        };
        let line = package("Flask_Login", "1!2.0rc1+local", None, &digest).unwrap();
        assert_eq!(line, format!("Flask_Login==1!2.0rc1+local --hash={digest}"));
        let address = package("x", "1", Some("https://h/x.whl"), &digest).unwrap();
        assert_eq!(address, format!("x @ https://h/x.whl --hash={digest}"));
        for hidden in ["https://***@h/x.whl", "file:///gone/x.whl"] {
            assert!(
                package("x", "1", Some(hidden), &digest)
                    .unwrap()
                    .starts_with("x==1 ")
            );
        }
        for (name, version, source, archive) in [
            ("-r/etc/passwd", "1", None, digest.as_str()),
            ("x\n--pre", "1", None, &digest),
            ("x", "1 --pre", None, &digest),
            ("x", "", None, &digest),
            ("x", "1", Some("https://h/x --pre"), &digest),
            ("x", "1", None, "md5:00"),
            ("x", "1", None, "sha256:00 --pre"),
        ] {
            let error = package(name, version, source, archive).unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::InvalidInput,
                "{name} {version} {archive}"
            );
        }
    }

    /// A Python that belongs to a distribution says so with the file `EXTERNALLY-MANAGED`.
    #[test]
    fn mark_of_a_distribution_is_never_overridden() {
        for program in [PYTHON, INVENTORY, DRIVER] {
            assert!(!program.to_lowercase().replace('_', "-").contains("break-system"));
        }
        assert!(DRIVER.contains("EXTERNALLY-MANAGED"));
    }

    #[test]
    fn names_follow_the_end_of_the_options() {
        let command = driver(PackageManager::Pip, "install", Vec::new(), &["flask".to_owned()]);
        let tail: Vec<_> = command.argv.iter().rev().take(3).map(String::as_str).collect();
        assert_eq!(tail, ["flask", "--", "install"]);
    }
}
