//! Image pulls: when they happen, and their progress.

use engine_api::Docker;
use engine_api::auth::{Credentials, RegistryAuth};
use engine_api::images::{InspectImage, Progress, PullImage};

use serde::{Deserialize, Serialize};

use super::diagnostics::to_error;
use super::pull_tally::Tally;
use super::{DockerEngine, NAME};
use crate::engine::context::Context;
use crate::error::{Error, Result};
use crate::events::{EventKind, PullProgress, Subject};
use crate::spec::EnvironmentSpec;

/// When an image is pulled from its registry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullPolicy {
    /// If the daemon does not have it. In JSON: `"missing"`.
    #[default]
    #[serde(rename = "missing")]
    IfMissing,
    /// Before every environment, so that a tag that has moved is updated.
    Always,
    /// Never; a missing image is an error.
    Never,
}

/// A registry rejected a pull for which no credentials were found.
#[derive(Debug, thiserror::Error)]
#[error("no credentials found: {why}")]
struct NoCredentials {
    why: String,
    source: engine_api::Error,
}

/// The credentials that the docker command would use, or the reason why they are missing. Most
/// images need no credentials, so that is not an error yet.
async fn credentials(image: &str) -> (Option<RegistryAuth>, String) {
    let Ok(reference) = image.parse() else {
        // The pull reports the invalid name.
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
        false => to_error(error),
    };
    error.during("pull the image", image)
}

impl DockerEngine {
    /// The ID of the image of a specification; `None` if it is pulled for every environment.
    pub(super) async fn identify_image(&self, spec: &EnvironmentSpec) -> Result<Option<String>> {
        if self.settings.pull == PullPolicy::Always {
            return Ok(None);
        }
        let image = self.settings.image_of(spec);
        let images = self.docker().await?.images();
        match images.inspect(&image, InspectImage::default()).await {
            Ok(found) => Ok(Some(found.id)),
            Err(error) if error.is_not_found() => Ok(Some(String::new())),
            Err(error) => Err(to_error(error)),
        }
    }
}

/// Pulls an image with the credentials that the docker command would use. Dropping the future stops
/// the pull; another pull of the same image in this process that waited for it starts again.
pub(super) async fn pull(
    docker: &Docker,
    image: &str,
    platform: Option<&str>,
    context: &Context,
) -> Result<()> {
    let subject = Subject::Image {
        engine: NAME.to_owned(),
        image: image.to_owned(),
    };
    let tell = |progress: &PullProgress| {
        context.emit(subject.clone(), EventKind::Pull(progress.clone()));
    };
    let mut tally = Tally::default();
    tell(tally.progress());
    let (auth, why) = credentials(image).await;
    let step = |line: &Progress| {
        tally.count(line);
        tell(tally.progress());
    };
    let options = PullImage {
        platform: platform.map(str::to_owned),
        ..PullImage::default()
    };
    let images = docker.images();
    let pulled = images.pull_with_retry(image, options, auth.as_ref(), step);
    pulled.await.map_err(|error| failed(error, why, image))?;
    tell(tally.complete());
    Ok(())
}

/// Whether a container could not be created because its image is missing.
pub(super) fn is_missing(error: &engine_api::Error) -> bool {
    let says_image = |message: &str| message.to_lowercase().contains("image");
    error.is_not_found() && error.message().is_some_and(says_image)
}

/// The error of [`PullPolicy::Never`].
pub(super) fn missing(image: &str) -> Error {
    Error::not_found(format!(
        "the daemon does not have the image {image}, and the policy forbids a pull; \
         pull it yourself (docker pull {image}), or allow the pull"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unauthorized_pull_reports_missing_credentials() {
        use std::error::Error as _;
        let source = engine_api::from_json::<u8>(b"x").unwrap_err();
        let why = "docker-credential-x cannot be run".to_owned();
        let error = NoCredentials { why, source };
        assert!(error.to_string().contains("docker-credential-x") && error.source().is_some());
    }

    #[test]
    fn missing_image_error_names_the_pull_command() {
        let text = missing("app:1").to_string();
        assert!(text.contains("docker pull app:1"), "{text}");
    }
}
