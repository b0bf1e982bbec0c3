//! Volumes of groups.

use super::{VolumeOptions, Volumes};
use crate::engine::volumes::{GroupVolumeRequest, ProvidedVolume};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::lifetime::Lifetime;

impl Volumes<'_> {
    /// Finds or creates a volume of a group. The caller excludes that another process does the same
    /// for the same group.
    pub(in crate::engines::docker) async fn provide(
        &self,
        request: GroupVolumeRequest<'_>,
    ) -> Result<ProvidedVolume> {
        let name = format!("{}/{}", request.group, request.name);
        if request.lifetime == Lifetime::Kept {
            let mut found = self.of_group(request.group).await?;
            let is_named = |on_daemon: &str| request.on_engine.is_none_or(|wanted| wanted == on_daemon);
            found.retain(|volume| volume.name == name && is_named(&volume.on_daemon));
            if found.len() > 1 {
                let text = format!("{} volumes have the name {name}; remove all but one", found.len());
                return Err(Error::new(ErrorKind::Conflict, text));
            }
            if let Some(found) = found.pop() {
                return Ok(ProvidedVolume {
                    name: found.on_daemon,
                    is_new: false,
                    guard: None,
                });
            }
        }
        let options = VolumeOptions {
            name: Some(name),
            on_daemon: request.on_engine.map(str::to_owned),
            group: Some(request.group.to_owned()),
            labels: request.labels.clone(),
            lifetime: request.lifetime,
        };
        let created = self.create_guarded(options).await?;
        Ok(ProvidedVolume {
            name: created.on_daemon().to_owned(),
            is_new: true,
            guard: Some(Box::new(created)),
        })
    }

    /// The kept volumes of a group.
    pub(in crate::engines::docker) async fn of_group(&self, group: &str) -> Result<Vec<super::VolumeInfo>> {
        let mut listed = self.list().await?;
        listed.retain(|one| one.group.as_deref() == Some(group) && one.lifetime == Lifetime::Kept);
        Ok(listed)
    }
}
