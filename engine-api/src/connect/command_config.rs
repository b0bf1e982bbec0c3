//! The settings of the docker command's `config.json` for the calls of a client.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::security::{Lookup, command_directory};
use crate::local_file;
use crate::wire::json;

/// The settings of `config.json` for calls.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct CommandConfig {
    /// Headers of every request.
    #[serde(rename = "HttpHeaders")]
    pub(crate) http_headers: BTreeMap<String, String>,
    /// The keys that detach from a container.
    #[serde(rename = "detachKeys")]
    pub(crate) detach_keys: String,
    /// The proxies of containers and builds, by the address of the engine, or `default`.
    pub(crate) proxies: BTreeMap<String, ProxySettings>,
}

/// The proxies of containers and builds.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ProxySettings {
    pub(crate) http_proxy: String,
    pub(crate) https_proxy: String,
    pub(crate) no_proxy: String,
    pub(crate) ftp_proxy: String,
    pub(crate) all_proxy: String,
}

impl CommandConfig {
    /// Reads the file. A missing or unreadable file means no settings, because an address that the
    /// user names must work without the file.
    pub(crate) fn read(env: Lookup<'_>) -> Self {
        let file = command_directory(env).map(|directory| directory.join("config.json"));
        let text = file.and_then(|file| local_file::read(&file).ok().flatten());
        text.and_then(|text| json::decode(&text).ok()).unwrap_or_default()
    }
}
