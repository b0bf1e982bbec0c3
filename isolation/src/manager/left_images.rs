//! Removes images of forks and restored snapshots that others used when their last environment was
//! removed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::timeout;

use super::gc::Collector;
use super::gc_report::{GcFailure, GcImage, GcReport};
use crate::engine::Leftover;
use crate::engine::context::Context;
use crate::environment::id::EnvironmentId;
use crate::error::{Error, ErrorKind, Result};
use crate::journal::Journal;
use crate::journal::entry::Resource;
use crate::journal::left_image::{IMAGE, LeftImage};

/// The timeout of one image.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The outcome for one image.
enum Outcome {
    Removed,
    Used,
    Gone,
}

impl Collector {
    /// Removes the noted images that nothing uses. `missing` are those of environments that another
    /// program has removed.
    pub(super) async fn remove_images(&self, missing: Vec<LeftImage>, report: &mut GcReport) -> Result<()> {
        let mut left: BTreeSet<LeftImage> = missing.into_iter().collect();
        for found in self.directory.left_images()? {
            match found {
                Ok(image) => {
                    left.insert(image);
                }
                Err((id, error)) => report.failed.push(GcFailure {
                    id,
                    name: String::new(),
                    error,
                }),
            }
        }
        let gone = report.gone.iter().chain(&report.removed);
        let gone: BTreeSet<&EnvironmentId> = gone.map(|entry| &entry.id).collect();
        let entries = self.directory.entries()?.into_iter().flatten();
        // In a dry run, those of missing environments are still there.
        let needed = entries.filter(|entry| !gone.contains(&entry.id));
        let needed: BTreeSet<LeftImage> = needed
            .flat_map(|entry| entry.images().collect::<Vec<_>>())
            .collect();
        let mut silent: BTreeMap<(String, String), String> = BTreeMap::new();
        for image in left.difference(&needed) {
            let Some(tag) = LeftImage::tag(&image.image) else {
                continue;
            };
            let place = (image.engine.clone(), image.address.clone());
            let outcome = match silent.get(&place) {
                Some(text) => Err(Error::new(ErrorKind::Unavailable, text.clone())),
                None => self.remove_image(&tag, image).await,
            };
            let reported = GcImage {
                name: image.image.clone(),
                engine: image.engine.clone(),
                address: image.address.clone(),
            };
            match outcome {
                Ok(Outcome::Removed) => report.images.push(reported),
                Ok(Outcome::Used) => report.used_images.push(reported),
                Ok(Outcome::Gone) => {}
                Err(error) => {
                    if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout) {
                        silent.entry(place).or_insert_with(|| error.to_string());
                    }
                    report.failed.push(GcFailure {
                        id: tag,
                        name: image.image.clone(),
                        error: error.during("remove the image", &image.image),
                    });
                }
            }
        }
        Ok(())
    }

    async fn remove_image(&self, tag: &EnvironmentId, left: &LeftImage) -> Result<Outcome> {
        let removed = timeout(TIMEOUT, self.try_remove_image(tag, left)).await;
        removed.unwrap_or_else(|_| {
            let why = format!("the engine did not answer within {} s", TIMEOUT.as_secs());
            Err(Error::new(ErrorKind::Timeout, why))
        })
    }

    async fn try_remove_image(&self, tag: &EnvironmentId, left: &LeftImage) -> Result<Outcome> {
        let engine = self.registry.reach(&left.engine, &left.address)?;
        if self.dry_run {
            return Ok(match engine.is_image_used(&left.image).await? {
                None => Outcome::Gone,
                Some(true) => Outcome::Used,
                Some(false) => Outcome::Removed,
            });
        }
        // The tag is no ID of an environment: only the image is removed.
        let context = Context::new(self.events.clone(), Journal::of(Some(&self.directory), tag));
        let leftover = Leftover {
            id: tag,
            resources: &[Resource::new(IMAGE, &left.image)],
            context: &context,
        };
        let removed = engine.remove(leftover).await?;
        Ok(match removed {
            true => Outcome::Removed,
            false if self.directory.is_left_image(&left.image) => Outcome::Used,
            false => Outcome::Gone,
        })
    }
}
