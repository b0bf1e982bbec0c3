//! The options of the engine in a specification.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::NAME;
use crate::error::{Error, Result};
use crate::spec::EnvironmentSpec;
use crate::spec::network::NetworkMode;

/// The options of the engine `sandbox` in a specification.
///
/// ```
/// use isolation::EnvironmentSpec;
/// use isolation::engines::sandbox::SandboxOptions;
///
/// let mut spec = EnvironmentSpec::default();
/// SandboxOptions { host_network: true }.add_to(&mut spec);
/// assert_eq!(spec.engine_options["sandbox"]["host_network"], true);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxOptions {
    /// Whether commands use the network of this machine: its addresses, its ports, and every
    /// program that listens on them. By default an environment has only its own loopback interface.
    /// The network `host` is the same. The network `bridge` has access to the internet without the
    /// network of this machine.
    pub host_network: bool,
}

impl SandboxOptions {
    /// Puts the options into a specification.
    pub fn add_to(&self, spec: &mut EnvironmentSpec) {
        let mut options = serde_json::Map::new();
        if self.host_network {
            options.insert("host_network".to_owned(), true.into());
        }
        spec.engine_options
            .insert(NAME.to_owned(), Value::Object(options));
    }

    /// Reads the options of a specification.
    pub(super) fn of(spec: &EnvironmentSpec) -> Result<Self> {
        let is_host = spec.network.is_host();
        let Some(options) = spec.engine_options.get(NAME) else {
            return Ok(Self {
                host_network: is_host,
            });
        };
        if !options.is_object() {
            return Err(Error::invalid(format!(
                "the options of the engine {NAME} must be a JSON object"
            )));
        }
        let mut read = Self::deserialize(options).map_err(|error| {
            Error::invalid(format!("the options of the engine {NAME} are invalid: {error}"))
        })?;
        if read.host_network && spec.network.mode == NetworkMode::None {
            let why = "an environment without a network cannot use that of this machine; remove host_network";
            return Err(Error::invalid(why));
        }
        if read.host_network && spec.network.is_bridge() {
            let why = "the network bridge is one beside that of this machine; remove it, or host_network";
            return Err(Error::invalid(why));
        }
        read.host_network |= is_host;
        Ok(read)
    }

    pub(super) fn uses_host_network(&self) -> bool {
        self.host_network
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unknown_or_contradictory_option_is_an_error() {
        for (options, why) in [
            (json!({"host_netwrok": true}), "unknown field `host_netwrok`"),
            (json!({"host_network": "yes"}), "expected a boolean"),
            (json!(3), "must be a JSON object"),
            (json!([true]), "must be a JSON object"),
            (json!({"host_network": true}), "without a network"),
        ] {
            let mut spec = EnvironmentSpec::default();
            spec.network.mode = NetworkMode::None;
            spec.engine_options.insert(NAME.to_owned(), options);
            let error = SandboxOptions::of(&spec).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
        let mut spec = EnvironmentSpec::default();
        spec.network.mode = NetworkMode::Named("bridge".to_owned());
        SandboxOptions::of(&spec).unwrap();
        SandboxOptions { host_network: true }.add_to(&mut spec);
        let error = SandboxOptions::of(&spec).unwrap_err();
        assert!(error.to_string().contains("the network bridge"), "{error}");
    }

    #[test]
    fn network_host_is_that_of_this_machine() {
        let mut spec = EnvironmentSpec::default();
        assert!(!SandboxOptions::of(&spec).unwrap().uses_host_network());
        spec.network.mode = NetworkMode::Named("host".to_owned());
        assert!(SandboxOptions::of(&spec).unwrap().uses_host_network());
        SandboxOptions::default().add_to(&mut spec);
        assert!(SandboxOptions::of(&spec).unwrap().uses_host_network());
    }
}
