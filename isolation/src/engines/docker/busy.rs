//! The containers that this process is creating or removing at the moment.
//!
//! A daemon creates a missing volume that a new container mounts. So a volume is not removed while
//! the request for such a container is on its way: it would come back, without labels. The removal
//! of a network or volume waits longer for a container that this process is removing than for
//! other users.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine_api::containers::{CreateContainer, MountType};

use super::labels;

/// The names and IDs, and by how many containers they are used. An equal name on another daemon
/// only delays a removal.
static BUSY: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

fn all() -> MutexGuard<'static, BTreeMap<String, usize>> {
    BUSY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name of a container, the ID of its environment and the names of its volumes, until this is
/// dropped.
#[derive(Debug)]
pub(super) struct Busy(Vec<String>);

impl Busy {
    pub(super) fn with(names: &[String]) -> Self {
        let mut all = all();
        for name in names {
            *all.entry(name.clone()).or_default() += 1;
        }
        Self(names.to_vec())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut all = all();
        for name in &self.0 {
            match all.get(name).map_or(0, |count| count - 1) {
                0 => all.remove(name),
                left => all.insert(name.clone(), left),
            };
        }
    }
}

/// Whether a container with this name, of this environment or with this volume is being created or
/// removed.
pub(super) fn is_busy(name: &str) -> bool {
    all().contains_key(name)
}

/// The names of a container: its own, the ID of its environment, and those of its volumes.
pub(super) fn names_of(body: &CreateContainer) -> Vec<String> {
    let mounts = body.host_config.mounts.iter();
    let volumes = mounts.filter(|mount| mount.kind == MountType::Volume && !mount.source.is_empty());
    let labels = body.labels.iter();
    let environment = labels.filter(|(key, _)| *key == labels::ENVIRONMENT);
    volumes
        .map(|mount| mount.source.clone())
        .chain(environment.map(|(_, id)| id.clone()))
        .chain(body.name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_busy_until_its_last_use_ends() {
        let names = ["busy-test-1".to_owned(), "busy-test-2".to_owned()];
        let first = Busy::with(&names);
        let second = Busy::with(&names[..1]);
        drop(first);
        assert!(is_busy("busy-test-1") && !is_busy("busy-test-2"));
        drop(second);
        assert!(!is_busy("busy-test-1"));
    }
}
