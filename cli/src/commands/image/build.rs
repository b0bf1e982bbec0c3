//! `isolate image build`: builds an image from a directory.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use engine_api::images::Builder;
use isolation::engines::docker::{BuildSpec, BuiltImage, Images};
use serde_json::json;

use super::session_options::SessionOptions;
use crate::commands::variables::{Variable, Variables, variable};
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;

/// Build an image from a directory and print its name
///
/// The classic builder builds nothing if an image with the same content exists: with the same
/// files, build arguments and base images. BuildKit has a cache of its own, and receives only
/// changed files. Secrets, ssh agents, named contexts and outputs select BuildKit. `isolate image
/// prune` removes built images that no container uses.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// Additional name for the image; may be repeated
    #[arg(long, short, value_name = "NAME[:TAG]")]
    tag: Vec<String>,
    /// Dockerfile, a path from the current directory [default: Dockerfile in DIR]
    #[arg(long, short, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Build argument; NAME alone takes the value of isolate's own variable; may be repeated
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = variable)]
    build_arg: Vec<Variable>,
    /// Stage to build, instead of the last one
    #[arg(long, value_name = "STAGE")]
    target: Option<String>,
    /// Platform of the image, instead of the daemon's: linux/arm64
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<String>,
    /// Builder of the daemon [default: classic, or buildkit for a build that needs it]
    #[arg(long, value_enum, value_name = "BUILDER")]
    builder: Option<BuilderName>,
    #[command(flatten)]
    session: SessionOptions,
    /// Build even if an image of the same content exists, without the daemon's cache
    #[arg(long)]
    no_cache: bool,
    /// Pull the base images, even if the daemon has them
    #[arg(long)]
    pull: bool,
    /// Directory with the Dockerfile and the files that it copies
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// A builder of the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BuilderName {
    /// The classic builder
    Classic,
    /// BuildKit
    Buildkit,
}

impl Build {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let images = session.docker()?.images();
        if !self.directory.is_dir() {
            let text = format!("{} is not a directory", self.directory.display());
            return Err(CliError::new(text).hint("name the directory with the Dockerfile"));
        }
        let dockerfile = match &self.file {
            Some(file) => dockerfile(file, &self.directory)?,
            None => {
                // Daemons try both names.
                let is_there = |name| self.directory.join(name).exists();
                if !["Dockerfile", "dockerfile"].into_iter().any(is_there) {
                    let text = format!("{} has no Dockerfile", self.directory.display());
                    return Err(CliError::new(text).hint("write one, or name another file with --file"));
                }
                String::new()
            }
        };
        let spec = BuildSpec {
            dockerfile,
            target: self.target.clone().unwrap_or_default(),
            args: Variables::new(&[], &self.build_arg)
                .values()
                .into_iter()
                .collect(),
            platform: self.platform.clone(),
            builder: self.builder.map(|builder| match builder {
                BuilderName::Classic => Builder::Classic,
                BuilderName::Buildkit => Builder::BuildKit,
            }),
            secrets: self.session.secrets()?,
            ssh: self.session.agents()?,
            contexts: self.session.contexts()?,
            // A recording cannot contain a session. A build that needs a session reports the error.
            without_session: session.is_recorded(),
            tags: self.tag.clone(),
            no_cache: self.no_cache,
            pull: self.pull,
            ..BuildSpec::directory(&self.directory)
        };
        if let Some(output) = &self.session.output {
            let output = output.clone();
            return logged(console, async |log| images.build_output(&spec, output, log).await)
                .await
                .map(|()| exit_code::SUCCESS);
        }
        let built = build(images, &spec, console).await?;
        match console.json {
            true => console.value(&json!({
                "type": "image", "name": built.name, "id": built.id, "cached": built.cached, "tags": self.tag,
            }))?,
            false => console.text(&format!("{}\n", built.name))?,
        }
        Ok(exit_code::SUCCESS)
    }
}

/// The path of a Dockerfile from the directory, as the daemon takes it.
fn dockerfile(file: &Path, directory: &Path) -> Result<String, CliError> {
    let failed =
        |path: &Path, error| CliError::new(format!("cannot find {}", path.display())).because(&error);
    // The file itself may be a link; its directory decides.
    let name = file.file_name().ok_or_else(|| {
        CliError::new(format!("{} is not a Dockerfile", file.display())).hint("name a file with --file")
    })?;
    let parent = match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    std::fs::metadata(file).map_err(|error| failed(file, error))?;
    let parent = parent.canonicalize().map_err(|error| failed(parent, error))?;
    let root = directory.canonicalize();
    let root = root.map_err(|error| failed(directory, error))?;
    let inside = parent.strip_prefix(&root).map_err(|_| {
        let text = format!(
            "{} is not in the directory {}",
            file.display(),
            directory.display()
        );
        CliError::new(text).hint("copy the Dockerfile into the directory")
    })?;
    let path = inside.join(name);
    let parts = path.components().map(|part| part.as_os_str().to_str());
    let parts: Option<Vec<&str>> = parts.collect();
    let parts = parts.ok_or_else(|| CliError::new(format!("the path {} is not UTF-8", file.display())))?;
    Ok(parts.join("/"))
}

/// Builds an image, and shows the log on standard error; with --json as events.
pub(crate) async fn build(
    images: Images<'_>,
    spec: &BuildSpec,
    console: Console,
) -> Result<BuiltImage, CliError> {
    logged(console, async |log| images.build(spec, log).await).await
}

/// Runs `work`, and shows its log on standard error; with --json as events.
async fn logged<T>(
    console: Console,
    work: impl AsyncFnOnce(&mut (dyn FnMut(&str) + Send)) -> isolation::Result<T>,
) -> Result<T, CliError> {
    let mut failed = None;
    let mut log = |text: &str| {
        if console.json {
            let printed = console.value(&json!({ "type": "log", "text": text }));
            failed = failed.take().or(printed.err());
        } else {
            text.lines()
                .filter(|line| !line.trim().is_empty())
                .for_each(|line| console.note(line));
        }
    };
    let done = work(&mut log).await?;
    match failed {
        Some(error) => Err(error),
        None => Ok(done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockerfile_is_a_path_from_the_current_directory() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("app");
        std::fs::create_dir_all(directory.join("docker")).unwrap();
        for file in ["app/docker/Dockerfile", "Dockerfile"] {
            std::fs::write(place.path().join(file), "FROM scratch").unwrap();
        }
        let found = |file: &str| dockerfile(&place.path().join(file), &directory);
        assert_eq!(found("app/docker/Dockerfile").unwrap(), "docker/Dockerfile");
        assert!(
            found("Dockerfile")
                .unwrap_err()
                .mentions("is not in the directory")
        );
        assert!(found("app/missing").unwrap_err().mentions("cannot find"));
    }
}
