//! The credentials of a registry: those of the user, or a token that the registry's server gives.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_api::auth::RegistryAuth;
use engine_api::images::ImageReference;
use hyper::Uri;
use hyper::header::HeaderValue;
use serde::Deserialize;

use super::description::json;
use super::http::{Server, collect, get, post, unreachable};
use crate::error::{Error, Result};

/// The most bytes of a reply with a token.
const LONGEST: usize = 1 << 20;

/// The credentials in the requests to a registry.
pub(super) struct Authorization {
    auth: Option<RegistryAuth>,
    reference: ImageReference,
    header: Option<HeaderValue>,
}

/// A reply with a token.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Token {
    token: String,
    access_token: String,
}

impl Authorization {
    pub(super) fn new(auth: Option<RegistryAuth>, reference: &ImageReference) -> Self {
        Self {
            auth,
            reference: reference.clone(),
            header: None,
        }
    }

    /// The header of the next request.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        self.header.clone()
    }

    /// Does what a registry asks for.
    pub(super) async fn answer(&mut self, server: &Server, challenges: &[String]) -> Result<()> {
        let parsed = challenges.iter().filter_map(|text| Challenge::parse(text));
        let mut bearer = None;
        let mut basic = false;
        for challenge in parsed {
            match challenge.scheme.to_ascii_lowercase().as_str() {
                "bearer" => bearer = Some(challenge),
                "basic" => basic = true,
                _ => {}
            }
        }
        self.header = match bearer {
            Some(challenge) => Some(secret("Bearer", &self.token(server, &challenge).await?)?),
            None if basic => self.basic()?,
            None => None,
        };
        Ok(())
    }

    fn basic(&self) -> Result<Option<HeaderValue>> {
        let Some(auth) = self.auth.as_ref().filter(|auth| !auth.username.is_empty()) else {
            return Ok(None);
        };
        let text = STANDARD.encode(format!("{}:{}", auth.username, auth.password));
        secret("Basic", &text).map(Some)
    }

    async fn token(&self, registry: &Server, challenge: &Challenge) -> Result<String> {
        if let Some(auth) = self.auth.as_ref().filter(|auth| !auth.registry_token.is_empty()) {
            return Ok(auth.registry_token.clone());
        }
        let invalid = || unreachable(&registry.to_string(), "it names no valid server of tokens");
        let realm: Uri = challenge
            .get("realm")
            .unwrap_or_default()
            .parse()
            .map_err(|_| invalid())?;
        // Never without TLS if the registry has it: the credentials would be readable.
        let (server, path) = registry.at(&realm)?;
        let scope = format!("repository:{}:pull", self.reference.repository());
        let mut query = format!("scope={}", encoded(&scope));
        if let Some(service) = challenge.get("service") {
            query.push_str(&format!("&service={}", encoded(service)));
        }
        let identity = self.auth.as_ref().filter(|auth| !auth.identity_token.is_empty());
        let reply = match identity {
            Some(auth) => {
                let token = encoded(&auth.identity_token);
                let form =
                    format!("grant_type=refresh_token&client_id=isolate&refresh_token={token}&{query}");
                post(&server, &path, form).await?
            }
            None => {
                let joined = if path.contains('?') { '&' } else { '?' };
                get(&server, &format!("{path}{joined}{query}"), &[], self.basic()?).await?
            }
        };
        if !reply.status().is_success() {
            return Err(Error::invalid(format!(
                "the registry {registry} gives no token (status {}); log in with `isolate login {}`, or check \
                 the name",
                reply.status(),
                self.reference.registry()
            )));
        }
        let token: Token = json(&collect(reply, LONGEST).await?, "the token of the registry")?;
        match [token.token, token.access_token]
            .into_iter()
            .find(|token| !token.is_empty())
        {
            Some(token) => Ok(token),
            None => Err(invalid()),
        }
    }
}

fn secret(scheme: &str, text: &str) -> Result<HeaderValue> {
    let header = HeaderValue::try_from(format!("{scheme} {text}"));
    let mut header = header.map_err(|_| Error::invalid("the credentials of the registry are no text"))?;
    header.set_sensitive(true);
    Ok(header)
}

/// A text as a part of a query.
fn encoded(text: &str) -> String {
    let mut result = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => result.push(byte.into()),
            byte => result.push_str(&format!("%{byte:02X}")),
        }
    }
    result
}

/// A header `WWW-Authenticate`.
#[derive(Debug, PartialEq, Eq)]
struct Challenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, mut rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        let mut parameters = Vec::new();
        while let Some((name, after)) = rest.split_once('=') {
            let name = name.trim_matches([' ', ',']).to_ascii_lowercase();
            let (value, next) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => after.split_once(',').unwrap_or((after, "")),
            };
            parameters.push((name, value.trim().to_owned()));
            rest = next;
        }
        Some(Self {
            scheme: scheme.to_owned(),
            parameters,
        })
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_of_registries_are_read() {
        let text = r#"Bearer realm="https://auth.test/token",service="reg, x",scope="repository:a:pull""#;
        let challenge = Challenge::parse(text).unwrap();
        assert_eq!(challenge.get("realm"), Some("https://auth.test/token"));
        assert_eq!(challenge.get("service"), Some("reg, x"));
        assert_eq!(challenge.scheme, "Bearer");
        assert_eq!(Challenge::parse("Basic realm=x").unwrap().get("realm"), Some("x"));
        assert_eq!(Challenge::parse("Basic").unwrap().parameters, []);
        assert_eq!(Challenge::parse(r#"Bearer realm="cut"#), None);
        assert_eq!(
            encoded("repository:a/b:pull &"),
            "repository%3Aa%2Fb%3Apull%20%26"
        );
    }
}
