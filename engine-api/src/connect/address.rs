//! Addresses of engines, in every form of `DOCKER_HOST`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Where an engine listens.
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
    /// A Unix socket: `unix:///path`, or the bare path.
    Unix(PathBuf),
    /// TCP without TLS: `tcp://host:port/base` or `http://…`; the default port is 2375.
    Tcp {
        /// Name or IP address, an IPv6 one without brackets.
        host: String,
        /// The port.
        port: u16,
        /// What precedes every request path, such as `/docker`; empty for none.
        base: String,
    },
    /// TCP with TLS: `https://host:port/base`; the default port is 2376. Needs the feature `tls`.
    Tls {
        /// Name or IP address, an IPv6 one without brackets.
        host: String,
        /// The port.
        port: u16,
        /// What precedes every request path; empty for none.
        base: String,
    },
    /// A remote engine behind ssh: `ssh://user@host:port/path/of.sock`. Needs the feature `ssh`.
    Ssh {
        /// The user; `None` for that of ssh's configuration.
        user: Option<String>,
        /// Name, IP address or alias of ssh's configuration, an IPv6 address without brackets.
        host: String,
        /// The port of the ssh server; `None` for that of ssh's configuration.
        port: Option<u16>,
        /// The engine's socket on the remote host; empty for that of the docker command there.
        path: String,
    },
    /// A named pipe, on Windows only: `npipe:////./pipe/docker_engine`.
    NamedPipe {
        /// The host, `.` for this one.
        host: String,
        /// What follows `/pipe/`.
        name: String,
    },
}

/// Longest path of a Unix socket, in bytes: what fits into `sockaddr_un` on all systems we know.
const LONGEST_SOCKET_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The port of an engine without TLS.
const PLAIN_PORT: u16 = 2375;

/// The port of an engine with TLS.
const TLS_PORT: u16 = 2376;

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::invalid(format!(
                "invalid engine address {text:?}: {why}; write unix:///path/to.sock or tcp://host:port"
            ))
        };
        if text.trim() != text || text.is_empty() || text.chars().any(char::is_control) {
            return Err(wrong(
                "it is empty, or has blanks around it or control characters in it",
            ));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return if text.starts_with('/') {
                unix(text)
            } else {
                tcp(text).map_err(|why| wrong(&why))
            };
        };
        match scheme {
            "unix" if rest.is_empty() => Err(wrong("the path is missing")),
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

/// What follows `npipe://`; slashes may lean either way.
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

/// What follows `tcp://` or `https://`.
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
            return Err("it has a password, which ssh does not take".into());
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
    if authority.contains('@') || base.contains(['?', '#', ' ']) {
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
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    if host.is_empty() || !host.chars().all(legal) {
        return Err("the host is missing or malformed".into());
    }
    let port = match port {
        "" => None,
        text => {
            let port = text.parse().ok().filter(|port| *port != 0);
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
    Ok(Server {
        host: host.to_owned(),
        port,
        base,
    })
}

/// The host as it is written before a port.
fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address> {
        text.parse()
    }

    #[test]
    fn every_form_of_docker_host_is_read() {
        let tcp = |host: &str, port, base: &str| Address::Tcp {
            host: host.into(),
            port,
            base: base.into(),
        };
        assert_eq!(
            parse("unix:///run/d.sock").unwrap(),
            Address::Unix("/run/d.sock".into())
        );
        assert_eq!(parse("/run/d.sock").unwrap(), Address::Unix("/run/d.sock".into()));
        assert_eq!(
            parse("tcp://h:2375/base/path/").unwrap(),
            tcp("h", 2375, "/base/path")
        );
        assert_eq!(parse("http://1.2.3.4").unwrap(), tcp("1.2.3.4", 2375, ""));
        assert_eq!(parse("tcp://[::1]:99").unwrap(), tcp("::1", 99, ""));
        assert_eq!(parse("tcp://[::1]:99").unwrap().to_string(), "tcp://[::1]:99");
        assert_eq!(parse("localhost:2375").unwrap(), tcp("localhost", 2375, ""));
    }

    #[test]
    fn an_invalid_address_is_an_error_with_a_hint() {
        for text in [
            "",
            " ",
            "unix://",
            "tcp://",
            "tcp://:1",
            "tcp://h:0",
            "tcp://h:99999",
            "tcp://h:1/a/../b",
            "tcp://u@h:1",
            "tcp://[::1",
            "fd://",
            "gopher://x",
            "tcp://h:1?q",
            "https://u@h:1",
            "ssh://",
            "ssh://@h",
            "ssh://u:secret@h",
            "ssh://u@h/a?b",
            "npipe://",
            "npipe:///pipe/x",
            "npipe:////./x",
            "npipe:////./pipe/",
            " unix:///x",
            "tcp://h\n:1",
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains("write unix://"), "{text:?}: {error}");
        }
        let long = format!("unix:///{}", "x".repeat(200));
        assert!(parse(&long).unwrap_err().to_string().contains("shorter path"));
    }

    #[test]
    fn addresses_are_written_as_they_are_read() {
        for (text, written) in [
            ("https://h", "https://h:2376"),
            ("https://[::1]:1/base/", "https://[::1]:1/base"),
            ("ssh://me@h:22/run/d.sock", "ssh://me@h:22/run/d.sock"),
            ("ssh://h", "ssh://h"),
            ("npipe:////./pipe/docker_engine", "npipe:////./pipe/docker_engine"),
            (r"npipe://\\box\pipe\a/b", "npipe:////box/pipe/a/b"),
        ] {
            let address = parse(text).unwrap();
            assert_eq!(address.to_string(), written);
            assert_eq!(parse(written).unwrap(), address);
        }
    }
}
