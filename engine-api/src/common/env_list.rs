//! Environment variables.

use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

/// Environment variables, `NAME=value` each.
///
/// It dereferences to `Vec<String>`. `Debug` prints only the names, because values may be secrets.
///
/// ```
/// use engine_api::common::EnvList;
///
/// let env: EnvList = [("MODE", "test"), ("TOKEN", "hunter2")].into();
/// assert_eq!(env, EnvList::from(["MODE=test", "TOKEN=hunter2"]));
/// assert_eq!(format!("{env:?}"), r#"["MODE=***", "TOKEN=***"]"#);
/// ```
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnvList(Vec<String>);

impl EnvList {
    /// The value of a variable. If a name occurs several times, the last value counts, as for a
    /// process.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='))
    }
}

impl fmt::Debug for EnvList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|entry| masked(entry)))
            .finish()
    }
}

impl Deref for EnvList {
    type Target = Vec<String>;

    fn deref(&self) -> &Vec<String> {
        &self.0
    }
}

impl DerefMut for EnvList {
    fn deref_mut(&mut self) -> &mut Vec<String> {
        &mut self.0
    }
}

/// One entry of an [`EnvList`]: from `NAME=value`, `NAME` alone, or a name and a value.
///
/// `Debug` prints only the name.
#[derive(Clone, PartialEq, Eq)]
pub struct EnvEntry(String);

impl fmt::Debug for EnvEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        masked(&self.0).fmt(f)
    }
}

fn masked(entry: &str) -> String {
    match entry.split_once('=') {
        Some((name, _)) => format!("{name}=***"),
        None => entry.to_owned(),
    }
}

impl From<&str> for EnvEntry {
    fn from(entry: &str) -> Self {
        Self(entry.to_owned())
    }
}

impl From<String> for EnvEntry {
    fn from(entry: String) -> Self {
        Self(entry)
    }
}

impl From<&String> for EnvEntry {
    fn from(entry: &String) -> Self {
        Self(entry.clone())
    }
}

impl<N: fmt::Display, V: fmt::Display> From<(N, V)> for EnvEntry {
    fn from((name, value): (N, V)) -> Self {
        Self(format!("{name}={value}"))
    }
}

impl<T: Into<EnvEntry>> From<Vec<T>> for EnvList {
    fn from(list: Vec<T>) -> Self {
        list.into_iter().collect()
    }
}

impl<T: Into<EnvEntry>, const N: usize> From<[T; N]> for EnvList {
    fn from(list: [T; N]) -> Self {
        list.into_iter().collect()
    }
}

impl<T: Into<EnvEntry>> FromIterator<T> for EnvList {
    fn from_iter<I: IntoIterator<Item = T>>(list: I) -> Self {
        Self(list.into_iter().map(|entry| entry.into().0).collect())
    }
}

impl IntoIterator for EnvList {
    type Item = String;
    type IntoIter = std::vec::IntoIter<String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a EnvList {
    type Item = &'a String;
    type IntoIter = std::slice::Iter<'a, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_an_environment_prints_no_value() {
        let env = EnvList::from(["TOKEN=hunter2", "EMPTY=", "UNSET"]);
        assert_eq!(format!("{env:?}"), r#"["TOKEN=***", "EMPTY=***", "UNSET"]"#);
        assert_eq!(
            serde_json::to_string(&env).unwrap(),
            r#"["TOKEN=hunter2","EMPTY=","UNSET"]"#
        );
    }

    #[test]
    fn the_last_value_of_a_variable_counts() {
        let env = EnvList::from(["A=1", "AB=2", "A=3=4"]);
        assert_eq!(env.value("A"), Some("3=4"));
        assert_eq!(env.value("AB"), Some("2"));
        assert_eq!(env.value("B"), None);
    }

    #[test]
    fn pairs_and_strings_become_entries() {
        let expected = EnvList::from(["A=1", "B=x=y"]);
        assert_eq!(EnvList::from([("A", 1)])[..], expected[..1]);
        assert_eq!(EnvList::from(vec![("A", "1"), ("B", "x=y")]), expected);
        let map = std::collections::BTreeMap::from([("A".to_owned(), "1".to_owned())]);
        assert_eq!(map.into_iter().collect::<EnvList>()[..], expected[..1]);
        assert_eq!(format!("{:?}", EnvEntry::from(("A", "hunter2"))), r#""A=***""#);
        let strings = ["A=1".to_owned(), "B=x=y".to_owned()];
        assert_eq!(strings.iter().collect::<EnvList>(), expected);
        assert_eq!(EnvList::from(strings), expected);
        assert_eq!((&expected).into_iter().collect::<EnvList>(), expected);
        assert_eq!(expected.clone().into_iter().collect::<EnvList>(), expected);
    }
}
