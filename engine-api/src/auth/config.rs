//! The docker command's configuration file, as far as it is about credentials.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{DOCKER_HUB, RegistryAuth};
use crate::error::{Error, Result};
use crate::wire::json;

/// The host in [`DOCKER_HUB`].
const HUB_HOST: &str = "index.docker.io";

/// What a `config.json` says of credentials.
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
    /// Reads the file's text. What stands in it is not repeated in the error: it may be a secret.
    pub(super) fn parse(text: &[u8], origin: &str) -> Result<Self> {
        json::decode(text).map_err(|error| {
            Error::invalid(format!(
                "{origin} holds no credentials that can be read (at {}); mend it, or log in anew",
                error.path
            ))
        })
    }

    /// The program to ask for a registry's credentials, `docker-credential-…`, if there is one.
    pub(super) fn helper(&self, registry: &str) -> Option<&str> {
        let named = entry(&self.helpers, registry).map(|(_, helper)| helper.as_str());
        named.or(self.store()).filter(|name| !name.is_empty())
    }

    /// The program to ask for those of all registries that have no helper of their own.
    pub(super) fn store(&self) -> Option<&str> {
        Some(self.store.as_str()).filter(|name| !name.is_empty())
    }

    /// The credentials of a registry that stand in the file itself, or what is wrong with them.
    pub(super) fn stored(&self, registry: &str) -> std::result::Result<Option<RegistryAuth>, String> {
        let Some((key, auth)) = entry(&self.auths, registry) else {
            return Ok(None);
        };
        let mut auth = auth.clone();
        if !auth.auth.is_empty() {
            let (username, password) = user_and_password(&auth.auth).ok_or_else(|| {
                format!("the credentials for {key} are not `user:password` in base64; log in anew")
            })?;
            (auth.username, auth.password) = (username, password);
            auth.auth.clear();
        }
        // With a store for the secrets, the file has an entry that says nothing for each of them.
        if auth.password.is_empty() && auth.identity_token.is_empty() && auth.registry_token.is_empty() {
            return Ok(None);
        }
        auth.server_address = registry.to_owned();
        Ok(Some(auth))
    }

    /// The registries that the file has something for.
    pub(super) fn registries(&self) -> impl Iterator<Item = String> {
        let keys = self.auths.keys().chain(self.helpers.keys());
        keys.map(|written| key(written))
    }
}

/// The key of a registry, however it is written in a file or listed by a store.
pub(super) fn key(written: &str) -> String {
    registry_key(&host(written))
}

/// The key of a registry, `host[:port]`, in files, helpers and headers.
pub(super) fn registry_key(registry: &str) -> String {
    match registry {
        "docker.io" | HUB_HOST => DOCKER_HUB.to_owned(),
        other => other.to_owned(),
    }
}

/// The host, and port if any, of a key: old files have URLs, and some have Docker Hub's short name.
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

/// What a map has for a registry: under its very key, or else under one with the same host.
fn entry<'a, T>(map: &'a BTreeMap<String, T>, registry: &str) -> Option<(&'a str, &'a T)> {
    let wanted = host(registry);
    let exact = map.get_key_value(registry);
    let found = exact.or_else(|| map.iter().find(|(key, _)| host(key) == wanted));
    found.map(|(key, value)| (key.as_str(), value))
}

/// Unlike the headers, files have standard base64 (wire fact 24).
fn user_and_password(coded: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(coded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    // Old versions of the docker command padded passwords.
    Some((user.to_owned(), password.trim_matches('\0').to_owned()))
}

/// Where the file is: in `DOCKER_CONFIG`, or in `.docker` of the home folder.
pub(super) fn path(env: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let said = |name: &str| env(name).filter(|value| !value.is_empty());
    let home = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    let folder = match said("DOCKER_CONFIG") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(said(home)?).join(".docker"),
    };
    Some(folder.join("config.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config::parse(text.as_bytes(), "the file").unwrap()
    }

    #[test]
    fn a_broken_file_is_an_error_that_does_not_repeat_it() {
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
        assert!(config("{}").stored("reg").unwrap().is_none());
        assert!(
            config(r#"{"auths":null,"credHelpers":null}"#)
                .helper("reg")
                .is_none()
        );
    }

    #[test]
    fn an_entry_that_cannot_be_read_says_whose_it_is() {
        let wrong = config(r#"{"auths":{"reg:5000":{"auth":"hunter2!"}}}"#).stored("reg:5000");
        let text = wrong.unwrap_err();
        assert!(text.contains("reg:5000") && !text.contains("hunter2"), "{text}");
    }

    #[test]
    fn the_file_is_where_the_docker_command_has_it() {
        let only = |name: &'static str| move |asked: &str| (asked == name).then(|| "/x".to_owned());
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
