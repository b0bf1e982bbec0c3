//! The specification of an environment for another engine, and what of it that engine lacks.

use super::MigrateOptions;
use super::tree::Side;
use crate::counted::listed;
use crate::engine::capabilities::{Capabilities, Feature};
use crate::engines::VIRTUALENV;
use crate::environment::Environment;
use crate::snapshots::LeftOut;
use crate::spec::EnvironmentSpec;
use crate::spec::main_process::Main;
use crate::spec::mount::MountSource;
use crate::spec::network::NetworkSpec;
use crate::spec::variables::Variables;

/// A specification for another engine, and what it has lost.
pub(in crate::manager) struct Adapted {
    pub(in crate::manager) spec: EnvironmentSpec,
    pub(in crate::manager) lost: Vec<LeftOut>,
}

impl Adapted {
    /// Leaves out what the engine lacks, except restrictions: without them the environment is
    /// refused.
    pub(super) fn new(
        source: &Environment,
        engine: &str,
        capabilities: &Capabilities,
        options: &MigrateOptions,
        (from, to): (&Side, &Side),
    ) -> Self {
        let mut adapted = Self {
            spec: EnvironmentSpec {
                name: options.name.clone(),
                lifetime: options.lifetime,
                session: None,
                group: None,
                // They are in the files.
                copies: Vec::new(),
                ..source.spec().clone()
            },
            lost: Vec::new(),
        };
        adapted.programs(engine, capabilities, options.image.as_ref());
        adapted.mounts(capabilities, Some(from));
        adapted.limits(engine, capabilities);
        adapted.paths(from, to);
        adapted
    }

    /// Leaves out of the specification of a snapshot what another engine lacks, except
    /// restrictions.
    pub(in crate::manager) fn restored(
        spec: EnvironmentSpec,
        engine: &str,
        capabilities: &Capabilities,
    ) -> Self {
        let mut adapted = Self {
            spec,
            lost: Vec::new(),
        };
        adapted.programs(engine, capabilities, None);
        adapted.mounts(capabilities, None);
        adapted.limits(engine, capabilities);
        adapted
    }

    fn lose(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.lost.push(LeftOut::new(what, why));
    }

    fn programs(&mut self, engine: &str, capabilities: &Capabilities, image: Option<&String>) {
        let own = self.spec.engine_options.remove(engine);
        for other in std::mem::take(&mut self.spec.engine_options).into_keys() {
            // Its Python is found by the plan.
            if other != VIRTUALENV {
                self.lose(format!("the options of the engine {other}"), "they are its own");
            }
        }
        self.spec
            .engine_options
            .extend(own.map(|own| (engine.to_owned(), own)));
        if capabilities.has(Feature::Images) {
            let own = self.spec.image.take();
            self.spec.image = image.cloned().or(own);
        } else if let Some(image) = self.spec.image.take() {
            let what = format!("the programs of the image {image}");
            self.lose(what, format!("the engine {engine} has those of this machine"));
        }
        if self.spec.main == Main::Image && self.spec.image.is_none() {
            self.spec.main = Main::Idle;
            self.lose("the program of the image", "the new environment has no image");
        }
        if let Some(reason) = capabilities.reason(Feature::MainProcess) {
            if self.spec.main != Main::Idle {
                self.spec.main = Main::Idle;
                self.lose("the main process", reason.to_owned());
                // Nothing would fulfil them.
                let ready = self.spec.ready.take().is_some();
                let health = self.spec.health.take().is_some();
                let restart = self.spec.restart.take().is_some();
                for (was, what) in [
                    (ready, "the conditions for readiness"),
                    (health, "the health check"),
                    (restart, "the restarts"),
                ] {
                    if was {
                        self.lose(what, "they are those of the main process");
                    }
                }
            }
        }
        if let Some(reason) = capabilities.reason(Feature::Users) {
            if let Some(user) = self.spec.user.take() {
                self.lose(format!("the user {user}"), reason.to_owned());
            }
        }
    }

    fn mounts(&mut self, capabilities: &Capabilities, from: Option<&Side>) {
        for mount in std::mem::take(&mut self.spec.mounts) {
            let target = mount.target.trim_end_matches('/').to_owned();
            let inside =
                from.is_some_and(|from| !from.host && std::path::Path::new(&target).starts_with(&from.path));
            match &mount.source {
                MountSource::Volume(volume) if inside => self.lose(
                    format!("the volume {volume} at {target}"),
                    "its files move, and are files of the environment then",
                ),
                MountSource::Volume(volume) => self.lose(
                    format!("the volume {volume} at {target}"),
                    "it stays where it is, outside of the directory that moves",
                ),
                MountSource::Host(path) if !capabilities.has(Feature::Mounts) => self.lose(
                    format!("{} at {target}", path.display()),
                    "the engine mounts no directories of this machine",
                ),
                MountSource::Tmpfs { .. } if !capabilities.has(Feature::Tmpfs) => {
                    self.lose(
                        format!("the file system in memory at {target}"),
                        "the engine has no such file systems",
                    );
                }
                _ => self.spec.mounts.push(mount),
            }
        }
    }

    fn limits(&mut self, engine: &str, capabilities: &Capabilities) {
        let limits: Vec<Feature> = self.spec.limits.required_features().collect();
        for feature in limits {
            if let Some(reason) = capabilities.reason(feature) {
                self.spec.limits.remove(feature);
                self.lose(format!("the {feature}"), reason.to_owned());
            }
        }
        let network = EnvironmentSpec {
            network: self.spec.network.clone(),
            ..EnvironmentSpec::default()
        };
        let missing = capabilities.missing(&network.required_features());
        let own = !self.spec.network.join.is_empty();
        if !missing.is_empty() || own {
            let names: Vec<String> = missing.iter().map(|one| one.feature.to_string()).collect();
            let what = match own {
                true => format!("the {}", listed(&self.spec.network.join, "network", "networks")),
                false => format!("the network: {}", names.join(", ")),
            };
            self.spec.network = NetworkSpec::default();
            self.lose(what, format!("the engine {engine} has its own network"));
        }
    }

    fn paths(&mut self, from: &Side, to: &Side) {
        let directory = self.spec.working_dir.take();
        self.spec.working_dir = match (from.host, to.host) {
            (true, true) => directory,
            (true, false) => Some(match directory {
                Some(below) => format!("{}/{}", to.path, below.trim_matches('/')),
                None => to.path.clone(),
            }),
            (false, true) => {
                let below = directory.as_deref().and_then(|path| {
                    let rest = std::path::Path::new(path).strip_prefix(&from.path).ok()?;
                    rest.to_str()
                });
                below
                    .filter(|below| !below.is_empty())
                    .map(|below| format!("/{below}"))
            }
            (false, false) => Some(directory.unwrap_or_else(|| to.path.clone())),
        };
        if from.host || !to.host {
            return;
        }
        // A virtual environment that an earlier migration has put on the PATH.
        let is_inside = |part: &str| std::path::Path::new(part).starts_with(&from.path);
        let names_inside = |env: &Variables, name: &str| {
            let value = env.get(name).map(String::as_str).unwrap_or_default();
            value.split(':').any(is_inside)
        };
        if names_inside(&self.spec.env, "VIRTUAL_ENV") {
            self.spec.env.remove("VIRTUAL_ENV");
            self.spec.env.remove("PATH");
        } else if names_inside(&self.spec.env, "PATH") {
            // The engine would use it instead of its own, and find other programs.
            self.spec.env.remove("PATH");
            self.lose(
                "the variable PATH",
                format!("it names {}, which is elsewhere then", from.path),
            );
        }
        let naming: Vec<String> = self
            .spec
            .env
            .iter()
            .filter(|(_, value)| value.contains(from.path.as_str()))
            .map(|(name, _)| name.clone())
            .collect();
        for name in naming {
            self.lose(
                format!("the meaning of the variable {name}"),
                format!("it names {}, which is elsewhere then", from.path),
            );
        }
    }
}
