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
        if entry.key != "resources" {
            reading.unsupported(entry.line, &path, "only resources.limits is");
            continue;
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
