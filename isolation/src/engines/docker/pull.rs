//! Images: when they are pulled, and how far a pull is.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use engine_api::Docker;
use engine_api::auth::{Credentials, RegistryAuth};
use engine_api::images::{Progress, PullImage};

use super::NAME;
use super::failure::told;
use crate::error::{Error, Result};

/// When an image is pulled from its registry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum PullPolicy {
    /// When the engine does not have it.
    #[default]
    IfMissing,
    /// Before every environment, so that a tag that has moved is followed.
    Always,
    /// Never: an image that is not there is an error.
    Never,
}

/// How far a pull is, told whenever the engine says something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PullProgress {
    /// The image.
    pub image: String,
    /// How many bytes have been downloaded.
    pub downloaded: u64,
    /// How many bytes there are to download, of the layers whose size is known so far.
    pub total: u64,
    /// How many layers are there for good.
    pub layers_done: usize,
    /// How many layers there are, as far as is known.
    pub layers: usize,
    /// What the engine says right now: `Downloading`, `Extracting` …; empty at the beginning and at the end.
    pub status: String,
    /// Whether the image is there.
    pub done: bool,
}

/// Whom to tell how far a pull is.
#[derive(Clone)]
pub(super) struct Observer(pub(super) Arc<dyn Fn(&PullProgress) + Send + Sync>);

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// A registry that wants credentials where some should have been found, and why there were none.
#[derive(Debug, thiserror::Error)]
#[error("no credentials could be had: {why}")]
struct NoCredentials {
    why: String,
    source: engine_api::Error,
}

/// The credentials that the docker command would use, and why they cannot be had. Most images need none,
/// so that it is no failure yet.
async fn credentials(image: &str) -> (Option<RegistryAuth>, String) {
    let Ok(reference) = image.parse() else {
        // The pull says what is wrong with the name.
        return (None, String::new());
    };
    match Credentials::from_env().await {
        Ok(credentials) => {
            let found = credentials.find(&reference).await;
            (found.auth, found.warnings.join("; "))
        }
        Err(error) => (None, error.to_string()),
    }
}

/// The error of a pull.
fn failed(error: engine_api::Error, why: String, image: &str) -> Error {
    let error = match error.is_unauthorized() && !why.is_empty() {
        true => Error::engine(NAME, NoCredentials { why, source: error }),
        false => told(error),
    };
    error.during("pull the image", image)
}

/// Pulls an image with the credentials that the docker command would use. Dropping the future stops the
/// pull; another one in this process that waits for it begins anew.
pub(super) async fn pull(docker: &Docker, image: &str, observer: Option<&Observer>) -> Result<()> {
    let tell = |progress: &PullProgress| {
        if let Some(Observer(observer)) = observer {
            observer(progress);
        }
    };
    let mut tally = Tally::new(image);
    tell(&tally.progress);
    let (auth, why) = credentials(image).await;
    let step = |line: &Progress| {
        tally.count(line);
        tell(&tally.progress);
    };
    let images = docker.images();
    let pulled = images.pull_with_retry(image, PullImage::default(), auth.as_ref(), step);
    pulled.await.map_err(|error| failed(error, why, image))?;
    tally.progress.done = true;
    tally.progress.status.clear();
    tell(&tally.progress);
    Ok(())
}

/// Whether a container could not be made because its image is not there.
pub(super) fn is_missing(error: &engine_api::Error) -> bool {
    let says_image = |message: &str| message.to_lowercase().contains("image");
    error.is_not_found() && error.message().is_some_and(says_image)
}

/// The error of [`PullPolicy::Never`].
pub(super) fn missing(image: &str) -> Error {
    Error::not_found(format!(
        "the engine does not have the image {image}, and may not pull it; \
         pull it yourself (docker pull {image}), or allow it"
    ))
}

/// Counts what the lines of a pull say of its layers.
struct Tally {
    progress: PullProgress,
    layers: BTreeMap<String, Layer>,
}

#[derive(Default)]
struct Layer {
    downloaded: u64,
    total: u64,
    done: bool,
}

impl Tally {
    fn new(image: &str) -> Self {
        let image = image.to_owned();
        Self {
            progress: PullProgress {
                image,
                ..PullProgress::default()
            },
            layers: BTreeMap::new(),
        }
    }

    fn count(&mut self, line: &Progress) {
        self.progress.status.clone_from(&line.status);
        // The first line has the tag for an id; the last ones have none.
        if !line.id.is_empty() && !line.status.starts_with("Pulling from") {
            let layer = self.layers.entry(line.id.clone()).or_default();
            layer.count(line);
        }
        let sum = |of: fn(&Layer) -> u64| self.layers.values().map(of).sum();
        self.progress.downloaded = sum(|layer| layer.downloaded);
        self.progress.total = sum(|layer| layer.total);
        self.progress.layers = self.layers.len();
        self.progress.layers_done = self.layers.values().filter(|layer| layer.done).count();
    }
}

impl Layer {
    fn count(&mut self, line: &Progress) {
        let detail = &line.progress_detail;
        match line.status.as_str() {
            "Downloading" => {
                self.downloaded = u64::try_from(detail.current).unwrap_or_default();
                self.total = u64::try_from(detail.total)
                    .unwrap_or_default()
                    .max(self.downloaded);
            }
            // What is extracted next is not downloaded again.
            "Verifying Checksum" | "Download complete" | "Extracting" => self.downloaded = self.total,
            "Pull complete" | "Already exists" => (self.downloaded, self.done) = (self.total, true),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_counted_as_the_engine_speaks_of_them() {
        let mut tally = Tally::new("app");
        for line in [
            r#"{"status":"Pulling from library/app","id":"latest"}"#,
            r#"{"status":"Pulling fs layer","progressDetail":{},"id":"a"}"#,
            r#"{"status":"Already exists","progressDetail":{},"id":"b"}"#,
            r#"{"status":"Downloading","progressDetail":{"current":10,"total":100},"id":"a"}"#,
        ] {
            tally.count(&engine_api::from_json(line.as_bytes()).unwrap());
        }
        let PullProgress {
            downloaded,
            total,
            layers,
            layers_done,
            ..
        } = tally.progress;
        assert_eq!((downloaded, total, layers, layers_done), (10, 100, 2, 1));
        for line in [
            r#"{"status":"Extracting","progressDetail":{"current":5,"total":100},"id":"a"}"#,
            r#"{"status":"Pull complete","progressDetail":{},"id":"a"}"#,
            r#"{"status":"Digest: sha256:0"}"#,
        ] {
            tally.count(&engine_api::from_json(line.as_bytes()).unwrap());
        }
        assert_eq!((tally.progress.downloaded, tally.progress.layers_done), (100, 2));
        assert_eq!(tally.progress.layers, 2);
    }

    #[test]
    fn a_refusal_says_why_there_were_no_credentials() {
        use std::error::Error as _;
        let source = engine_api::from_json::<u8>(b"x").unwrap_err();
        let why = "docker-credential-x cannot be run".to_owned();
        let error = NoCredentials { why, source };
        assert!(error.to_string().contains("docker-credential-x") && error.source().is_some());
    }

    #[test]
    fn never_says_how() {
        let text = missing("app:1").to_string();
        assert!(text.contains("docker pull app:1"), "{text}");
    }
}
