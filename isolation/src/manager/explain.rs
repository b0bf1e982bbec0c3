//! Why an engine is chosen, and why the others are not.

use std::fmt;

use serde::Serialize;

use super::registry::{EngineChoice, Registry, check};
use crate::error::Result;
use crate::spec::EnvironmentSpec;

/// The choice of an engine, with the reason for each one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The chosen engine; `None` if no engine can have the environment.
    pub chosen: Option<String>,
    /// Every engine, in order of preference.
    pub engines: Vec<EngineVerdict>,
}

/// Why an engine is chosen, or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EngineVerdict {
    /// The name of the engine.
    pub engine: String,
    /// Its version.
    pub version: String,
    /// Its priority.
    pub priority: i32,
    /// Whether it is chosen.
    pub chosen: bool,
    /// Why.
    pub reason: String,
}

impl fmt::Display for EngineVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.chosen { "chosen" } else { "passed over" };
        write!(f, "{}: {mark}: {}", self.engine, self.reason)
    }
}

impl Registry {
    /// The choice of [`select`](Self::select) with its reasons: every engine is asked.
    ///
    /// # Errors
    ///
    /// The specification is invalid, or the named engine is unknown.
    pub async fn explain(&self, choice: &EngineChoice, spec: &EnvironmentSpec) -> Result<Explanation> {
        spec.validate()?;
        if let EngineChoice::Named(name) = choice {
            self.get(name)?;
        }
        let mut all = Explanation {
            chosen: None,
            engines: Vec::new(),
        };
        // An engine that the user has named, but that is not available.
        let mut only = None;
        for engine in self.engines() {
            let name = engine.name();
            let probe = engine.probe().await;
            let is_only = probe.named_by.is_some() && !probe.availability.is_available();
            let fits = self.check_enabled(name).and_then(|()| check(name, probe, spec));
            let reason = match (fits, choice, &all.chosen, &only) {
                (Err(error), ..) => error.into_rejected(name).reason,
                (Ok(_), EngineChoice::Named(other), ..) if other != name => {
                    format!("it fits, but {other} is named")
                }
                (Ok(_), EngineChoice::Auto, ..) if !engine.is_automatic() => {
                    "it fits, but it is used only by its name".to_owned()
                }
                (Ok(_), _, Some(before), _) => format!("it fits, but {before} comes first"),
                (Ok(_), EngineChoice::Auto, _, Some(only)) => {
                    format!("it fits, but {only} is configured, and not available")
                }
                (Ok(_), ..) => {
                    all.chosen = Some(name.to_owned());
                    "it is available and has everything that is needed".to_owned()
                }
            };
            if is_only && all.chosen.is_none() && self.check_enabled(name).is_ok() {
                only.get_or_insert_with(|| name.to_owned());
            }
            all.engines.push(EngineVerdict {
                engine: name.to_owned(),
                version: engine.version().to_owned(),
                priority: self.settings(name).priority.unwrap_or(0),
                chosen: all.chosen.as_deref() == Some(name),
                reason,
            });
        }
        Ok(all)
    }
}
