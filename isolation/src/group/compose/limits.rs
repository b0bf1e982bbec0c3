//! The limits of a service, by their old names and by those of `deploy`.

use super::reading::Reading;
use super::yaml::Node;
use crate::spec::EnvironmentSpec;

/// The keys of a service that are limits.
pub(super) const KEYS: [&str; 4] = ["mem_limit", "cpus", "pids_limit", "deploy"];

/// Reads one of [`KEYS`].
pub(super) fn read(
    reading: &mut Reading<'_>,
    node: &Node,
    path: &str,
    key: &str,
    spec: &mut EnvironmentSpec,
) {
    let limits = &mut spec.limits;
    match key {
        "mem_limit" | "memory" => limits.memory = reading.size(node, path),
        "cpus" => limits.cpus = reading.parsed(node, path, "a number of CPUs", str::parse),
        "pids_limit" | "pids" => {
            limits.pids = reading.parsed(node, path, "a number of processes", str::parse)
        }
        _ => deploy(reading, node, path, spec),
    }
}

/// `deploy.resources.limits`; the rest of `deploy` is for a cluster.
fn deploy(reading: &mut Reading<'_>, node: &Node, path: &str, spec: &mut EnvironmentSpec) {
    for entry in reading.map(node, path) {
        let path = format!("{path}.{}", entry.key);
        match entry.key.as_str() {
            "replicas" => {
                one_copy(reading, &entry.value, &path);
                continue;
            }
            "resources" => {}
            _ => {
                reading.unsupported(entry.line, &path, "only resources.limits and replicas are");
                continue;
            }
        }
        for entry in reading.map(&entry.value, &path) {
            let path = format!("{path}.{}", entry.key);
            if entry.key != "limits" {
                reading.unsupported(entry.line, &path, "only limits is");
                continue;
            }
            for entry in reading.map(&entry.value, &path) {
                let path = format!("{path}.{}", entry.key);
                match entry.key.as_str() {
                    key @ ("memory" | "cpus" | "pids") => read(reading, &entry.value, &path, key, spec),
                    _ => reading.unsupported(entry.line, &path, ""),
                }
            }
        }
    }
}

/// Reads `scale` and `deploy.replicas`: a service is one environment.
pub(super) fn one_copy(reading: &mut Reading<'_>, node: &Node, path: &str) {
    let copies: Option<u32> = reading.parsed(node, path, "a number", str::parse);
    if copies.is_some_and(|copies| copies != 1) {
        reading.unsupported(node.line, path, "write a service for each copy: extends");
    }
}
