//! `isolate image import`: imports an image for the engine sandbox.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
#[cfg(target_os = "linux")]
use isolation::ErrorKind;
#[cfg(target_os = "linux")]
use isolation::engines::sandbox::images::{ImageSource, ImportImage, RegistryAccess, SandboxImage};
#[cfg(target_os = "linux")]
use serde::Serialize;

use super::ImageEngine;
use crate::console::Console;
use crate::error::CliError;
use crate::session::Session;

/// Import an image for the engine sandbox, which needs no daemon, and print its names
///
/// SOURCE is an archive of `docker save`, an OCI archive, the directory of an OCI layout, or the
/// name of an image. A name is taken from the Docker daemon if it has the image, otherwise from its
/// registry, with the credentials of `docker login`. A registry of this machine is used without
/// TLS, unless an option is about certificates. A registry mirror and an image prefix of the
/// configuration apply to a name without a registry; the image keeps its own name.
#[derive(Debug, Args)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub(crate) struct Import {
    /// The engine for which it is imported
    #[arg(long, value_enum, default_value = "sandbox")]
    engine: ImageEngine,
    /// Where SOURCE is
    #[arg(long, value_enum, default_value = "auto")]
    from: From,
    /// Name in SOURCE, if that has several images
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Name under which the image is kept, instead of those that it has in SOURCE
    #[arg(long, short = 't', value_name = "NAME")]
    tag: Option<String>,
    /// Unpack at most this much: 512m, 2g [default: 32g]
    #[arg(long, value_name = "SIZE", value_parser = isolation::parse_size)]
    max_size: Option<u64>,
    /// Use the registry without TLS: everybody on the way can read credentials and change the image
    #[arg(long, conflicts_with_all = ["cert_dir", "tls_verify"])]
    insecure: bool,
    /// Directory with certificates for the registry: trusted authorities in *.crt, the certificate
    /// of the client in NAME.cert, its key in NAME.key
    #[arg(long, value_name = "DIRECTORY")]
    cert_dir: Option<PathBuf>,
    /// Verify the certificate of the registry; without, everybody on the way can read credentials
    /// and change the image [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    tls_verify: Option<bool>,
    /// Archive, directory, or name of an image
    source: PathBuf,
}

/// An image that has another name where it comes from.
#[cfg(target_os = "linux")]
#[derive(Debug, Serialize)]
struct Renamed<'a> {
    #[serde(flatten)]
    image: &'a SandboxImage,
    taken_as: &'a str,
}

/// Where an image comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum From {
    /// A path if one exists, otherwise a name
    Auto,
    /// An archive or a directory
    Path,
    /// The Docker daemon
    Daemon,
    /// The registry of the image
    Registry,
}

/// The registry does not answer, or its certificate is not accepted.
#[cfg(target_os = "linux")]
const NO_REGISTRY: &str = "check the name of the registry; --insecure is for one without TLS, --cert-dir names the \
     certificates of one with an authority of its own";

impl Import {
    /// The Docker daemon has other commands for this.
    pub(super) fn check(&self) -> Result<(), CliError> {
        match self.engine {
            ImageEngine::Sandbox => Ok(()),
            ImageEngine::Docker => {
                let error = CliError::new("images are imported for the engine sandbox only");
                Err(error.hint("`isolate image load` and `isolate image pull` are for the Docker daemon"))
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Import {
    pub(super) async fn run(&self, _: &Session, _: Console) -> Result<u8, CliError> {
        Err(super::linux_only())
    }
}

#[cfg(target_os = "linux")]
impl Import {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let mut options = ImportImage::default();
        options.image.clone_from(&self.image);
        options.name.clone_from(&self.tag);
        options.most_bytes = self.max_size;
        let images = session.sandbox()?.images();
        let named = self.source.to_string_lossy();
        let pulled = images.pulled_name(&named);
        let (source, rewritten) = self.place(session, &pulled).await?;
        if !matches!(source, ImageSource::Path(_)) {
            if self.image.is_some() {
                let error = CliError::new("--image names one of several images in an archive");
                return Err(error.hint("leave it out: SOURCE is the name of one image"));
            }
            options.image = Some(named.clone().into_owned());
        }
        if rewritten {
            console.note(&format!("the image {named} is taken as {pulled}"));
        }
        let is_registry = matches!(source, ImageSource::Registry(_));
        let imported = images.import(source, options).await;
        let imported = imported.map_err(|error| match error.kind() {
            ErrorKind::Unavailable if is_registry => CliError::from_error(&error).hint(NO_REGISTRY),
            _ => error.into(),
        })?;
        for sentence in &imported.left_out {
            console.note(&format!("the image in environments: {sentence}"));
        }
        match console.json {
            true if rewritten => console.value(&Renamed {
                image: &imported,
                taken_as: &pulled,
            })?,
            true => console.value(&imported)?,
            false if imported.names.is_empty() => console.text(&format!("{}\n", imported.id))?,
            false => console.text(&format!("{}\n", imported.names.join("\n")))?,
        }
        Ok(crate::exit_code::SUCCESS)
    }

    /// Where the image is, and whether it has another name there: `pulled`.
    async fn place(&self, session: &Session, pulled: &str) -> Result<(ImageSource, bool), CliError> {
        let text = self.source.to_string_lossy();
        let is_archive = [".tar", ".tar.gz", ".tgz"]
            .iter()
            .any(|ending| text.ends_with(ending));
        let is_path = self.source.exists() || text.starts_with(['/', '.']) || is_archive;
        let is_automatic = match self.from {
            From::Path => return Ok((self.path()?, false)),
            From::Auto if is_path => return Ok((self.path()?, false)),
            From::Registry => return Ok((self.registry()?, pulled != text)),
            From::Auto => true,
            From::Daemon => false,
        };
        // A mistake in its options is an error, also if it is not needed.
        let registry = self.registry()?;
        let images = session.docker()?.images();
        let mut renamed = false;
        let mut saved = images.save(&[&text]).await;
        // A pull has given it the other name.
        if pulled != text && saved.as_ref().is_err_and(isolation::Error::is_not_found) {
            renamed = true;
            saved = images.save(&[pulled]).await;
        }
        match saved {
            Ok(archive) => Ok((ImageSource::Archive(archive), renamed)),
            // There is the registry.
            Err(error)
                if is_automatic && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unavailable) =>
            {
                Ok((registry, pulled != text))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn path(&self) -> Result<ImageSource, CliError> {
        match self.insecure || self.cert_dir.is_some() || self.tls_verify.is_some() {
            false => Ok(ImageSource::Path(self.source.clone())),
            true => {
                let error = CliError::new("--insecure, --cert-dir and --tls-verify are for registries");
                Err(error.hint("SOURCE is a path; `--from registry` reads it as the name of an image"))
            }
        }
    }

    fn registry(&self) -> Result<ImageSource, CliError> {
        let mut access = RegistryAccess::default();
        access.insecure = self.insecure;
        access.tls = self.tls_verify.is_some();
        access.skip_verify = self.tls_verify == Some(false);
        if let Some(directory) = &self.cert_dir {
            access.read_certificates(directory)?;
        }
        Ok(ImageSource::Registry(access))
    }
}

#[cfg(test)]
mod tests {
    use super::Import;
    use crate::args::Cli;
    use clap::Parser;

    #[test]
    fn import_is_for_the_engine_sandbox() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' ')).map(drop);
        parse("isolate image import --engine sandbox busybox.tar").unwrap();
        parse("isolate image import busybox --from registry -t mine:1 --max-size 2g").unwrap();
        for (line, why) in [
            ("isolate image import --max-size 2q x", "size"),
            ("isolate image import", "SOURCE"),
            (
                "isolate image import --insecure --tls-verify=false x",
                "cannot be used with",
            ),
            ("isolate image import --tls-verify=perhaps x", "perhaps"),
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.contains(why), "{line}: {error}");
        }
        #[derive(Debug, Parser)]
        struct Alone {
            #[command(flatten)]
            import: Import,
        }
        let check = |line: &str| Alone::parse_from(line.split(' ')).import.check();
        check("x busybox").unwrap();
        assert!(
            check("x --engine docker busybox")
                .unwrap_err()
                .text()
                .contains("image load")
        );
    }
}
