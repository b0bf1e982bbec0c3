//! Searching images on Docker Hub.

use serde::{Deserialize, Serialize};

use super::Images;
use crate::auth::RegistryAuth;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::{Filters, Query};

pub(super) static SEARCH: Operation<Json<Vec<ImageFound>>> =
    Operation::get("ImageSearch", "/images/search").slow();

impl Images<'_> {
    /// Searches Docker Hub, or the registry at the start of `term`.
    pub async fn search(
        &self,
        term: &str,
        options: SearchImages,
        auth: Option<&RegistryAuth>,
    ) -> Result<Vec<ImageFound>> {
        let blank = term
            .trim()
            .is_empty()
            .then(|| "the term is empty; pass a term to search".to_owned());
        self.docker
            .call(&SEARCH)
            .about(term)
            .query(options.query(term))
            .reject_if(blank)
            .auth(auth)
            .send()
            .await
    }
}

/// Options and filters of a search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchImages {
    /// The maximum number of results, up to 100; `None` is the engine's default, 25.
    pub limit: Option<u32>,
    /// Whether the image is official; `None` for both.
    pub is_official: Option<bool>,
    /// Whether the image is built automatically; Docker Hub no longer has such images.
    pub is_automated: Option<bool>,
    /// Minimum number of stars.
    pub stars: Option<u32>,
}

impl SearchImages {
    fn query(&self, term: &str) -> Query {
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

/// A found image. Definition `ImageSearchResponseItem`, within the operation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct ImageFound {
    /// The name: `alpine`, `grafana/grafana`.
    pub name: String,
    /// The description.
    pub description: String,
    /// Whether it is official.
    pub is_official: bool,
    /// Whether it is built automatically; newer engines never set it.
    pub is_automated: bool,
    /// Number of stars.
    pub star_count: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_filters_are_texts() {
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
