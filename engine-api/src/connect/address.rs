//! Addresses of engines, in every form of `DOCKER_HOST`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The address of an engine.
///
/// ```
/// use engine_api::connect::Address;
///
/// let address: Address = "tcp://build-host:2375/docker".parse()?;
/// assert_eq!(address.to_string(), "tcp://build-host:2375/docker");
/// let address: Address = "/var/run/docker.sock".parse()?;
/// assert_eq!(address.to_string(), "unix:///var/run/docker.sock");
/// # Ok::<(), engine_api::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A Unix socket: `unix:///path`, or the bare path. `unix://@name` is an abstract socket of
    /// Linux; its path begins with `@`.
    Unix(PathBuf),
    /// TCP without TLS: `tcp://host:port/base` or `http://…`; the default port is 2375.
    Tcp {
        /// Name or IP address, an IPv6 one without brackets.
        host: String,
        /// The port.
        port: u16,
        /// The prefix of every request path, such as `/docker`; empty for no prefix.
        base: String,
    },
    /// TCP with TLS: `https://host:port/base`; the default port is 2376. Needs the feature `tls`.
    Tls {
        /// Name or IP address, an IPv6 one without brackets.
        host: String,
        /// The port.
        port: u16,
        /// The prefix of every request path; empty for no prefix.
        base: String,
    },
    /// A remote engine behind ssh: `ssh://user@host:port/path/of.sock`. Needs the feature `ssh`.
    Ssh {
        /// The user; `None` uses the user of ssh's configuration.
        user: Option<String>,
        /// Name, IP address or alias of ssh's configuration, an IPv6 address without brackets.
        host: String,
        /// The port of the ssh server; `None` uses the port of ssh's configuration.
        port: Option<u16>,
        /// The engine's socket on the remote host; empty uses the default of the docker command
        /// there.
        path: String,
    },
    /// A named pipe, on Windows only: `npipe:////./pipe/docker_engine`.
    NamedPipe {
        /// The host, `.` for this one.
        host: String,
        /// The name after `/pipe/`.
        name: String,
    },
}

/// The schemes of addresses.
const SCHEMES: [&str; 7] = ["unix", "tcp", "http", "https", "ssh", "npipe", "fd"];

/// Longest path of a Unix socket, in bytes: the limit of `sockaddr_un` on all known systems.
const LONGEST_SOCKET_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The port of an engine without TLS.
const PLAIN_PORT: u16 = 2375;

/// The port of an engine with TLS.
const TLS_PORT: u16 = 2376;

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            let shown = without_secrets(text);
            Error::invalid(format!(
                "invalid engine address {shown:?}: {why}; write unix:///path/to.sock or tcp://host:port"
            ))
        };
        if text.trim() != text || text.is_empty() || text.chars().any(char::is_control) {
            return Err(wrong(
                "it is empty, or has blanks around it or control characters in it",
            ));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            if text.starts_with('/') {
                return unix(text);
            }
            return match no_url(text) {
                Some(why) => Err(wrong(&why)),
                None => tcp(text).map_err(|why| wrong(&why)),
            };
        };
        match scheme {
            "unix" if rest.is_empty() => Err(wrong("the path is missing")),
            "unix" if rest.starts_with('@') && rest.len() > 1 && cfg!(target_os = "linux") => unix(rest),
            "unix" if !rest.starts_with('/') => Err(wrong(
                "the path is not absolute, and no variable or `~` in it is replaced",
            )),
            "unix" => unix(rest),
            "tcp" | "http" => tcp(rest).map_err(|why| wrong(&why)),
            "https" => tls(rest).map_err(|why| wrong(&why)),
            "ssh" => ssh(rest).map_err(|why| wrong(&why)),
            "npipe" => named_pipe(rest).map_err(|why| wrong(&why)),
            "fd" => Err(wrong("fd:// is for the engine itself")),
            other => Err(wrong(&format!("the scheme {other:?} is unknown"))),
        }
    }
}

/// The form of an address in errors: without password and query, which no address should contain.
pub fn without_secrets(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = text.split_at(start);
    // A password may contain a `?`, so the user and the password are removed first.
    let (user, rest) = rest
        .rsplit_once('@')
        .map_or(("", rest), |(user, rest)| (user, rest));
    let shown = match rest.split_once('?') {
        Some((address, _)) => format!("{address}?***"),
        None => rest.to_owned(),
    };
    match user.split_once([':', '?']) {
        Some((user, _password)) => format!("{scheme}{user}:***@{shown}"),
        None if user.is_empty() => format!("{scheme}{shown}"),
        None => format!("{scheme}{user}@{shown}"),
    }
}

/// Why an address without `://` is not `host`, `host:port` or `host:port/base`. Without this check,
/// a path would be resolved as the name of a host.
fn no_url(text: &str) -> Option<String> {
    if let Some((scheme, rest)) = text.split_once(':') {
        if SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) {
            let rest = rest.trim_start_matches('/');
            let slash = if scheme.eq_ignore_ascii_case("unix") {
                "/"
            } else {
                ""
            };
            let scheme = scheme.to_ascii_lowercase();
            let right = without_secrets(&format!("{scheme}://{slash}{rest}"));
            return Some(format!("`://` is missing; write {right}"));
        }
    }
    let (host, path) = text.split_once('/').unwrap_or((text, ""));
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let is_path = !has_port && (!path.is_empty() || host.ends_with(".sock"));
    if is_path || text.starts_with(['.', '~', '$', '\\']) {
        return Some("a path must be absolute, and no variable or `~` in it is replaced".into());
    }
    None
}

fn unix(path: &str) -> Result<Address> {
    if path.len() > LONGEST_SOCKET_PATH {
        return Err(Error::invalid(format!(
            "the socket path {path} is {} bytes long; the maximum is {LONGEST_SOCKET_PATH}; \
             use a shorter path, or a symbolic link",
            path.len()
        )));
    }
    Ok(Address::Unix(path.into()))
}

/// The part after `npipe://`; both kinds of slashes are allowed.
fn named_pipe(rest: &str) -> std::result::Result<Address, String> {
    let path = rest.replace('\\', "/");
    let parts: Vec<&str> = path.splitn(5, '/').collect();
    match parts[..] {
        ["", "", host, kind, name]
            if !host.is_empty() && kind.eq_ignore_ascii_case("pipe") && !name.is_empty() =>
        {
            let (host, name) = (host.to_owned(), name.to_owned());
            Ok(Address::NamedPipe { host, name })
        }
        _ => Err("a pipe is written npipe:////./pipe/NAME".into()),
    }
}

/// The part after `tcp://` or `https://`.
struct Server {
    host: String,
    port: Option<u16>,
    base: String,
}

fn tcp(rest: &str) -> std::result::Result<Address, String> {
    let Server { host, port, base } = server(rest)?;
    let port = port.unwrap_or(PLAIN_PORT);
    Ok(Address::Tcp { host, port, base })
}

fn tls(rest: &str) -> std::result::Result<Address, String> {
    let Server { host, port, base } = server(rest)?;
    let port = port.unwrap_or(TLS_PORT);
    Ok(Address::Tls { host, port, base })
}

fn ssh(rest: &str) -> std::result::Result<Address, String> {
    let (user, rest) = match rest.split_once('@') {
        Some((user, _)) if user.contains(':') => {
            return Err("it has a password, which ssh does not accept".into());
        }
        Some(("", _)) => return Err("the user is missing".into()),
        Some((user, rest)) => (Some(user.to_owned()), rest),
        None => (None, rest),
    };
    let Server { host, port, base } = server(rest)?;
    Ok(Address::Ssh {
        user,
        host,
        port,
        path: base,
    })
}

fn server(rest: &str) -> std::result::Result<Server, String> {
    let (authority, base) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    if authority.contains('@') || rest.contains(['?', '#', ' ']) {
        return Err("it has a user, a query or a fragment".into());
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or("a `]` is missing")?;
            (
                host,
                after
                    .strip_prefix(':')
                    .or(after.is_empty().then_some(""))
                    .ok_or("`]` is not followed by a port")?,
            )
        }
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    let host = with_zone(host, authority.starts_with('['))?;
    let port = match port {
        "" => None,
        text => {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let port = text.parse().ok().filter(|port| digits && *port != 0);
            Some(port.ok_or_else(|| format!("invalid port {text:?}"))?)
        }
    };
    let base = base.trim_end_matches('/').to_owned();
    if base
        .split('/')
        .skip(1)
        .any(|part| matches!(part, "" | "." | ".."))
    {
        return Err("the base path has an empty part, `.` or `..`".into());
    }
    Ok(Server { host, port, base })
}

/// The host. In brackets, an IPv6 address may have a zone after `%25`, or after a bare `%`.
fn with_zone(host: &str, in_brackets: bool) -> std::result::Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    let (address, zone) = match host.split_once('%') {
        Some((address, zone)) if in_brackets => (address, Some(zone.strip_prefix("25").unwrap_or(zone))),
        _ => (host, None),
    };
    if address.is_empty() || !address.chars().all(legal) {
        return Err("the host is missing or malformed".into());
    }
    match zone {
        None => Ok(address.to_owned()),
        Some(zone) if !zone.is_empty() && zone.chars().all(legal) => Ok(format!("{address}%{zone}")),
        Some(_) => Err("the zone is missing or malformed".into()),
    }
}

/// The host in the format before a port.
fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{}]", host.replace('%', "%25"))
    } else {
        host.to_owned()
    }
}

impl Address {
    /// The host of an engine on the network; `None` for a socket or pipe of this machine.
    pub(crate) fn remote_host(&self) -> Option<&str> {
        match self {
            Self::Unix(_) => None,
            Self::NamedPipe { host, .. } => Some(host.as_str()).filter(|host| *host != "."),
            Self::Tcp { host, .. } | Self::Tls { host, .. } | Self::Ssh { host, .. } => Some(host),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port, base } => write!(f, "tcp://{}:{port}{base}", bracketed(host)),
            Self::Tls { host, port, base } => write!(f, "https://{}:{port}{base}", bracketed(host)),
            Self::Ssh {
                user,
                host,
                port,
                path,
            } => {
                f.write_str("ssh://")?;
                if let Some(user) = user {
                    write!(f, "{user}@")?;
                }
                f.write_str(&bracketed(host))?;
                if let Some(port) = port {
                    write!(f, ":{port}")?;
                }
                f.write_str(path)
            }
            Self::NamedPipe { host, name } => write!(f, "npipe:////{host}/pipe/{name}"),
        }
    }
}
