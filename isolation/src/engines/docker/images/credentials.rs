//! The credentials that the docker command would use.

use engine_api::Error;
use engine_api::auth::{Credentials, RegistryAuth, RegistryFailure};

/// The credentials for an image, or the reason why they are missing. Most images need no
/// credentials, so that is not an error yet.
pub(super) async fn credentials(image: &str) -> (Option<RegistryAuth>, String) {
    let Ok(reference) = image.parse() else {
        // The call reports the invalid name.
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

/// Other credentials than those that a registry has rejected: a helper may have newer ones, since a
/// token ends or a user has logged in.
pub(super) async fn newer(
    image: &str,
    rejected: Option<&RegistryAuth>,
    error: &Error,
) -> Option<RegistryAuth> {
    if error.registry_failure() != Some(RegistryFailure::Unauthorized) {
        return None;
    }
    let (found, _why) = credentials(image).await;
    found.filter(|found| Some(found) != rejected)
}
