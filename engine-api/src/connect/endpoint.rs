//! An endpoint: an address with what else is needed to connect to it.

use std::path::{Path, PathBuf};

use super::address::Address;
use super::connector::Connector;
#[cfg(feature = "tls")]
use super::tls::{TlsConfig, TlsConnector};
use crate::error::Result;
#[cfg(not(feature = "tls"))]
use crate::error::{Cause, Error};

/// Reads an environment variable; tests pass their own.
pub(crate) type Lookup<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// A place where an engine may be.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// Where the address comes from: `DOCKER_HOST`, `the default socket` …
    pub(crate) source: String,
    pub(crate) address: String,
    /// Only used over TCP.
    pub(crate) security: Option<Security>,
    /// The API version to use, as `DOCKER_API_VERSION` has it; `None` to ask the engine.
    pub(crate) version: Option<String>,
}

/// The TLS settings of an endpoint that are not in its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Security {
    /// The directory of `ca.pem`, `cert.pem` and `key.pem`; `None` for no certificates of its own.
    pub(crate) directory: Option<PathBuf>,
    /// Accept any certificate of the engine.
    pub(crate) skip_verify: bool,
}

impl Security {
    /// The settings of `DOCKER_TLS_VERIFY`, `DOCKER_TLS` and `DOCKER_CERT_PATH`; `None` for no TLS.
    pub(super) fn from_env(env: Lookup<'_>) -> Option<Self> {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        let verify = set("DOCKER_TLS_VERIFY").is_some();
        let directory = set("DOCKER_CERT_PATH").map(PathBuf::from);
        if !verify && directory.is_none() && set("DOCKER_TLS").is_none() {
            return None;
        }
        Some(Self {
            // The default directory may be missing; one that was named must exist.
            directory: directory.or_else(|| command_directory(env).filter(|directory| directory.is_dir())),
            skip_verify: !verify,
        })
    }
}

impl Endpoint {
    /// An endpoint with the version that the environment sets.
    pub(super) fn new(source: String, address: String, security: Option<Security>, env: Lookup<'_>) -> Self {
        let version = env("DOCKER_API_VERSION").filter(|value| !value.is_empty());
        Self {
            source,
            address,
            security,
            version,
        }
    }

    /// The connector for this endpoint; reads its certificates.
    pub(crate) fn connector(&self) -> Result<Box<dyn Connector>> {
        let address: Address = self.address.parse()?;
        let Some(security) = &self.security else {
            return address.connector();
        };
        match address {
            Address::Tcp { .. } => {
                // Parsed again, because the default port is another one with TLS.
                let rest = self.address.split_once("://");
                let rest = rest.map_or(&*self.address, |(_, rest)| rest);
                secured(&format!("https://{rest}").parse()?, security)
            }
            Address::Tls { .. } => secured(&address, security),
            other => other.connector(),
        }
    }
}

/// The docker command's directory: `DOCKER_CONFIG`, or `.docker` in the user's home.
pub(super) fn command_directory(env: Lookup<'_>) -> Option<PathBuf> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    let home = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    set("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| set(home).map(|home| Path::new(&home).join(".docker")))
}

#[cfg(feature = "tls")]
fn secured(address: &Address, security: &Security) -> Result<Box<dyn Connector>> {
    let Address::Tls { host, port, base } = address else {
        return address.connector();
    };
    let connector = TlsConnector::new(host, *port, &TlsConfig::of(security)?)?;
    Ok(Box::new(connector.with_base_path(base)))
}

#[cfg(not(feature = "tls"))]
fn secured(address: &Address, security: &Security) -> Result<Box<dyn Connector>> {
    let Security {
        directory,
        skip_verify,
    } = security;
    let shown = directory
        .as_ref()
        .map(|directory| format!(" with the certificates in {}", directory.display()));
    Err(Error::local(Cause::Unsupported(format!(
        "TLS for {address}{}{} needs the feature `tls`, which this build does not have",
        shown.unwrap_or_default(),
        if *skip_verify { " without verification" } else { "" },
    ))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn security(variables: &[(&str, &str)]) -> Option<Security> {
        let env = |name: &str| {
            let found = variables.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Security::from_env(&env)
    }

    #[test]
    fn an_empty_tls_variable_is_off() {
        assert_eq!(
            security(&[("DOCKER_TLS_VERIFY", ""), ("DOCKER_CERT_PATH", "")]),
            None
        );
        let path = [("DOCKER_CERT_PATH", "/certs"), ("DOCKER_TLS_VERIFY", "")];
        let unverified = security(&path).unwrap();
        assert_eq!(unverified.directory, Some("/certs".into()));
        assert!(unverified.skip_verify);
        assert!(!security(&[("DOCKER_TLS_VERIFY", "0")]).unwrap().skip_verify);
        assert!(security(&[("DOCKER_TLS", "1")]).unwrap().skip_verify);
    }

    #[test]
    fn tls_settings_are_never_ignored() {
        let connector = |address: &str| {
            let security = security(&[("DOCKER_TLS", "1")]);
            Endpoint::new(String::new(), address.into(), security, &|_| None).connector()
        };
        for address in ["tcp://127.0.0.1", "127.0.0.1", "https://127.0.0.1"] {
            match connector(address) {
                Ok(connector) => assert_eq!(connector.address(), "https://127.0.0.1:2376"),
                Err(error) => assert!(error.to_string().contains("the feature `tls`"), "{error}"),
            }
        }
        if cfg!(unix) {
            assert_eq!(connector("/d.sock").unwrap().address(), "unix:///d.sock");
        }
    }
}
