//! An endpoint: an address with the settings of its connections.

use super::address::Address;
use super::connector::Connector;
use super::proxy::HttpProxy;
use super::security::{Lookup, Security};
#[cfg(feature = "tls")]
use super::tls::{TlsConfig, TlsConnector};
use crate::error::Result;
#[cfg(not(feature = "tls"))]
use crate::error::{Cause, Error};

/// A possible address of an engine.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// Where the address comes from: `DOCKER_HOST`, `the default socket` …
    pub(crate) source: String,
    pub(crate) address: String,
    /// The TLS settings, used only over TCP.
    pub(crate) security: Option<Security>,
    /// The API version of `DOCKER_API_VERSION`; `None` to negotiate it.
    pub(crate) version: Option<String>,
    /// The values of `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in upper or lower case, that are
    /// set.
    pub(crate) proxies: Vec<(String, String)>,
}

/// The variables of proxies.
const PROXIES: [&str; 6] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
];

impl Endpoint {
    /// An endpoint with the version that the environment sets.
    pub(super) fn new(source: String, address: String, security: Option<Security>, env: Lookup<'_>) -> Self {
        let version = env("DOCKER_API_VERSION").filter(|value| !value.is_empty());
        Self {
            source,
            address,
            security,
            version,
            proxies: PROXIES
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), env(name)?)))
                .collect(),
        }
    }

    /// The proxy to an engine on TCP.
    fn proxy(&self, address: &Address) -> Result<Option<HttpProxy>> {
        let env = |name: &str| {
            let found = self.proxies.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        };
        match address {
            Address::Tcp { host, port, .. } => HttpProxy::of_env(&env, false, host, *port),
            Address::Tls { host, port, .. } => HttpProxy::of_env(&env, true, host, *port),
            _ => Ok(None),
        }
    }

    /// The connector for this endpoint; reads its certificates.
    pub(crate) fn connector(&self) -> Result<Box<dyn Connector>> {
        let address: Address = self.address.parse()?;
        let Some(security) = &self.security else {
            return address.connector_through(self.proxy(&address)?);
        };
        let address = match address {
            // The address is parsed again, because TLS has another default port.
            Address::Tcp { .. } => {
                let rest = self.address.split_once("://");
                let rest = rest.map_or(&*self.address, |(_, rest)| rest);
                format!("https://{rest}").parse()?
            }
            other => other,
        };
        secured(&address, security, self.proxy(&address)?)
    }
}

/// The connector of an address with TLS; without TLS, the settings do not apply.
#[cfg(feature = "tls")]
fn secured(address: &Address, security: &Security, proxy: Option<HttpProxy>) -> Result<Box<dyn Connector>> {
    match address {
        Address::Tls { host, port, base } => {
            let connector = TlsConnector::new(host, *port, &TlsConfig::of(security)?)?;
            Ok(Box::new(connector.with_base_path(base).with_proxy(proxy)))
        }
        other => other.connector(),
    }
}

#[cfg(not(feature = "tls"))]
fn secured(address: &Address, security: &Security, _proxy: Option<HttpProxy>) -> Result<Box<dyn Connector>> {
    if !matches!(address, Address::Tls { .. }) {
        return address.connector();
    }
    let Security {
        directory,
        skip_verify,
    } = security;
    let shown = directory
        .as_ref()
        .map(|directory| format!(" with the certificates in {}", directory.display()));
    Err(Error::local(Cause::Unsupported(format!(
        "TLS for {address}{}{} needs the feature `tls`, which this build does not support",
        shown.unwrap_or_default(),
        if *skip_verify { " without verification" } else { "" },
    ))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_settings_are_never_ignored() {
        let connector = |address: &str| {
            let security = Security::from_env(&|name| (name == "DOCKER_TLS").then(|| "1".into()));
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
