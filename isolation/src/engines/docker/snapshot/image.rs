//! Images as archives that `docker load` takes: with an exact configuration, and no trace of the
//! container from which they come.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::SystemTime;

use engine_api::common::Timestamp;
use engine_api::images::{Image, ImageConfig};
use engine_api::{Docker, Upload};
use serde_json::{Value, json};

use super::stream::{BlockingWriter, from_thread};
use crate::engines::docker::diagnostics::to_error;
use crate::engines::docker::{NAME, labels};
use crate::error::{Error, ErrorKind, Result};
use crate::snapshots::{Measured, PartReader, file_header, image_config};

/// The configuration of an image, without labels of ours and empty fields.
pub(super) fn clean_config(mut config: ImageConfig) -> Result<Value> {
    config.labels = labels::of_user(&config.labels);
    image_config(&config)
}

/// A configuration without the variables of a container's specification. `before` is the
/// configuration of the image of that container.
pub(super) fn without_variables(config: &mut ImageConfig, before: &ImageConfig) {
    config.env = before.env.clone();
    config.labels = before.labels.clone();
    config.cmd.clone_from(&before.cmd);
    config.entrypoint.clone_from(&before.entrypoint);
    config.healthcheck.clone_from(&before.healthcheck);
    config.user.clone_from(&before.user);
    config.working_dir.clone_from(&before.working_dir);
    config.stop_signal.clone_from(&before.stop_signal);
    config.exposed_ports.clone_from(&before.exposed_ports);
    config.volumes.clone_from(&before.volumes);
    config.on_build.clone_from(&before.on_build);
    config.shell.clone_from(&before.shell);
}

/// The file with the configuration of an image.
fn config_file(config: &Value, platform: &str, layers: &[String]) -> Value {
    let (os, architecture) = platform.split_once('/').unwrap_or(("linux", platform));
    let now = Timestamp::from(SystemTime::now()).to_rfc3339();
    let entry = json!({ "created": now, "created_by": "isolate" });
    json!({
        "architecture": architecture, "os": os, "created": now, "config": config,
        "rootfs": { "type": "layers", "diff_ids": layers },
        "history": vec![entry; layers.len()],
    })
}

/// Loads an image of one layer with the files of a part.
pub(super) async fn load_part(
    docker: &Docker,
    part: PartReader,
    config: Value,
    platform: String,
    name: &str,
) -> Result<()> {
    let (mut writer, pieces) = from_thread();
    let tag = name.to_owned();
    let writing =
        tokio::task::spawn_blocking(
            move || match write_part(&part, &config, &platform, &tag, &mut writer) {
                Ok(()) => Ok(()),
                Err(error) => {
                    writer.fail(&error.to_string());
                    Err(error)
                }
            },
        );
    let loaded = load(docker, pieces).await;
    let written = writing.await.map_err(|ended| Error::engine(NAME, ended))?;
    // The reason why the archive ended comes first.
    match (written, loaded) {
        (Err(error), _) if error.kind() == ErrorKind::Corrupt => Err(error),
        (_, Err(error)) | (Err(error), _) => Err(error),
        (Ok(()), Ok(())) => Ok(()),
    }
}

/// Loads an image with layers that the daemon has.
pub(super) async fn load_layers(docker: &Docker, image: &Image, config: &Value, name: &str) -> Result<()> {
    let platform = format!("{}/{}", image.os, image.architecture);
    let config = config_file(config, &platform, &image.root_fs.layers);
    let layers: Vec<String> = (0..image.root_fs.layers.len())
        .map(|number| format!("{number}/layer.tar"))
        .collect();
    let archive = small_archive(&config, &layers, name)?;
    load(docker, io::Cursor::new(archive)).await
}

fn small_archive(config: &Value, layers: &[String], name: &str) -> Result<Vec<u8>> {
    let failed = |error: io::Error| Error::engine(NAME, error);
    let mut archive = tar::Builder::new(Vec::new());
    let config = config.to_string();
    append(&mut archive, "config.json", config.as_bytes()).map_err(failed)?;
    for layer in layers {
        // The daemon has the layer, so that it does not read this one.
        append(&mut archive, layer, &[0; 1024]).map_err(failed)?;
    }
    let manifest = manifest(name, layers).to_string();
    append(&mut archive, "manifest.json", manifest.as_bytes()).map_err(failed)?;
    archive.into_inner().map_err(failed)
}

fn manifest(name: &str, layers: &[String]) -> Value {
    json!([{ "Config": "config.json", "RepoTags": [name], "Layers": layers }])
}

fn append(archive: &mut tar::Builder<impl Write>, name: &str, content: &[u8]) -> io::Result<()> {
    let mut header = file_header(content.len() as u64);
    archive.append_data(&mut header, name, content)
}

async fn load(docker: &Docker, archive: impl tokio::io::AsyncRead + Send + 'static) -> Result<()> {
    let loading = async {
        let options = engine_api::images::LoadImages::default();
        let mut lines = docker.images().load(Upload::reader(archive), options).await?;
        while let Some(line) = lines.next().await {
            line?;
        }
        Ok(())
    };
    let loaded: engine_api::Result<()> = loading.await;
    loaded.map_err(to_error)
}

/// Writes an image of one layer. The layer is made twice: its digest comes before it.
fn write_part(
    part: &PartReader,
    config: &Value,
    platform: &str,
    name: &str,
    to: &mut BlockingWriter,
) -> Result<()> {
    let mut measured = Measured::default();
    part.without_progress().write_archive(&mut measured, |_| true)?;
    let size = measured.size();
    let digest = measured.into_digest();
    let config = config_file(config, platform, &[format!("sha256:{digest}")]).to_string();
    let layers = ["layer.tar".to_owned()];
    let failed = |error: io::Error| Error::engine(NAME, error);
    let mut archive = tar::Builder::new(&mut *to);
    append(&mut archive, "config.json", config.as_bytes()).map_err(failed)?;
    append(
        &mut archive,
        "manifest.json",
        manifest(name, &layers).to_string().as_bytes(),
    )
    .map_err(failed)?;
    let mut header = file_header(size);
    header.set_path(&layers[0]).map_err(failed)?;
    header.set_cksum();
    archive.get_mut().write_all(header.as_bytes()).map_err(failed)?;
    part.write_archive(archive.get_mut(), |_| true)?;
    let rest = usize::try_from(size % 512).unwrap_or_default();
    if rest > 0 {
        archive.get_mut().write_all(&[0; 512][rest..]).map_err(failed)?;
    }
    archive.finish().map_err(failed)?;
    drop(archive);
    to.end().map_err(failed)
}

/// The instructions that empty variables and labels of a container in an image of it.
pub(super) fn blanks(names: &[String], ours: &BTreeMap<String, String>) -> Vec<String> {
    let variables = names.iter().map(|name| format!("ENV {name}="));
    let labels = ours.keys().map(|key| format!("LABEL {key}="));
    variables.chain(labels).collect()
}
