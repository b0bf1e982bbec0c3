//! Sets that are maps to empty objects in JSON: `{"80/tcp": {}}`.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize)]
struct Empty {}

pub(crate) fn serialize<T, S>(set: &BTreeSet<T>, serializer: S) -> Result<S::Ok, S::Error>
where
    T: Serialize,
    S: Serializer,
{
    serializer.collect_map(set.iter().map(|key| (key, Empty {})))
}

pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<BTreeSet<T>, D::Error>
where
    T: Deserialize<'de> + Ord,
    D: Deserializer<'de>,
{
    Ok(BTreeMap::<T, IgnoredAny>::deserialize(deserializer)?
        .into_keys()
        .collect())
}
