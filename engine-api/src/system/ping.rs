//! Ping an engine.

use http::header::HeaderMap;

use super::System;
use crate::error::Result;
use crate::wire::decode::Headers;
use crate::wire::json::open_enum;
use crate::wire::operation::Operation;

pub(super) static PING: Operation<Headers> = Operation::get("SystemPing", "/_ping");

pub(super) static PING_HEAD: Operation<Headers> = Operation::head("SystemPingHead", "/_ping");

impl System<'_> {
    /// Asks whether the engine answers, without a version.
    pub async fn ping(&self) -> Result<Ping> {
        self.docker
            .call(&PING)
            .unversioned()
            .send()
            .await
            .map(|headers| Ping::from_headers(&headers))
    }

    /// Like [`System::ping`], with `HEAD`: an error contains no message of the engine.
    pub async fn ping_head(&self) -> Result<Ping> {
        self.docker
            .call(&PING_HEAD)
            .unversioned()
            .send()
            .await
            .map(|headers| Ping::from_headers(&headers))
    }
}

/// The reply to a ping. Every field may be empty: old engines and other programs send less.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ping {
    /// The newest API version that the engine supports: `1.51`.
    pub api_version: Option<String>,
    /// The operating system of its containers: `linux`, `windows`.
    pub os_type: String,
    /// Whether experimental features are on.
    pub experimental: bool,
    /// The builder that the engine recommends: `1` is the classic builder, `2` is BuildKit.
    pub builder_version: String,
    /// The swarm status of the engine; `None` if it was not sent, as before API 1.42.
    pub swarm: Option<SwarmStatus>,
    /// The program and its version: `Docker/28.5.2 (linux)`, `Libpod/5.8.0 (linux)`.
    pub server: String,
    podman: bool,
}

/// The short swarm status of an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SwarmStatus {
    /// Whether the engine is in a swarm.
    pub state: LocalNodeState,
    /// Whether it is a manager that can change the swarm.
    pub control_available: bool,
}

/// Whether an engine is in a swarm. Definition `LocalNodeState`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LocalNodeState {
    /// It is not in a swarm.
    Inactive,
    /// It is joining a swarm.
    Pending,
    /// It is in a swarm.
    Active,
    /// It is in a swarm, but reports an error.
    Error,
    /// It is a locked manager that waits for the key.
    Locked,
    /// A value that this crate does not know; empty if it was not sent.
    Other(String),
}

open_enum!(LocalNodeState {
    Inactive = "inactive",
    Pending = "pending",
    Active = "active",
    Error = "error",
    Locked = "locked",
});

impl Ping {
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        let mut ping = Self::default();
        // One pass over the headers: a lookup of each header would be slower.
        for (name, value) in headers {
            let text = || value.to_str().unwrap_or_default().trim();
            let first = |field: &mut String| {
                if field.is_empty() {
                    text().clone_into(field);
                }
            };
            match name.as_str() {
                "api-version" => first(ping.api_version.get_or_insert_default()),
                "ostype" => first(&mut ping.os_type),
                "docker-experimental" => ping.experimental |= text().eq_ignore_ascii_case("true"),
                "builder-version" => first(&mut ping.builder_version),
                "swarm" if ping.swarm.is_none() => ping.swarm = SwarmStatus::read(text()),
                "server" => first(&mut ping.server),
                "libpod-api-version" => ping.podman = true,
                _ => {}
            }
        }
        ping.api_version = ping.api_version.filter(|version| !version.is_empty());
        ping
    }

    /// Whether the engine is Podman.
    pub fn is_podman(&self) -> bool {
        self.podman
    }
}

impl SwarmStatus {
    /// Reads `inactive`, `active/manager`, `active/worker`.
    fn read(text: &str) -> Option<Self> {
        let (state, role) = text.split_once('/').unwrap_or((text, ""));
        (!state.is_empty()).then(|| Self {
            state: LocalNodeState::from(state),
            control_available: role == "manager",
        })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn missing_headers_leave_fields_empty() {
        assert_eq!(Ping::from_headers(&HeaderMap::new()), Ping::default());
        let mut headers = HeaderMap::new();
        headers.insert("server", HeaderValue::from_bytes(b"\xff").unwrap());
        headers.insert("swarm", HeaderValue::from_static(""));
        assert_eq!(Ping::from_headers(&headers), Ping::default());
    }

    #[test]
    fn swarm_header_names_state_and_role() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("api-version", "1.51"),
            ("ostype", "linux"),
            ("docker-experimental", "true"),
            ("builder-version", "2"),
            ("swarm", "active/manager"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let ping = Ping::from_headers(&headers);
        let swarm = ping.swarm.unwrap();
        assert_eq!(
            (swarm.state, swarm.control_available),
            (LocalNodeState::Active, true)
        );
        assert!(ping.experimental && ping.api_version.as_deref() == Some("1.51") && ping.os_type == "linux");
        let worker = SwarmStatus::read("active/worker").unwrap();
        assert!(!worker.control_available && worker.state == LocalNodeState::Active);
    }
}
