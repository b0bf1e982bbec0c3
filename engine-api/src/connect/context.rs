//! The docker command's contexts: names for engines, kept in files.
//!
//! A context has a folder below `contexts/meta`, named by a hash of its name. Its certificates are in the
//! folder of the same name below `contexts/tls`. The name itself stands in the file, so it is looked for
//! there, and nothing has to be hashed.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::discover::{Lookup, Place};
use crate::error::{Error, Result};

/// How the connection to a place is secured, apart from what its address says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Security {
    /// Where `ca.pem`, `cert.pem` and `key.pem` are; `None` for no certificates of its own.
    pub(super) folder: Option<PathBuf>,
    /// Take any certificate of the engine's.
    pub(super) skip_verify: bool,
}

impl Security {
    /// What the environment asks for; `None` for no TLS.
    pub(super) fn from_env(env: Lookup<'_>) -> Option<Self> {
        let said = |name: &str| env(name).filter(|value| !value.is_empty());
        let verify = said("DOCKER_TLS_VERIFY").is_some();
        let folder = said("DOCKER_CERT_PATH").map(PathBuf::from);
        if !verify && folder.is_none() && said("DOCKER_TLS").is_none() {
            return None;
        }
        Some(Self {
            // Only a folder that was named has to be there.
            folder: folder.or_else(|| command_folder(env).filter(|folder| folder.is_dir())),
            skip_verify: !verify,
        })
    }

    /// The certificates themselves.
    #[cfg(feature = "tls")]
    pub(super) fn config(&self) -> Result<super::TlsConfig> {
        let config = match &self.folder {
            Some(folder) => super::TlsConfig::from_folder(folder)?,
            None => super::TlsConfig::default(),
        };
        Ok(super::TlsConfig {
            skip_verify: self.skip_verify,
            ..config
        })
    }
}

/// The docker command's folder: `DOCKER_CONFIG`, or `.docker` in the user's home.
fn command_folder(env: Lookup<'_>) -> Option<PathBuf> {
    let said = |name: &str| env(name).filter(|value| !value.is_empty());
    let home = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    said("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| said(home).map(|home| Path::new(&home).join(".docker")))
}

/// What `config.json` says of contexts.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    current_context: Option<String>,
}

/// What `meta.json` says of a context.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    name: String,
    #[serde(default)]
    endpoints: Endpoints,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Endpoints {
    docker: Option<Endpoint>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Endpoint {
    #[serde(rename = "Host")]
    host: String,
    #[serde(rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// The name of the context that `docker context use` has chosen, unless it is the default one.
pub(super) fn current(env: Lookup<'_>) -> Result<Option<String>> {
    let Some(file) = command_folder(env).map(|folder| folder.join("config.json")) else {
        return Ok(None);
    };
    // Another engine than the one that was chosen would be a bad surprise, so nothing is guessed.
    let unclear = |why: &dyn std::fmt::Display| {
        let shown = file.display();
        Error::invalid(format!(
            "which context is in use cannot be read from {shown}: {why}; set DOCKER_HOST or DOCKER_CONTEXT"
        ))
    };
    let text = match std::fs::read(&file) {
        Ok(text) => text,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(unclear(&error)),
    };
    // The docker command takes an empty file for an empty configuration.
    if text.trim_ascii().is_empty() {
        return Ok(None);
    }
    let config: Config = serde_json::from_slice(&text).map_err(|error| {
        // Without the text: the file may hold passwords.
        unclear(&format!("it is no such JSON (line {})", error.line()))
    })?;
    Ok(config
        .current_context
        .filter(|name| !name.is_empty() && name != "default"))
}

/// Where the context `name` leads.
pub(super) fn place(name: &str, origin: String, env: Lookup<'_>) -> Result<Place> {
    let contexts = command_folder(env).unwrap_or_default().join("contexts");
    let known = read_all(&contexts.join("meta"));
    let Some((id, meta)) = known.iter().find(|(_, meta)| meta.name == name) else {
        let mut names: Vec<&str> = known.iter().map(|(_, meta)| meta.name.as_str()).collect();
        names.sort_unstable();
        return Err(Error::invalid(format!(
            "{origin}: there is no such context in {}; there are: default{}{}",
            contexts.display(),
            if names.is_empty() { "" } else { ", " },
            names.join(", ")
        )));
    };
    let endpoint = meta.endpoints.docker.as_ref();
    let Some(endpoint) = endpoint.filter(|endpoint| !endpoint.host.is_empty()) else {
        return Err(Error::invalid(format!(
            "{origin}: this context has no Docker engine"
        )));
    };
    let folder = Some(contexts.join("tls").join(id).join("docker")).filter(|folder| folder.is_dir());
    let skip_verify = endpoint.skip_tls_verify;
    let security = (skip_verify || folder.is_some()).then_some(Security { folder, skip_verify });
    Ok(Place {
        origin,
        address: endpoint.host.clone(),
        security,
    })
}

/// All contexts that can be read, with the names of their folders. One that is broken does not keep the
/// others from being found.
fn read_all(folder: &Path) -> Vec<(std::ffi::OsString, Meta)> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let read = |entry: std::fs::DirEntry| {
        let text = std::fs::read(entry.path().join("meta.json")).ok()?;
        let meta = serde_json::from_slice(&text).ok()?;
        Some((entry.file_name(), meta))
    };
    entries.flatten().filter_map(read).collect()
}
