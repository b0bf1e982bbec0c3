//! Options of drivers.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

/// Options that an engine passes to a driver of volumes, networks, logs or devices.
///
/// It dereferences to `BTreeMap<String, String>`. `Debug` prints only the names, because values may
/// be secrets, such as the password of a network share or the token of a log server.
///
/// ```
/// use engine_api::common::DriverOptions;
///
/// let options: DriverOptions = [("type", "cifs"), ("o", "username=me,password=hunter2")].into();
/// assert_eq!(options["type"], "cifs");
/// assert_eq!(format!("{options:?}"), r#"{"o": ***, "type": ***}"#);
/// ```
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DriverOptions(BTreeMap<String, String>);

impl fmt::Debug for DriverOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masked = self.0.keys().map(|name| (name, format_args!("***")));
        f.debug_map().entries(masked).finish()
    }
}

impl Deref for DriverOptions {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for DriverOptions {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl From<BTreeMap<String, String>> for DriverOptions {
    fn from(options: BTreeMap<String, String>) -> Self {
        Self(options)
    }
}

impl<K: Into<String>, V: Into<String>, const N: usize> From<[(K, V); N]> for DriverOptions {
    fn from(options: [(K, V); N]) -> Self {
        options.into_iter().collect()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for DriverOptions {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(options: I) -> Self {
        let pair = |(name, value): (K, V)| (name.into(), value.into());
        Self(options.into_iter().map(pair).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn driver_options_are_sent_but_not_printed() {
        let mut options = DriverOptions::from([("o", "password=hunter2")]);
        options.insert("type".into(), "cifs".into());
        assert_eq!(format!("{options:?}"), r#"{"o": ***, "type": ***}"#);
        let text = serde_json::to_string(&options).unwrap();
        assert_eq!(text, r#"{"o":"password=hunter2","type":"cifs"}"#);
        assert_eq!(serde_json::from_str::<DriverOptions>(&text).unwrap(), options);
        assert_eq!(DriverOptions::from(BTreeMap::clone(&options)), options);
    }
}
