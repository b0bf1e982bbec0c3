//! How many tasks a service has.

use serde::{Deserialize, Serialize};

use crate::wire::json::open_enum;

/// How many tasks a service has, and whether they are to end: one of the four, or none for one task
/// that runs. Part of definition `ServiceSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceMode {
    /// So many tasks that run.
    pub replicated: Option<Replicated>,
    /// One task on each node that runs.
    pub global: Option<Global>,
    /// So many tasks that end.
    pub replicated_job: Option<ReplicatedJob>,
    /// One task on each node that ends.
    pub global_job: Option<GlobalJob>,
}

impl ServiceMode {
    /// So many tasks that run.
    pub fn replicated(replicas: u64) -> Self {
        let replicas = Some(replicas);
        Self {
            replicated: Some(Replicated { replicas }),
            ..Self::default()
        }
    }

    /// One task on each node that runs.
    pub fn global() -> Self {
        Self {
            global: Some(Global {}),
            ..Self::default()
        }
    }

    /// How many of the four are set.
    pub(super) fn count(&self) -> usize {
        [
            self.replicated.is_some(),
            self.global.is_some(),
            self.replicated_job.is_some(),
            self.global_job.is_some(),
        ]
        .into_iter()
        .filter(|set| *set)
        .count()
    }
}

/// So many tasks that run. Part of definition `ServiceSpec`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Replicated {
    /// How many; `None` is one.
    pub replicas: Option<u64>,
}

/// One task on each node that runs; there is nothing to say about it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Global {}

/// So many tasks that end. Part of definition `ServiceSpec`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ReplicatedJob {
    /// How many at the same time; `None` is one.
    pub max_concurrent: Option<u64>,
    /// How many must end well; `None` is as many as run at the same time.
    pub total_completions: Option<u64>,
}

/// One task on each node that ends; there is nothing to say about it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GlobalJob {}

/// The name of a mode, for filters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ServiceModeName {
    /// [`ServiceMode::replicated`].
    Replicated,
    /// [`ServiceMode::global`].
    Global,
    /// [`ServiceMode::replicated_job`].
    ReplicatedJob,
    /// [`ServiceMode::global_job`].
    GlobalJob,
    /// A word this crate does not know.
    Other(String),
}

open_enum!(ServiceModeName {
    Replicated = "replicated",
    Global = "global",
    ReplicatedJob = "replicated-job",
    GlobalJob = "global-job",
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::{decode, encode};

    #[test]
    fn no_replicas_and_one_are_two_things() {
        let none = encode(&ServiceMode::replicated(0)).unwrap();
        assert_eq!(none, br#"{"Replicated":{"Replicas":0}}"#);
        assert_eq!(decode::<ServiceMode>(&none).unwrap(), ServiceMode::replicated(0));
        let global = encode(&ServiceMode::global()).unwrap();
        assert_eq!(global, br#"{"Global":{}}"#);
        assert_eq!(decode::<ServiceMode>(&global).unwrap().count(), 1);
    }
}
