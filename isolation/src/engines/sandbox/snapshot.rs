//! Saves, restores and forks environments.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::NAME;
use super::arguments::targets;
use super::images;
use super::instance::SandboxInstance;
use super::layout::{Layout, made};
use crate::BoxFuture;
use crate::engine::forks::{ForkPoint, Forks};
use crate::engine::saves::Saves;
use crate::engines::docker;
use crate::engines::host::blocking;
use crate::error::{Error, ErrorKind, Result};
use crate::files::copy::{Stop, StopOnDrop};
use crate::files::dir::Kind;
use crate::snapshots::{
    Contents, LeftOut, Manifest, PartKind, PartReader, PartWriter, TreePath, View, image_config, put,
};
use crate::spec::EnvironmentSpec;
use crate::spec::mount::{Mount, MountSource};

/// How many changed files are listed.
const MOST_CHANGED: usize = 100_000;

/// The environment that forks copy.
#[derive(Debug)]
struct Original(Layout);

impl Saves for SandboxInstance {
    fn contents(&self) -> BoxFuture<'_, Result<Contents>> {
        let contents = || {
            self.check_exists()?;
            let layout = &self.sandbox.layout;
            let image = layout.kept_image();
            Ok(Contents {
                parts: vec![PartKind::Root],
                left_out: self.sandbox.spec().mounts.iter().filter_map(not_saved).collect(),
                source: layout.root().display().to_string(),
                engine_detail: layout
                    .top()
                    .parent()
                    .unwrap_or(Path::new("/"))
                    .display()
                    .to_string(),
                platform: images::platform(),
                location: None,
                image: image.map(|image| image_config(image.config())).transpose()?,
            })
        };
        Box::pin(std::future::ready(contents()))
    }

    fn changed(&self) -> BoxFuture<'_, Result<Option<Vec<String>>>> {
        Box::pin(async move {
            self.check_exists()?;
            let (layout, spec) = (self.sandbox.layout.clone(), self.sandbox.spec().clone());
            blocking(NAME, move || changed(&layout, &spec)).await
        })
    }

    fn save(&self, mut part: PartWriter) -> BoxFuture<'_, Result<PartWriter>> {
        Box::pin(async move {
            self.check_exists()?;
            let sandbox = Arc::clone(&self.sandbox);
            blocking(NAME, move || {
                part.keep_bytecode();
                sandbox.with_root(|root, mounted| {
                    let paths = mounted.into_iter().map(|path| TreePath::normal(path.as_bytes()));
                    let view = View {
                        owners: sandbox.layout.identity().owners(),
                        mounted: paths.collect::<Result<_>>()?,
                    };
                    part.add_directory_as(root, &view)
                })?;
                Ok(part)
            })
            .await
        })
    }

    fn save_directory<'a>(
        &'a self,
        path: &'a str,
        mut part: PartWriter,
    ) -> BoxFuture<'a, Result<Option<PartWriter>>> {
        Box::pin(async move {
            self.check_exists()?;
            let (sandbox, path) = (Arc::clone(&self.sandbox), path.to_owned());
            blocking(NAME, move || {
                let owners = sandbox.layout.identity().owners();
                sandbox.with_place(&path, false, |place| {
                    match place.kind()? {
                        Some(Kind::Directory) if !place.is_in_proc()? => {}
                        Some(_) => return Err(Error::invalid(format!("{path} is not a directory of files"))),
                        None => return Err(Error::not_found("the path does not exist in the environment")),
                    }
                    let directory = place.reach().join(place.parts().1);
                    part.add_directory_as(&directory, &View::of(owners))?;
                    Ok(Some(part))
                })
            })
            .await
        })
    }

    fn write_directory<'a>(&'a self, path: &'a str, part: PartReader) -> BoxFuture<'a, Result<Option<u64>>> {
        Box::pin(async move {
            self.check_exists()?;
            let (sandbox, path) = (Arc::clone(&self.sandbox), path.to_owned());
            let stop = Stop::default();
            let _guard = StopOnDrop(stop.clone());
            blocking(NAME, move || {
                let owners = sandbox.layout.identity().owners();
                sandbox.with_place(&path, true, |at| {
                    let differing = put(&part, &at, owners, &stop)?;
                    Ok(Some(differing.owners))
                })
            })
            .await
        })
    }
}

impl Forks for SandboxInstance {
    fn fork_point(&self) -> BoxFuture<'_, Result<ForkPoint>> {
        let point = self.check_exists().map(|()| {
            let layout = self.sandbox.layout.clone();
            ForkPoint::new(Original(layout)).of_original()
        });
        Box::pin(std::future::ready(point))
    }
}

/// The environment of a fork point.
pub(super) fn original(point: &ForkPoint) -> Result<&Layout> {
    match point.get::<Original>() {
        Some(Original(layout)) => Ok(layout),
        None => Err(Error::invalid("the fork point belongs to another engine")),
    }
}

fn not_saved(mount: &Mount) -> Option<LeftOut> {
    match &mount.source {
        MountSource::Host(path) => Some(LeftOut::new(
            format!("{} at {}", path.display(), mount.target),
            "it belongs to the host, and is mounted again at the restore",
        )),
        MountSource::Tmpfs { .. } => Some(LeftOut::in_memory(&mount.target)),
        // The engine has no volumes.
        MountSource::Volume(_) => None,
    }
}

/// Leaves out the volumes, which the files of the snapshot replace.
pub(super) fn adapt(manifest: &Manifest, spec: &mut EnvironmentSpec) -> Result<()> {
    let is_image = manifest.image.is_some();
    if manifest.engine != NAME && !(manifest.engine == docker::NAME && is_image) {
        let why = format!(
            "the snapshot is one of the engine {0}, whose files are no system for the engine {NAME}; restore \
             it on the engine {0}, then migrate the environment: isolate migrate ENVIRONMENT {NAME}",
            manifest.engine
        );
        return Err(Error::new(ErrorKind::Unsupported, why));
    }
    let here = images::platform();
    // A variant of the architecture may follow.
    if is_image && !format!("{}/", manifest.platform).starts_with(&format!("{here}/")) {
        let why = format!(
            "the programs of the snapshot are for {}, and this machine is {here}",
            manifest.platform
        );
        return Err(Error::new(ErrorKind::Unsupported, why));
    }
    let targets: BTreeSet<&str> = manifest
        .parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::Volume { target, .. } => Some(target.trim_end_matches('/')),
            PartKind::Root => None,
        })
        .collect();
    spec.mounts.retain(|mount| match mount.source {
        MountSource::Volume(_) => !targets.contains(mount.target.trim_end_matches('/')),
        _ => true,
    });
    Ok(())
}

/// The paths that an environment has changed; `None` if the engine does not know them.
fn changed(layout: &Layout, spec: &EnvironmentSpec) -> Result<Option<Vec<String>>> {
    let has_image = layout.has_image();
    let top = match (layout.is_overlay(), has_image) {
        (true, _) => layout.upper(),
        (_, true) => return Ok(None),
        _ => layout.root(),
    };
    let mounted = targets(&spec.mounts, has_image).map(|path| path.trim_end_matches('/').to_owned());
    let own: BTreeSet<String> = mounted.chain(made(has_image)).collect();
    let mut found = Vec::new();
    list(&top, "", &own, &mut found).map_err(|e| Error::io("list", &top, e))?;
    Ok(Some(found))
}

fn list(directory: &Path, path: &str, own: &BTreeSet<String>, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = format!("{path}/{}", entry.file_name().to_string_lossy());
        if found.len() == MOST_CHANGED {
            break;
        }
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &path, own, found)?;
        }
        if !own.contains(&path) {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::id::EnvironmentId;

    fn manifest(platform: &str) -> Manifest {
        serde_json::from_value(serde_json::json!({
            "version": 1, "created": "2026-01-02T03:04:05Z", "engine": "docker", "engine_detail": "28",
            "platform": platform, "environment": EnvironmentId::random(), "environment_name": "web",
            "source": "x", "spec": {}, "withheld": [], "image": {}, "packages": {}, "left_out": [],
            "parts": [{
                "name": "volume:/data/", "entries": 1, "bytes": 1, "tree": [],
                "kind": { "volume": { "target": "/data/", "volume": "v" } },
            }],
        }))
        .unwrap()
    }

    #[test]
    fn volume_of_a_snapshot_is_not_mounted() {
        let mut spec = EnvironmentSpec {
            mounts: vec![
                Mount::volume("v", "/data"),
                Mount::volume("w", "/other"),
                Mount::tmpfs("/data/tmp", None),
            ],
            ..EnvironmentSpec::default()
        };
        let here = images::platform();
        adapt(&manifest(&here), &mut spec).unwrap();
        let left: Vec<_> = spec.mounts.iter().map(|mount| mount.target.as_str()).collect();
        assert_eq!(left, ["/other", "/data/tmp"]);
        adapt(&manifest(&format!("{here}/v8")), &mut spec).unwrap();
        let error = adapt(&manifest("linux/other"), &mut spec).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("are for linux/other"), "{error}");
    }

    #[test]
    fn fork_point_of_another_engine_is_refused() {
        let error = original(&ForkPoint::new(7)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("another engine"), "{error}");
    }

    #[test]
    fn list_of_changed_files_has_a_limit() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("a")).unwrap();
        fs::write(directory.path().join("a/b"), "x").unwrap();
        let own = BTreeSet::from(["/a".to_owned()]);
        let mut found = Vec::new();
        list(directory.path(), "", &own, &mut found).unwrap();
        assert_eq!(found, ["/a/b"]);
        let mut full = vec![String::new(); MOST_CHANGED];
        list(directory.path(), "", &own, &mut full).unwrap();
        assert_eq!(full.len(), MOST_CHANGED);
    }

    #[test]
    fn changed_files_are_those_above_the_image() {
        let base = tempfile::tempdir().unwrap();
        let id = EnvironmentId::random();
        let directory = crate::engines::host::directory::Directory::create("sandbox", base.path(), &id);
        let layout = Layout::of(&directory.unwrap(), super::super::identity::Identity::Caller);
        let spec = EnvironmentSpec::default();
        fs::create_dir_all(layout.root().join("srv")).unwrap();
        fs::write(layout.root().join("srv/own"), "x").unwrap();
        let found = || changed(&layout, &spec).unwrap();
        assert!(found().unwrap().contains(&"/srv/own".to_owned()));
        // A copy of the files of an image has all of them.
        std::os::unix::fs::symlink("/no/such/image", layout.image()).unwrap();
        assert_eq!(found(), None);
        fs::create_dir_all(layout.upper().join("opt")).unwrap();
        fs::write(layout.upper().join("opt/new"), "x").unwrap();
        let both: BTreeSet<String> = found().unwrap().into_iter().collect();
        assert_eq!(both, ["/opt", "/opt/new"].map(str::to_owned).into());
    }

    #[test]
    fn mounts_are_left_out_with_their_reason() {
        let what = |mount: &Mount| not_saved(mount).map(|left| left.what);
        assert_eq!(what(&Mount::host("/srv", "/data")).unwrap(), "/srv at /data");
        assert!(what(&Mount::tmpfs("/t", None)).unwrap().contains("/t"));
        assert_eq!(
            what(&Mount::volume("v", "/data")),
            None,
            "the engine does not have volumes"
        );
    }
}
