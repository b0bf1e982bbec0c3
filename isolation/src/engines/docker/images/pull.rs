//! Pulls an image, once for everybody who waits for it.

use engine_api::Docker;
use engine_api::images::{self as api, Image, InspectImage, Progress};
use sha2::{Digest, Sha256};

use super::super::diagnostics::to_error;
use super::super::platform::Platform;
use super::super::{DockerEngine, DockerSettings};
use super::credentials::Login;
use super::registry_error::RegistryError;
use super::tally::Tally;
use super::{Images, PullPolicy};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::events::PullProgress;
use crate::journal::directory::StateDirectory;
use crate::journal::pulls::Turn;
use crate::short::short_path;

/// How to pull an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullImage {
    /// When it is pulled.
    pub policy: PullPolicy,
    /// The platform, `os/architecture[/variant]`; `None` is the daemon's own.
    pub platform: Option<String>,
}

/// An image that the daemon has.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PulledImage {
    /// The name by which it is used. With a [mirror](super::ImageNames), another one than that
    /// which was asked for.
    pub name: String,
    /// Its ID.
    pub id: String,
    /// Its platform, as far as the image declares it: `linux/amd64`.
    pub platform: String,
    /// Whether a pull took place, by this or another process.
    pub pulled: bool,
}

impl Images<'_> {
    /// Pulls an image from its registry, with the credentials that the docker command would use.
    ///
    /// Everybody who wants the same image waits for one pull: the tasks of a process, and on Unix
    /// the processes of a user. A failed connection, a failed daemon (5xx) and a registry that
    /// limits requests are tried again, three times in all, with pauses of random length.
    /// `on_progress` gets each step.
    ///
    /// # Errors
    ///
    /// The source is a [`RegistryError`] if the registry is the reason. The kind is
    /// [`NotFound`](ErrorKind::NotFound) for an image that does not exist, and
    /// [`Timeout`](ErrorKind::Timeout) after the timeout for pulls.
    pub async fn pull(
        &self,
        image: &str,
        options: PullImage,
        mut on_progress: impl FnMut(&PullProgress) + Send,
    ) -> Result<PulledImage> {
        let supply = Supply::of(self.engine, StateDirectory::open(None)?).await?;
        let image = &supply.settings.with_registry(image);
        let wanted = Wanted {
            image,
            policy: options.policy,
            platform: options.platform.as_deref().map(Platform::parse).transpose()?,
        };
        let name = supply.settings.image_names.pulled(image);
        let found = supply.provide(&wanted, &mut on_progress).await;
        let found = found.map_err(|error| error.during("pull the image", image))?;
        match found.image {
            Some(image) => Ok(PulledImage {
                platform: Platform::of_image(&image).to_string(),
                id: image.id,
                name: found.name,
                pulled: found.pulled,
            }),
            None => Err(Error::not_found(format!(
                "the daemon does not show the image {name}"
            ))),
        }
    }
}

/// An image that is needed.
#[derive(Debug, Clone)]
pub(in super::super) struct Wanted<'a> {
    pub(in super::super) image: &'a str,
    pub(in super::super) policy: PullPolicy,
    pub(in super::super) platform: Option<Platform>,
}

/// An image that the daemon has.
#[derive(Debug, Clone)]
pub(in super::super) struct Found {
    pub(in super::super) name: String,
    /// `None` if a proxy in front of the daemon hides it.
    pub(in super::super) image: Option<Image>,
    pub(in super::super) pulled: bool,
}

/// From where images come.
#[derive(Debug)]
pub(in super::super) struct Supply<'a> {
    docker: &'a Docker,
    settings: &'a DockerSettings,
    /// Where the processes that pull from the same daemon find each other.
    meeting: Option<(StateDirectory, String)>,
}

/// Receives the progress of a pull.
pub(in super::super) type OnProgress<'a> = &'a mut (dyn FnMut(&PullProgress) + Send);

impl<'a> Supply<'a> {
    pub(in super::super) async fn of(
        engine: &'a DockerEngine,
        directory: Option<StateDirectory>,
    ) -> Result<Supply<'a>> {
        let docker = engine.docker().await?;
        Ok(Self {
            docker,
            settings: &engine.settings,
            meeting: directory.zip(engine.address()),
        })
    }

    pub(in super::super) fn settings(&self) -> &DockerSettings {
        self.settings
    }

    /// Finds an image, or pulls it if the policy asks for that.
    pub(in super::super) async fn provide(
        &self,
        wanted: &Wanted<'_>,
        on_progress: OnProgress<'_>,
    ) -> Result<Found> {
        let remote = self.settings.image_names.pulled(wanted.image);
        if wanted.policy != PullPolicy::Always {
            if let Some(found) = self.find(wanted).await? {
                return Ok(found);
            }
        }
        if wanted.policy == PullPolicy::Never {
            return Err(missing(wanted.image));
        }
        self.pull(&remote, wanted, on_progress).await?;
        match self.inspect(&remote, wanted.platform.as_ref()).await? {
            Inspected::Present(image) => Ok(found(remote, image, true)),
            Inspected::Absent => {
                let text =
                    format!("the image {remote} was removed by somebody else after the pull; pull it again");
                Err(Error::new(ErrorKind::Lost, text))
            }
        }
    }

    /// The image under its own name, or under the name by which it is pulled.
    pub(in super::super) async fn find(&self, wanted: &Wanted<'_>) -> Result<Option<Found>> {
        let remote = self.settings.image_names.pulled(wanted.image);
        let names = [wanted.image, &remote];
        let different = if remote == wanted.image { 1 } else { 2 };
        for name in &names[..different] {
            if let Inspected::Present(image) = self.inspect(name, wanted.platform.as_ref()).await? {
                return Ok(Some(found((*name).to_owned(), image, false)));
            }
        }
        Ok(None)
    }

    async fn inspect(&self, name: &str, platform: Option<&Platform>) -> Result<Inspected> {
        let images = self.docker.images();
        let options = InspectImage {
            platform: match platform {
                Some(platform) if platform.is_complete() && self.selects_platforms().await? => {
                    Some(platform.to_oci())
                }
                _ => None,
            },
            ..InspectImage::default()
        };
        match images.inspect(name, options).await {
            Ok(image) => {
                let fits = platform.is_none_or(|platform| platform.is_of(&image));
                Ok(if fits {
                    Inspected::Present(Some(Box::new(image)))
                } else {
                    Inspected::Absent
                })
            }
            Err(error) if error.is_not_found() => Ok(Inspected::Absent),
            // The creation of a container reports whether the image is there.
            Err(error) if error.is_forbidden() => Ok(Inspected::Present(None)),
            Err(error) => Err(to_error(error)),
        }
    }

    /// Whether the daemon can be asked for one platform of an image.
    async fn selects_platforms(&self) -> Result<bool> {
        let version = self.docker.version().await.map_err(to_error)?;
        Ok(version >= engine_api::Version::new(1, 49))
    }

    /// Pulls an image, unless another process does.
    async fn pull(&self, name: &str, wanted: &Wanted<'_>, on_progress: OnProgress<'_>) -> Result<()> {
        let pulled = self.pull_in_turn(name, wanted, on_progress);
        let pulled = self.settings.pull_call(pulled).await;
        pulled.map_err(|error| error.during("pull the image", name))
    }

    async fn pull_in_turn(&self, name: &str, wanted: &Wanted<'_>, on_progress: OnProgress<'_>) -> Result<()> {
        let platform = wanted.platform.as_ref().map(Platform::to_string);
        let mut tally = Tally::default();
        on_progress(tally.progress());
        let turn = match &self.meeting {
            Some((directory, address)) => {
                let key = key(&[address, name, platform.as_deref().unwrap_or_default()]);
                match directory.pull_turn(&key).await? {
                    Turn::Ours(turn) => Some(turn),
                    Turn::Done => {
                        on_progress(tally.complete());
                        return Ok(());
                    }
                }
            }
            None => None,
        };
        let options = api::PullImage {
            platform,
            ..api::PullImage::default()
        };
        let mut login = Login::of(name).await;
        let mut step = |line: &Progress| {
            tally.count(line);
            on_progress(tally.progress());
        };
        let images = self.docker.images();
        let pulled = loop {
            let pull = images.pull_with_retry(name, options.clone(), login.auth.as_ref(), &mut step);
            match pull.await {
                Err(error) if login.renew(&error).await => {}
                pulled => break pulled,
            }
        };
        pulled.map_err(|error| RegistryError::of(error, name, login.why))?;
        if let Some(turn) = turn {
            turn.succeed()?;
        }
        on_progress(tally.complete());
        Ok(())
    }
}

enum Inspected {
    Present(Option<Box<Image>>),
    Absent,
}

fn found(name: String, image: Option<Box<Image>>, pulled: bool) -> Found {
    Found {
        name,
        image: image.map(|image| *image),
        pulled,
    }
}

/// The name of a file for these texts.
fn key(texts: &[&str]) -> String {
    let digest = Sha256::digest(texts.join("\n"));
    digest[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a container could not be created because its image is missing.
pub(in super::super) fn is_missing(error: &engine_api::Error) -> bool {
    let says_image = |message: &str| message.to_lowercase().contains("image");
    error.is_not_found() && error.message().is_some_and(says_image)
}

/// The error of [`PullPolicy::Never`].
pub(in super::super) fn missing(image: &str) -> Error {
    let image = short_path(image);
    Error::not_found(format!(
        "the daemon does not have the image {image}, and the policy forbids a pull; \
         pull it yourself (isolate image pull {image}), or allow the pull"
    ))
}
