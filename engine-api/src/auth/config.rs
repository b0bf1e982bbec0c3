//! The credentials in the docker command's configuration file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::platform_helper::platform_helper;
use super::{DOCKER_HUB, RegistryAuth};
use crate::error::{Error, Result};
use crate::local_file::without_mark;
use crate::wire::json;

/// The host in [`DOCKER_HUB`].
const HUB_HOST: &str = "index.docker.io";

/// The part of a `config.json` that holds credentials.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    auths: BTreeMap<String, RegistryAuth>,
    #[serde(rename = "credsStore")]
    store: String,
    #[serde(rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
}

impl Config {
    /// Parses the text of the file. The error does not contain the text, which may contain a
    /// secret.
    ///
    /// A blank text is an empty configuration, as for the docker command.
    pub(super) fn parse(text: &[u8], origin: &str) -> Result<Self> {
        let text = without_mark(text);
        if text.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        json::decode(text).map_err(|error| {
            Error::invalid(format!(
                "cannot read the credentials in {origin}: invalid JSON at {}; correct the file, or log in again",
                error.path
            ))
        })
    }

    /// The configuration with the helper of this platform, if it names neither a helper nor a
    /// registry, as the docker command reads it; `path` is the variable `PATH`.
    pub(super) fn with_platform_helper(mut self, path: Option<&str>) -> Self {
        if let Some(name) = self.platform_helper(path) {
            self.store = name.to_owned();
        }
        self
    }

    /// The helper of this platform, if the configuration names neither a helper nor a registry.
    pub(super) fn platform_helper(&self, path: Option<&str>) -> Option<&'static str> {
        let is_blank = self.store.is_empty() && self.helpers.is_empty() && self.auths.is_empty();
        is_blank.then(|| platform_helper(path)).flatten()
    }

    /// The credential helper of a registry, without `docker-credential-`.
    pub(super) fn helper(&self, registry: &str) -> Option<&str> {
        let named = entry(&self.helpers, registry).map(|(_, helper)| helper.as_str());
        named.or(self.store()).filter(|name| !name.is_empty())
    }

    /// The credential helper of all registries without a helper of their own.
    pub(super) fn store(&self) -> Option<&str> {
        Some(self.store.as_str()).filter(|name| !name.is_empty())
    }

    /// The credentials of a registry in the file itself, or why they are invalid.
    pub(super) fn stored(&self, registry: &str) -> std::result::Result<Option<RegistryAuth>, String> {
        let Some((key, auth)) = entry(&self.auths, registry) else {
            return Ok(None);
        };
        let mut auth = auth.clone();
        if !auth.auth.is_empty() {
            let (username, password) = user_and_password(&auth.auth).ok_or_else(|| {
                format!("the credentials for {key} are not `user:password` in base64; log in again")
            })?;
            (auth.username, auth.password) = (username, password);
            auth.auth.clear();
        }
        // With a credential store, the file contains an empty entry for each registry.
        if auth.password.is_empty() && auth.identity_token.is_empty() && auth.registry_token.is_empty() {
            return Ok(None);
        }
        auth.server_address = registry.to_owned();
        Ok(Some(auth))
    }

    /// The registries that the file names.
    pub(super) fn registries(&self) -> impl Iterator<Item = String> {
        let keys = self.auths.keys().chain(self.helpers.keys());
        keys.map(|written| key(written))
    }
}

/// The key of a registry, for each form that a file or a store may write.
pub(super) fn key(written: &str) -> String {
    registry_key(&host(written))
}

/// The key of a registry, `host[:port]`, in files, helpers and headers.
pub(crate) fn registry_key(registry: &str) -> String {
    match registry {
        "docker.io" | HUB_HOST => DOCKER_HUB.to_owned(),
        other => other.to_owned(),
    }
}

/// The host of a key, with its port. Old files contain URLs, and some contain Docker Hub's short
/// name.
fn host(key: &str) -> String {
    let plain = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"));
    let plain = plain.unwrap_or(key);
    match plain.split('/').next().unwrap_or_default() {
        "docker.io" => HUB_HOST.to_owned(),
        host => host.to_ascii_lowercase(),
    }
}

/// The entry of a map for a registry: the entry with its exact key, otherwise one with the same
/// host.
fn entry<'a, T>(map: &'a BTreeMap<String, T>, registry: &str) -> Option<(&'a str, &'a T)> {
    let wanted = host(registry);
    let exact = map.get_key_value(registry);
    let found = exact.or_else(|| map.iter().find(|(key, _)| host(key) == wanted));
    found.map(|(key, value)| (key.as_str(), value))
}

/// Whether a key of the file is this registry, alone or as a URL. A key with another path, such as
/// that of a part of a registry or of a token, does not count.
pub(super) fn is_form_of(written: &str, registry: &str) -> bool {
    let plain = ["https://", "http://"]
        .iter()
        .find_map(|scheme| written.strip_prefix(scheme));
    let plain = plain.unwrap_or(written);
    let host = ["/v1/", "/v2/", "/v1", "/v2", "/"]
        .iter()
        .find_map(|end| plain.strip_suffix(end));
    let host = host.unwrap_or(plain);
    written == registry || !host.contains('/') && key(host) == registry
}

/// The key of a registry that a user named.
pub(super) fn key_of(registry: &str) -> Result<String> {
    let registry = registry.trim();
    if registry.is_empty() {
        return Ok(registry_key("docker.io"));
    }
    let key = key(registry);
    let legal = |c: char| c.is_ascii_alphanumeric() || ".-_:[]/".contains(c);
    match key.chars().all(legal) && !key.starts_with(':') && !key.is_empty() {
        true => Ok(key),
        false => Err(Error::invalid(format!(
            "{registry:?} is not a registry; write its host and port, as in registry.example.com:5000"
        ))),
    }
}

/// Files contain standard base64; headers contain the URL-safe form.
fn user_and_password(coded: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(coded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    // Old versions of the docker command padded passwords.
    Some((user.to_owned(), password.trim_matches('\0').to_owned()))
}

/// The path of the file: in `DOCKER_CONFIG`, or in `.docker` of the home directory.
pub(super) fn path(env: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let said = |name: &str| env(name).filter(|value| !value.is_empty());
    let home = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    let directory = match said("DOCKER_CONFIG") {
        Some(directory) => PathBuf::from(directory),
        None => PathBuf::from(said(home)?).join(".docker"),
    };
    Some(directory.join("config.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config::parse(text.as_bytes(), "the file").unwrap()
    }

    #[test]
    fn invalid_file_is_not_repeated_in_the_error() {
        for text in [
            r#"{"auths":{"a":{"auth":7}}}"#,
            r#"{"auths":"hunter2"}"#,
            "hunter2",
        ] {
            let error = Config::parse(text.as_bytes(), "the file")
                .err()
                .unwrap()
                .to_string();
            assert!(
                error.contains("the file") && !error.contains("hunter2"),
                "{error}"
            );
        }
        for blank in ["", " \n\t", "\u{FEFF}", "\u{FEFF}\n", "{}"] {
            assert!(config(blank).stored("reg").unwrap().is_none(), "{blank:?}");
        }
        let marked = config("\u{FEFF}{\"auths\":{\"reg\":{\"auth\":\"YTpi\"}}}");
        assert_eq!(marked.stored("reg").unwrap().unwrap().username, "a");
        assert!(
            config(r#"{"auths":null,"credHelpers":null}"#)
                .helper("reg")
                .is_none()
        );
    }

    #[test]
    fn invalid_entry_is_named_by_its_registry() {
        let wrong = config(r#"{"auths":{"reg:5000":{"auth":"hunter2!"}}}"#).stored("reg:5000");
        let text = wrong.unwrap_err();
        assert!(text.contains("reg:5000") && !text.contains("hunter2"), "{text}");
    }

    #[test]
    fn path_is_that_of_the_docker_command() {
        let only = |name: &'static str| move |wanted: &str| (wanted == name).then(|| "/x".to_owned());
        assert_eq!(
            path(only("DOCKER_CONFIG")).unwrap(),
            PathBuf::from("/x/config.json")
        );
        assert_eq!(path(|_| None), None);
        if !cfg!(windows) {
            assert_eq!(
                path(only("HOME")).unwrap(),
                PathBuf::from("/x/.docker/config.json")
            );
        }
    }
}
