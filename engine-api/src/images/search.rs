//! Looking for images on Docker Hub.

use serde::{Deserialize, Serialize};

use crate::wire::query::{Filters, Query};

/// What to look for besides the words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchImages {
    /// How many images to say at most, up to 100; `None` is the engine's default, 25.
    pub limit: Option<u32>,
    /// Whether the image is an official one; `None` for either.
    pub is_official: Option<bool>,
    /// Whether the image is built automatically; no image is any more.
    pub is_automated: Option<bool>,
    /// How many stars the image has at least.
    pub stars: Option<u32>,
}

impl SearchImages {
    pub(crate) fn query(&self, term: &str) -> Query {
        let filters = Filters::new()
            .with("is-automated", self.is_automated.map(|value| value.to_string()))
            .with("is-official", self.is_official.map(|value| value.to_string()))
            .with("stars", self.stars.map(|value| value.to_string()));
        Query::new()
            .set("term", term)
            .maybe("limit", self.limit)
            .filters(&filters)
    }
}

/// An image that was found. Definition `ImageSearchResponseItem`, within the operation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct ImageFound {
    /// The name: `alpine`, `grafana/grafana`.
    pub name: String,
    /// What it is, in words.
    pub description: String,
    /// Whether it is an official one.
    pub is_official: bool,
    /// Whether it is built automatically; newer engines always say no.
    pub is_automated: bool,
    /// How many users have marked it.
    pub star_count: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_texts() {
        let search = SearchImages {
            limit: Some(5),
            is_official: Some(true),
            stars: Some(3),
            ..Default::default()
        };
        assert_eq!(
            search.query("web server").as_str(),
            "term=web%20server&limit=5&filters=%7B%22is-official%22%3A%5B%22true%22%5D%2C%22stars%22%3A%5B%223%22%5D%7D"
        );
    }
}
