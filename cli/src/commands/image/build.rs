//! `isolate image build`: builds an image from a directory.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use engine_api::images::Builder;
use isolation::engines::docker::{BuildSpec, BuiltImage, Images};
use serde_json::json;

use crate::commands::variables::{Variable, Variables, variable};
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;

/// Build an image from a directory and print its name
///
/// Nothing is built if an image of the same content exists: of the same files, build arguments and
/// base images. `isolate image prune` removes built images that no container uses.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// Name for the image, beside the printed one; may be repeated
    #[arg(long, short, value_name = "NAME[:TAG]")]
    tag: Vec<String>,
    /// Path of the Dockerfile in the directory [default: Dockerfile]
    #[arg(long, short, value_name = "PATH")]
    file: Option<String>,
    /// Build argument; NAME alone takes the value of isolate's own variable; may be repeated
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = variable)]
    build_arg: Vec<Variable>,
    /// Stage that is built, instead of the last one
    #[arg(long, value_name = "STAGE")]
    target: Option<String>,
    /// Platform of the image, instead of the daemon's: linux/arm64
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<String>,
    /// Builder of the daemon [default: classic, or buildkit for a Dockerfile that needs it]
    #[arg(long, value_enum, value_name = "BUILDER")]
    builder: Option<BuilderName>,
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
    /// The first builder
    Classic,
    /// BuildKit
    Buildkit,
}

impl Build {
    pub(super) async fn run(&self, images: Images<'_>, console: Console) -> Result<u8, CliError> {
        let spec = BuildSpec {
            dockerfile: self.file.clone().unwrap_or_default(),
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
            tags: self.tag.clone(),
            no_cache: self.no_cache,
            pull: self.pull,
            ..BuildSpec::directory(&self.directory)
        };
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

/// Builds an image, and shows the log on standard error; with --json as events.
pub(crate) async fn build(
    images: Images<'_>,
    spec: &BuildSpec,
    console: Console,
) -> Result<BuiltImage, CliError> {
    let mut failed = None;
    let built = images.build(spec, |text| {
        if console.json {
            let printed = console.value(&json!({ "type": "log", "text": text }));
            failed = failed.take().or(printed.err());
        } else {
            text.lines()
                .filter(|line| !line.trim().is_empty())
                .for_each(|line| console.note(line));
        }
    });
    let built = built.await?;
    match failed {
        Some(error) => Err(error),
        None => Ok(built),
    }
}
