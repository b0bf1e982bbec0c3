//! Finding the engine: what the user said, else the places where engines usually listen.

use super::Address;
use crate::client::Docker;
use crate::error::{Candidate, Cause, Error, Result};

/// Reads a variable of the environment; tests hand in their own.
type Lookup<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// A place to look, and why there.
struct Place {
    origin: String,
    address: String,
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
        }]);
    }
    if let Some(context) = said("DOCKER_CONTEXT").filter(|name| name != "default") {
        return Err(Error::local(Cause::Unsupported(format!(
            "DOCKER_CONTEXT names the context {context:?}, and contexts are not read yet; \
             set DOCKER_HOST to the address that `docker context inspect {context}` shows"
        ))));
    }
    let place = |origin: &str, address: String| Place {
        origin: origin.to_owned(),
        address,
    };
    let mut places = Vec::new();
    if cfg!(windows) {
        places.push(place("the default pipe", "npipe:////./pipe/docker_engine".into()));
        return Ok(places);
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
    Ok(places)
}

/// The engine the environment names or, failing that, the first that answers.
pub(crate) async fn discover() -> Result<Docker> {
    let env = |name: &str| std::env::var(name).ok();
    let mut tried = Vec::new();
    for place in places(&env)? {
        match reach(&place, &env).await {
            Ok(docker) => return Ok(docker),
            Err(error) => tried.push(candidate(place, Some(&error))),
        }
    }
    Err(Error::local(Cause::NoEngine(tried)))
}

/// Asks every place where an engine may be, in the order of discovery, and says what came of it.
///
/// # Errors
///
/// When the environment names an engine in a way that cannot be followed.
pub async fn survey() -> Result<Vec<Candidate>> {
    let env = |name: &str| std::env::var(name).ok();
    let mut asked = Vec::new();
    for place in places(&env)? {
        let outcome = reach(&place, &env).await;
        asked.push(candidate(place, outcome.err().as_ref()));
    }
    Ok(asked)
}

fn candidate(place: Place, problem: Option<&Error>) -> Candidate {
    Candidate {
        origin: place.origin,
        address: place.address,
        problem: problem.map(ToString::to_string),
    }
}

async fn reach(place: &Place, env: Lookup<'_>) -> Result<Docker> {
    let docker = configured(place, env)?;
    docker.system().ping().await?;
    Ok(docker)
}

/// A client for a place, with what else the environment says of it.
fn configured(place: &Place, env: Lookup<'_>) -> Result<Docker> {
    let said = |name: &str| env(name).filter(|value| !value.is_empty());
    let address: Address = place.address.parse()?;
    let tls = said("DOCKER_TLS_VERIFY").or_else(|| said("DOCKER_CERT_PATH"));
    if tls.is_some() && matches!(address, Address::Tcp { .. }) {
        return Err(Error::local(Cause::Unsupported(
            "DOCKER_TLS_VERIFY or DOCKER_CERT_PATH asks for TLS, which this build lacks; \
             unset them only if the engine may be spoken to in the clear"
                .into(),
        )));
    }
    let docker = Docker::connect(&address)?;
    match said("DOCKER_API_VERSION") {
        Some(version) => Ok(docker.with_version(version.parse()?)),
        None => Ok(docker),
    }
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

    #[test]
    fn a_context_is_refused_by_name_not_ignored() {
        let error = found(&[("DOCKER_CONTEXT", "remote")]).unwrap_err();
        assert!(error.to_string().contains("\"remote\""), "{error}");
        assert!(found(&[("DOCKER_CONTEXT", "default")]).is_ok());
    }

    #[test]
    fn tls_asked_for_is_never_dropped_silently() {
        let place = Place {
            origin: "DOCKER_HOST".into(),
            address: "tcp://127.0.0.1:1".into(),
        };
        let env = |name: &str| (name == "DOCKER_TLS_VERIFY").then(|| "1".to_owned());
        assert!(configured(&place, &env).unwrap_err().to_string().contains("TLS"));
        let empty = |name: &str| (name == "DOCKER_TLS_VERIFY").then(String::new);
        assert!(configured(&place, &empty).is_ok());
    }
}
