//! One line of progress of a pull, push, build, load or import.

use serde::{Deserialize, Serialize};

use crate::wire::stream::StreamItem;

/// One line of a stream of progress. Definitions `CreateImageInfo`, `PushImageInfo`, `BuildInfo`.
///
/// Each stream fills other fields. A failure comes in a line too, after a status of success; in a
/// [`JsonLines`](crate::JsonLines) such a line becomes the error that ends it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "camelCase")]
pub struct Progress {
    /// The subject of the line: a layer, a tag.
    pub id: String,
    /// The status: `Downloading`, `Pull complete` …
    pub status: String,
    /// How far it is.
    pub progress_detail: ProgressDetail,
    /// How far it is, as text to print. Deprecated since API 1.48, still sent.
    pub progress: String,
    /// Output of a build, or of a load, line ends included.
    pub stream: String,
    /// Results beside the text: a built image's id, a pushed manifest's digest, BuildKit's trace.
    pub aux: Option<serde_json::Value>,
    /// Why it failed, as text. Deprecated since API 1.48, still sent.
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
            (None, "") => detail.map(|_| ("the engine does not say why", code)),
            (None, text) => Some((text, code)),
        }
    }
}

impl StreamItem for Progress {
    fn failure(&self) -> Option<(String, Option<i64>)> {
        Self::failure(self).map(|(text, code)| (text.to_owned(), code))
    }
}

/// How far something is. Definition `ProgressDetail`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct ProgressDetail {
    /// How much is done, in `units`.
    pub current: i64,
    /// How much there is to do; 0 when not known.
    pub total: i64,
    /// The unit of the counts; empty for bytes. `s` while an engine unpacks.
    pub units: String,
    /// The start, in seconds since 1970; 0 when not known.
    pub start: i64,
    /// Whether the numbers are for a bar only, and not to be printed.
    pub hidecounts: bool,
}

/// Why something failed. Definition `ErrorDetail`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct ErrorDetail {
    /// A code, such as the exit code of a build step; 0 for none.
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
        assert_eq!(empty.failure(), Some(("the engine does not say why", None)));
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
