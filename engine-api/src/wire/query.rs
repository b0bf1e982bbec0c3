//! Query strings and filters. The caller writes the names, and this module escapes the values.

use std::fmt::Display;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// All characters except the unreserved characters of RFC 3986.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A query string that is being built, in the order in which the parameters were added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query(String);

impl Query {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Sends `key=true`, or nothing: for a parameter that is false by default.
    pub(crate) fn flag(self, key: &str, on: bool) -> Self {
        if on { self.set(key, true) } else { self }
    }

    /// Sends the value if there is one, even if it is empty, zero or false.
    pub(crate) fn maybe<T: ToString>(self, key: &str, value: Option<T>) -> Self {
        match value {
            Some(value) => self.push(key, &value.to_string()),
            None => self,
        }
    }

    /// Sends the text unless it is empty.
    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        if value.is_empty() {
            self
        } else {
            self.push(key, value)
        }
    }

    /// Sends the key once for each value: engines do not split values at commas.
    pub(crate) fn each<T: AsRef<str>>(self, key: &str, values: impl IntoIterator<Item = T>) -> Self {
        values
            .into_iter()
            .fold(self, |query, value| query.push(key, value.as_ref()))
    }

    /// Always sends the value.
    pub(crate) fn set(self, key: &str, value: impl Display) -> Self {
        self.push(key, &value.to_string())
    }

    /// Sends `filters={"label":["a=b"]}` unless no filter is set.
    pub(crate) fn filters(self, filters: &Filters) -> Self {
        if filters.0.is_empty() {
            return self;
        }
        self.push("filters", &format!("{{{}}}", filters.0))
    }

    /// The parameters without a leading `?`; empty without parameters.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn push(mut self, key: &str, value: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(key);
        self.0.push('=');
        self.0.extend(utf8_percent_encode(value, VALUE));
        self
    }
}

/// Filters that are being built: the contents of a JSON object from keys to lists of strings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filters(String);

impl Filters {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a key with its values, if there are any. Each key may be added once.
    pub(crate) fn with<T: AsRef<str>>(mut self, key: &str, values: impl IntoIterator<Item = T>) -> Self {
        let start = self.0.len();
        for value in values {
            self.add(start, key, value.as_ref());
        }
        if self.0.len() > start {
            self.0.push(']');
        }
        self
    }

    /// Adds a value of a key whose list begins at `start`. Not generic, so compiled once.
    fn add(&mut self, start: usize, key: &str, value: &str) {
        if self.0.len() > start {
            self.0.push(',');
        } else {
            self.open(key);
        }
        self.0.push_str(&Value::from(value).to_string());
    }

    fn open(&mut self, key: &str) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(&Value::from(key).to_string());
        self.0.push_str(":[");
    }

    /// Adds a key with its one value, unless that is empty.
    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        self.with(key, (!value.is_empty()).then_some(value))
    }

    /// Adds the required labels, and the excluded labels.
    pub(crate) fn labels(self, with: &[String], without: &[String]) -> Self {
        self.with("label", with).with("label!", without)
    }

    /// Adds a key without values, if `on`. The key itself is the filter.
    pub(crate) fn bare(mut self, key: &str, on: bool) -> Self {
        if on {
            self.open(key);
            self.0.push(']');
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_empty_ones_left_out() {
        let query = Query::new()
            .flag("all", true)
            .flag("size", false)
            .text("name", "")
            .text("path", "/a b&c=d/é~-._")
            .maybe("limit", Some(0))
            .maybe("t", None::<i64>)
            .set("h", -1)
            .set("stream", false)
            .each("names", ["a", "b,c"]);
        assert_eq!(
            query.as_str(),
            "all=true&path=%2Fa%20b%26c%3Dd%2F%C3%A9~-._&limit=0&h=-1&stream=false&names=a&names=b%2Cc"
        );
        assert_eq!(Query::new().as_str(), "");
    }

    #[test]
    fn filters_are_one_json_object() {
        let none: [&str; 0] = [];
        let filters = Filters::new()
            .with("label", ["a=\"b\"", "c"])
            .with("name", none)
            .with("label!", ["d"]);
        assert_eq!(filters.0, r#""label":["a=\"b\"","c"],"label!":["d"]"#);
        assert_eq!(
            Query::new().filters(&Filters::new().with("id", ["7"])).as_str(),
            "filters=%7B%22id%22%3A%5B%227%22%5D%7D"
        );
        assert_eq!(Query::new().filters(&Filters::new()).as_str(), "");
    }
}
