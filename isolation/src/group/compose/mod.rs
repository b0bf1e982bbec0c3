//! Compose files: the part that a group supports. Other keys are reported.

mod build;
mod env_file;
mod extends;
mod file;
mod files;
mod health;
mod interpolate;
mod limits;
mod mounts;
mod networks;
mod pairs;
mod ports;
mod reading;
mod security;
mod service;
mod words;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use self::interpolate::Known;
use self::reading::Reading;
use self::yaml::{Entry, Node};
use super::spec::{GroupSpec, Service};
use crate::error::{Error, Result};
use crate::spec::variables::Variables;

/// The names of compose files, in the order of the search.
pub(crate) const FILES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];

/// A group from a file of docker compose.
///
/// These keys are supported: `name`, `services`, `networks`, `volumes`, and `secrets` and `configs`
/// with a `file`, a variable (`environment`) or the `content` of a config; of a service `image`,
/// `build`, `command`, `entrypoint`, `environment`, `env_file`, `extends` of the same file,
/// `ports`, `expose`, `volumes`, `secrets`, `configs`, `tmpfs`, `depends_on`, `healthcheck`,
/// `networks`, `network_mode` (`none`, `host`, `bridge`, `service:NAME`), `profiles`,
/// `working_dir`, `user`, `labels`, `init`, `platform`, `pull_policy`, `read_only`, `privileged`,
/// `cap_add`, `cap_drop`, `security_opt`, `sysctls`, `ulimits`, `restart`, `dns`, `dns_search`,
/// `extra_hosts`, `hostname`, `shm_size`, `stop_signal`, `stop_grace_period`, `tty`, `stdin_open`,
/// and the limits of memory, CPUs and processes. YAML anchors, `<<`, keys that begin with `x-`, and
/// variables such as `${NAME:-default}` work. Every other key is an error that names it and its
/// line, unless [`ComposeOptions::ignore_unsupported`] is set.
///
/// Networks and named volumes are created for the group, unless they are `external: true`. Those
/// with a `name` have it on the daemon, too; a network or a volume of somebody else with that name
/// is an error. The volumes of a kept group stay after its end: see
/// [`Manager::remove_group_volumes`](crate::Manager::remove_group_volumes).
///
/// Some differences to docker compose are intended. Ports are published on the loopback address
/// unless the file names another address. An anonymous volume is a directory of its container.
/// Containers have the names of isolate; the `container_name` of a service is a name of it on its
/// networks. Secrets and configs are mounts that can only be read, of files of this machine; those
/// with other contents are written to the state directory of this user ([`GroupSpec::files`]).
/// [`RestartSpec`](crate::RestartSpec) says who restarts services.
///
/// ```
/// # let directory = std::env::temp_dir().join(format!("compose-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory).unwrap();
/// # let file = directory.join("compose.yaml");
/// # std::fs::write(&file, "services:\n  web:\n    image: nginx:${TAG:-1.27}\n").unwrap();
/// use isolation::{ComposeFile, ComposeOptions};
///
/// let options = ComposeOptions { name: Some("shop".into()), ..ComposeOptions::default() };
/// let compose = ComposeFile::read(&file, &options)?;
/// assert_eq!(compose.group.services["web"].environment.image.as_deref(), Some("nginx:1.27"));
/// # std::fs::remove_dir_all(&directory).unwrap();
/// # isolation::Result::Ok(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ComposeFile {
    /// The group.
    pub group: GroupSpec,
    /// The unsupported keys of the file: the line, the key, and a hint.
    pub ignored: Vec<String>,
    /// The variables that the file uses without a default, and that are not set. Each is replaced
    /// by an empty text, as docker compose does.
    pub unset: Vec<String>,
}

/// How a compose file is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComposeOptions {
    /// The name of the group. By default the variable `COMPOSE_PROJECT_NAME`, the one of the file,
    /// or the name of the directory.
    pub name: Option<String>,
    /// The active profiles; by default those of the variable `COMPOSE_PROFILES`.
    pub profiles: Vec<String>,
    /// The variables that the file may use. They override those of the file `.env` in the same
    /// directory. The environment variables of this process are not used automatically.
    pub variables: Variables,
    /// Whether unknown and unsupported keys are ignored instead of being an error.
    pub ignore_unsupported: bool,
}

impl ComposeFile {
    /// Reads a compose file, and the files of variables that it names.
    ///
    /// # Errors
    ///
    /// The kind is [`InvalidInput`](crate::ErrorKind::InvalidInput); the error lists every fault
    /// with its line. It contains no values of variables.
    pub fn read(path: &Path, options: &ComposeOptions) -> Result<Self> {
        let read = read(path, options);
        read.map_err(|error| error.during("read the compose file", &path.display().to_string()))
    }

    /// The file of a directory, by the names that docker compose searches.
    pub fn find(directory: &Path) -> Option<PathBuf> {
        let files = FILES.iter().map(|name| directory.join(name));
        files.into_iter().find(|file| file.is_file())
    }
}

fn read(path: &Path, options: &ComposeOptions) -> Result<ComposeFile> {
    let text = file::read(path)?;
    let path = std::path::absolute(path).map_err(|error| Error::io("find", path, error))?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    let mut known: Known = match directory.join(".env") {
        file if file.is_file() => env_file::read(&file, &(*options.variables).clone())?,
        _ => Known::new(),
    };
    known.extend((*options.variables).clone());
    let mut root = yaml::read(&text)?;
    let mut reading = Reading::new(directory, &known);
    reading.interpolate(&mut root, "");
    let group = group(&mut reading, &root, options);
    let unset = reading.take_unset();
    let ignored = reading.finish(options.ignore_unsupported)?;
    Ok(ComposeFile {
        group,
        ignored,
        unset,
    })
}

/// The sections of the file.
#[derive(Default)]
struct Sections<'a> {
    services: &'a [Entry],
    networks: &'a [Entry],
    volumes: &'a [Entry],
    secrets: &'a [Entry],
    configs: &'a [Entry],
    name: Option<String>,
}

fn group(reading: &mut Reading<'_>, root: &Node, options: &ComposeOptions) -> GroupSpec {
    let mut sections = Sections::default();
    for entry in reading.map(root, "the file") {
        match entry.key.as_str() {
            "services" => sections.services = reading.map(&entry.value, "services"),
            "networks" => sections.networks = reading.map(&entry.value, "networks"),
            "volumes" => sections.volumes = reading.map(&entry.value, "volumes"),
            "secrets" => sections.secrets = reading.map(&entry.value, "secrets"),
            "configs" => sections.configs = reading.map(&entry.value, "configs"),
            "name" => sections.name = reading.text(&entry.value, "name"),
            // It has no meaning since version 2 of docker compose.
            "version" => {}
            key if key.starts_with("x-") => {}
            key => reading.unsupported(entry.line, key, ""),
        }
    }
    let mut group = GroupSpec {
        name: name(reading, options, sections.name.take()),
        ..GroupSpec::default()
    };
    let extended = extends::resolve(reading, sections.services);
    sections.services = &extended;
    let of_file = service::OfFile {
        volumes: mounts::declared(reading, sections.volumes, &mut group),
        secrets: files::declared(reading, sections.secrets, files::SECRETS, &mut group),
        configs: files::declared(reading, sections.configs, files::CONFIGS, &mut group),
    };
    let active = active(reading, options, sections.services);
    for entry in sections.services {
        if active.contains(entry.key.as_str()) {
            let path = format!("services.{}", entry.key);
            let service = service::read(reading, &entry.value, &path, &of_file);
            group.services.insert(entry.key.clone(), service);
        }
    }
    if group.services.is_empty() {
        let why = match sections.services.is_empty() {
            true => "it has no services; name one",
            false => "every service has a profile that is not active; choose one",
        };
        reading.fault(root.line, "services", why);
    }
    check_dependencies(reading, &mut group, sections.services);
    networks::assign(reading, &mut group, &sections);
    group
}

/// The services whose profiles are active, and those without a profile.
fn active<'a>(
    reading: &mut Reading<'_>,
    options: &ComposeOptions,
    services: &'a [Entry],
) -> BTreeSet<&'a str> {
    let by_variable = reading
        .known()
        .get("COMPOSE_PROFILES")
        .cloned()
        .unwrap_or_default();
    let by_variable = by_variable.split(',').map(|one| one.trim().to_owned());
    let profiles: BTreeSet<String> = match options.profiles.is_empty() {
        true => by_variable.collect(),
        false => options.profiles.iter().cloned().collect(),
    };
    let mut active = BTreeSet::new();
    for entry in services {
        let path = format!("services.{}", entry.key);
        let own = match reading.get(&entry.value, &path, "profiles") {
            Some(node) => reading.texts(node, &format!("{path}.profiles")),
            None => Vec::new(),
        };
        if own.is_empty() || profiles.contains("*") || own.iter().any(|one| profiles.contains(one)) {
            active.insert(entry.key.as_str());
        }
    }
    active
}

/// The name of the group: the name of the directory in the form of docker compose.
fn name(reading: &Reading<'_>, options: &ComposeOptions, of_file: Option<String>) -> String {
    let known = reading
        .known()
        .get("COMPOSE_PROJECT_NAME")
        .filter(|name| !name.is_empty());
    if let Some(given) = options.name.clone().or(known.cloned()).or(of_file) {
        return given;
    }
    let directory = reading.directory().file_name().unwrap_or_default();
    let valid = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let name: String = directory
        .to_string_lossy()
        .to_lowercase()
        .chars()
        .filter(valid)
        .collect();
    match name.trim_start_matches(['-', '_']) {
        "" => "default".to_owned(),
        name => name.to_owned(),
    }
}

/// Checks that services exist, and that their conditions can become true.
fn check_dependencies(reading: &mut Reading<'_>, group: &mut GroupSpec, services: &[Entry]) {
    use super::spec::Dependency;

    // Whether a service can become healthy, by its own health check or that of its image.
    let ready: BTreeMap<String, bool> = group
        .services
        .iter()
        .map(|(name, service)| {
            let health = service.environment.health.as_ref();
            (name.clone(), health.is_none_or(|health| !health.disabled))
        })
        .collect();
    let mut of_images = BTreeSet::new();
    for entry in services {
        let Some(service) = group.services.get_mut(&entry.key) else {
            continue;
        };
        let path = format!("services.{}.depends_on", entry.key);
        service.depends_on.retain(|needed, dependency| {
            match ready.get(needed) {
                None => {
                    let is_there = services.iter().any(|other| other.key == *needed);
                    let why = match is_there {
                        true => format!("the profile of {needed} is not active; choose it"),
                        false => format!("no service is called {needed:?}"),
                    };
                    let optional = service::is_optional(&entry.value, needed);
                    if !optional {
                        reading.fault(entry.line, &path, &why);
                    }
                    return !optional;
                }
                Some(false) if *dependency == Dependency::Ready => {
                    let why = format!("the healthcheck of {needed} is disabled, so it never is healthy");
                    reading.fault(entry.line, &path, &why);
                }
                Some(_) if *dependency == Dependency::Ready => {
                    of_images.insert(needed.clone());
                }
                Some(_) => {}
            }
            true
        });
    }
    for (name, service) in &mut group.services {
        if of_images.contains(name) {
            service.environment.ready.get_or_insert_with(health::of_image);
        }
    }
}

/// An empty service, for the parts of this module.
fn empty_service() -> Service {
    let mut service = Service::default();
    service.environment.main = crate::spec::main_process::Main::Image;
    service
}

#[cfg(test)]
mod form_tests;
#[cfg(test)]
mod key_tests;
#[cfg(test)]
mod resource_tests;
#[cfg(test)]
mod tests;
