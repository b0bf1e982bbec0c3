//! The names under which every engine pulls images: a mirror and a prefix for names without a
//! registry.

use engine_api::images::ImageReference;

use crate::error::{Error, Result};
use crate::spec::validate::Faults;

/// The registry that a daemon adds to names without one.
pub(in super::super) const HUB: &str = "docker.io";

/// The registries with the images of [`HUB`].
const HUB_NAMES: [&str; 2] = [HUB, "index.docker.io"];

/// From where images are pulled whose name has no registry, in place of Docker Hub. A name with a
/// registry, also `docker.io/…`, is never changed.
///
/// An image that the daemon has under its own name is used without a pull, so images that were
/// built on this machine need no exception.
///
/// | mirror | prefix | `busybox:1` is pulled as |
/// |---|---|---|
/// | `mirror.test` | | `mirror.test/library/busybox:1` |
/// | | `registry.test/hub` | `registry.test/hub/busybox:1` |
/// | `mirror.test` | `hub` | `mirror.test/hub/busybox:1` |
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageNames {
    /// A registry with the images of Docker Hub, `host[:port][/path]`, such as a pull-through
    /// cache.
    pub registry_mirror: Option<String>,
    /// A text before the names of images, such as `registry.test/hub`. A slash follows it.
    pub image_prefix: Option<String>,
}

impl ImageNames {
    /// Names without a registry get this one.
    pub(crate) fn below(registry: &str) -> Self {
        Self {
            registry_mirror: None,
            image_prefix: Some(registry.to_owned()),
        }
    }

    /// The name under which an image is pulled. A text that is not an image name stays as it is:
    /// the daemon or the pull reports it.
    pub fn pulled(&self, image: &str) -> String {
        let Ok(reference) = image.parse::<ImageReference>() else {
            return image.to_owned();
        };
        if names_a_registry(image, &reference) {
            return image.to_owned();
        }
        let named = match &self.image_prefix {
            Some(prefix) => format!("{}/{image}", prefix.trim_end_matches('/')),
            None if self.registry_mirror.is_some() => {
                // It may begin with `library/` or not.
                let (short, long) = (reference.familiar_name(), reference.repository());
                let rest = image.strip_prefix(&short).or_else(|| image.strip_prefix(long));
                format!("{long}{}", rest.unwrap_or_default())
            }
            None => image.to_owned(),
        };
        match &self.registry_mirror {
            Some(mirror) => format!("{}/{named}", mirror.trim_end_matches('/')),
            None => named,
        }
    }

    /// Rejects a mirror or a prefix that cannot be a part of an image's name. The error lists every
    /// fault.
    pub fn validate(&self) -> Result<()> {
        let mut faults = Faults::default();
        self.check(&mut faults);
        faults.into_result()
    }

    pub(crate) fn check(&self, faults: &mut Faults) {
        if let Some(mirror) = &self.registry_mirror {
            faults.add(check_mirror(mirror));
        }
        if let Some(prefix) = &self.image_prefix {
            let first = prefix.trim_end_matches('/');
            let parsed = format!("{first}/x").parse::<ImageReference>();
            let invalid = |why: engine_api::Error| {
                Error::invalid(format!(
                    "{prefix:?} cannot stand before the name of an image: {why}"
                ))
            };
            faults.add(parsed.map(drop).map_err(invalid));
        }
    }
}

/// Whether the daemon does not add a registry to the name. It adds none to an ID.
fn names_a_registry(image: &str, reference: &ImageReference) -> bool {
    let first = image.split('/').next().unwrap_or_default();
    reference.registry() != HUB || HUB_NAMES.contains(&first) || image.starts_with("sha256:")
}

/// Whether the first part of a name is a registry.
fn is_host(first: &str) -> bool {
    let probe = format!("{first}/x").parse::<ImageReference>();
    // A first part that is not a host belongs to the repository.
    probe.is_ok_and(|reference| reference.repository() == "x" || reference.repository() == "library/x")
}

fn check_mirror(mirror: &str) -> Result<()> {
    let path = mirror.trim_end_matches('/');
    let host = path.split('/').next().unwrap_or_default();
    match format!("{path}/x").parse::<ImageReference>() {
        Ok(_) if is_host(host) => Ok(()),
        _ => Err(Error::invalid(format!(
            "{mirror:?} is not a registry; write host[:port], without https://"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(mirror: &str, prefix: &str) -> ImageNames {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        ImageNames {
            registry_mirror: some(mirror),
            image_prefix: some(prefix),
        }
    }

    #[test]
    fn names_without_a_registry_are_rewritten() {
        let digest = format!("busybox@sha256:{}", "0".repeat(64));
        for (mirror, prefix, image, pulled) in [
            ("", "", "busybox", "busybox"),
            ("m.test", "", "busybox", "m.test/library/busybox"),
            ("m.test:5000/", "", "busybox:1", "m.test:5000/library/busybox:1"),
            ("m.test", "", "team/app:1", "m.test/team/app:1"),
            ("m.test", "", "library/busybox:1", "m.test/library/busybox:1"),
            ("m.test", "", "library/team/app", "m.test/library/team/app"),
            ("m.test", "", "library", "m.test/library/library"),
            ("localhost", "", &digest, &format!("localhost/library/{digest}")),
            ("", "reg.test/hub/", "busybox:1", "reg.test/hub/busybox:1"),
            ("", "reg.test/hub", "team/app", "reg.test/hub/team/app"),
            ("", "mine", "app", "mine/app"),
            ("m.test", "hub", "busybox", "m.test/hub/busybox"),
        ] {
            assert_eq!(
                names(mirror, prefix).pulled(image),
                pulled,
                "{mirror} {prefix} {image}"
            );
        }
    }

    #[test]
    fn names_with_a_registry_and_ids_stay() {
        let id = "0".repeat(64);
        for image in [
            "reg.test/app",
            "localhost/app:1",
            "localhost:5000/app",
            "docker.io/library/busybox",
            "[::1]:5000/app",
            &id,
            &format!("sha256:{id}"),
            "Not A Name",
            "",
        ] {
            assert_eq!(names("m.test", "hub").pulled(image), image);
        }
    }

    #[test]
    fn invalid_mirror_and_prefix_are_errors() {
        let faults = |names: ImageNames| names.validate();
        for mirror in ["m.test", "m.test:5000", "localhost/cache", "m.test/"] {
            faults(names(mirror, "")).unwrap();
        }
        for mirror in ["mirror", "https://m.test", "m.test:x", "a b", "/"] {
            let error = faults(names(mirror, "")).unwrap_err().to_string();
            assert!(error.contains("is not a registry"), "{mirror}: {error}");
        }
        for prefix in ["hub", "reg.test/hub", "reg.test:5000/"] {
            faults(names("", prefix)).unwrap();
        }
        for prefix in ["https://m.test", "hub/Up", "a b", "hub:x", "/"] {
            let error = faults(names("", prefix)).unwrap_err().to_string();
            assert!(error.contains("cannot stand before"), "{prefix}: {error}");
        }
    }
}
