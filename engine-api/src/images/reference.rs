//! Names of images: `registry.example.com:5000/team/app:1.2@sha256:…`.
//!
//! The grammar is Docker's (`distribution/reference`): the part before the first slash is a
//! registry if it contains a dot, a colon or an upper-case letter, or is `localhost`.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The registry of names without a registry: Docker Hub.
const HUB: &str = "docker.io";
/// Its old name, which is still accepted.
const OLD_HUB: &str = "index.docker.io";
/// The repositories of Docker Hub without a user name.
const OFFICIAL: &str = "library/";

/// The name of an image, in its parts.
///
/// `Display` prints the complete name; [`familiar`](Self::familiar) returns the usual short form.
///
/// ```
/// use engine_api::images::ImageReference;
///
/// let image: ImageReference = "alpine".parse()?;
/// assert_eq!(image.to_string(), "docker.io/library/alpine:latest");
/// assert_eq!(image.familiar(), "alpine:latest");
///
/// let image: ImageReference = "localhost:5000/app:1.2".parse()?;
/// assert_eq!((image.registry(), image.repository()), ("localhost:5000", "app"));
/// assert_eq!(image.tag(), Some("1.2"));
/// # Ok::<(), engine_api::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageReference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl ImageReference {
    /// The registry, `host[:port]`: `docker.io` for Docker Hub.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository in the registry: `library/alpine`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag: `latest` if the name has neither a tag nor a digest.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, `sha256:…`, if the name has one.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The digest if there is one, otherwise the tag.
    pub fn tag_or_digest(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }

    /// Registry and repository: `docker.io/library/alpine`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// Registry and repository in the short form: `alpine`, `localhost:5000/app`.
    pub fn familiar_name(&self) -> String {
        match (self.registry.as_str(), self.repository.strip_prefix(OFFICIAL)) {
            (HUB, Some(short)) if !short.contains('/') => short.to_owned(),
            (HUB, _) => self.repository.clone(),
            _ => self.name(),
        }
    }

    /// The whole name in the short form: `alpine:3.20`.
    pub fn familiar(&self) -> String {
        format!("{}{}", self.familiar_name(), self.suffix())
    }

    fn suffix(&self) -> String {
        let tag = self.tag.as_ref().map(|tag| format!(":{tag}"));
        let digest = self.digest.as_ref().map(|digest| format!("@{digest}"));
        tag.unwrap_or_default() + &digest.unwrap_or_default()
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.registry, self.repository, self.suffix())
    }
}

impl FromStr for ImageReference {
    type Err = Error;

    /// Parses a name like `docker pull`.
    fn from_str(text: &str) -> Result<Self> {
        parse(text)
            .map_err(|reason| Error::invalid(format!("{} is not an image name: {reason}", shown(text))))
    }
}

/// The text for an error: one line, not too long.
fn shown(text: &str) -> String {
    match text.char_indices().nth(100) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Why a text is not an image name, with a hint.
type Refusal<T> = std::result::Result<T, &'static str>;

fn parse(text: &str) -> Refusal<ImageReference> {
    if text.is_empty() {
        return Err("it is empty; write a name such as alpine:3.20");
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("it contains a space, a line end or a control character; remove it");
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(check_digest(digest)?)),
        None => (text, None),
    };
    if is_id(rest) || is_id(rest.strip_prefix("sha256:").unwrap_or_default()) {
        return Err("it is the ID of an image; registries know names and digests, name@sha256:…");
    }
    let (name, tag) = split_tag(rest)?;
    let (registry, repository) = split_registry(name)?;
    let tag = match (tag, &digest) {
        (None, None) => Some("latest".to_owned()),
        (tag, _) => tag,
    };
    Ok(ImageReference {
        registry,
        repository,
        tag,
        digest,
    })
}

/// 64 hexadecimal digits. Docker rejects them as a name, because they look like an ID.
fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(is_lower_hex)
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn check_digest(digest: &str) -> Refusal<String> {
    let length = match digest.split_once(':') {
        Some(("sha256", hex)) => (64, hex),
        Some(("sha384", hex)) => (96, hex),
        Some(("sha512", hex)) => (128, hex),
        _ => return Err("the text after @ is not a digest; write @sha256: and 64 hexadecimal digits"),
    };
    match length {
        (length, hex) if hex.len() == length && hex.bytes().all(is_lower_hex) => Ok(digest.to_owned()),
        _ => Err("its digest is invalid; a sha256 digest has 64 hexadecimal digits in lower case"),
    }
}

/// Splits the tag off. A colon before a slash belongs to the registry's port.
fn split_tag(text: &str) -> Refusal<(&str, Option<String>)> {
    match text.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => {
            let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            let bytes = tag.as_bytes();
            let legal = bytes.first().is_some_and(|b| word(*b))
                && bytes.len() <= 128
                && bytes.iter().all(|b| word(*b) || matches!(b, b'.' | b'-'));
            if !legal {
                return Err(
                    "its tag is invalid; a tag has up to 128 letters, digits, _ . - and does not begin with . or -",
                );
            }
            Ok((name, Some(tag.to_owned())))
        }
        _ => Ok((text, None)),
    }
}

fn split_registry(name: &str) -> Refusal<(String, String)> {
    let (registry, repository) = match name.split_once('/') {
        Some((first, rest)) if is_registry(first) => (first, rest),
        _ => (HUB, name),
    };
    check_registry(registry)?;
    check_repository(repository)?;
    let registry = if registry == OLD_HUB { HUB } else { registry };
    let repository = if registry == HUB && !repository.contains('/') {
        format!("{OFFICIAL}{repository}")
    } else {
        repository.to_owned()
    };
    if repository.len() > 255 {
        return Err("its repository is longer than 255 characters; shorten it");
    }
    Ok((registry.to_owned(), repository))
}

fn is_registry(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.bytes().any(|b| b.is_ascii_uppercase())
}

fn check_registry(registry: &str) -> Refusal<()> {
    let (host, port) = match registry.rsplit_once(':') {
        // Colons inside brackets are part of an IPv6 address.
        Some((host, port)) if !registry.ends_with(']') => (host, Some(port)),
        _ => (registry, None),
    };
    if port.is_some_and(|port| port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit())) {
        return Err("the port of its registry is not a number; write host:5000/name");
    }
    let legal = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':'),
        None => host.split('.').all(is_host_part),
    };
    if legal {
        Ok(())
    } else {
        Err("its registry is not a host name; write host[:port]/name, without http://")
    }
}

fn is_host_part(part: &str) -> bool {
    !part.is_empty()
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !part.starts_with('-')
        && !part.ends_with('-')
}

fn check_repository(repository: &str) -> Refusal<()> {
    if repository.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err("its repository has upper-case letters; write it in lower case");
    }
    if repository.split('/').all(is_path_part) {
        Ok(())
    } else {
        Err(
            "its repository has an invalid character or separator; write [registry/]name[:tag] with a-z, 0-9 and . _ __ or -",
        )
    }
}

/// `[a-z0-9]+` joined by `.`, `_`, `__` or any number of `-`.
fn is_path_part(part: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    part.starts_with(alphanumeric)
        && part.ends_with(alphanumeric)
        && part
            .split(alphanumeric)
            .all(|joint| matches!(joint, "" | "." | "_" | "__") || joint.bytes().all(|b| b == b'-'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn read(text: &str) -> ImageReference {
        text.parse().unwrap()
    }

    #[test]
    fn names_are_completed_and_shown_as_people_write_them() {
        for (text, whole, familiar) in [
            ("alpine", "docker.io/library/alpine:latest", "alpine:latest"),
            ("docker.io/alpine:3", "docker.io/library/alpine:3", "alpine:3"),
            (
                "index.docker.io/library/alpine",
                "docker.io/library/alpine:latest",
                "alpine:latest",
            ),
            (
                "grafana/grafana:11",
                "docker.io/grafana/grafana:11",
                "grafana/grafana:11",
            ),
            (
                "library/a/b",
                "docker.io/library/a/b:latest",
                "library/a/b:latest",
            ),
            ("reg:5000/a", "reg:5000/a:latest", "reg:5000/a:latest"),
            ("localhost/a", "localhost/a:latest", "localhost/a:latest"),
            (
                "ghcr.io/o/p_q/r__s--t:v1.0-x",
                "ghcr.io/o/p_q/r__s--t:v1.0-x",
                "ghcr.io/o/p_q/r__s--t:v1.0-x",
            ),
            (
                "[2001:db8::1]:5000/a",
                "[2001:db8::1]:5000/a:latest",
                "[2001:db8::1]:5000/a:latest",
            ),
            ("[::1]/a", "[::1]/a:latest", "[::1]/a:latest"),
            ("Reg/a", "Reg/a:latest", "Reg/a:latest"),
            ("a:5000", "docker.io/library/a:5000", "a:5000"),
        ] {
            let image = read(text);
            assert_eq!(image.to_string(), whole, "{text}");
            assert_eq!(image.familiar(), familiar, "{text}");
            assert_eq!(read(familiar), image);
        }
    }

    #[test]
    fn digest_replaces_the_default_tag() {
        let image = read(&format!("a@{DIGEST}"));
        assert_eq!((image.tag(), image.digest()), (None, Some(DIGEST)));
        let image = read(&format!("reg:5000/a:1@{DIGEST}"));
        assert_eq!((image.tag(), image.tag_or_digest()), (Some("1"), DIGEST));
        assert_eq!(image.to_string(), format!("reg:5000/a:1@{DIGEST}"));
    }

    #[test]
    fn invalid_names_are_rejected_with_a_hint() {
        let hex = &DIGEST[7..];
        for (text, hint) in [
            ("", "write a name such as"),
            ("Alpine", "lower case"),
            ("reg.io/Team/app", "lower case"),
            ("http://reg.io/app", "write host:5000/name"),
            ("reg:x/app", "write host:5000/name"),
            ("-reg.io/app", "without http://"),
            ("a b", "remove it"),
            ("a\n", "remove it"),
            ("a\0", "remove it"),
            ("a:", "tag"),
            ("a:.1", "tag"),
            ("a@sha256:12", "64 hexadecimal digits"),
            ("a@md5:12", "write @sha256:"),
            (&format!("a@{}", DIGEST.to_uppercase()), "write @sha256:"),
            (&format!("a@{DIGEST}@{DIGEST}"), "64 hexadecimal digits"),
            (hex, "name@sha256:"),
            (DIGEST, "name@sha256:"),
            ("a//b", "write [registry/]name"),
            ("/a", "write [registry/]name"),
            ("a/", "write [registry/]name"),
            ("..", "write [registry/]name"),
            ("a..b", "write [registry/]name"),
            ("a___b", "write [registry/]name"),
            ("é", "write [registry/]name"),
            (&"a".repeat(256), "shorten it"),
            (&format!("a:{}", "1".repeat(129)), "128"),
        ] {
            let error = text.parse::<ImageReference>().unwrap_err().to_string();
            assert!(error.contains(hint), "{text:?}: {error}");
            assert!(!error.contains('\n') && error.len() < 400, "{error}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC*|[a-zA-Z0-9.:/@_\\[\\]-]{0,80}") {
            if let Ok(image) = text.parse::<ImageReference>() {
                prop_assert_eq!(&read(&image.to_string()), &image);
                prop_assert_eq!(&read(&image.familiar()), &image);
            }
        }

        #[test]
        fn references_survive_a_round_trip(
            registry in "([A-Za-z0-9]{1,8}\\.[a-z]{2,3}|localhost)(:[0-9]{1,5})?/|",
            path in "[a-z0-9]{1,6}((\\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}(/[a-z0-9]{1,6}){0,3}",
            tag in ":[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}|",
            digest in "@sha256:[0-9a-f]{64}|",
        ) {
            // A first part with a dot would be a registry.
            let registry = if registry.is_empty() { "user/" } else { &registry };
            let text = format!("{registry}{path}{tag}{digest}");
            let image = read(&text);
            prop_assert_eq!(&read(&image.to_string()), &image);
            prop_assert_eq!(&read(&image.familiar()), &image);
            let suffix = format!("{tag}{digest}");
            prop_assert!(tag.is_empty() || image.to_string().ends_with(&suffix));
        }
    }
}
