//! Clients for the engine that the environment, an address or a context names.

use std::sync::Arc;

use super::Docker;
use crate::connect::{self, CommandConfig, Endpoint, ProxyVariables};
use crate::error::{Cause, Error, ErrorKind, ProbedEndpoint, Result};

impl Docker {
    /// A client of the engine that the environment names, or of the first engine that answers.
    ///
    /// `DOCKER_HOST` is used if it is set, then `DOCKER_CONTEXT`, then the context that `docker
    /// context use` has chosen. Otherwise the usual sockets are tried in this order: the socket of
    /// the system, of rootless Docker, of Docker Desktop, colima, OrbStack, Rancher Desktop and
    /// Podman. `DOCKER_API_VERSION` sets the version and switches negotiation off;
    /// `DOCKER_TLS_VERIFY`, `DOCKER_TLS` and `DOCKER_CERT_PATH` enable TLS on TCP (feature `tls`).
    /// An engine on TCP is reached through the [proxy](connect::HttpProxy) of `HTTP_PROXY` or
    /// `HTTPS_PROXY`, unless `NO_PROXY` contains its host. `HttpHeaders` and `detachKeys` of the
    /// docker command's `config.json` apply.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::Unreachable`] lists every endpoint that was tried, and why it failed
    /// ([`Error::probed_endpoints`]). If only one endpoint was tried, the error has the kind of its
    /// failure, such as [`crate::ErrorKind::TlsError`]. [`crate::ErrorKind::InvalidInput`]: the
    /// named or chosen context does not exist.
    pub async fn from_env() -> Result<Self> {
        first_of(connect::endpoints(&variable)?).await
    }

    /// The source of the only address that [`Docker::from_env`] tries: `DOCKER_HOST`, or a context.
    /// `None` if it tries the usual sockets. Nothing is sent.
    ///
    /// # Errors
    ///
    /// As [`Docker::probe_all`].
    pub fn named_by_env() -> Result<Option<String>> {
        Ok(connect::named(&variable)?.map(|endpoint| endpoint.source))
    }

    /// A client of the engine at an address in the format of `DOCKER_HOST`, with the TLS settings,
    /// the version, the proxies and the headers of the environment. Nothing is sent.
    ///
    /// # Errors
    ///
    /// When the address is invalid, this build cannot connect to it, or the certificates cannot be
    /// read.
    pub fn from_address(address: &str) -> Result<Self> {
        client(&connect::at(address, &variable))
    }

    /// A client of the engine of a context of the docker command. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::InvalidInput`] when there is no such context, and the errors of
    /// [`Docker::from_address`].
    pub fn from_context(name: &str) -> Result<Self> {
        in_context(name, &variable)
    }

    /// Pings every endpoint that [`Docker::from_env`] would try, in the same order, and reports the
    /// result of each.
    ///
    /// # Errors
    ///
    /// When the environment names a context that does not exist or cannot be read.
    pub async fn probe_all() -> Result<Vec<ProbedEndpoint>> {
        let mut probed = Vec::new();
        for endpoint in connect::endpoints(&variable)? {
            let error = probe(&endpoint, false).await.err();
            probed.push(result(endpoint, error.as_ref()));
        }
        Ok(probed)
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

async fn first_of(endpoints: Vec<Endpoint>) -> Result<Docker> {
    let single = endpoints.len() == 1;
    let mut kind = ErrorKind::Unreachable;
    let mut candidates = Vec::new();
    for endpoint in endpoints {
        // Headers may contain tokens: among several candidates, only the one that answers receives
        // them.
        match probe(&endpoint, single).await {
            Ok(docker) => return Ok(configured(docker, &endpoint)),
            Err(error) => {
                // Several endpoints may fail in different ways; then all of them count as
                // unreachable.
                if single {
                    kind = error.kind();
                }
                candidates.push(result(endpoint, Some(&error)));
            }
        }
    }
    Err(Error::local(Cause::NoEngine { candidates, kind }))
}

/// Pings an engine; `whole` includes the settings of `config.json`.
async fn probe(endpoint: &Endpoint, whole: bool) -> Result<Docker> {
    let mut docker = bare(endpoint)?;
    if whole {
        docker = configured(docker, endpoint);
    }
    match docker.system().ping().await {
        // A proxy in front of the engine may refuse pings, but allow the requests of the caller.
        Err(error) if matches!(error.status(), Some(403 | 404)) => docker.version().await.map(drop)?,
        pinged => pinged.map(drop)?,
    }
    Ok(docker)
}

fn result(endpoint: Endpoint, error: Option<&Error>) -> ProbedEndpoint {
    ProbedEndpoint {
        source: endpoint.source,
        address: connect::without_secrets(&endpoint.address),
        error: error.map(|error| format!("{error:#}")),
    }
}

fn in_context(name: &str, env: connect::Lookup<'_>) -> Result<Docker> {
    let endpoint = connect::in_context(name, env)?;
    client(&endpoint).map_err(|error| match error.kind() {
        ErrorKind::InvalidInput => Error::invalid(format!("{}: {error}", endpoint.source)),
        _ => error,
    })
}

fn client(endpoint: &Endpoint) -> Result<Docker> {
    Ok(configured(bare(endpoint)?, endpoint))
}

fn bare(endpoint: &Endpoint) -> Result<Docker> {
    let docker = Docker::over(Arc::from(endpoint.connector()?));
    match &endpoint.version {
        Some(version) => Ok(docker.with_version(version.parse()?)),
        None => Ok(docker),
    }
}

/// Adds the settings of the docker command's `config.json` for the calls of a client.
fn configured(mut docker: Docker, endpoint: &Endpoint) -> Docker {
    let config = CommandConfig::read(&variable);
    for (name, value) in &config.http_headers {
        // A header that the client sets itself, such as `User-Agent`, or an invalid header is
        // skipped: it must not make an engine unusable that needs no header.
        docker = docker.clone().with_header(name, value).unwrap_or(docker);
    }
    let proxies = ProxyVariables::of(&config, &endpoint.address);
    docker.session.extra.proxies = Some(Arc::new(proxies));
    docker.with_detach_keys(&config.detach_keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_single_endpoint_keeps_its_kind_of_error() {
        let endpoint = || Endpoint {
            source: "DOCKER_HOST".into(),
            address: "gopher://x".into(),
            security: None,
            version: None,
            proxies: Vec::new(),
        };
        let fails = async |endpoints| first_of(endpoints).await.unwrap_err();
        let alone = fails(vec![endpoint()]).await;
        assert_eq!(alone.kind(), ErrorKind::InvalidInput);
        assert_eq!(alone.probed_endpoints().len(), 1);
        assert_eq!(
            fails(vec![endpoint(), endpoint()]).await.kind(),
            ErrorKind::Unreachable
        );
    }

    #[test]
    fn error_of_a_context_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().to_str().unwrap();
        for (id, name, host) in [
            ("0a", "good", "tcp://h:1"),
            ("0b", "bad", "tcp://h:port"),
            ("0c", "pipe", "npipe:////./pipe/docker"),
        ] {
            let meta = directory.path().join("contexts/meta").join(id);
            std::fs::create_dir_all(&meta).unwrap();
            let text = format!(r#"{{"Name":"{name}","Endpoints":{{"docker":{{"Host":"{host}"}}}}}}"#);
            std::fs::write(meta.join("meta.json"), text).unwrap();
        }
        let of = |name: &str, version: &'static str| {
            in_context(name, &|variable| match variable {
                "DOCKER_CONFIG" => Some(config.to_owned()),
                "DOCKER_API_VERSION" => Some(version.to_owned()),
                _ => None,
            })
        };
        assert_eq!(of("good", "").unwrap().address(), "tcp://h:1");
        for (name, version, words) in [
            ("bad", "", "the context \"bad\": "),
            ("good", "new", "the context \"good\": "),
            ("other", "", "the context \"other\": there is no such context"),
        ] {
            let error = of(name, version).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().starts_with(words), "{error}");
        }
        // Only Windows has named pipes.
        #[cfg(not(windows))]
        assert_eq!(of("pipe", "").unwrap_err().kind(), ErrorKind::Unsupported);
        let error = Docker::from_context("a name of no context").unwrap_err();
        assert!(error.to_string().contains("there is no such context"), "{error}");
    }
}
