//! The engines between which a walk goes.

use std::path::Path;

#[cfg(target_os = "linux")]
use isolation::Error;
use isolation::engines::basic::BasicEngine;
use isolation::engines::docker::DockerEngine;
#[cfg(target_os = "linux")]
use isolation::engines::sandbox::SandboxEngine;
#[cfg(target_os = "linux")]
use isolation::engines::sandbox::images::{ImageSource, ImportImage};
use isolation::engines::virtualenv::VirtualenvEngine;
use isolation::{Engine, EnvironmentSpec, Registry, Result};

/// Containers of an image.
#[derive(Debug)]
pub struct Containers<'a> {
    /// The engine.
    pub engine: DockerEngine,
    /// The image of its environments.
    pub image: &'a str,
    /// Whether the image has programs: then it is imported for sandboxes, too.
    pub has_programs: bool,
}

/// An engine of the walk.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) engine: String,
    /// The specification of its environments; its working directory is the one that moves.
    pub(super) spec: EnvironmentSpec,
    /// The image for environments that migrate to it.
    pub(super) image: Option<String>,
}

/// Registers the engines, and returns them.
pub(super) async fn register(
    registry: &mut Registry,
    base: &Path,
    environments: &Path,
    docker: Option<Containers<'_>>,
) -> Result<Vec<Place>> {
    let place = |engine: &str, spec: EnvironmentSpec| Place {
        engine: engine.to_owned(),
        spec,
        image: None,
    };
    let at_work = || EnvironmentSpec {
        working_dir: Some("/work".to_owned()),
        ..EnvironmentSpec::default()
    };
    let mut places = vec![place("basic", EnvironmentSpec::default())];
    registry.register(BasicEngine::below(environments))?;
    let python = VirtualenvEngine::below(environments).with_cache(base.join("cache"));
    if python.probe().await.availability.is_available() {
        registry.register(python)?;
        places.push(place("virtualenv", EnvironmentSpec::default()));
    }
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::PermissionsExt;
        for directory in [base, environments] {
            // The users of a sandbox must pass.
            let mode = std::fs::Permissions::from_mode(0o711);
            std::fs::set_permissions(directory, mode).map_err(|error| Error::engine("walk", error))?;
        }
        let sandbox = SandboxEngine::below(environments).with_cache(base.join("images"));
        let is_there = sandbox.probe().await.availability.is_available();
        let mut has_image = true;
        if let (true, Some(docker)) = (is_there, &docker) {
            has_image = docker.has_programs;
            if has_image {
                import(&sandbox, docker).await?;
            }
        }
        if is_there && has_image {
            registry.register(sandbox)?;
            places.push(place("sandbox", at_work()));
        }
    }
    if let Some(Containers { engine, image, .. }) = docker {
        registry.register(engine)?;
        places.push(Place {
            spec: EnvironmentSpec {
                image: Some(image.to_owned()),
                ..at_work()
            },
            image: Some(image.to_owned()),
            ..place("docker", EnvironmentSpec::default())
        });
    }
    Ok(places)
}

/// Imports the image of containers for sandboxes.
#[cfg(target_os = "linux")]
async fn import(sandbox: &SandboxEngine, docker: &Containers<'_>) -> Result<()> {
    let archive = docker.engine.images().save(&[docker.image]).await?;
    let mut options = ImportImage::default();
    options.image = Some(docker.image.to_owned());
    let images = sandbox.images();
    let imported = images.import(ImageSource::Archive(archive), options).await;
    imported.map(drop)
}
