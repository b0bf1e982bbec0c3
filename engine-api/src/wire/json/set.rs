//! Sets that the wire writes as maps to empty objects: `{"80/tcp": {}}`.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serializer};

#[derive(serde::Serialize)]
struct Empty {}

pub(crate) fn serialize<S: Serializer>(set: &BTreeSet<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(set.iter().map(|key| (key, Empty {})))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<String>, D::Error> {
    Ok(BTreeMap::<String, IgnoredAny>::deserialize(deserializer)?
        .into_keys()
        .collect())
}
