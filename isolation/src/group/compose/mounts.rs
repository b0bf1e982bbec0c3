//! Volumes, binds and file systems in memory of a service.

use std::collections::BTreeMap;

use super::pairs::pairs;
use super::reading::Reading;
use super::yaml::{Entry, Node, Value};
use crate::group::spec::{GroupSpec, GroupVolume};
use crate::spec::EnvironmentSpec;
use crate::spec::mount::{Mount, MountSource};
use crate::spec::units;

/// The volumes of the file, and what they are on the engine or in the group.
pub(super) type Volumes = BTreeMap<String, String>;

/// Reads the volumes that the file declares. Those that are not external are of the group.
pub(super) fn declared(reading: &mut Reading<'_>, entries: &[Entry], group: &mut GroupSpec) -> Volumes {
    let mut volumes = Volumes::new();
    for entry in entries {
        let path = format!("volumes.{}", entry.key);
        let (mut external, mut name, mut own) = (false, None, GroupVolume::default());
        for option in reading.map(&entry.value, &path) {
            let (value, path) = (&option.value, format!("{path}.{}", option.key));
            match option.key.as_str() {
                "external" => external = reading.bool(value, &path).unwrap_or_default(),
                "name" => name = reading.text(value, &path),
                "labels" => own.labels = pairs(reading, value, &path).into_iter().collect(),
                "driver" if reading.text(value, &path).as_deref() == Some("local") => {}
                key if key.starts_with("x-") => {}
                _ => reading.unsupported(option.line, &path, ""),
            }
        }
        let on_engine = match (external, name) {
            (true, name) => name.unwrap_or_else(|| entry.key.clone()),
            (false, name) => {
                own.name = name;
                group.volumes.insert(entry.key.clone(), own);
                entry.key.clone()
            }
        };
        volumes.insert(entry.key.clone(), on_engine);
    }
    let own = |name: &String, key: &String| name != key && group.volumes.contains_key(name);
    if let Some((key, name)) = volumes.iter().find(|(key, name)| own(name, key)) {
        let line = entries
            .iter()
            .find(|entry| entry.key == *key)
            .map_or(1, |entry| entry.line);
        let why = format!("its name is that of the volume {name} of the file; give that another name");
        reading.fault(line, &format!("volumes.{key}"), &why);
    }
    volumes
}

/// Reads `volumes` of a service, in both forms.
pub(super) fn read(
    reading: &mut Reading<'_>,
    node: &Node,
    path: &str,
    volumes: &Volumes,
    spec: &mut EnvironmentSpec,
) {
    let Value::List(items) = &node.value else {
        reading.texts(node, path);
        return;
    };
    for (at, item) in items.iter().enumerate() {
        let path = format!("{path}[{at}]");
        let mount = match &item.value {
            Value::Map(_) => long(reading, item, &path, volumes),
            _ => short(reading, item, &path, volumes),
        };
        spec.mounts.extend(mount);
    }
}

/// `SOURCE:TARGET[:OPTIONS]`, or a target alone, which is a directory of the container.
fn short(reading: &mut Reading<'_>, node: &Node, path: &str, volumes: &Volumes) -> Option<Mount> {
    let text = reading.text(node, path)?;
    let mut parts = text.split(':');
    let source = parts.next().unwrap_or_default();
    // On Windows, a drive has a colon, too.
    let is_drive = cfg!(windows) && source.len() == 1 && text[1..].starts_with(":\\");
    let source = match is_drive {
        true => format!("{source}:{}", parts.next().unwrap_or_default()),
        false => source.to_owned(),
    };
    let Some(target) = parts.next() else {
        if !source.starts_with('/') {
            reading.fault(node.line, path, "an absolute path is expected, or SOURCE:TARGET");
        }
        return None;
    };
    let mut read_only = false;
    for option in parts.flat_map(|options| options.split(',')) {
        match option {
            "ro" => read_only = true,
            // Labels of SELinux, and hints for other systems.
            "rw" | "z" | "Z" | "cached" | "delegated" | "consistent" => {}
            _ => reading.unsupported(node.line, path, "the options are ro and rw"),
        }
    }
    let is_path = source.starts_with(['.', '/', '~']) || is_drive;
    let source = match is_path {
        true => MountSource::Host(reading.path(&source)),
        false => volume(reading, node, path, volumes, &source)?,
    };
    Some(Mount {
        source,
        target: target.to_owned(),
        read_only,
        subpath: None,
    })
}

fn volume(
    reading: &mut Reading<'_>,
    node: &Node,
    path: &str,
    volumes: &Volumes,
    name: &str,
) -> Option<MountSource> {
    let found = volumes.get(name).cloned();
    if found.is_none() {
        let why = "the volume is not declared; add it to volumes, or begin a path with ./";
        reading.fault(node.line, path, why);
    }
    found.map(MountSource::Volume)
}

fn long(reading: &mut Reading<'_>, node: &Node, path: &str, volumes: &Volumes) -> Option<Mount> {
    let (mut kind, mut source, mut target) = (None, None, None);
    let (mut read_only, mut size, mut subpath) = (false, None, None);
    for entry in reading.map(node, path) {
        let (value, path) = (&entry.value, format!("{path}.{}", entry.key));
        match entry.key.as_str() {
            "type" => kind = reading.text(value, &path),
            "source" => source = reading.text(value, &path),
            "target" => target = reading.text(value, &path),
            "read_only" => read_only = reading.bool(value, &path).unwrap_or_default(),
            "tmpfs" => {
                for option in reading.map(value, &path) {
                    let path = format!("{path}.{}", option.key);
                    match option.key.as_str() {
                        "size" => size = reading.size(&option.value, &path),
                        _ => reading.unsupported(option.line, &path, ""),
                    }
                }
            }
            "volume" => {
                for option in reading.map(value, &path) {
                    let path = format!("{path}.{}", option.key);
                    match option.key.as_str() {
                        "subpath" => subpath = reading.text(&option.value, &path),
                        _ => reading.unsupported(option.line, &path, ""),
                    }
                }
            }
            "consistency" => {}
            _ => reading.unsupported(entry.line, &path, ""),
        }
    }
    let Some(target) = target else {
        reading.fault(node.line, path, "it has no target; name a path inside");
        return None;
    };
    let source = match (kind.as_deref(), source) {
        (Some("bind"), Some(source)) => MountSource::Host(reading.path(&source)),
        (Some("volume"), Some(source)) => volume(reading, node, path, volumes, &source)?,
        (Some("volume"), None) if read_only => {
            let why =
                "an anonymous volume is empty and cannot be read-only; remove read_only, or name a source";
            reading.fault(node.line, path, why);
            return None;
        }
        // An anonymous volume.
        (Some("volume"), None) => return None,
        (Some("tmpfs"), None) => MountSource::Tmpfs { size },
        _ => {
            let why = "the type bind needs a source, volume may have one, and tmpfs must not have one";
            reading.fault(node.line, path, why);
            return None;
        }
    };
    Some(Mount {
        source,
        target,
        read_only,
        subpath,
    })
}

/// Reads `tmpfs`: `PATH[:OPTIONS]`.
pub(super) fn tmpfs(reading: &mut Reading<'_>, node: &Node, path: &str, spec: &mut EnvironmentSpec) {
    for text in reading.text_or_texts(node, path) {
        let (target, options) = text.split_once(':').unwrap_or((&text, ""));
        let (mut size, mut read_only) = (None, false);
        for option in options.split(',').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("size", text)) => match units::parse_size(text) {
                    Ok(bytes) => size = Some(bytes),
                    Err(_) => reading.fault(node.line, path, "a size such as 64m is expected"),
                },
                None if option == "ro" => read_only = true,
                None if matches!(option, "rw" | "noexec" | "nosuid" | "nodev") => {}
                _ => reading.unsupported(node.line, path, "the options are size, ro and rw"),
            }
        }
        spec.mounts.push(Mount {
            read_only,
            ..Mount::tmpfs(target, size)
        });
    }
}
