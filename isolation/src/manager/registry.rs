//! The registered engines, and the choice of one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::engine::capabilities::{Capabilities, Difference, Feature, RejectedEngine};
use crate::engine::{Availability, Engine, Probe};
use crate::environment::checks;
use crate::environment::end_timeout::{ANSWER_TIMEOUT, silent};
use crate::environment::id::EnvironmentId;
use crate::environment::summary::EnvironmentSummary;
use crate::error::{Cause, Error, ErrorKind, Result};
use crate::short::short;
use crate::spec::EnvironmentSpec;
use crate::spec::validate;

/// The timeout of an engine's capabilities if they are only needed for the text of an error.
const ALTERNATIVE_TIMEOUT: Duration = Duration::from_secs(2);

/// The engine to use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// The first engine, in the order of registration, that is available and supports the
    /// environment. An engine that is not available is skipped. But if the user has chosen its
    /// daemon, for example with `DOCKER_HOST`, that is an error.
    #[default]
    Auto,
    /// The engine with this name, and no other.
    Named(String),
}

impl FromStr for EngineChoice {
    type Err = Infallible;

    fn from_str(text: &str) -> std::result::Result<Self, Infallible> {
        Ok(match text {
            "auto" => Self::Auto,
            name => Self::Named(name.to_owned()),
        })
    }
}

/// The chosen engine, and the engines that were skipped.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Selection {
    /// The chosen engine.
    pub engine: Arc<dyn Engine>,
    /// Its capabilities here.
    pub capabilities: Capabilities,
    /// The skipped engines before it, with the reasons.
    pub rejected: Vec<RejectedEngine>,
}

/// Engines by name, in order of preference.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    engines: Vec<Arc<dyn Engine>>,
    settings: BTreeMap<String, EngineSettings>,
}

/// Whether an engine may be chosen, and its priority.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineSettings {
    /// Whether it may be chosen for a new environment; by default it may. Its environments can
    /// always be opened and removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// [`EngineChoice::Auto`] tries engines with a higher priority first; the default is 0. Of the
    /// same priority, the order of registration decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
}

impl Registry {
    /// Creates a registry without engines.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a registry with the engines of this crate: `docker`, which looks for a Docker daemon
    /// on first use, then `basic`, which needs only this machine.
    pub fn with_builtin() -> Self {
        let mut registry = Self::new();
        crate::engines::builtin(&mut registry.engines);
        registry
    }

    /// Adds an engine after the others; a second engine with the same name is an error.
    pub fn register(&mut self, engine: impl Engine) -> Result<()> {
        self.register_shared(Arc::new(engine))
    }

    /// Adds an engine that is also used in other places.
    pub fn register_shared(&mut self, engine: Arc<dyn Engine>) -> Result<()> {
        let name = engine.name();
        validate::name(name)?;
        if name == "auto" || self.engines.iter().any(|known| known.name() == name) {
            let why = format!(
                "an engine {name:?} is registered already; use another name",
                name = short(name)
            );
            return Err(Error::invalid(why));
        }
        self.engines.push(engine);
        Ok(())
    }

    /// Adds the [engines that other programs offer](crate::engines::external): those that
    /// [`ExternalEngine::find`](crate::engines::external::ExternalEngine::find) finds. An engine
    /// whose name is already in this registry is skipped.
    #[cfg(unix)]
    pub fn register_external(&mut self) {
        for engine in crate::engines::external::ExternalEngine::find() {
            // The only possible error is a name in use: engines of this crate have priority.
            let _ = self.register(engine);
        }
    }

    /// Sets whether an engine may be chosen, and when.
    ///
    /// # Errors
    ///
    /// No engine has this name.
    pub fn configure(&mut self, name: &str, settings: &EngineSettings) -> Result<()> {
        self.get(name)?;
        self.settings.insert(name.to_owned(), settings.clone());
        let Self { engines, settings } = self;
        let priority = |engine: &Arc<dyn Engine>| settings.get(engine.name()).and_then(|one| one.priority);
        engines.sort_by_key(|engine| Reverse(priority(engine).unwrap_or(0)));
        Ok(())
    }

    /// Whether an engine may be chosen, and its priority.
    pub fn settings(&self, name: &str) -> EngineSettings {
        self.settings.get(name).cloned().unwrap_or_default()
    }

    /// Fails if the engine may not be chosen.
    pub(super) fn check_enabled(&self, name: &str) -> Result<()> {
        match self.settings(name).enabled {
            Some(false) => Err(Error::unavailable(
                name,
                "the configuration disables it",
                format!("set engines.{name}.enabled to true"),
            )),
            _ => Ok(()),
        }
    }

    /// The engines, in order of preference.
    pub fn engines(&self) -> impl Iterator<Item = &Arc<dyn Engine>> {
        self.engines.iter()
    }

    /// The engine with this name.
    pub fn get(&self, name: &str) -> Result<Arc<dyn Engine>> {
        let found = self.engines.iter().find(|engine| engine.name() == name);
        found.cloned().ok_or_else(|| self.unknown(name))
    }

    /// The engine with this name, if it is of this type.
    ///
    /// ```
    /// use isolation::Registry;
    /// use isolation::engines::docker::DockerEngine;
    ///
    /// assert!(Registry::with_builtin().get_as::<DockerEngine>("docker").is_some());
    /// ```
    pub fn get_as<T: Engine>(&self, name: &str) -> Option<&T> {
        let found = self.engines.iter().find(|engine| engine.name() == name);
        found.and_then(|engine| engine.as_any().downcast_ref())
    }

    fn unknown(&self, name: &str) -> Error {
        let known = self.engines.iter().map(|engine| engine.name().to_owned());
        let (name, known) = (name.to_owned(), known.collect());
        Cause::UnknownEngine { name, known }.into()
    }

    /// The features that only one of two engines supports.
    pub async fn compare(&self, first: &str, second: &str) -> Result<Vec<Difference>> {
        let (first, second) = (self.get(first)?, self.get(second)?);
        let (first, second) = (first.probe().await, second.probe().await);
        Ok(first.capabilities.differences(&second.capabilities))
    }

    /// The names of the engines that support all these features, available or not.
    pub async fn engines_supporting(&self, features: &BTreeSet<Feature>) -> Vec<String> {
        let mut names = Vec::new();
        for engine in &self.engines {
            let probed = timeout(ALTERNATIVE_TIMEOUT, engine.probe()).await;
            if probed.is_ok_and(|probe| probe.capabilities.missing(features).is_empty()) {
                names.push(engine.name().to_owned());
            }
        }
        names
    }

    /// Chooses the engine for an environment before any work: it is available and supports
    /// everything that the specification needs.
    pub async fn select(&self, choice: &EngineChoice, spec: &EnvironmentSpec) -> Result<Selection> {
        spec.validate()?;
        let EngineChoice::Named(name) = choice else {
            return self.first_suitable(spec).await;
        };
        let engine = self.get(name)?;
        self.check_enabled(name)?;
        let features = spec.required_features();
        let probe = engine.probe_for(&features).await;
        let error = match check(engine.name(), probe, spec) {
            Ok(capabilities) => {
                return Ok(Selection {
                    engine,
                    capabilities,
                    rejected: Vec::new(),
                });
            }
            Err(error) => error,
        };
        match error.missing().is_empty() {
            false => Err(error.with_alternatives(self.engines_supporting(&features).await)),
            true => Err(error),
        }
    }

    async fn first_suitable(&self, spec: &EnvironmentSpec) -> Result<Selection> {
        let mut rejected = Vec::new();
        let features = spec.required_features();
        for engine in self.engines.iter().filter(|engine| engine.is_automatic()) {
            if let Err(error) = self.check_enabled(engine.name()) {
                rejected.push(error.into_rejected(engine.name()));
                continue;
            }
            let probe = engine.probe_for(&features).await;
            // The user has named an engine, and must not get another one silently.
            let only_this = probe.named_by.is_some() && !probe.availability.is_available();
            match check(engine.name(), probe, spec) {
                Ok(capabilities) => {
                    let engine = Arc::clone(engine);
                    return Ok(Selection {
                        engine,
                        capabilities,
                        rejected,
                    });
                }
                Err(error) if only_this => return Err(error),
                Err(error) => rejected.push(error.into_rejected(engine.name())),
            }
        }
        Err(Cause::NoEngine(rejected).into())
    }

    /// Rejects options of engines that are not registered.
    pub(super) fn check_options(&self, spec: &EnvironmentSpec) -> Result<()> {
        let known = |name: &str| self.engines.iter().any(|engine| engine.name() == name);
        match spec.engine_options.keys().find(|name| !known(name)) {
            Some(name) => Err(self.unknown(name)),
            None => Ok(()),
        }
    }

    /// The environments of every engine, created by any process, and the engines that could not
    /// list their environments.
    pub async fn list(&self) -> (Vec<EnvironmentSummary>, Vec<RejectedEngine>) {
        let (mut found, mut rejected) = (Vec::new(), Vec::new());
        for engine in &self.engines {
            let listed = timeout(ANSWER_TIMEOUT, engine.list()).await;
            match listed.unwrap_or_else(|_| Err(silent(ANSWER_TIMEOUT))) {
                Ok(environments) => found.extend(environments),
                Err(error) => rejected.push(error.into_rejected(engine.name())),
            }
        }
        (found, rejected)
    }

    /// Finds an environment of any engine by its ID, by a unique beginning of the ID, or by its
    /// name.
    ///
    /// # Errors
    ///
    /// The kind is [`ErrorKind::NotFound`], or [`ErrorKind::Conflict`] if several environments are
    /// meant; the error then lists them.
    pub async fn find(&self, reference: &str) -> Result<(Arc<dyn Engine>, EnvironmentSummary)> {
        validate::text("the name or ID of the environment", reference)?;
        let (environments, rejected) = self.list().await;
        let found = meant(environments, reference, |one| (&one.id, &one.name));
        let found = found.map_err(|error| with_rejected(error, &rejected))?;
        Ok((self.get(&found.engine)?, found))
    }

    /// The engine with this name at an address that another process has noted.
    pub(crate) fn reach(&self, name: &str, address: &str) -> Result<Arc<dyn Engine>> {
        let engine = self.get(name)?;
        match engine.address() {
            Some(here) if here == address => Ok(engine),
            _ => engine.at(address),
        }
    }
}

/// Fails unless the engine is available and supports everything that the specification needs.
pub(super) fn check(engine: &str, probe: Probe, spec: &EnvironmentSpec) -> Result<Capabilities> {
    if let Availability::Unavailable { reason, hint } = probe.availability {
        return Err(Error::unavailable(engine, reason, hint));
    }
    checks::isolation(engine, probe.capabilities.isolation(), spec.isolation)?;
    checks::specification(engine, &probe.capabilities, spec)?;
    Ok(probe.capabilities)
}

/// Finds an item by its ID, by its name, or by a unique beginning of its ID.
pub(super) fn meant<T>(
    all: Vec<T>,
    reference: &str,
    names: impl Fn(&T) -> (&EnvironmentId, &str),
) -> Result<T> {
    let is: [fn(&EnvironmentId, &str, &str) -> bool; 3] = [
        |id, _, text| id.as_str() == text,
        |_, name, text| name == text,
        |id, _, text| id.as_str().starts_with(text),
    ];
    let matches = |is: &fn(&EnvironmentId, &str, &str) -> bool, one: &T| {
        let (id, name) = names(one);
        is(id, name, reference)
    };
    let is = is.iter().find(|is| all.iter().any(|one| matches(is, one)));
    let Some(is) = is else {
        let all = all.iter().map(|one| names(one).1);
        return Err(Error::not_found(match of_group(all, reference) {
            Some(text) => text,
            None => "no environment has this name or ID; list them: isolate ls".to_owned(),
        }));
    };
    let mut found: Vec<T> = all.into_iter().filter(|one| matches(is, one)).collect();
    if found.len() > 1 {
        let one = |one: &T| format!("{} ({})", names(one).0, names(one).1);
        let list: Vec<String> = found.iter().map(one).collect();
        let text = format!(
            "several environments have this name, or an ID that begins with it: {}; use the whole ID",
            list.join(", ")
        );
        return Err(Error::new(ErrorKind::Conflict, text));
    }
    Ok(found.remove(0))
}

/// The text for the name of a group, if environments have names of the form `GROUP/SERVICE`.
fn of_group<'n>(all: impl Iterator<Item = &'n str>, group: &str) -> Option<String> {
    /// The number of services that are listed.
    const LISTED: usize = 5;
    let is_of_group = |name: &&str| name.strip_prefix(group).is_some_and(|rest| rest.starts_with('/'));
    let mut members: Vec<&str> = all.filter(is_of_group).collect();
    members.sort_unstable();
    let others = members.len().saturating_sub(LISTED);
    members.truncate(LISTED);
    if members.is_empty() {
        return None;
    }
    let more = match others {
        0 => String::new(),
        others => format!(" and {others} more"),
    };
    Some(format!(
        "this is the name of a group; name its environments: {}{more}; for the whole group: isolate logs, down",
        members.join(", ")
    ))
}

/// Adds the engines that could not be asked to the error `NotFound`.
pub(super) fn with_rejected(error: Error, rejected: &[RejectedEngine]) -> Error {
    if !error.is_not_found() || rejected.is_empty() {
        return error;
    }
    let mut text = error.to_string();
    for RejectedEngine { engine, reason } in rejected {
        // The rest lists every address that was tried.
        let reason = reason.split("; ").next().unwrap_or_default();
        text.push_str(&format!("; {engine}: {reason}"));
    }
    Error::not_found(text)
}

#[cfg(test)]
#[test]
fn name_of_a_group_lists_some_of_its_members() {
    let all = ["x", "g/6", "g/1", "g/2", "g/3", "g/4", "g/5", "gh/1"];
    let text = of_group(all.into_iter(), "g").unwrap();
    assert!(text.contains(": g/1, g/2, g/3, g/4, g/5 and 1 more;"), "{text}");
    assert_eq!(of_group(all.into_iter(), "h"), None);
}
