//! One line of progress of a pull, push, build, load or import.

use serde::{Deserialize, Serialize};

use crate::wire::stream::StreamItem;

/// One line of a stream of progress. Definitions `CreateImageInfo`, `PushImageInfo`, `BuildInfo`.
///
/// The fields depend on the stream. A failure is a line, too, after a success status; in a
/// [`JsonLines`](crate::JsonLines) such a line becomes the error that ends the stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "camelCase")]
pub struct Progress {
    /// The subject of the line: a layer, a tag.
    pub id: String,
    /// The status: `Downloading`, `Pull complete` …
    pub status: String,
    /// The progress.
    pub progress_detail: ProgressDetail,
    /// The progress as text. Deprecated since API 1.48, still sent.
    pub progress: String,
    /// Output of a build or of a load, with line ends.
    pub stream: String,
    /// Additional results: the ID of a built image, the digest of a pushed manifest, BuildKit's
    /// trace.
    pub aux: Option<serde_json::Value>,
    /// The error as text. Deprecated since API 1.48, still sent.
    pub error: String,
    /// Why it failed.
    pub error_detail: Option<ErrorDetail>,
}

impl Progress {
    /// The error of the pull, push, build …, if this line reports one: a text, and a code if there
    /// is one.
    pub fn failure(&self) -> Option<(&str, Option<i64>)> {
        let detail = self.error_detail.as_ref();
        let code = detail.map(|detail| detail.code).filter(|code| *code != 0);
        let text = detail
            .map(|detail| detail.message.trim_end()) // Podman ends it with a line end
            .filter(|text| !text.is_empty());
        match (text, self.error.trim_end()) {
            (Some(text), _) => Some((text, code)),
            (None, "") => detail.map(|_| ("the engine reports no reason", code)),
            (None, text) => Some((text, code)),
        }
    }
}

impl StreamItem for Progress {
    fn failure(&self) -> Option<(String, Option<i64>)> {
        Self::failure(self).map(|(text, code)| (text.to_owned(), code))
    }
}

/// The progress of a layer. Definition `ProgressDetail`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct ProgressDetail {
    /// The amount that is done, in `units`.
    pub current: i64,
    /// The total amount; 0 if it is unknown.
    pub total: i64,
    /// The unit of the amounts; empty for bytes, `s` during the extraction.
    pub units: String,
    /// Time of the start, in seconds since 1970; 0 if it is unknown.
    pub start: i64,
    /// Whether the numbers are only for a progress bar, and must not be printed.
    pub hidecounts: bool,
}

/// An error. Definition `ErrorDetail`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct ErrorDetail {
    /// A code, such as the exit code of a build step; 0 for no code.
    pub code: i64,
    /// The reason.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::decode;

    fn line(text: &str) -> Progress {
        decode(text.as_bytes()).unwrap()
    }

    #[test]
    fn failure_is_read_from_either_field() {
        let both = line(r#"{"errorDetail":{"code":1,"message":"no space"},"error":"old text"}"#);
        assert_eq!(both.failure(), Some(("no space", Some(1))));
        assert_eq!(
            line(r#"{"error":"format error"}"#).failure(),
            Some(("format error", None))
        );
        let podman = line(r#"{"errorDetail":{"message":"exit status 3\n"},"error":"exit status 3\n"}"#);
        assert_eq!(podman.failure(), Some(("exit status 3", None)));
        assert_eq!(line(r#"{"error":"x\n"}"#).failure(), Some(("x", None)));
        let empty = line(r#"{"errorDetail":{}}"#);
        assert_eq!(empty.failure(), Some(("the engine reports no reason", None)));
        assert_eq!(line(r#"{"errorDetail":null,"status":"x"}"#).failure(), None);
    }

    #[test]
    fn aux_may_be_any_json() {
        assert_eq!(line(r#"{"aux":"CgA="}"#).aux.unwrap(), "CgA=");
        assert_eq!(
            line(r#"{"aux":{"ID":"sha256:1"}}"#).aux.unwrap()["ID"],
            "sha256:1"
        );
        let progress = line(r#"{"status":"Pulling","id":"1","progressDetail":{}}"#);
        assert_eq!(progress.progress_detail, ProgressDetail::default());
    }
}
