//! The mode of a service, which decides the number of its tasks.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, Error as _};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::wire::json::open_enum;

/// The number of tasks of a service, and whether they run until they are stopped, or exit by
/// themselves (a job). Part of definition `ServiceSpec`.
///
/// ```
/// use engine_api::services::ServiceMode;
///
/// let three = ServiceMode::replicated(3);
/// assert_eq!(three, ServiceMode::Replicated { replicas: Some(3) });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceMode {
    /// A number of tasks that run.
    Replicated {
        /// The number of tasks; `None` is one.
        replicas: Option<u64>,
    },
    /// One task on each node, which runs until it is stopped.
    Global,
    /// A number of tasks that exit by themselves.
    ReplicatedJob {
        /// The maximum number of concurrent tasks; `None` is one.
        max_concurrent: Option<u64>,
        /// The number of tasks that must succeed; `None` is the number of concurrent tasks.
        total_completions: Option<u64>,
    },
    /// One task on each node, which exits by itself.
    GlobalJob,
    /// A mode that this crate does not know, as the engine sent it; empty is the engine's default,
    /// one task that runs.
    Other(BTreeMap<String, Value>),
}

impl ServiceMode {
    /// A number of tasks that run.
    pub fn replicated(replicas: u64) -> Self {
        let replicas = Some(replicas);
        Self::Replicated { replicas }
    }
}

impl Default for ServiceMode {
    fn default() -> Self {
        Self::Other(BTreeMap::new())
    }
}

const REPLICATED: &str = "Replicated";
const GLOBAL: &str = "Global";
const REPLICATED_JOB: &str = "ReplicatedJob";
const GLOBAL_JOB: &str = "GlobalJob";

#[derive(Serialize, Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct ReplicatedFields {
    replicas: Option<u64>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct ReplicatedJobFields {
    max_concurrent: Option<u64>,
    total_completions: Option<u64>,
}

#[derive(Serialize)]
struct NoFields {}

impl Serialize for ServiceMode {
    /// An object with one key, the mode.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Replicated { replicas } => {
                let replicas = *replicas;
                map.serialize_entry(REPLICATED, &ReplicatedFields { replicas })?;
            }
            Self::Global => map.serialize_entry(GLOBAL, &NoFields {})?,
            Self::ReplicatedJob {
                max_concurrent,
                total_completions,
            } => {
                let fields = ReplicatedJobFields {
                    max_concurrent: *max_concurrent,
                    total_completions: *total_completions,
                };
                map.serialize_entry(REPLICATED_JOB, &fields)?;
            }
            Self::GlobalJob => map.serialize_entry(GLOBAL_JOB, &NoFields {})?,
            Self::Other(modes) => {
                for (mode, fields) in modes {
                    map.serialize_entry(mode, fields)?;
                }
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for ServiceMode {
    /// A mode that is `null` counts as absent. Every value except a single known mode is kept
    /// unchanged.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut modes = BTreeMap::<String, Value>::deserialize(deserializer)?;
        modes.retain(|_, fields| !fields.is_null());
        let mode = match modes.first_key_value() {
            Some((mode, _)) if modes.len() == 1 => mode.as_str(),
            _ => "",
        };
        Ok(match mode {
            REPLICATED => {
                let ReplicatedFields { replicas } = fields_of(modes).map_err(D::Error::custom)?;
                Self::Replicated { replicas }
            }
            GLOBAL => Self::Global,
            REPLICATED_JOB => {
                let fields: ReplicatedJobFields = fields_of(modes).map_err(D::Error::custom)?;
                Self::ReplicatedJob {
                    max_concurrent: fields.max_concurrent,
                    total_completions: fields.total_completions,
                }
            }
            GLOBAL_JOB => Self::GlobalJob,
            _ => Self::Other(modes),
        })
    }
}

/// The fields of the mode.
fn fields_of<T: DeserializeOwned>(modes: BTreeMap<String, Value>) -> serde_json::Result<T> {
    let fields = modes.into_values().next().unwrap_or_default();
    serde_json::from_value(fields)
}

/// The name of a mode, for filters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ServiceModeName {
    /// [`ServiceMode::Replicated`].
    Replicated,
    /// [`ServiceMode::Global`].
    Global,
    /// [`ServiceMode::ReplicatedJob`].
    ReplicatedJob,
    /// [`ServiceMode::GlobalJob`].
    GlobalJob,
    /// A value that this crate does not know.
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
    fn mode_is_an_object_with_one_key() {
        let modes = [
            (ServiceMode::replicated(0), r#"{"Replicated":{"Replicas":0}}"#),
            (ServiceMode::Replicated { replicas: None }, r#"{"Replicated":{}}"#),
            (ServiceMode::Global, r#"{"Global":{}}"#),
            (
                ServiceMode::ReplicatedJob {
                    max_concurrent: Some(2),
                    total_completions: None,
                },
                r#"{"ReplicatedJob":{"MaxConcurrent":2}}"#,
            ),
            (ServiceMode::GlobalJob, r#"{"GlobalJob":{}}"#),
            (ServiceMode::default(), "{}"),
        ];
        for (mode, text) in modes {
            assert_eq!(String::from_utf8(encode(&mode).unwrap()).unwrap(), text);
            assert_eq!(decode::<ServiceMode>(text.as_bytes()).unwrap(), mode);
        }
    }

    #[test]
    fn null_modes_are_absent() {
        assert_eq!(decode::<ServiceMode>(b"null").unwrap(), ServiceMode::default());
        let one: ServiceMode = decode(br#"{"Replicated":{"Replicas":null},"Global":null}"#).unwrap();
        assert_eq!(one, ServiceMode::Replicated { replicas: None });
    }

    #[test]
    fn unknown_modes_survive_a_round_trip() {
        for text in [
            r#"{"Stateful":{"Ordinals":[1,2]}}"#,
            r#"{"Global":{},"Replicated":{"Replicas":1}}"#,
        ] {
            let mode: ServiceMode = decode(text.as_bytes()).unwrap();
            assert!(matches!(mode, ServiceMode::Other(_)));
            assert_eq!(String::from_utf8(encode(&mode).unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn invalid_fields_of_a_mode_are_an_error() {
        assert!(decode::<ServiceMode>(br#"{"Replicated":{"Replicas":"many"}}"#).is_err());
    }
}
