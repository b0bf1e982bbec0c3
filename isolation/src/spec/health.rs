//! The health check of an environment.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::units;
use super::validate::Faults;
use crate::command::Command;
use crate::command::input::Input;
use crate::engine::capabilities::Feature;
use crate::error::Error;

/// A command that runs periodically while the environment runs. The environment is healthy if the
/// command exits with code 0. Changes are sent as events; see [`Environment::health`].
///
/// The process that started the environment runs it, not the engine. So it works in the same way on
/// every engine, and ends with that process. A [kept](crate::Lifetime::Kept) environment exists
/// longer than that process: there the Docker daemon runs the health check, if it can.
///
/// ```
/// let spec = isolation::EnvironmentSpec::from_json(r#"{
///     "image": "redis",
///     "main": "image",
///     "health": {"check": {"argv": ["redis-cli", "ping"]}, "interval": "2s", "retries": 5}
/// }"#)?;
/// assert_eq!(spec.health.unwrap().retries, Some(5));
/// # isolation::Result::Ok(())
/// ```
///
/// [`Environment::health`]: crate::Environment::health
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct HealthSpec {
    /// No health check at all, not even that of the image.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// The command; `None` is the health check of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Command>,
    /// The pause between two checks; `None` is 5 seconds. Pauses before the first success are
    /// shorter.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::protocol::schema::Time>"))]
    #[serde(with = "units::duration", skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// The timeout of a check; `None` is 30 seconds.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::protocol::schema::Time>"))]
    #[serde(with = "units::duration", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// The number of failures in a row that make the environment unhealthy; `None` is 3. They count
    /// as on the Docker daemon: the first one after the first interval, each other one an interval
    /// after the end of the check before. An earlier check only notices a success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// The time after a start in which failures do not count; `None` is 0.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::protocol::schema::Time>"))]
    #[serde(with = "units::duration", skip_serializing_if = "Option::is_none")]
    pub start_period: Option<Duration>,
}

impl HealthSpec {
    /// No health check at all.
    pub fn disabled() -> Self {
        Self {
            disabled: true,
            ..Self::default()
        }
    }

    pub(super) fn check(&self, faults: &mut Faults) {
        if self.disabled && *self != Self::disabled() {
            let why = "a health check that is disabled has no other settings; omit them, or disabled";
            faults.add(Err(Error::invalid(why)));
        }
        if let Some(check) = &self.check {
            faults.add(check.validate());
            if check.input == Input::Piped || check.terminal.is_some() {
                let why = "a health check has neither piped input nor a terminal; use bytes as input";
                faults.add(Err(Error::invalid(why)));
            }
        }
        if self.retries == Some(0) || [self.interval, self.timeout].contains(&Some(Duration::ZERO)) {
            let why = "retries, interval and timeout of a health check must be greater than 0";
            faults.add(Err(Error::invalid(why)));
        }
    }

    pub(super) fn required_feature(&self) -> Option<Feature> {
        (!self.disabled).then_some(Feature::Commands)
    }

    pub(crate) fn pause(&self) -> Duration {
        self.interval.unwrap_or(Duration::from_secs(5))
    }

    pub(crate) fn limit(&self) -> Duration {
        self.timeout.unwrap_or(Duration::from_secs(30))
    }

    pub(crate) fn most_failures(&self) -> u32 {
        self.retries.unwrap_or(3)
    }
}
