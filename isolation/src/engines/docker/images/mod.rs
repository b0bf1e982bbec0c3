//! The images of a Docker daemon: pulled, built, pushed, named, removed, stored in archives.
//!
//! ```no_run
//! use isolation::engines::docker::{DockerEngine, PullImage};
//!
//! # async fn demo() -> isolation::Result<()> {
//! let engine = DockerEngine::from_env().await?;
//! let image = engine.images().pull("busybox:1.36", PullImage::default(), |_| ()).await?;
//! println!("{} {}", image.name, image.id);
//! for image in engine.images().list().await? {
//!     println!("{:?}: {} bytes, used by {:?}", image.names, image.size, image.environments);
//! }
//! # Ok(())
//! # }
//! ```

mod archives;
mod build;
mod build_log;
mod build_session;
mod build_spec;
mod credentials;
mod list;
mod names;
mod policy;
mod prune;
mod pull;
mod push;
mod registry_error;
mod remove;
mod tag;
mod tally;

use engine_api::Docker;
use engine_api::images::InspectImage;

pub use build::BuiltImage;
pub use build_spec::BuildSpec;
pub use list::ImageEntry;
pub(super) use names::HUB;
pub use names::ImageNames;
pub use policy::PullPolicy;
pub use prune::ImagesPruned;
pub use pull::{PullImage, PulledImage};
pub use registry_error::RegistryError;

pub(super) use pull::{Found, Supply, Wanted, is_missing, missing};

use super::DockerEngine;
use super::diagnostics::to_error;
use crate::error::{Error, Result};

/// The repository of images that this crate has built. No registry has the name `localhost`.
const BUILT: &str = "localhost/isolate-build";

/// The images of a daemon: see [`DockerEngine::images`].
#[derive(Debug, Clone, Copy)]
pub struct Images<'a> {
    engine: &'a DockerEngine,
}

impl DockerEngine {
    /// The images of the daemon. Every `image` of their calls may be a name with tag or digest, or
    /// an ID.
    pub fn images(&self) -> Images<'_> {
        Images { engine: self }
    }

    /// Sets the image of environments that name none.
    #[must_use]
    pub fn with_default_image(mut self, image: impl Into<String>) -> Self {
        self.settings.default_image = image.into();
        self
    }

    /// Sets when images are pulled.
    #[must_use]
    pub fn with_pull(mut self, policy: PullPolicy) -> Self {
        self.settings.pull = policy;
        self
    }

    /// Sets from where images are pulled whose name has no registry.
    ///
    /// # Errors
    ///
    /// If the mirror or the prefix cannot be a part of an image's name.
    pub fn with_image_names(mut self, names: ImageNames) -> Result<Self> {
        names.validate()?;
        self.settings.image_names = names;
        Ok(self)
    }
}

/// The error of a call about an image that the daemon does not have.
fn absent() -> Error {
    Error::not_found(
        "the daemon has no such image; `isolate image ls` lists the images, `isolate image pull` or \
         `isolate image build` provides one",
    )
}

/// Whether the daemon answers that it has no such image.
async fn is_absent(docker: &Docker, image: &str) -> bool {
    let inspected = docker.images().inspect(image, InspectImage::default()).await;
    inspected.is_err_and(|error| error.is_not_found())
}

/// The error of a call about an image that the daemon should have.
fn local_error(error: engine_api::Error) -> Error {
    match error.is_not_found() {
        true => absent(),
        false => to_error(error),
    }
}
