//! The credentials that the docker command would use.

use std::collections::BTreeMap;

use engine_api::Error;
use engine_api::auth::{Credentials, RegistryAuth};
use engine_api::images::ImageReference;

/// The credentials for the registry of an image.
pub(super) struct Login {
    pub(super) auth: Option<RegistryAuth>,
    /// The reason why they are missing, or empty. Most images need no credentials, so that is not
    /// an error yet.
    pub(super) why: String,
    /// Where newer ones may be; `None` after the second try.
    source: Option<(Credentials, ImageReference)>,
}

impl Login {
    pub(super) async fn of(image: &str) -> Self {
        let none = |why| Self {
            auth: None,
            why,
            source: None,
        };
        let Ok(reference) = image.parse() else {
            // The call reports the invalid name.
            return none(String::new());
        };
        match Credentials::from_env().await {
            Ok(credentials) => {
                let found = credentials.find(&reference).await;
                Self {
                    auth: found.auth,
                    why: found.warnings.join("; "),
                    source: Some((credentials, reference)),
                }
            }
            Err(error) => none(error.to_string()),
        }
    }

    /// Whether a second try is worth it: the registry has rejected these credentials, and a helper
    /// has newer ones, since a token has expired or a user has logged in. It has them then.
    pub(super) async fn renew(&mut self, error: &Error) -> bool {
        let Some((credentials, reference)) = self.source.take() else {
            return false;
        };
        let newer = credentials.newer(&reference, self.auth.as_ref(), error).await;
        let found = newer.is_some();
        self.auth = newer.or(self.auth.take());
        found
    }
}

/// The credentials for all registries. `on_warning` gets the reason why some are missing: a build
/// may not need them.
pub(super) async fn all_credentials(
    on_warning: &mut (dyn FnMut(&str) + Send),
) -> BTreeMap<String, RegistryAuth> {
    match Credentials::from_env().await {
        Ok(credentials) => {
            let found = credentials.all().await;
            found.warnings.iter().for_each(|warning| on_warning(warning));
            found.registries
        }
        Err(error) => {
            on_warning(&error.to_string());
            BTreeMap::new()
        }
    }
}
