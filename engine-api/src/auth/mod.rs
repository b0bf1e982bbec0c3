//! Credentials for registries: the storage of the docker command, and the headers for engines.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::auth::Credentials;
//! use engine_api::images::PushImage;
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let image = "registry.example.com/team/app:1";
//! let found = Credentials::from_env().await?.find(&image.parse()?).await;
//! let progress = docker.images().push(image, PushImage::default(), found.auth.as_ref()).await?;
//! progress.last().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Every call that uses credentials borrows them as the argument `auth`, after its options. Bodies
//! and options are passed by value, because most callers create them in the call.

#[cfg(feature = "full")]
#[cfg(test)]
mod cases;
#[cfg(feature = "full")]
mod config;
#[cfg(feature = "full")]
mod credentials;
#[cfg(feature = "full")]
mod helper;
#[cfg(feature = "full")]
mod platform_helper;
#[cfg(feature = "full")]
mod replace_file;
#[cfg(feature = "full")]
mod store;

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use http::HeaderValue;
use serde::{Deserialize, Serialize};

#[cfg(feature = "full")]
pub(crate) use config::registry_key;
#[cfg(feature = "full")]
pub use credentials::{AllCredentials, Credentials, FoundCredentials};
#[cfg(feature = "full")]
pub use store::CredentialStore;

pub use crate::error::RegistryFailure;
use crate::wire::json;

/// The key of Docker Hub in configuration files and in `X-Registry-Config`.
pub const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// Printed instead of a secret.
const MASK: &str = "***";

/// Credentials for one registry. Definition `AuthConfig`.
///
/// Either a user and a password, or an identity token, or a registry token. `Debug` and `Display`
/// show no secret.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistryAuth {
    /// The user.
    pub username: String,
    /// The password, or an access token instead.
    pub password: String,
    /// The user's mail address; engines ignore it. Until API 1.51.
    pub email: String,
    /// The registry, `host[:port]`; [`DOCKER_HUB`] for Docker Hub.
    #[serde(rename = "serveraddress")]
    pub server_address: String,
    /// A token that replaces user and password, such as [`AuthStatus::identity_token`].
    #[serde(rename = "identitytoken")]
    pub identity_token: String,
    /// A token that is sent to the registry unchanged.
    #[serde(rename = "registrytoken")]
    pub registry_token: String,
    /// `user:password` in standard base64, the format of configuration files.
    pub auth: String,
}

impl RegistryAuth {
    /// The credentials of a user, without a registry.
    pub fn user(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            password: password.into(),
            ..Self::default()
        }
    }

    /// The value of `X-Registry-Auth`.
    pub(crate) fn header(&self) -> HeaderValue {
        secret_header(self)
    }
}

/// The value of `X-Registry-Config`: credentials for several registries, by the registry's name.
pub(crate) fn config_header(registries: &BTreeMap<String, RegistryAuth>) -> HeaderValue {
    secret_header(registries)
}

/// JSON in base64 with the URL alphabet and padding. Engines continue without credentials, and
/// without an error, if they cannot decode the header.
fn secret_header(value: &impl Serialize) -> HeaderValue {
    // Serialising maps and structs of strings cannot fail, and base64 is always legal in a header.
    let text = URL_SAFE.encode(json::encode(value).unwrap_or_default());
    let mut header = HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    header.set_sensitive(true);
    header
}

/// An empty text stays empty; every other text becomes the mask.
pub(crate) fn masked(secret: &str) -> &'static str {
    if secret.is_empty() { "" } else { MASK }
}

impl fmt::Debug for RegistryAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryAuth")
            .field("username", &self.username)
            .field("password", &masked(&self.password))
            .field("email", &self.email)
            .field("server_address", &self.server_address)
            .field("identity_token", &masked(&self.identity_token))
            .field("registry_token", &masked(&self.registry_token))
            .field("auth", &masked(&self.auth))
            .finish()
    }
}

impl fmt::Display for RegistryAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.username.as_str() {
            "" => f.write_str(MASK)?,
            user => write!(f, "{user}:{MASK}")?,
        }
        match self.server_address.as_str() {
            "" => Ok(()),
            server => write!(f, " at {server}"),
        }
    }
}

/// The reply of a registry to credentials. Definition `AuthResponse`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct AuthStatus {
    /// `Login Succeeded`.
    pub status: String,
    /// A token to use instead of user and password; empty if the registry returns no token.
    pub identity_token: String,
}

impl fmt::Debug for AuthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthStatus")
            .field("status", &self.status)
            .field("identity_token", &masked(&self.identity_token))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_use_the_url_alphabet_and_are_sensitive() {
        // `?` and `>` at these places become `/` and `+` in the standard alphabet.
        let auth = RegistryAuth::user("a", "~~~???>>>");
        let header = auth.header();
        let text = header.to_str().unwrap();
        assert!(header.is_sensitive() && !text.contains(['+', '/']), "{text}");
        assert!(text.contains(['-', '_']) && text.len() % 4 == 0, "{text}");
        let json = URL_SAFE.decode(text).unwrap();
        assert_eq!(json, br#"{"username":"a","password":"~~~???>>>"}"#);
        assert_eq!(format!("{header:?}"), "Sensitive");
    }

    #[test]
    fn no_secret_is_ever_shown() {
        let auth = RegistryAuth {
            username: "alice".into(),
            password: "hunter2".into(),
            identity_token: "hunter2".into(),
            registry_token: "hunter2".into(),
            auth: "hunter2".into(),
            server_address: "reg:5000".into(),
            ..Default::default()
        };
        let status = AuthStatus {
            identity_token: "hunter2".into(),
            ..Default::default()
        };
        let shown = format!("{auth:?} {auth:#?} {auth} {status:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(auth.to_string(), "alice:*** at reg:5000");
        assert_eq!(RegistryAuth::default().to_string(), "***");
    }
}
