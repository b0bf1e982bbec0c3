//! HTTP proxies between this client and engines on TCP.

use std::fmt;
use std::io;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::address::without_secrets;
use super::security::Lookup;
use crate::error::{Error, Result};

/// The longest head of a proxy's reply, in bytes.
const LONGEST_HEAD: usize = 16 << 10;

/// An HTTP proxy through which an engine is reached: `http://[user:password@]host[:port]`.
///
/// The proxy must open tunnels (`CONNECT`), also to engines without TLS: attached containers need a
/// connection of their own. `Debug` shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpProxy {
    host: String,
    port: u16,
    /// The value of `Proxy-Authorization`.
    authorization: Option<String>,
}

impl fmt::Debug for HttpProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpProxy({}:{})", self.host, self.port)
    }
}

impl std::str::FromStr for HttpProxy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            let shown = without_secrets(text);
            Error::invalid(format!("invalid proxy {shown:?}: {why}; write http://host:port"))
        };
        let rest = match text.split_once("://") {
            None => text,
            Some(("http", rest)) => rest,
            Some((scheme, _)) => return Err(wrong(&format!("{scheme}:// is not supported"))),
        };
        let rest = rest.trim_end_matches('/');
        let (user, server) = rest
            .rsplit_once('@')
            .map_or((None, rest), |(user, server)| (Some(user), server));
        let (host, port) = match server.strip_prefix('[') {
            Some(v6) => v6.split_once(']').ok_or_else(|| wrong("a `]` is missing"))?,
            None => server.find(':').map_or((server, ""), |at| server.split_at(at)),
        };
        let port = match port.strip_prefix(':').unwrap_or(port) {
            "" => 80,
            digits => digits.parse().map_err(|_| wrong("the port is not a number"))?,
        };
        if host.is_empty() || host.contains(['/', '?', '#', ' ']) {
            return Err(wrong("the host is missing or malformed"));
        }
        let authorization = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            let decode = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
            format!(
                "Basic {}",
                STANDARD.encode(format!("{}:{}", decode(name), decode(password)))
            )
        });
        Ok(Self {
            host: host.to_owned(),
            port,
            authorization,
        })
    }
}

impl HttpProxy {
    /// The proxy of the environment for an engine: `HTTP_PROXY`, or `HTTPS_PROXY` for TLS, in upper
    /// or lower case, unless `NO_PROXY` contains the host. As for the docker command, this machine
    /// is reached without a proxy. A proxy of another scheme (`https`, `socks5`) is not used.
    pub(super) fn of_env(env: Lookup<'_>, tls: bool, host: &str, port: u16) -> Result<Option<Self>> {
        let set = |name: &str| {
            let filled = |value: &String| !value.trim().is_empty();
            let lower = || env(&name.to_ascii_lowercase()).filter(filled);
            env(name).filter(filled).or_else(lower)
        };
        let Some(proxy) = set(if tls { "HTTPS_PROXY" } else { "HTTP_PROXY" }) else {
            return Ok(None);
        };
        let excluded = set("NO_PROXY").is_some_and(|list| is_excluded(&list, host, port));
        let is_http = proxy
            .split_once("://")
            .is_none_or(|(scheme, _)| scheme.trim() == "http");
        if excluded || is_this_machine(host) || !is_http {
            return Ok(None);
        }
        proxy.trim().parse().map(Some)
    }

    /// Opens a tunnel to `host` and `port`.
    pub(super) async fn tunnel(&self, authority: &str) -> io::Result<TcpStream> {
        let at = format!("{}:{}", self.host, self.port);
        let within = |error: io::Error| io::Error::new(error.kind(), format!("the proxy {at}: {error}"));
        let mut stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(within)?;
        let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
        if let Some(value) = &self.authorization {
            request.push_str(&format!("Proxy-Authorization: {value}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await.map_err(within)?;
        let mut head = Vec::new();
        // Reads one byte at a time: the data after the head belongs to the engine.
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() >= LONGEST_HEAD {
                return Err(within(io::Error::other("its reply is too long")));
            }
            head.push(stream.read_u8().await.map_err(within)?);
        }
        let line = String::from_utf8_lossy(&head);
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse::<u16>().ok());
        match status {
            Some(200..=299) => Ok(stream),
            Some(407) => Err(within(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "it requires a user and password (407); write http://user:password@host:port",
            ))),
            Some(status) => Err(within(io::Error::other(format!(
                "it refuses a tunnel to {authority} ({status})"
            )))),
            None => Err(within(io::Error::other("its reply is not HTTP"))),
        }
    }
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a list of names, domains, addresses and networks contains a host. An entry may have a
/// port.
fn is_excluded(list: &str, host: &str, port: u16) -> bool {
    let host = host.to_ascii_lowercase();
    let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries
        .map(str::to_ascii_lowercase)
        .any(|entry| excludes(&entry, &host, port))
}

fn excludes(entry: &str, host: &str, port: u16) -> bool {
    let address: Option<IpAddr> = host.parse().ok();
    if let (Some(address), Some((network, bits))) = (address, entry.split_once('/')) {
        return is_in_network(address, network, bits);
    }
    let (name, only) = match entry.rsplit_once(':') {
        // An IPv6 address has more than one colon, unless it is in brackets.
        Some((name, digits)) if !name.contains(':') || name.ends_with(']') => (name, digits.parse().ok()),
        _ => (entry, None),
    };
    if only.is_some_and(|only: u16| only != port) {
        return false;
    }
    let name = name.trim_start_matches('[').trim_end_matches(']');
    match (address, name.strip_prefix("*.").or(name.strip_prefix('.'))) {
        _ if name == "*" => true,
        // The same address can have several texts.
        (Some(address), _) => name.parse() == Ok(address),
        (None, Some(domain)) => host.ends_with(&format!(".{domain}")),
        (None, None) => host == name || host.ends_with(&format!(".{name}")),
    }
}

fn is_in_network(address: IpAddr, network: &str, bits: &str) -> bool {
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    let ((address, length), (network, other)) = (number(address), number(network));
    let differ = (address ^ network).leading_zeros();
    length == other && bits <= length && (differ >= bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)], tls: bool, host: &str) -> Option<String> {
        let env = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let proxy = HttpProxy::of_env(&env, tls, host, 2375).unwrap();
        proxy.map(|proxy| format!("{}:{}", proxy.host, proxy.port))
    }

    #[test]
    fn proxy_is_that_of_the_scheme() {
        let both = [("HTTP_PROXY", "http://p:3128"), ("https_proxy", "q")];
        assert_eq!(of(&both, false, "h").unwrap(), "p:3128");
        assert_eq!(of(&both, true, "h").unwrap(), "q:80");
        assert_eq!(of(&both[1..], false, "h"), None);
        let empty = [("HTTP_PROXY", ""), ("http_proxy", "p:1")];
        assert_eq!(of(&empty, false, "h").unwrap(), "p:1");
        // A proxy with an unsupported scheme is ignored: the engine may be reachable without it.
        assert_eq!(of(&[("HTTP_PROXY", "socks5://p:1")], false, "h"), None);
        for host in ["localhost", "127.0.0.1", "::1"] {
            assert_eq!(of(&both, false, host), None, "{host}");
        }
    }

    #[test]
    fn no_proxy_has_names_domains_addresses_and_networks() {
        for (list, host, excluded) in [
            ("h", "h", true),
            ("H , x", "h", true),
            ("example.org", "a.example.org", true),
            ("example.org", "badexample.org", false),
            (".example.org", "example.org", false),
            ("*.example.org", "a.example.org", true),
            ("*", "h", true),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.0.0.0/33", "10.0.0.0", false),
            ("10.0.0.0/x", "10.0.0.0", false),
            ("ten/8", "10.0.0.0", false),
            ("fd00::/8", "fd00::1", true),
            ("0.0.0.0/0", "::1:2", false),
            ("fd00::1", "fd00::1", true),
            ("h:2375", "h", true),
            ("h:1", "h", false),
            ("[::1]:2375", "::1", true),
            ("[fd00::1]", "fd00:0::1", true),
            ("[fd00::1]:1", "fd00::1", false),
            ("FD00:0:0::1", "fd00::1", true),
            ("2.3.4", "1.2.3.4", false),
            ("", "h", false),
        ] {
            assert_eq!(is_excluded(list, host, 2375), excluded, "{list} {host}");
        }
    }

    #[test]
    fn invalid_proxy_is_an_error_without_the_password() {
        for text in [
            "socks5://u:hunter2@p",
            "http://u:hunter2@p:x",
            "http://u:hunter2@",
            "http://[::1",
        ] {
            let error = text.parse::<HttpProxy>().unwrap_err().to_string();
            assert!(
                !error.contains("hunter2") && error.contains("write http://"),
                "{error}"
            );
        }
        let proxy: HttpProxy = "http://u:hunter2%40@p".parse().unwrap();
        assert_eq!(proxy.authorization.as_deref(), Some("Basic dTpodW50ZXIyQA=="));
        assert!(!format!("{proxy:?}").contains("dTpod"));
    }
}
