//! The endpoints to try: the one that the environment or a context names, otherwise the usual
//! sockets.

use super::context;
use super::endpoint::Endpoint;
use super::security::{Lookup, Security};
use crate::error::{Error, Result};

/// Sockets below the user's home or runtime directory, and the products that listen there.
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

/// The endpoints to try, in order. If the environment or a chosen context names one, it is the only
/// one.
pub(crate) fn endpoints(env: Lookup<'_>) -> Result<Vec<Endpoint>> {
    Ok(match named(env)? {
        Some(endpoint) => vec![endpoint],
        None => usual_endpoints(env),
    })
}

/// The endpoint that the environment or a chosen context names.
pub(crate) fn named(env: Lookup<'_>) -> Result<Option<Endpoint>> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    if let Some(address) = set("DOCKER_HOST") {
        let security = Security::from_env(env);
        let endpoint = Endpoint::new("DOCKER_HOST".into(), address, security, env);
        return Ok(Some(endpoint));
    }
    let (name, source) = match set("DOCKER_CONTEXT") {
        Some(name) => (Some(name).filter(|name| name != "default"), "DOCKER_CONTEXT"),
        None => (context::current(env)?, "the current context"),
    };
    let endpoint = |name: String| context::endpoint(&name, format!("{source} {name:?}"), env);
    name.map(endpoint).transpose()
}

/// The places where engines usually listen.
fn usual_endpoints(env: Lookup<'_>) -> Vec<Endpoint> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    let endpoint = |source: &str, address: String| Endpoint::new(source.to_owned(), address, None, env);
    if cfg!(windows) {
        let pipe = "npipe:////./pipe/docker_engine".into();
        return vec![endpoint("the default pipe", pipe)];
    }
    let mut endpoints = vec![endpoint(
        "the default socket",
        "unix:///var/run/docker.sock".into(),
    )];
    for (variable, below, source) in BELOW {
        if let Some(directory) = set(variable).filter(|directory| directory.starts_with('/')) {
            let directory = directory.trim_end_matches('/');
            endpoints.push(endpoint(source, format!("unix://{directory}/{below}")));
        }
    }
    endpoints.push(endpoint("Podman", "unix:///run/podman/podman.sock".into()));
    endpoints
}

/// The endpoint at an address, with the TLS settings of the environment.
pub(crate) fn at(address: &str, env: Lookup<'_>) -> Endpoint {
    Endpoint::new(String::new(), address.to_owned(), Security::from_env(env), env)
}

/// The endpoint of a context.
pub(crate) fn in_context(name: &str, env: Lookup<'_>) -> Result<Endpoint> {
    if name != "default" {
        return context::endpoint(name, format!("the context {name:?}"), env);
    }
    // The default context has no files: it is the default without contexts.
    let without = |variable: &str| match variable {
        "DOCKER_CONTEXT" => Some("default".to_owned()),
        other => env(other),
    };
    let first = endpoints(&without)?.into_iter().next();
    first.ok_or_else(|| Error::invalid("there is no default context on this system"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

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
        endpoints(&env).map(|all| all.into_iter().map(|endpoint| endpoint.address).collect())
    }

    #[test]
    fn docker_host_is_the_only_endpoint_when_set() {
        let both = [
            ("DOCKER_HOST", "tcp://x:1"),
            ("DOCKER_CONTEXT", "remote"),
            ("HOME", "/home/u"),
        ];
        assert_eq!(found(&both).unwrap(), ["tcp://x:1"]);
    }

    #[cfg(unix)]
    #[test]
    fn the_default_socket_is_first_the_users_follow() {
        let addresses = found(&[
            ("DOCKER_HOST", ""),
            ("HOME", "/home/u"),
            ("XDG_RUNTIME_DIR", "/run/user/1/"),
        ])
        .unwrap();
        assert_eq!(addresses[0], "unix:///var/run/docker.sock");
        assert_eq!(addresses[1], "unix:///run/user/1/docker.sock");
        assert!(addresses.contains(&"unix:///home/u/.colima/default/docker.sock".into()));
        assert_eq!(addresses.last().unwrap(), "unix:///run/podman/podman.sock");
    }

    /// The docker command's directory with the contexts `remote`, which has certificates, and
    /// `plain`.
    fn directory(current: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = directory.path().join(path);
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
        directory
    }

    fn found_in(directory: &tempfile::TempDir, more: &[(&str, &str)]) -> Result<Vec<String>> {
        let config = directory.path().to_str().unwrap();
        found(&[&[("DOCKER_CONFIG", config)], more].concat())
    }

    #[test]
    fn a_context_is_used_when_no_host_is_named() {
        let directory = directory(r#"{"auths":{},"currentContext":"remote"}"#);
        assert_eq!(found_in(&directory, &[]).unwrap(), ["tcp://build"]);
        let found = |variables: &[(&str, &str)]| found_in(&directory, variables).unwrap();
        assert_eq!(found(&[("DOCKER_CONTEXT", "plain")]), ["tcp://plain:1"]);
        assert_ne!(found(&[("DOCKER_CONTEXT", "default")]), ["tcp://build"]);
        let both = [("DOCKER_CONTEXT", "plain"), ("DOCKER_HOST", "tcp://x:1")];
        assert_eq!(found(&both), ["tcp://x:1"]);
    }

    #[test]
    fn an_unusable_context_is_an_error_not_a_fallback() {
        let directory = directory(r#"{"currentContext":"gone"}"#);
        for (variables, text) in [
            (&[][..], "the current context \"gone\": there is no such context"),
            (
                &[("DOCKER_CONTEXT", "nowhere")],
                "there are: default, cluster, plain, remote",
            ),
            (&[("DOCKER_CONTEXT", "cluster")], "no Docker engine"),
        ] {
            let error = found_in(&directory, variables).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains(text), "{error}");
        }
        let broken = self::directory("{\"auth\": s3cret");
        let error = found_in(&broken, &[]).unwrap_err().to_string();
        assert!(
            error.contains("config.json") && !error.contains("s3cret"),
            "{error}"
        );
        assert!(found_in(&self::directory(" "), &[]).is_ok());
    }

    #[test]
    fn byte_order_mark_before_a_context_is_skipped() {
        let directory = directory("\u{feff}{\"currentContext\":\"marked\"}");
        let meta = directory.path().join("contexts/meta/0e");
        std::fs::create_dir_all(&meta).unwrap();
        let text = "\u{feff}{\"Name\":\"marked\",\"Endpoints\":{\"docker\":{\"Host\":\"tcp://marked\"}}}";
        std::fs::write(meta.join("meta.json"), text).unwrap();
        assert_eq!(found_in(&directory, &[]).unwrap(), ["tcp://marked"]);
        let blank = self::directory("\u{feff} ");
        assert!(found_in(&blank, &[]).is_ok());
    }

    #[test]
    fn a_contexts_certificates_are_found() {
        let directory = directory("{}");
        let config = directory.path().to_str().unwrap().to_owned();
        let env = move |name: &str| (name == "DOCKER_CONFIG").then(|| config.clone());
        let security = in_context("remote", &env).unwrap().security.unwrap();
        assert_eq!(
            security.directory,
            Some(directory.path().join("contexts/tls/0a/docker"))
        );
        assert!(!security.skip_verify);
        assert_eq!(in_context("plain", &env).unwrap().security, None);
        let endpoint = in_context("default", &env).unwrap();
        assert_eq!(endpoint.source, usual_endpoints(&env)[0].source);
    }

    #[cfg(unix)]
    #[test]
    fn system_without_a_home_has_the_usual_sockets() {
        assert_eq!(found(&[]).unwrap()[0], "unix:///var/run/docker.sock");
        let error = found(&[("DOCKER_CONTEXT", "x")]).unwrap_err().to_string();
        assert!(
            error.contains("there is no home directory with contexts"),
            "{error}"
        );
        let empty = [("DOCKER_CONTEXT", "x"), ("HOME", "/no/such/directory")];
        let error = found(&empty).unwrap_err().to_string();
        assert!(error.ends_with("/contexts; there are: default"), "{error}");
    }
}
