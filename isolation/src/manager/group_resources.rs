//! The resources that a group needs before its environments: images that are built, and volumes.

use std::collections::BTreeSet;

use super::Manager;
use super::registry::Selection;
use crate::engine::volumes::GroupVolumeRequest;
use crate::environment::id::EnvironmentId;
use crate::error::{Error, ErrorKind, Result};
use crate::events::{EventKind, Subject};
use crate::group::spec::GroupSpec;
use crate::group::volumes::GroupVolumes;
use crate::spec::EnvironmentSpec;
use crate::spec::lifetime::Lifetime;
use crate::spec::mount::{Mount, MountSource};

impl Manager {
    /// Builds the image of a specification, if one is to be built: it then names that image.
    pub(super) async fn with_built_image(
        &self,
        selection: &Selection,
        mut spec: EnvironmentSpec,
    ) -> Result<EnvironmentSpec> {
        if spec.build.is_none() {
            return Ok(spec);
        }
        self.tracked.check_open()?;
        spec.validate()?;
        let engine = selection.engine.as_ref();
        crate::environment::checks::features(
            engine.name(),
            &selection.capabilities,
            &spec.required_features(),
        )?;
        self.registry().check_options(&spec)?;
        let subject = Subject::Image {
            engine: engine.name().to_owned(),
            image: spec.image.clone().unwrap_or_default(),
        };
        let mut log = |text: &str| {
            let text = text.to_owned();
            self.events.emit(subject.clone(), EventKind::BuildOutput { text });
        };
        let built = Box::pin(engine.build_image(&spec, &mut log)).await;
        let name = spec.name.clone().unwrap_or_default();
        let built = built.map_err(|error| error.during("create the environment", &name))?;
        spec.image = Some(built);
        spec.build = None;
        Ok(spec)
    }

    /// Builds the images of the services, one after the other: equal ones are built once.
    pub(super) async fn build_images(&self, selection: &Selection, spec: &mut GroupSpec) -> Result<()> {
        for (name, service) in &mut spec.services {
            let environment = std::mem::take(&mut service.environment);
            let built = Box::pin(self.with_built_image(selection, environment)).await;
            service.environment = built.map_err(|error| error.during("build the image of", name))?;
        }
        Ok(())
    }

    /// Finds or creates the volumes that services mount, and gives those the names on the engine.
    pub(super) async fn provide_volumes(
        &self,
        selection: &Selection,
        spec: &mut GroupSpec,
    ) -> Result<GroupVolumes> {
        let engine = &selection.engine;
        let mounts = |spec: &EnvironmentSpec| {
            let names = spec.mounts.iter().filter_map(|mount| match &mount.source {
                MountSource::Volume(name) => Some(name.clone()),
                _ => None,
            });
            names.collect::<Vec<_>>()
        };
        let services = spec.services.values();
        let used: BTreeSet<String> = services.flat_map(|one| mounts(&one.environment)).collect();
        let is_kept = |service: &crate::group::spec::Service| service.environment.lifetime == Lifetime::Kept;
        let lifetime = match spec.services.values().any(is_kept) {
            true => Lifetime::Kept,
            false => Lifetime::Owner,
        };
        let mut provided = GroupVolumes::new(engine, lifetime);
        for (name, volume) in spec.volumes.iter().filter(|(name, _)| used.contains(*name)) {
            let request = GroupVolumeRequest::new((&spec.name, name), volume, lifetime);
            let volume = match engine.provide_volume(request).await {
                Ok(volume) => volume,
                Err(error) => {
                    // The error explains more than those of the removals.
                    let _ = provided.remove_new().await;
                    return Err(error.during("provide the volume", name));
                }
            };
            for service in spec.services.values_mut() {
                for mount in &mut service.environment.mounts {
                    if matches!(&mount.source, MountSource::Volume(used) if used == name) {
                        mount.source = MountSource::Volume(volume.name.clone());
                    }
                }
            }
            provided.add(volume);
        }
        Ok(provided)
    }

    /// Writes the files of a service, adds them to its mounts, and returns their contents.
    pub(super) fn write_files(
        &self,
        group: &GroupSpec,
        service: &str,
        id: &EnvironmentId,
        spec: &mut EnvironmentSpec,
    ) -> Result<Vec<String>> {
        let files = &group.services[service].files;
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let Some(directory) = self.state.directory()? else {
            let text = "files of a group need the state directory of the journal, which is off or not available here";
            return Err(Error::new(ErrorKind::Unsupported, text));
        };
        let mut contents = Vec::new();
        for (number, (target, file)) in files.iter().enumerate() {
            let content = &group.files[file];
            // Two targets may have the same file.
            let written = directory.write_file(id, &format!("{number}-{file}"), content);
            let path = written.inspect_err(|_| self.remove_files(id))?;
            spec.mounts.push(Mount {
                read_only: true,
                ..Mount::host(path, target)
            });
            contents.push(content.clone());
        }
        Ok(contents)
    }

    /// Removes the files of an environment whose creation has not begun.
    pub(super) fn remove_files(&self, id: &EnvironmentId) {
        if let Ok(Some(directory)) = self.state.directory() {
            // The error of the creation is returned, and the next process removes what is left.
            if matches!(directory.read(id), Ok(None)) {
                let _ = directory.remove(id);
            }
        }
    }

    /// Removes the volumes that a group of this name has left on every available engine, and
    /// returns their names there. Its services must not exist any more.
    ///
    /// # Errors
    ///
    /// The kind is [`Conflict`](crate::ErrorKind::Conflict) if an environment uses one.
    pub async fn remove_group_volumes(&self, group: &str) -> Result<Vec<String>> {
        let removed = self.remove_volumes_of(group).await;
        removed.map_err(|error| error.during("remove the volumes of the group", group))
    }

    async fn remove_volumes_of(&self, group: &str) -> Result<Vec<String>> {
        crate::spec::validate::name(group)
            .map_err(|_| Error::not_found("no group has this name; list environments: isolate ls"))?;
        let mut removed = Vec::new();
        for engine in self.registry().engines() {
            if !engine.probe().await.availability.is_available() {
                continue;
            }
            for volume in engine.group_volumes(group).await? {
                engine.remove_volume(&volume).await?;
                removed.push(volume);
            }
        }
        Ok(removed)
    }
}
