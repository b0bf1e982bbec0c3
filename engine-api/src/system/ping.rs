//! What a ping tells.

/// The headers of the answer to a ping; engines leave out what they do not know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ping {
    /// The newest API version the engine speaks.
    pub api_version: Option<String>,
    podman: bool,
}

impl Ping {
    pub(crate) fn from_headers(headers: &http::HeaderMap) -> Self {
        let text = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
        Self {
            api_version: text("api-version"),
            podman: headers.contains_key("libpod-api-version"),
        }
    }

    /// Whether the engine is Podman.
    pub fn is_podman(&self) -> bool {
        self.podman
    }
}
