//! The registered engines, and the choice of one.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::str::FromStr;
use std::sync::Arc;

use crate::engine::capabilities::{Difference, Feature, RejectedEngine};
use crate::engine::{Availability, Engine};
use crate::error::{Cause, Error, Result};
use crate::spec::EnvironmentSpec;
use crate::spec::validate;

/// Which engine to use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// The first engine, in the order of registration, that is available and supports the
    /// environment.
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
    /// The engines before it, and why each was skipped.
    pub rejected: Vec<RejectedEngine>,
}

/// Engines by name, in order of preference.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    engines: Vec<Arc<dyn Engine>>,
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
    pub fn register(&mut self, engine: impl Engine + 'static) -> Result<()> {
        let name = engine.name();
        validate::name(name)?;
        if name == "auto" || self.engines.iter().any(|known| known.name() == name) {
            let why = format!("an engine {name:?} is registered already; use another name");
            return Err(Error::invalid(why));
        }
        self.engines.push(Arc::new(engine));
        Ok(())
    }

    /// The engines, in order of preference.
    pub fn engines(&self) -> impl Iterator<Item = &Arc<dyn Engine>> {
        self.engines.iter()
    }

    /// The engine with this name.
    pub fn get(&self, name: &str) -> Result<Arc<dyn Engine>> {
        let found = self.engines.iter().find(|engine| engine.name() == name);
        found.cloned().ok_or_else(|| {
            let known = self
                .engines
                .iter()
                .map(|engine| engine.name().to_owned())
                .collect();
            let name = name.to_owned();
            Cause::UnknownEngine { name, known }.into()
        })
    }

    /// The features that only one of two engines supports.
    pub fn compare(&self, first: &str, second: &str) -> Result<Vec<Difference>> {
        let (first, second) = (self.get(first)?, self.get(second)?);
        Ok(first.capabilities().differences(&second.capabilities()))
    }

    /// The names of the engines that support all these features, available or not.
    pub fn engines_supporting(&self, needs: &BTreeSet<Feature>) -> Vec<String> {
        let can = |engine: &&Arc<dyn Engine>| engine.capabilities().missing(needs).is_empty();
        let name = |engine: &Arc<dyn Engine>| engine.name().to_owned();
        self.engines.iter().filter(can).map(name).collect()
    }

    /// Chooses the engine for an environment before any work: it is available and supports
    /// everything that the specification needs.
    pub async fn select(&self, choice: &EngineChoice, spec: &EnvironmentSpec) -> Result<Selection> {
        spec.validate()?;
        let EngineChoice::Named(name) = choice else {
            return self.first_suitable(spec).await;
        };
        let engine = self.get(name)?;
        self.check(engine.as_ref(), spec).await?;
        let rejected = Vec::new();
        Ok(Selection { engine, rejected })
    }

    async fn first_suitable(&self, spec: &EnvironmentSpec) -> Result<Selection> {
        let mut rejected = Vec::new();
        for engine in &self.engines {
            let Err(error) = self.check(engine.as_ref(), spec).await else {
                let engine = Arc::clone(engine);
                return Ok(Selection { engine, rejected });
            };
            rejected.push(error.into_rejected(engine.name()));
        }
        Err(Cause::NoEngine(rejected).into())
    }

    async fn check(&self, engine: &dyn Engine, spec: &EnvironmentSpec) -> Result<()> {
        if let Availability::Unavailable { reason, hint } = engine.availability().await {
            return Err(Error::unavailable(engine.name(), reason, hint));
        }
        let needs = spec.required_features();
        let checked = engine.capabilities().check(engine.name(), &needs);
        checked.map_err(|error| error.with_alternatives(self.engines_supporting(&needs)))
    }
}
