//! Finding the engine: what the user said, else the places where engines usually listen.

use std::sync::Arc;

use super::context::{self, Security};
use super::{Address, Connector};
use crate::client::Docker;
use crate::error::{Cause, Error, ErrorKind, ProbedEndpoint, Result};

/// Reads a variable of the environment; tests hand in their own.
pub(super) type Lookup<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// A place to look, and why there.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) origin: String,
    pub(super) address: String,
    /// What else is known of how to connect there, and matters only over TCP.
    pub(super) security: Option<Security>,
}

/// Sockets below the user's home or runtime folder, and whose they are.
const BELOW: [(&str, &str, &str); 8] = [
    ("XDG_RUNTIME_DIR", "docker.sock", "rootless Docker"),
    ("HOME", ".docker/run/docker.sock", "Docker Desktop"),
    ("HOME", ".docker/desktop/docker.sock", "Docker Desktop on Linux"),
    ("HOME", ".colima/default/docker.sock", "colima"),
    ("HOME", ".orbstack/run/docker.sock", "OrbStack"),
    ("HOME", ".rd/docker.sock", "Rancher Desktop"),
    ("XDG_RUNTIME_DIR", "podman/podman.sock", "rootless Podman"),
    (
        "HOME",
        ".local/share/containers/podman/machine/podman.sock",
        "Podman machine",
    ),
];

/// Every place to look, in order. What the user named explicitly is the only one.
fn places(env: Lookup<'_>) -> Result<Vec<Place>> {
    let said = |name: &str| env(name).filter(|value| !value.is_empty());
    if let Some(address) = said("DOCKER_HOST") {
        return Ok(vec![Place {
            origin: "DOCKER_HOST".into(),
            address,
            security: Security::from_env(env),
        }]);
    }
    let named = said("DOCKER_CONTEXT");
    let (name, whose) = match named {
        Some(name) => (Some(name).filter(|name| name != "default"), "DOCKER_CONTEXT"),
        None => (context::current(env)?, "the current context"),
    };
    match name {
        Some(name) => Ok(vec![context::place(&name, format!("{whose} {name:?}"), env)?]),
        None => Ok(usual_places(env)),
    }
}

/// Where engines usually listen.
fn usual_places(env: Lookup<'_>) -> Vec<Place> {
    let said = |name: &str| env(name).filter(|value| !value.is_empty());
    let place = |origin: &str, address: String| Place {
        origin: origin.to_owned(),
        address,
        security: None,
    };
    let mut places = Vec::new();
    if cfg!(windows) {
        places.push(place("the default pipe", "npipe:////./pipe/docker_engine".into()));
        return places;
    }
    places.push(place("the default socket", "unix:///var/run/docker.sock".into()));
    for (variable, below, whose) in BELOW {
        if let Some(folder) = said(variable).filter(|folder| folder.starts_with('/')) {
            places.push(place(
                whose,
                format!("unix://{}/{below}", folder.trim_end_matches('/')),
            ));
        }
    }
    places.push(place("Podman", "unix:///run/podman/podman.sock".into()));
    places
}

/// The engine the environment names or, failing that, the first that answers.
pub(crate) async fn discover() -> Result<Docker> {
    let env = |name: &str| std::env::var(name).ok();
    first_of(places(&env)?, &env).await
}

async fn first_of(places: Vec<Place>, env: Lookup<'_>) -> Result<Docker> {
    let named = places.len() == 1;
    let mut kind = ErrorKind::Unreachable;
    let mut candidates = Vec::new();
    for place in places {
        match reach(&place, env).await {
            Ok(docker) => return Ok(docker),
            Err(error) => {
                // Of several, each may have failed in a way of its own; what counts is that none answers.
                if named {
                    kind = error.kind();
                }
                candidates.push(candidate(place, Some(&error)));
            }
        }
    }
    Err(Error::local(Cause::NoEngine { candidates, kind }))
}

/// Asks every place where an engine may be, in the order of discovery, and says what came of it.
///
/// # Errors
///
/// When the environment names an engine in a way that cannot be followed.
pub async fn probe_all() -> Result<Vec<ProbedEndpoint>> {
    let env = |name: &str| std::env::var(name).ok();
    let mut asked = Vec::new();
    for place in places(&env)? {
        let outcome = reach(&place, &env).await;
        asked.push(candidate(place, outcome.err().as_ref()));
    }
    Ok(asked)
}

fn candidate(place: Place, problem: Option<&Error>) -> ProbedEndpoint {
    ProbedEndpoint {
        source: place.origin,
        address: place.address,
        error: problem.map(ToString::to_string),
    }
}

async fn reach(place: &Place, env: Lookup<'_>) -> Result<Docker> {
    let docker = configured(place, env)?;
    docker.system().ping().await?;
    Ok(docker)
}

/// A client of the engine at an address, with what else the environment says of it.
pub(crate) fn at(address: &str) -> Result<Docker> {
    let env = |name: &str| std::env::var(name).ok();
    let place = Place {
        origin: String::new(),
        address: address.to_owned(),
        security: Security::from_env(&env),
    };
    configured(&place, &env)
}

/// A client of the engine that a context leads to.
pub(crate) fn in_context(name: &str) -> Result<Docker> {
    let env = |name: &str| std::env::var(name).ok();
    configured(&place_of(name, &env)?, &env)
}

fn place_of(name: &str, env: Lookup<'_>) -> Result<Place> {
    if name != "default" {
        return context::place(name, format!("the context {name:?}"), env);
    }
    // The default one has no files: it is what there is without contexts.
    let without = |variable: &str| match variable {
        "DOCKER_CONTEXT" => Some("default".to_owned()),
        other => env(other),
    };
    let first = places(&without)?.into_iter().next();
    first.ok_or_else(|| Error::invalid("there is no default context on this system"))
}

/// A client for a place, with the version that the environment sets.
fn configured(place: &Place, env: Lookup<'_>) -> Result<Docker> {
    let docker = Docker::over(Arc::from(connector(place)?));
    match env("DOCKER_API_VERSION").filter(|value| !value.is_empty()) {
        Some(version) => Ok(docker.with_version(version.parse()?)),
        None => Ok(docker),
    }
}

fn connector(place: &Place) -> Result<Box<dyn Connector>> {
    let address: Address = place.address.parse()?;
    let Some(security) = &place.security else {
        return address.connector();
    };
    match address {
        Address::Tcp { .. } => {
            // Read anew, because another port is usual then.
            let rest = place
                .address
                .split_once("://")
                .map_or(&*place.address, |(_, rest)| rest);
            secured(&format!("https://{rest}").parse()?, security)
        }
        Address::Tls { .. } => secured(&address, security),
        other => other.connector(),
    }
}

#[cfg(feature = "tls")]
fn secured(address: &Address, security: &Security) -> Result<Box<dyn Connector>> {
    let Address::Tls { host, port, base } = address else {
        return address.connector();
    };
    let connector = super::TlsConnector::new(host, *port, &security.config()?)?;
    Ok(Box::new(connector.with_base_path(base)))
}

#[cfg(not(feature = "tls"))]
fn secured(address: &Address, security: &Security) -> Result<Box<dyn Connector>> {
    let Security { folder, skip_verify } = security;
    let shown = folder
        .as_ref()
        .map(|folder| format!(" with the certificates in {}", folder.display()));
    Err(Error::local(Cause::Unsupported(format!(
        "TLS is asked for at {address}{}{}, which needs the feature `tls`, which this build lacks",
        shown.unwrap_or_default(),
        if *skip_verify { " without verification" } else { "" },
    ))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Result<Vec<String>> {
        let variables: Vec<(String, String)> = variables
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        let env = move |name: &str| {
            variables
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, value)| value.clone())
        };
        places(&env).map(|places| places.into_iter().map(|place| place.address).collect())
    }

    #[test]
    fn docker_host_is_the_only_place_when_it_is_set() {
        let both = [
            ("DOCKER_HOST", "tcp://x:1"),
            ("DOCKER_CONTEXT", "remote"),
            ("HOME", "/home/u"),
        ];
        assert_eq!(found(&both).unwrap(), ["tcp://x:1"]);
    }

    #[cfg(unix)]
    #[test]
    fn the_default_socket_comes_first_then_those_of_the_user() {
        let places = found(&[
            ("DOCKER_HOST", ""),
            ("HOME", "/home/u"),
            ("XDG_RUNTIME_DIR", "/run/user/1/"),
        ])
        .unwrap();
        assert_eq!(places[0], "unix:///var/run/docker.sock");
        assert_eq!(places[1], "unix:///run/user/1/docker.sock");
        assert!(places.contains(&"unix:///home/u/.colima/default/docker.sock".into()));
        assert_eq!(places.last().unwrap(), "unix:///run/podman/podman.sock");
    }

    /// The docker command's folder with the contexts `remote`, which has certificates, and `plain`.
    fn folder(current: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("config.json", current);
        write(
            "contexts/meta/0a/meta.json",
            r#"{"Name":"remote","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://build","SkipTLSVerify":false}}}"#,
        );
        write("contexts/tls/0a/docker/ca.pem", "");
        write(
            "contexts/meta/0b/meta.json",
            r#"{"Name":"plain","Endpoints":{"docker":{"Host":"tcp://plain:1"}}}"#,
        );
        write(
            "contexts/meta/0c/meta.json",
            r#"{"Name":"cluster","Endpoints":{}}"#,
        );
        write("contexts/meta/0d/meta.json", "broken");
        folder
    }

    fn found_in(folder: &tempfile::TempDir, more: &[(&str, &str)]) -> Result<Vec<String>> {
        let config = folder.path().to_str().unwrap();
        found(&[&[("DOCKER_CONFIG", config)], more].concat())
    }

    #[test]
    fn a_context_is_followed_where_no_host_is_named() {
        let folder = folder(r#"{"auths":{},"currentContext":"remote"}"#);
        assert_eq!(found_in(&folder, &[]).unwrap(), ["tcp://build"]);
        let found = |variables: &[(&str, &str)]| found_in(&folder, variables).unwrap();
        assert_eq!(found(&[("DOCKER_CONTEXT", "plain")]), ["tcp://plain:1"]);
        assert_ne!(found(&[("DOCKER_CONTEXT", "default")]), ["tcp://build"]);
        let both = [("DOCKER_CONTEXT", "plain"), ("DOCKER_HOST", "tcp://x:1")];
        assert_eq!(found(&both), ["tcp://x:1"]);
    }

    #[test]
    fn a_context_that_cannot_be_followed_is_an_error_not_a_fallback() {
        let folder = folder(r#"{"currentContext":"gone"}"#);
        for (variables, text) in [
            (&[][..], "the current context \"gone\": there is no such context"),
            (
                &[("DOCKER_CONTEXT", "nowhere")],
                "there are: default, cluster, plain, remote",
            ),
            (&[("DOCKER_CONTEXT", "cluster")], "no Docker engine"),
        ] {
            let error = found_in(&folder, variables).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains(text), "{error}");
        }
        let broken = self::folder("{\"auth\": s3cret");
        let error = found_in(&broken, &[]).unwrap_err().to_string();
        assert!(
            error.contains("config.json") && !error.contains("s3cret"),
            "{error}"
        );
        assert!(found_in(&self::folder(" "), &[]).is_ok());
    }

    #[test]
    fn a_contexts_certificates_are_found_by_its_folder() {
        let folder = folder("{}");
        let config = folder.path().to_str().unwrap().to_owned();
        let env = move |name: &str| (name == "DOCKER_CONFIG").then(|| config.clone());
        let security = place_of("remote", &env).unwrap().security.unwrap();
        assert_eq!(
            security.folder,
            Some(folder.path().join("contexts/tls/0a/docker"))
        );
        assert!(!security.skip_verify);
        assert_eq!(place_of("plain", &env).unwrap().security, None);
        let place = place_of("default", &env).unwrap();
        assert_eq!(place.origin, usual_places(&env)[0].origin);
    }

    fn security(variables: &[(&str, &str)]) -> Option<Security> {
        let env = |name: &str| {
            let found = variables.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Security::from_env(&env)
    }

    #[test]
    fn an_empty_tls_variable_is_off_and_only_verify_verifies() {
        assert_eq!(
            security(&[("DOCKER_TLS_VERIFY", ""), ("DOCKER_CERT_PATH", "")]),
            None
        );
        let path = [("DOCKER_CERT_PATH", "/certs"), ("DOCKER_TLS_VERIFY", "")];
        let unverified = security(&path).unwrap();
        assert_eq!(unverified.folder, Some("/certs".into()));
        assert!(unverified.skip_verify);
        assert!(!security(&[("DOCKER_TLS_VERIFY", "0")]).unwrap().skip_verify);
        assert!(security(&[("DOCKER_TLS", "1")]).unwrap().skip_verify);
    }

    #[tokio::test]
    async fn the_only_place_fails_in_its_own_way() {
        let place = || Place {
            origin: "DOCKER_HOST".into(),
            address: "gopher://x".into(),
            security: None,
        };
        let fails = async |places| first_of(places, &|_| None).await.unwrap_err();
        let alone = fails(vec![place()]).await;
        assert_eq!(alone.kind(), ErrorKind::InvalidInput);
        assert_eq!(alone.probed_endpoints().len(), 1);
        assert_eq!(fails(vec![place(), place()]).await.kind(), ErrorKind::Unreachable);
    }

    #[test]
    fn tls_asked_for_is_never_dropped_silently() {
        let place = |address: &str| Place {
            origin: "DOCKER_HOST".into(),
            address: address.into(),
            security: security(&[("DOCKER_TLS", "1")]),
        };
        for address in ["tcp://127.0.0.1", "127.0.0.1", "https://127.0.0.1"] {
            match connector(&place(address)) {
                Ok(connector) => assert_eq!(connector.address(), "https://127.0.0.1:2376"),
                Err(error) => assert!(error.to_string().contains("the feature `tls`"), "{error}"),
            }
        }
        if cfg!(unix) {
            assert_eq!(connector(&place("/d.sock")).unwrap().address(), "unix:///d.sock");
        }
    }
}
