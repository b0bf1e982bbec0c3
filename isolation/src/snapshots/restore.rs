//! Creates an environment from a snapshot.

use super::manifest::Manifest;
use super::progress::OnProgress;
use crate::environment::Environment;
use crate::spec::EnvironmentSpec;
use crate::spec::lifetime::Lifetime;
use crate::spec::variables::Variables;

/// How to restore a snapshot: [`Manager::restore`](crate::Manager::restore).
#[derive(Debug, Clone, Default)]
pub struct RestoreOptions {
    /// The engine; by default that of the snapshot.
    pub engine: Option<String>,
    /// The name of the new environment.
    pub name: Option<String>,
    /// How long the new environment lives.
    pub lifetime: Lifetime,
    /// Values of variables. A snapshot has their names, but not their values; a variable that is
    /// not given is not set.
    pub env: Variables,
    /// Is called with the progress.
    pub progress: OnProgress,
}

/// A restored environment.
#[derive(Debug)]
#[non_exhaustive]
pub struct Restored {
    /// The new environment. It is started.
    pub environment: Environment,
    /// The variables of the specification without a value, because the snapshot has no values and
    /// [`RestoreOptions::env`] gave none.
    pub missing_variables: Vec<String>,
}

impl RestoreOptions {
    /// The specification of the new environment, and the variables without a value.
    pub(crate) fn spec(&self, manifest: &Manifest) -> (EnvironmentSpec, Vec<String>) {
        let mut spec = manifest.spec.clone();
        spec.name.clone_from(&self.name);
        spec.lifetime = self.lifetime;
        spec.session = None;
        spec.group = None;
        // They are in the files.
        spec.copies.clear();
        let mut missing = Vec::new();
        let mut fill = |variables: &mut Variables| {
            for (name, value) in variables.iter_mut() {
                match self.env.get(name) {
                    Some(given) => value.clone_from(given),
                    None => missing.push(name.clone()),
                }
            }
            variables.retain(|name, _| self.env.contains_key(name));
        };
        fill(&mut spec.env);
        if let crate::spec::main_process::Main::Command(command) = &mut spec.main {
            fill(&mut command.env);
        }
        if let Some(check) = spec.health.as_mut().and_then(|health| health.check.as_mut()) {
            fill(&mut check.env);
        }
        for (name, value) in &self.env {
            spec.env.insert(name.clone(), value.clone());
        }
        missing.sort();
        missing.dedup();
        (spec, missing)
    }
}
