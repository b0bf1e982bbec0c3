//! The docker command's contexts: names for engines, kept in files.
//!
//! A context has a directory below `contexts/meta`, named by a hash of its name. Its certificates
//! are in the directory of the same name below `contexts/tls`. The name itself is in the file
//! `meta.json`, so this module reads the files and computes no hash.

use std::path::Path;

use serde::Deserialize;

use super::endpoint::Endpoint;
use super::security::{Lookup, Security, command_directory};
use crate::error::{Error, Result};
use crate::local_file;
use crate::wire::json;

/// The part of `config.json` for contexts.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    current_context: Option<String>,
}

/// The parts of `meta.json` that are used.
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
    docker: Option<Host>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Host {
    #[serde(rename = "Host")]
    host: String,
    #[serde(rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// The name of the context that `docker context use` has chosen, unless it is the default one.
pub(super) fn current(env: Lookup<'_>) -> Result<Option<String>> {
    let Some(directory) = command_directory(env) else {
        return Ok(None);
    };
    let file = directory.join("config.json");
    // An unreadable file is an error: without it, the client could use another engine than the
    // chosen one.
    let unclear = |why: &dyn std::fmt::Display| {
        let shown = file.display();
        Error::invalid(format!(
            "cannot read the current context from {shown}: {why}; set DOCKER_HOST or DOCKER_CONTEXT"
        ))
    };
    let Some(text) = local_file::read(&file).map_err(|error| unclear(&error))? else {
        return Ok(None);
    };
    // An empty file is an empty configuration, as for the docker command.
    if text.trim_ascii().is_empty() {
        return Ok(None);
    }
    let config: Config = json::decode(&text).map_err(|error| {
        // The error does not contain the value: the file may contain passwords.
        unclear(&format!("invalid JSON (at {})", error.path))
    })?;
    Ok(config
        .current_context
        .filter(|name| !name.is_empty() && name != "default"))
}

/// The endpoint of the context `name`.
pub(super) fn endpoint(name: &str, source: String, env: Lookup<'_>) -> Result<Endpoint> {
    let Some(directory) = command_directory(env) else {
        let why = "there is no home directory with contexts; set DOCKER_CONFIG";
        return Err(Error::invalid(format!("{source}: {why}")));
    };
    let contexts = directory.join("contexts");
    let known = read_all(&contexts.join("meta"));
    let Some((id, meta)) = known.iter().find(|(_, meta)| meta.name == name) else {
        let mut names: Vec<&str> = known.iter().map(|(_, meta)| meta.name.as_str()).collect();
        names.sort_unstable();
        names.insert(0, "default");
        return Err(Error::invalid(format!(
            "{source}: there is no such context in {}; there are: {}",
            contexts.display(),
            names.join(", ")
        )));
    };
    let docker = meta.endpoints.docker.as_ref();
    let Some(docker) = docker.filter(|docker| !docker.host.is_empty()) else {
        return Err(Error::invalid(format!(
            "{source}: this context has no Docker engine"
        )));
    };
    let directory = contexts.join("tls").join(id).join("docker");
    let directory = Some(directory).filter(|directory| directory.is_dir());
    let skip_verify = docker.skip_tls_verify;
    let security = (skip_verify || directory.is_some()).then_some(Security {
        directory,
        skip_verify,
    });
    Ok(Endpoint::new(source, docker.host.clone(), security, env))
}

/// All contexts that can be read, with the names of their directories; invalid ones are skipped.
fn read_all(directory: &Path) -> Vec<(std::ffi::OsString, Meta)> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let read = |entry: std::fs::DirEntry| {
        let text = local_file::read(&entry.path().join("meta.json")).ok()??;
        let meta = json::decode(&text).ok()?;
        Some((entry.file_name(), meta))
    };
    entries.flatten().filter_map(read).collect()
}
