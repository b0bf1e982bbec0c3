//! Engines by name, and the choice among them.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::str::FromStr;
use std::sync::Arc;

use crate::capabilities::{Difference, Feature};
use crate::engine::{Availability, Engine};
use crate::error::{Cause, Error, PassedOver, Result};
use crate::spec::EnvironmentSpec;
use crate::validate;

/// Which engine to take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// The first, in the order of registration, that is available and can do the work.
    #[default]
    Auto,
    /// This one, or none.
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

/// The engine that was taken, and the ones that were not.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Selection {
    /// The engine that was taken.
    pub engine: Arc<dyn Engine>,
    /// Those before it, and why each was not taken.
    pub passed_over: Vec<PassedOver>,
}

/// Engines by name, in order of preference.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    engines: Vec<Arc<dyn Engine>>,
}

impl Registry {
    /// A registry without engines.
    pub fn new() -> Self {
        Self::default()
    }

    /// A registry with the engines of this crate: `docker`, which looks for an engine when it is first
    /// asked, then `basic`, which needs nothing but this machine.
    pub fn with_builtin() -> Self {
        let mut registry = Self::new();
        crate::engines::builtin(&mut registry.engines);
        registry
    }

    /// Adds an engine, after those that are there; a second one of the same name is refused.
    pub fn register(&mut self, engine: impl Engine + 'static) -> Result<()> {
        let name = engine.name();
        validate::name(name)?;
        if name == "auto" || self.engines.iter().any(|known| known.name() == name) {
            let why = format!("there is an engine {name:?} already; register it under another name");
            return Err(Error::invalid(why));
        }
        self.engines.push(Arc::new(engine));
        Ok(())
    }

    /// The engines, in order of preference.
    pub fn engines(&self) -> impl Iterator<Item = &Arc<dyn Engine>> {
        self.engines.iter()
    }

    /// The engine of this name.
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

    /// The features that only one of two engines has.
    pub fn compare(&self, first: &str, second: &str) -> Result<Vec<Difference>> {
        let (first, second) = (self.get(first)?, self.get(second)?);
        Ok(first.capabilities().differences(&second.capabilities()))
    }

    /// The names of the engines that have all these features, available or not.
    pub fn able(&self, needs: &BTreeSet<Feature>) -> Vec<String> {
        let can = |engine: &&Arc<dyn Engine>| engine.capabilities().lacks(needs).is_empty();
        let name = |engine: &Arc<dyn Engine>| engine.name().to_owned();
        self.engines.iter().filter(can).map(name).collect()
    }

    /// Chooses the engine for an environment, before any work: it is available, and lacks nothing.
    pub async fn select(&self, choice: &EngineChoice, spec: &EnvironmentSpec) -> Result<Selection> {
        spec.validate()?;
        let EngineChoice::Named(name) = choice else {
            return self.first_able(spec).await;
        };
        let engine = self.get(name)?;
        self.judge(engine.as_ref(), spec).await?;
        let passed_over = Vec::new();
        Ok(Selection { engine, passed_over })
    }

    async fn first_able(&self, spec: &EnvironmentSpec) -> Result<Selection> {
        let mut passed_over = Vec::new();
        for engine in &self.engines {
            let Err(error) = self.judge(engine.as_ref(), spec).await else {
                let engine = Arc::clone(engine);
                return Ok(Selection { engine, passed_over });
            };
            passed_over.push(error.into_passed_over(engine.name()));
        }
        Err(Cause::NoEngine(passed_over).into())
    }

    async fn judge(&self, engine: &dyn Engine, spec: &EnvironmentSpec) -> Result<()> {
        if let Availability::Unavailable { reason, hint } = engine.availability().await {
            return Err(Error::unavailable(engine.name(), reason, hint));
        }
        let needs = spec.needs();
        let checked = engine.capabilities().check(engine.name(), &needs);
        checked.map_err(|error| error.with_able(self.able(&needs)))
    }
}
