//! Maps of strings in requests: labels, annotations, kernel parameters.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

/// A map from strings to strings, written as `[("app", "web")].into()`.
///
/// It dereferences to `BTreeMap<String, String>`.
///
/// ```
/// use engine_api::common::StringMap;
///
/// let labels: StringMap = [("app", "web"), ("tier", "front")].into();
/// assert_eq!(labels["app"], "web");
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StringMap(BTreeMap<String, String>);

impl fmt::Debug for StringMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Deref for StringMap {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for StringMap {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl From<BTreeMap<String, String>> for StringMap {
    fn from(map: BTreeMap<String, String>) -> Self {
        Self(map)
    }
}

impl From<StringMap> for BTreeMap<String, String> {
    fn from(map: StringMap) -> Self {
        map.0
    }
}

impl<K: Into<String>, V: Into<String>, const N: usize> From<[(K, V); N]> for StringMap {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for StringMap {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let pair = |(key, value): (K, V)| (key.into(), value.into());
        Self(pairs.into_iter().map(pair).collect())
    }
}

impl IntoIterator for StringMap {
    type Item = (String, String);
    type IntoIter = std::collections::btree_map::IntoIter<String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a StringMap {
    type Item = (&'a String, &'a String);
    type IntoIter = std::collections::btree_map::Iter<'a, String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl PartialEq<BTreeMap<String, String>> for StringMap {
    fn eq(&self, other: &BTreeMap<String, String>) -> bool {
        self.0 == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::{decode, encode};

    #[test]
    fn a_string_map_is_a_plain_object_on_the_wire() {
        let map = StringMap::from([("app", "web"), ("empty", "")]);
        assert_eq!(encode(&map).unwrap(), br#"{"app":"web","empty":""}"#);
        assert_eq!(
            decode::<StringMap>(br#"{"app":"web","empty":null}"#).unwrap(),
            map
        );
        assert_eq!(decode::<StringMap>(b"null").unwrap(), StringMap::default());
        assert_eq!(format!("{map:?}"), r#"{"app": "web", "empty": ""}"#);
    }

    #[test]
    fn map_is_the_same_after_any_conversion() {
        let map = StringMap::from([("b", "2"), ("a", "1")]);
        let plain = BTreeMap::from(map.clone());
        assert_eq!(map, plain);
        assert_eq!(StringMap::from(plain.clone()), map);
        assert_eq!(
            (&map)
                .into_iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect::<StringMap>(),
            map
        );
        assert_eq!(map.clone().into_iter().collect::<BTreeMap<_, _>>(), plain);
        let mut changed = map;
        changed.remove("a");
        assert_ne!(changed, plain);
    }
}
