//! Scenarios of the docker engine of `isolation`, on the client of an engine.

pub mod commands;
pub mod files;
pub mod images;
pub mod lifecycle;

use isolation::engines::docker::{BuildSpec, DockerEngine};
use isolation::{
    Command, EngineChoice, Environment, EnvironmentSpec, Manager, ManagerOptions, Registry, Result,
};

use engine_api::Docker;

use super::IMAGE;

/// Passes the list of these scenarios to a macro, as `module { name … }`.
#[macro_export]
macro_rules! for_each_isolation_scenario {
    ($run:ident) => {
        $run! {
            commands { not_started without_a_shell }
            files { links }
            images { build }
            lifecycle { kept main_not_started out_of_memory changed }
        }
    };
}

/// A manager with only this engine, and without a journal: all that a scenario leaves is a failure.
fn manager(docker: &Docker) -> Result<Manager> {
    let mut registry = Registry::new();
    registry.register(DockerEngine::new(docker.clone()).repeatable())?;
    Ok(Manager::with_options(
        registry,
        ManagerOptions {
            journal: false,
            ..ManagerOptions::default()
        },
    ))
}

/// A specification with an image. The name and the session are the same in each run.
fn spec(image: &str) -> EnvironmentSpec {
    EnvironmentSpec {
        image: Some(image.to_owned()),
        name: Some("one".to_owned()),
        session: Some("scenario".to_owned()),
        ..EnvironmentSpec::default()
    }
}

/// A specification with the image that every engine has.
fn busybox() -> EnvironmentSpec {
    spec(IMAGE)
}

async fn active(manager: &Manager, spec: EnvironmentSpec) -> Result<Environment> {
    manager.create(&EngineChoice::Auto, spec).await
}

/// An environment that was not started.
async fn created(manager: &Manager, spec: EnvironmentSpec) -> Result<Environment> {
    let selection = manager.select(&EngineChoice::Auto, &spec).await?;
    manager.create_unstarted(&selection, spec).await
}

/// A build without a cache of a Dockerfile, by the classic builder: the progress of BuildKit
/// depends on its cache.
fn build_of(dockerfile: &str) -> BuildSpec {
    BuildSpec {
        files: [("Dockerfile".to_owned(), dockerfile.as_bytes().to_vec())].into(),
        without_session: true,
        no_cache: true,
        ..BuildSpec::default()
    }
}

/// An image of a scenario.
struct Image(String);

impl Image {
    async fn built(docker: &Docker, dockerfile: &str) -> Result<Self> {
        let engine = DockerEngine::new(docker.clone());
        let built = engine.images().build(&build_of(dockerfile), |_| ()).await?;
        Ok(Self(built.name))
    }

    fn name(&self) -> &str {
        &self.0
    }

    async fn remove(self, docker: &Docker) -> Result<()> {
        let engine = DockerEngine::new(docker.clone());
        engine.images().remove(&self.0, true).await.map(drop)
    }
}

/// Runs a script that must succeed. Returns its output.
async fn sh(environment: &Environment, script: &str) -> Result<String> {
    let output = environment.run(Command::shell(script)).await?;
    assert!(output.exit.success(), "{script}: {}", output.stderr_text());
    Ok(output.stdout_text().trim_end().to_owned())
}
