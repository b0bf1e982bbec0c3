//! Query strings and filters.

use std::collections::BTreeMap;
use std::fmt::Display;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but the characters that RFC 3986 calls unreserved.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The query of a request, escaped as it is built.
///
/// An absent key and an empty one differ for some parameters (wire fact 6), so each method says when
/// it writes its key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query(String);

impl Query {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Always writes the key.
    pub(crate) fn set(mut self, key: &str, value: impl Display) -> Self {
        self.push(key, &value.to_string());
        self
    }

    /// Writes `key=true` when it is true.
    pub(crate) fn flag(mut self, key: &str, value: bool) -> Self {
        if value {
            self.push(key, "true");
        }
        self
    }

    /// Writes the key when there is a value.
    pub(crate) fn maybe(mut self, key: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.push(key, &value.to_string());
        }
        self
    }

    /// Writes the key when the text is not empty.
    pub(crate) fn text(mut self, key: &str, value: &str) -> Self {
        if !value.is_empty() {
            self.push(key, value);
        }
        self
    }

    /// Always writes the key.
    pub(crate) fn number(self, key: &str, value: i64) -> Self {
        self.set(key, value)
    }

    /// Writes the key once for each value: engines take no comma lists (wire fact 3).
    pub(crate) fn each(mut self, key: &str, values: impl IntoIterator<Item: AsRef<str>>) -> Self {
        for value in values {
            self.push(key, value.as_ref());
        }
        self
    }

    /// Writes `filters` unless there is none.
    pub(crate) fn filters(mut self, filters: &Filters) -> Self {
        if let Some(json) = filters.to_json() {
            self.push("filters", &json);
        }
        self
    }

    /// The query without its question mark; empty for none.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn push(&mut self, key: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(key);
        self.0.push('=');
        self.0.extend(utf8_percent_encode(value, VALUE));
    }
}

/// What a list is narrowed to, as engines read it: `{"label":["a=b"],"status":["running"]}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filters(BTreeMap<&'static str, Vec<String>>);

impl Filters {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds the values of a key; nothing for no values.
    pub(crate) fn with(mut self, key: &'static str, values: impl IntoIterator<Item: AsRef<str>>) -> Self {
        let mut values = values
            .into_iter()
            .map(|value| value.as_ref().to_owned())
            .peekable();
        if values.peek().is_some() {
            self.0.entry(key).or_default().extend(values);
        }
        self
    }

    fn to_json(&self) -> Option<String> {
        // A map of texts always serialises.
        (!self.0.is_empty()).then(|| serde_json::to_string(&self.0).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_lists_repeat_their_key() {
        let query = Query::new()
            .set("t", 5)
            .each("names", ["a b", "c&d"])
            .flag("all", true)
            .flag("size", false);
        assert_eq!(query.as_str(), "t=5&names=a%20b&names=c%26d&all=true");
        assert_eq!(
            Query::new().text("tag", "").maybe("limit", None::<u64>).as_str(),
            ""
        );
    }

    #[test]
    fn filters_are_json_lists_and_left_out_when_empty() {
        let filters = Filters::new().with("label", ["a=b", "c"]).with("status", [""; 0]);
        assert_eq!(
            Query::new().filters(&filters).as_str(),
            "filters=%7B%22label%22%3A%5B%22a%3Db%22%2C%22c%22%5D%7D"
        );
        assert_eq!(Query::new().filters(&Filters::new()).as_str(), "");
    }
}
