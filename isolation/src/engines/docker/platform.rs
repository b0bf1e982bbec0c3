//! Platforms of images and daemons: an image for another one runs only with emulation.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use engine_api::common::OciPlatform;
use engine_api::containers::{AttachContainer, CreateContainer, StartContainer, WaitCondition};
use engine_api::images::Image;
use engine_api::{Docker, Hijacked};

use super::NAME;
use crate::error::{Error, ErrorKind, Result};
use crate::short::short;

/// A platform: `linux/amd64`, `linux/arm/v7`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Platform {
    os: String,
    architecture: String,
    variant: String,
}

impl Platform {
    /// Reads `os[/architecture[/variant]]`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut parts = text.split('/');
        let mut part = || parts.next().unwrap_or_default();
        let platform = Self::new(part(), part(), part());
        let word = |text: &str| {
            text.chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
        };
        let words = [&platform.os, &platform.architecture, &platform.variant];
        let complete =
            !platform.os.is_empty() && (platform.variant.is_empty() || !platform.architecture.is_empty());
        if complete
            && parts.next().is_none()
            && words.into_iter().all(|text| word(text))
            && !text.ends_with('/')
        {
            return Ok(platform);
        }
        Err(Error::invalid(format!(
            "{text:?} is not a platform; write os/architecture, such as linux/arm64",
            text = short(text)
        )))
    }

    /// The names that the field uses beside Docker's are replaced.
    pub(super) fn new(os: &str, architecture: &str, variant: &str) -> Self {
        let architecture = match architecture {
            "x86_64" | "x86-64" => "amd64",
            "aarch64" => "arm64",
            "i386" | "i686" | "x86" => "386",
            "armhf" | "armv7l" => "arm",
            "loongarch64" => "loong64",
            other => other,
        };
        Self {
            os: os.to_ascii_lowercase(),
            architecture: architecture.to_ascii_lowercase(),
            variant: variant.to_ascii_lowercase(),
        }
    }

    /// The platform that an image declares; empty parts are not known.
    pub(super) fn of_image(image: &Image) -> Self {
        Self::new(&image.os, &image.architecture, &image.variant)
    }

    /// The platform of this process.
    fn of_this_process() -> Self {
        let architecture = match std::env::consts::ARCH {
            "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
            "loongarch64" => "loong64",
            other => other,
        };
        Self::new(std::env::consts::OS, architecture, "")
    }

    /// Whether it names an architecture.
    pub(super) fn is_complete(&self) -> bool {
        !self.architecture.is_empty()
    }

    pub(super) fn to_oci(&self) -> OciPlatform {
        OciPlatform {
            os: self.os.clone(),
            architecture: self.architecture.clone(),
            variant: self.variant.clone(),
            ..OciPlatform::default()
        }
    }

    /// Whether an image is for this platform. A part that is empty on one side fits.
    pub(super) fn is_of(&self, image: &Image) -> bool {
        let of_image = Self::of_image(image);
        let fits = |wanted: &str, has: &str| wanted.is_empty() || has.is_empty() || wanted == has;
        fits(&self.os, &of_image.os)
            && fits(&self.architecture, &of_image.architecture)
            && fits(&self.variant, &of_image.variant)
    }

    /// Whether a machine of this platform runs the programs of an image without emulation.
    fn runs(&self, image: &Self) -> bool {
        let same = self.architecture == image.architecture;
        let older = self.architecture == "amd64" && image.architecture == "386";
        self.os == image.os && (same || older)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.os, &self.architecture, &self.variant];
        let named: Vec<&str> = parts
            .into_iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        f.write_str(&named.join("/"))
    }
}

/// An image is for another platform than the daemon's, which does not emulate it.
///
/// It is the source of an [`Error`] of the kind [`Unsupported`](ErrorKind::Unsupported).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "wrong platform: the image {image} is for {image_platform}, the daemon runs {daemon_platform} and does not \
     emulate the other; name an image for {daemon_platform}, pull the image for it (--platform {daemon_platform}), \
     or install emulation on the daemon's machine (binfmt_misc with QEMU)"
)]
#[non_exhaustive]
pub struct WrongPlatform {
    /// The name of the image.
    pub image: String,
    /// The platform of the image: `linux/arm64`.
    pub image_platform: String,
    /// The platform of the daemon: `linux/amd64`.
    pub daemon_platform: String,
}

/// A need of an image that the daemon must meet.
pub(super) enum Need {
    /// The daemon runs the image, or nothing is known against it.
    Nothing,
    /// An emulation of the image's platform.
    Emulation(WrongPlatform),
    /// Another operating system.
    Other(WrongPlatform),
}

/// Compares the platform of an image with that of the daemon. `daemon` is asked only if it makes a
/// difference: a daemon on this machine runs the images for this machine.
pub(super) async fn compare(
    docker: &Docker,
    image: (&str, &Image),
    daemon: impl AsyncFnOnce() -> Result<Platform>,
) -> Result<Need> {
    let (name, image) = image;
    let of_image = Platform::of_image(image);
    let address = docker.address();
    let is_socket = address.starts_with("unix:");
    // A replay runs no programs.
    if !of_image.is_complete()
        || is_replay(&address)
        || (is_socket && Platform::of_this_process().runs(&of_image))
    {
        return Ok(Need::Nothing);
    }
    let of_daemon = daemon().await?;
    if !of_daemon.is_complete() || of_daemon.runs(&of_image) {
        return Ok(Need::Nothing);
    }
    let wrong = WrongPlatform {
        image: name.to_owned(),
        image_platform: of_image.to_string(),
        daemon_platform: of_daemon.to_string(),
    };
    Ok(match of_image.os == of_daemon.os {
        true => Need::Emulation(wrong),
        false => Need::Other(wrong),
    })
}

/// Whether the address is that of a recording, not of a daemon.
pub(super) fn is_replay(address: &str) -> bool {
    address.starts_with("replay:")
}

/// Which platforms a daemon emulates, as far as that was found out.
#[derive(Debug, Default)]
pub(super) struct Emulated(Mutex<BTreeMap<Platform, bool>>);

impl Emulated {
    /// Whether the daemon emulates the platform of an image.
    pub(super) fn get(&self, image: &Image) -> Option<bool> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&Platform::of_image(image)).copied()
    }

    pub(super) fn remember(&self, image: &Image, emulated: bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(Platform::of_image(image), emulated);
    }
}

impl From<WrongPlatform> for Error {
    fn from(wrong: WrongPlatform) -> Self {
        Self::engine_with_kind(NAME, ErrorKind::Unsupported, wrong)
    }
}

/// The container that shows whether the daemon runs the programs of an image: its shell ends at
/// once.
pub(super) fn probe_of(container: CreateContainer, name: String) -> CreateContainer {
    let mut probe = CreateContainer {
        name: Some(name),
        image: container.image,
        platform: container.platform,
        labels: container.labels,
        entrypoint: Some(["/bin/sh"].into()),
        cmd: ["-c", "exit 0"].into(),
        ..CreateContainer::default()
    };
    probe.host_config.network_mode = "none".to_owned();
    probe
}

/// Whether the started probe shows that programs of its platform run; `None` if it shows nothing.
pub(super) async fn outcome(docker: &Docker, container: &str) -> engine_api::Result<Option<bool>> {
    let says_wrong = |text: &str| text.to_ascii_lowercase().contains("exec format error");
    let containers = docker.containers();
    // Podman prepares the program when it is attached to.
    let begun = async {
        let attached = containers.attach(container, AttachContainer::default()).await?;
        containers.start(container, StartContainer::default()).await?;
        Ok(attached)
    };
    let begun: engine_api::Result<Hijacked> = begun.await;
    let attached = match begun {
        Ok(attached) => attached,
        Err(error) if error.status().is_none() => return Err(error),
        Err(error) => return Ok(error.message().is_some_and(says_wrong).then_some(false)),
    };
    // The runtime reports an exec that fails in the container's output.
    let (_, stderr) = attached.output.collect().await?;
    let ended = containers.wait(container, WaitCondition::NotRunning).await?;
    Ok(match ended.status_code {
        0 => Some(true),
        _ => says_wrong(&String::from_utf8_lossy(&stderr)).then_some(false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platform_is_read_and_shown() {
        for (text, shown) in [
            ("linux", "linux"),
            ("linux/amd64", "linux/amd64"),
            ("linux/x86_64", "linux/amd64"),
            ("Linux/arm/V7", "linux/arm/v7"),
        ] {
            assert_eq!(Platform::parse(text).unwrap().to_string(), shown);
        }
        for text in [
            "",
            "/",
            "linux/",
            "linux/arm/v7/x",
            "linux//v7",
            "a b",
            "linux/arm 64",
        ] {
            let error = Platform::parse(text).unwrap_err().to_string();
            assert!(error.contains("linux/arm64"), "{text}: {error}");
        }
    }

    #[test]
    fn image_fits_the_platform_that_is_asked_for() {
        let image = |os: &str, architecture: &str, variant: &str| {
            let text = format!(r#"{{"Os":"{os}","Architecture":"{architecture}","Variant":"{variant}"}}"#);
            engine_api::from_json::<Image>(text.as_bytes()).unwrap()
        };
        let is_of = |platform: &str, image: &Image| Platform::parse(platform).unwrap().is_of(image);
        assert!(is_of("linux/arm64", &image("linux", "arm64", "v8")));
        assert!(is_of("linux", &image("linux", "arm64", "")));
        assert!(is_of("linux/amd64", &image("", "", "")));
        assert!(!is_of("linux/amd64", &image("linux", "arm64", "")));
        assert!(!is_of("linux/arm/v6", &image("linux", "arm", "v7")));
        assert!(!is_of("windows/amd64", &image("linux", "amd64", "")));
    }

    #[test]
    fn machine_runs_its_own_platform_and_the_older_one() {
        let runs = |machine: &str, image: &str| {
            Platform::parse(machine)
                .unwrap()
                .runs(&Platform::parse(image).unwrap())
        };
        assert!(runs("linux/amd64", "linux/amd64") && runs("linux/amd64", "linux/386"));
        assert!(!runs("linux/amd64", "linux/arm64") && !runs("linux/386", "linux/amd64"));
        assert!(!runs("windows/amd64", "linux/amd64"));
    }
}
