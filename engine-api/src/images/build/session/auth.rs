//! Credentials for the registries that BuildKit pulls from.
//!
//! BuildKit asks first whether the client fetches the tokens of registries itself
//! (`GetTokenAuthority`). This client does not: for that it would need an HTTP client with TLS, and
//! signatures. BuildKit of every version then asks for the credentials, and fetches tokens with
//! them, like the classic builder with the credentials in its header.

use std::collections::BTreeMap;

use super::super::protobuf::Message;
use super::grpc::{Status, text};
use crate::auth::{DOCKER_HUB, RegistryAuth};

/// The host that BuildKit names for Docker Hub.
const HUB_HOST: &str = "registry-1.docker.io";

pub(super) struct Auth {
    registries: BTreeMap<String, RegistryAuth>,
}

impl Auth {
    pub(super) fn new(registries: BTreeMap<String, RegistryAuth>) -> Self {
        Self { registries }
    }

    /// `Credentials`: user and password for a host; both are empty for an anonymous pull.
    pub(super) fn credentials(&self, request: &[u8]) -> Result<Vec<u8>, Status> {
        let host = text(request, 1)?;
        let name = match host.as_str() {
            HUB_HOST => DOCKER_HUB,
            other => other,
        };
        let reply = Message::default();
        let reply = match self.registries.get(name) {
            None => reply,
            // A token instead of a password has no user.
            Some(auth) if !auth.identity_token.is_empty() => reply.bytes(2, auth.identity_token.as_bytes()),
            Some(auth) => reply
                .bytes(1, auth.username.as_bytes())
                .bytes(2, auth.password.as_bytes()),
        };
        Ok(reply.into_bytes())
    }
}

/// The reason why BuildKit cannot use some credentials.
pub(super) fn wrong(registries: &BTreeMap<String, RegistryAuth>) -> Option<String> {
    let only_token = |auth: &RegistryAuth| {
        !auth.registry_token.is_empty() && auth.password.is_empty() && auth.identity_token.is_empty()
    };
    let (name, _) = registries.iter().find(|(_, auth)| only_token(auth))?;
    Some(format!(
        "a session cannot pass on the registry token for {name}; use a user and password, or an identity token"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_by_the_host_of_buildkit() {
        let token = RegistryAuth {
            username: "ignored".into(),
            identity_token: "t".into(),
            ..Default::default()
        };
        let registries = BTreeMap::from([
            (DOCKER_HUB.to_owned(), RegistryAuth::user("u", "p")),
            ("r:5000".to_owned(), token),
        ]);
        let auth = Auth::new(registries);
        let asked = |host: &str| {
            let request = Message::default().bytes(1, host.as_bytes()).into_bytes();
            auth.credentials(&request).unwrap()
        };
        assert_eq!(asked("registry-1.docker.io"), b"\x0a\x01u\x12\x01p");
        assert_eq!(asked("r:5000"), b"\x12\x01t");
        assert_eq!(asked("r"), b"");
        assert!(auth.credentials(b"\x0a\x05r").is_err());
    }

    #[test]
    fn registry_token_alone_is_rejected_by_name() {
        let auth = |password: &str| RegistryAuth {
            password: password.into(),
            registry_token: "hunter2".into(),
            ..Default::default()
        };
        let wrong = |auth| wrong(&BTreeMap::from([("r:5000".to_owned(), auth)]));
        let reason = wrong(auth("")).unwrap();
        assert!(
            reason.contains("r:5000") && !reason.contains("hunter2"),
            "{reason}"
        );
        assert_eq!(wrong(auth("p")), None);
        assert_eq!(wrong(RegistryAuth::default()), None);
    }
}
