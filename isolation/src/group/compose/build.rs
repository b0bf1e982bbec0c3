//! The build of a service's image.

use super::pairs::optional_pairs;
use super::reading::Reading;
use super::yaml::{Node, Value};
use crate::spec::image_build::ImageBuild;

/// Reads `build`: a directory, or a mapping.
pub(super) fn read(reading: &mut Reading<'_>, node: &Node, path: &str) -> Option<ImageBuild> {
    let mut build = ImageBuild::default();
    let mut context = ".".to_owned();
    let Value::Map(entries) = &node.value else {
        context = reading.text(node, path)?;
        return directory(reading, node, path, &context).map(ImageBuild::directory);
    };
    for entry in entries {
        let (value, path) = (&entry.value, format!("{path}.{}", entry.key));
        match entry.key.as_str() {
            "context" => context = reading.text(value, &path).unwrap_or(context),
            "dockerfile" => build.dockerfile = reading.text(value, &path).unwrap_or_default(),
            "target" => build.target = reading.text(value, &path).unwrap_or_default(),
            "no_cache" => build.no_cache = reading.bool(value, &path).unwrap_or_default(),
            "pull" => build.pull = reading.bool(value, &path).unwrap_or_default(),
            "args" => {
                for (name, value) in optional_pairs(reading, value, &path) {
                    // A name alone is passed on, if it is set.
                    if let Some(value) = value.or_else(|| reading.known().get(&name).cloned()) {
                        build.args.insert(name, value);
                    }
                }
            }
            _ => reading.unsupported(entry.line, &path, ""),
        }
    }
    build.context = directory(reading, node, path, &context)?;
    Some(build)
}

fn directory(
    reading: &mut Reading<'_>,
    node: &Node,
    path: &str,
    context: &str,
) -> Option<std::path::PathBuf> {
    if context.contains("://") || context.starts_with("git@") {
        reading.unsupported(node.line, path, "get the files, and name their directory");
        return None;
    }
    Some(reading.path(context))
}
