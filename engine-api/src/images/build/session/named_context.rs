//! Additional contexts, by the names that a Dockerfile uses.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::images::ImageReference;

/// A context that a Dockerfile uses by its name, in `FROM NAME`, `COPY --from=NAME` or `RUN
/// --mount=from=NAME`. It overrides a stage or an image with this name. `docker build
/// --build-context NAME=…`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NamedContext {
    /// A directory of this machine, without the files that its `.dockerignore` excludes.
    Directory(PathBuf),
    /// An image, in the engine or in a registry.
    Image(String),
    /// A git repository or a tar archive, read by the engine.
    Url(String),
}

/// Named contexts in the form of BuildKit.
#[derive(Default)]
pub(super) struct Named {
    /// Attributes of the frontend.
    pub(super) attributes: BTreeMap<String, String>,
    /// Directories by their names in requests of BuildKit.
    pub(super) directories: BTreeMap<String, PathBuf>,
}

impl Named {
    /// Checks the contexts; an error names the wrong one.
    pub(super) fn new(contexts: BTreeMap<String, NamedContext>) -> Result<Self> {
        let mut named = Self::default();
        for (name, context) in contexts {
            // BuildKit normalises these names like names of images.
            if name.parse::<ImageReference>().is_err() {
                let text =
                    format!("{name:?} cannot be the name of a context; use lower-case letters and digits");
                return Err(Error::invalid(text));
            }
            let value = match context {
                NamedContext::Directory(path) => {
                    if !path.is_dir() {
                        let text = format!("the context {name:?} is not a directory: {}", path.display());
                        return Err(Error::invalid(text));
                    }
                    // The main context has the names `context` and `dockerfile`.
                    let local = format!("named-{name}");
                    let value = format!("local:{local}");
                    named.directories.insert(local, path);
                    value
                }
                NamedContext::Image(image) => match image.parse::<ImageReference>() {
                    Ok(image) => format!("docker-image://{image}"),
                    Err(error) => {
                        let text = format!("the image of the context {name:?} is invalid: {error}");
                        return Err(Error::invalid(text));
                    }
                },
                NamedContext::Url(url) if url.trim().is_empty() => {
                    return Err(Error::invalid(format!(
                        "the URL of the context {name:?} is empty"
                    )));
                }
                NamedContext::Url(url) => url,
            };
            named.attributes.insert(format!("context:{name}"), value);
        }
        Ok(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, context: NamedContext) -> Result<Named> {
        Named::new(BTreeMap::from([(name.to_owned(), context)]))
    }

    #[test]
    fn contexts_become_attributes_and_directories() {
        for (context, value) in [
            (
                NamedContext::Image("busybox".into()),
                "docker-image://docker.io/library/busybox:latest",
            ),
            (
                NamedContext::Url("https://h/x.git#main".into()),
                "https://h/x.git#main",
            ),
            (NamedContext::Directory(".".into()), "local:named-x"),
        ] {
            let directory = matches!(context, NamedContext::Directory(_));
            let named = named("x", context).unwrap();
            assert_eq!(named.attributes["context:x"], value);
            assert_eq!(named.directories.contains_key("named-x"), directory);
        }
    }

    #[test]
    fn wrong_contexts_are_named() {
        for (name, context) in [
            ("", NamedContext::Url("u".into())),
            ("A b", NamedContext::Url("u".into())),
            ("x", NamedContext::Url(" ".into())),
            ("x", NamedContext::Image("A:b:c".into())),
            ("x", NamedContext::Directory("no/such/directory".into())),
        ] {
            let error = named(name, context).err().unwrap().to_string();
            assert!(error.contains(&format!("{name:?}")), "{error}");
        }
    }
}
