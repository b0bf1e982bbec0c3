//! Environment variables.

use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

/// Environment variables, `NAME=value` each.
///
/// A list in every way, but for `Debug`, which shows only the names: values may be secrets.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnvList(Vec<String>);

impl EnvList {
    /// The value of a variable; the last one counts, as it does for the process.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='))
    }
}

impl fmt::Debug for EnvList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masked = self.0.iter().map(|entry| match entry.split_once('=') {
            Some((name, _)) => format!("{name}=***"),
            None => entry.clone(),
        });
        f.debug_list().entries(masked).finish()
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

impl<T: Into<String>> From<Vec<T>> for EnvList {
    fn from(list: Vec<T>) -> Self {
        list.into_iter().collect()
    }
}

impl<T: Into<String>, const N: usize> From<[T; N]> for EnvList {
    fn from(list: [T; N]) -> Self {
        list.into_iter().collect()
    }
}

impl<T: Into<String>> FromIterator<T> for EnvList {
    fn from_iter<I: IntoIterator<Item = T>>(list: I) -> Self {
        Self(list.into_iter().map(Into::into).collect())
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
    fn debug_of_an_environment_shows_no_value() {
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
}
