//! The steps that created an image.

use serde::{Deserialize, Serialize};

use super::Images;
use super::platform;
use crate::common::OciPlatform;
use crate::error::Result;
use crate::version::Version;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static HISTORY: Operation<Json<Vec<HistoryEntry>>> =
    Operation::get("ImageHistory", "/images/{name}/history").slashes();

impl Images<'_> {
    /// Lists the steps that created an image, the last first.
    pub async fn history(&self, image: &str, options: ListHistory) -> Result<Vec<HistoryEntry>> {
        let call = self.docker.call(&HISTORY).at(image).query(options.query());
        call.needs(
            options.platform.is_some(),
            "ListHistory::platform",
            Version::new(1, 48),
        )
        .send()
        .await
    }
}

/// Which history to return.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListHistory {
    /// The platform of the image; `None` is any platform, the engine's own first. Since API 1.48.
    pub platform: Option<OciPlatform>,
}

impl ListHistory {
    fn query(&self) -> Query {
        Query::new().maybe("platform", self.platform.as_ref().map(platform::as_json))
    }
}

/// One step of an image's history, the last one first. Definition `ImageHistoryResponseItem`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct HistoryEntry {
    /// The ID of the image after this step; `<missing>` if the step did not run on this engine.
    #[serde(alias = "ID")]
    pub id: String,
    /// Time of the step, in seconds since 1970.
    pub created: i64,
    /// The instruction or command.
    pub created_by: String,
    /// The names of the image after this step.
    pub tags: Vec<String>,
    /// The number of bytes that it added.
    pub size: i64,
    /// The comment of the step.
    pub comment: String,
}
