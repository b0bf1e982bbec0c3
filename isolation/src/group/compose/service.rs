//! A service of a compose file.

use serde_json::json;

use super::files::{self, Declared};
use super::mounts::Volumes;
use super::pairs::{optional_pairs, pairs};
use super::reading::Reading;
use super::yaml::{Node, Value};
use super::{build, empty_service, env_file, health, limits, mounts, ports, security, words};
use crate::command::Command;
use crate::group::spec::{Dependency, Service};
use crate::spec::EnvironmentSpec;
use crate::spec::main_process::Main;
use crate::spec::network::{BRIDGE, HOST, NetworkMode};
use crate::spec::restart::{RestartOnExit, RestartSpec};
use crate::spec::units;

/// Keys that are read elsewhere, and `expose`, which has no effect on a group.
const ELSEWHERE: [&str; 5] = ["profiles", "networks", "container_name", "extends", "expose"];

/// Unsupported keys, and the alternatives.
const INSTEAD: [(&str, &str); 2] = [
    ("links", "services reach each other by their names"),
    ("logging", "logs are read with `isolate logs`"),
];

/// The declarations of the file for all services.
#[derive(Debug, Default)]
pub(super) struct OfFile {
    pub(super) volumes: Volumes,
    pub(super) secrets: Declared,
    pub(super) configs: Declared,
}

/// Reads a service. Networks are assigned later, when all services are known.
pub(super) fn read(reading: &mut Reading<'_>, node: &Node, path: &str, of_file: &OfFile) -> Service {
    let mut service = empty_service();
    let (mut entrypoint, mut command) = (None, None);
    for entry in reading.map(node, path) {
        let (value, path) = (&entry.value, format!("{path}.{}", entry.key));
        let spec = &mut service.environment;
        match entry.key.as_str() {
            "image" => spec.image = reading.text(value, &path),
            "build" => spec.build = build::read(reading, value, &path),
            "entrypoint" => entrypoint = words_of(reading, value, &path),
            "command" => command = words_of(reading, value, &path),
            "environment" => environment(reading, value, &path, spec),
            // The keys of `environment` win, independent of their position.
            "env_file" => {}
            "ports" => spec.network.ports = ports::read(reading, value, &path),
            "volumes" => mounts::read(reading, value, &path, &of_file.volumes, spec),
            "secrets" => files::read(reading, value, &path, &of_file.secrets, &mut service),
            "configs" => files::read(reading, value, &path, &of_file.configs, &mut service),
            "tmpfs" => mounts::tmpfs(reading, value, &path, spec),
            "depends_on" => service.depends_on = depends_on(reading, value, &path),
            "healthcheck" => health::read(reading, value, &path, spec),
            "network_mode" => network_mode(reading, value, &path, spec),
            "working_dir" => spec.working_dir = reading.text(value, &path),
            "user" => spec.user = reading.text(value, &path),
            "labels" => spec.labels = pairs(reading, value, &path).into_iter().collect(),
            "read_only" => spec.security.read_only_root = reading.bool(value, &path).unwrap_or_default(),
            key if security::KEYS.contains(&key) => security::read(reading, value, &path, key, spec),
            "dns" => dns(reading, value, &path, spec),
            "dns_search" => spec.network.dns_search = reading.text_or_texts(value, &path),
            "restart" => restart(reading, value, &path, spec),
            "shm_size" => spec.limits.shm_size = reading.size(value, &path),
            "pull_policy" => pull_policy(reading, value, &path, spec),
            "stop_grace_period" => {
                let what = "a duration such as 1m30s";
                spec.stop_grace = reading.parsed(value, &path, what, units::parse_duration);
            }
            "scale" => limits::one_copy(reading, value, &path),
            "hostname" | "init" | "platform" | "stop_signal" | "extra_hosts" | "tty" | "stdin_open" => {
                engine_option(reading, value, &path, &entry.key, spec);
            }
            key if limits::KEYS.contains(&key) => limits::read(reading, value, &path, key, spec),
            key if ELSEWHERE.contains(&key) || key.starts_with("x-") => {}
            key => {
                let instead = INSTEAD.iter().find(|(known, _)| *known == key);
                reading.unsupported(entry.line, &path, instead.map_or("", |(_, hint)| hint));
            }
        }
    }
    service.environment.main = main(entrypoint, command);
    if let Some(files) = reading.get(node, path, "env_file") {
        env_files(
            reading,
            files,
            &format!("{path}.env_file"),
            &mut service.environment,
        );
    }
    let has_build = reading.get(node, path, "build").is_some();
    if service.environment.image.is_none() && !has_build {
        reading.fault(node.line, path, "it has no image; name one, or build one");
    }
    service
}

/// The entrypoint of the image stays if only the arguments are given.
fn main(entrypoint: Option<Vec<String>>, command: Option<Vec<String>>) -> Main {
    match (entrypoint, command) {
        (None, None) => Main::Image,
        (None, Some(arguments)) if arguments.is_empty() => Main::Image,
        (None, Some(arguments)) => Main::Arguments(arguments),
        (Some(mut argv), command) => {
            argv.extend(command.unwrap_or_default());
            match argv.is_empty() {
                true => Main::Image,
                false => Main::Command(Command::new(argv)),
            }
        }
    }
}

fn words_of(reading: &mut Reading<'_>, node: &Node, path: &str) -> Option<Vec<String>> {
    match &node.value {
        Value::Null => None,
        Value::Text(text) => {
            let words = words::split(text);
            if let Err(why) = &words {
                reading.fault(node.line, path, why);
            }
            words.ok()
        }
        _ => Some(reading.texts(node, path)),
    }
}

fn environment(reading: &mut Reading<'_>, node: &Node, path: &str, spec: &mut EnvironmentSpec) {
    for (name, value) in optional_pairs(reading, node, path) {
        // For a name alone, the value of the caller is passed, if it is set.
        if let Some(value) = value.or_else(|| reading.known().get(&name).cloned()) {
            spec.env.insert(name, value);
        }
    }
}

fn env_files(reading: &mut Reading<'_>, node: &Node, path: &str, spec: &mut EnvironmentSpec) {
    let single = std::slice::from_ref(node);
    let files = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => single,
    };
    let mut variables = std::collections::BTreeMap::new();
    for node in files {
        let (named, mut required) = match &node.value {
            Value::Map(entries) => {
                for entry in entries {
                    if !matches!(entry.key.as_str(), "path" | "required") {
                        reading.unsupported(entry.line, &format!("{path}.{}", entry.key), "");
                    }
                }
                let required = reading.get(node, path, "required");
                let required = required.and_then(|value| reading.bool(value, path));
                (reading.get(node, path, "path"), required.unwrap_or(true))
            }
            _ => (Some(node), true),
        };
        let Some(name) = named.and_then(|named| reading.text(named, path)) else {
            reading.fault(node.line, path, "the path of a file is expected");
            continue;
        };
        let file = reading.path(&name);
        required |= file.exists();
        if !required {
            continue;
        }
        match env_file::read(&file, reading.known()) {
            Ok(read) => variables.extend(read),
            Err(error) => reading.fault(node.line, path, &error.to_string()),
        }
    }
    for (name, value) in variables {
        spec.env.entry(name).or_insert(value);
    }
}

fn depends_on(
    reading: &mut Reading<'_>,
    node: &Node,
    path: &str,
) -> std::collections::BTreeMap<String, Dependency> {
    let Value::Map(entries) = &node.value else {
        let names = reading.texts(node, path).into_iter();
        return names.map(|name| (name, Dependency::Started)).collect();
    };
    let mut needed = std::collections::BTreeMap::new();
    for entry in entries {
        let path = format!("{path}.{}", entry.key);
        let mut dependency = Dependency::Started;
        for option in reading.map(&entry.value, &path) {
            let path = format!("{path}.{}", option.key);
            let text = reading.text(&option.value, &path);
            match (option.key.as_str(), text.as_deref()) {
                ("condition", Some("service_started")) => dependency = Dependency::Started,
                ("condition", Some("service_healthy")) => dependency = Dependency::Ready,
                ("condition", Some("service_completed_successfully")) => dependency = Dependency::Completed,
                ("condition", _) => {
                    let why =
                        "service_started, service_healthy or service_completed_successfully is expected";
                    reading.fault(option.line, &path, why);
                }
                ("required", _) | ("restart", Some("false")) => {}
                _ => reading.unsupported(option.line, &path, ""),
            }
        }
        needed.insert(entry.key.clone(), dependency);
    }
    needed
}

/// Whether a dependency may be missing.
pub(super) fn is_optional(service: &Node, needed: &str) -> bool {
    let get = |node: &Node, key: &str| match &node.value {
        Value::Map(entries) => entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|one| one.value.clone()),
        _ => None,
    };
    let dependency = get(service, "depends_on").and_then(|all| get(&all, needed));
    let required = dependency.and_then(|one| get(&one, "required"));
    required.is_some_and(|required| required.value == Value::Text("false".to_owned()))
}

fn network_mode(reading: &mut Reading<'_>, node: &Node, path: &str, spec: &mut EnvironmentSpec) {
    match reading.text(node, path).as_deref() {
        Some("none") => spec.network.mode = NetworkMode::None,
        Some(name @ (HOST | BRIDGE)) => spec.network.mode = NetworkMode::Named(name.to_owned()),
        None => {}
        Some(mode) if mode.starts_with("container:") => {
            let hint = "that container is not one of this file, and may end at any time; make it a service, and write \
                        service:NAME";
            reading.unsupported(node.line, path, hint);
        }
        Some(mode) => match mode.strip_prefix("service:").filter(|name| !name.is_empty()) {
            Some(name) => spec.network.mode = NetworkMode::Environment(name.to_owned()),
            None => reading.fault(node.line, path, "none, host, bridge or service:NAME is expected"),
        },
    }
}

fn dns(reading: &mut Reading<'_>, node: &Node, path: &str, spec: &mut EnvironmentSpec) {
    for text in reading.text_or_texts(node, path) {
        match text.parse() {
            Ok(address) => spec.network.dns.push(address),
            Err(_) => reading.fault(node.line, path, "an IP address is expected"),
        }
    }
}

fn restart(reading: &mut Reading<'_>, node: &Node, path: &str, spec: &mut EnvironmentSpec) {
    let Some(text) = reading.text(node, path) else {
        return;
    };
    let (policy, most) = match text.split_once(':') {
        Some((policy, most)) => (policy, most.parse().ok()),
        None => (text.as_str(), None),
    };
    let on_exit = match policy {
        "no" | "false" => return,
        "always" | "unless-stopped" => RestartOnExit::Always,
        "on-failure" => RestartOnExit::Failure,
        _ => {
            let why = "no, always, unless-stopped or on-failure is expected";
            return reading.fault(node.line, path, why);
        }
    };
    spec.restart = Some(RestartSpec {
        on_exit,
        max_attempts: most,
        ..RestartSpec::default()
    });
}

/// When the image is pulled; that of a build is never pulled.
fn pull_policy(reading: &mut Reading<'_>, node: &Node, path: &str, spec: &mut EnvironmentSpec) {
    let policy = match reading.text(node, path).as_deref() {
        Some("always") => "always",
        Some("never") => "never",
        Some("missing" | "if_not_present") => "missing",
        // A service with `build` is built anyway, and one without is an error of docker compose.
        Some("build") | None => return,
        Some(_) => {
            return reading.unsupported(node.line, path, "its values are always, missing, never and build");
        }
    };
    set_option(spec, "pull", json!(policy));
}

/// Options that only the engine `docker` has.
fn engine_option(reading: &mut Reading<'_>, node: &Node, path: &str, key: &str, spec: &mut EnvironmentSpec) {
    let value = match key {
        "init" | "tty" | "stdin_open" => reading.bool(node, path).map(|set| json!(set)),
        "extra_hosts" => {
            let host = |(name, address): (String, String)| match address.is_empty() {
                // In a list, a colon may separate the two.
                true => name,
                false => format!("{name}:{address}"),
            };
            let hosts = pairs(reading, node, path).into_iter().map(host);
            Some(json!(hosts.collect::<Vec<_>>()))
        }
        _ => reading.text(node, path).map(|text| json!(text)),
    };
    if let Some(value) = value {
        set_option(spec, key, value);
    }
}

fn set_option(spec: &mut EnvironmentSpec, key: &str, value: serde_json::Value) {
    let options = spec
        .engine_options
        .entry("docker".to_owned())
        .or_insert_with(|| json!({}));
    if let Some(options) = options.as_object_mut() {
        options.insert(key.to_owned(), value);
    }
}
