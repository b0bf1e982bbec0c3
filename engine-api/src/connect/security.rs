//! The TLS settings of the environment and of contexts.

use std::path::{Path, PathBuf};

/// Reads an environment variable; tests pass their own.
pub(crate) type Lookup<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// The TLS settings of an endpoint that are not in its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Security {
    /// The directory of `ca.pem`, `cert.pem` and `key.pem`; `None` for no own certificates.
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
            // The default directory may be missing; a named directory must exist.
            directory: directory.or_else(|| command_directory(env).filter(|directory| directory.is_dir())),
            skip_verify: !verify,
        })
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
}
