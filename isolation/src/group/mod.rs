//! Groups: environments that start and stop together.

pub(crate) mod compose;
pub(crate) mod spec;
pub(crate) mod volumes;

use std::fmt;
use std::time::Duration;

use self::volumes::GroupVolumes;
use crate::environment::Environment;
use crate::error::{Cause, Result};
use crate::join;
use crate::spec::membership::Membership;

/// A group of running environments: see [`Manager::up`](crate::Manager::up).
///
/// Dropping the last handle of each environment destroys it, unless it is kept.
pub struct Group {
    name: String,
    /// The members, in the order of their start.
    members: Vec<Member>,
    /// Dropped after the environments, which use them. A group of another process has none here.
    volumes: Option<GroupVolumes>,
}

#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) membership: Membership,
    pub(crate) environment: Environment,
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services: Vec<&str> = self.services().map(|(name, _)| name).collect();
        let mut shown = f.debug_struct("Group");
        shown.field("name", &self.name).field("services", &services);
        shown.finish()
    }
}

impl Group {
    pub(crate) fn new(name: String, mut members: Vec<Member>) -> Self {
        members.sort_by(|a, b| {
            let key = |one: &Member| (one.membership.rank, one.membership.service.clone());
            key(a).cmp(&key(b))
        });
        Self {
            name,
            members,
            volumes: None,
        }
    }

    pub(crate) fn with_volumes(mut self, volumes: GroupVolumes) -> Self {
        self.volumes = Some(volumes);
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The environment of a service.
    pub fn get(&self, service: &str) -> Option<&Environment> {
        self.services()
            .find(|(name, _)| *name == service)
            .map(|(_, found)| found)
    }

    /// The services and their environments, in the order in which they start.
    pub fn services(&self) -> impl Iterator<Item = (&str, &Environment)> {
        self.members
            .iter()
            .map(|one| (one.membership.service.as_str(), &one.environment))
    }

    /// Stops and destroys the services, those that depend on others first. It continues after an
    /// error. Without a `grace`, each service has its own
    /// ([`Environment::stop_grace`](crate::Environment::stop_grace)).
    ///
    /// Volumes of a group that is kept stay; see
    /// [`remove_group_volumes`](crate::Manager::remove_group_volumes).
    ///
    /// # Errors
    ///
    /// The kind is [`Cleanup`](crate::ErrorKind::Cleanup), with every error.
    pub async fn down(&self, grace: impl Into<Option<Duration>>) -> Result<()> {
        let grace = grace.into();
        Box::pin(self.end(grace)).await
    }

    async fn end(&self, grace: Option<Duration>) -> Result<()> {
        let mut failures = Vec::new();
        let mut left = self.members.as_slice();
        while let Some(last) = left.last() {
            let rank = last.membership.rank;
            let first = left.partition_point(|one| one.membership.rank < rank);
            let (before, together) = left.split_at(first);
            // Before any of them is destroyed: one owns the networks, and waits for the others.
            let stops = together.iter().map(|one| {
                let grace = grace.unwrap_or_else(|| one.environment.stop_grace());
                let stop = async move { Ok(one.environment.stop(grace).await.err()) };
                Box::pin(stop) as crate::BoxFuture<'_, Result<_>>
            });
            let stopped: Vec<Option<crate::Error>> = join::all(stops.collect()).await?;
            let ends = together.iter().zip(stopped).map(|(one, stopped)| {
                let environment = &one.environment;
                let end: crate::BoxFuture<'_, Result<_>> = Box::pin(async move {
                    // A member that cannot be stopped is destroyed anyway.
                    let destroyed = environment.destroy().await;
                    let still_there = environment.status() != crate::Status::Destroyed;
                    Ok(destroyed.err().or(stopped.filter(|_| still_there)))
                });
                end
            });
            failures.extend(join::all(ends.collect()).await?.into_iter().flatten());
            left = before;
        }
        if let Some(volumes) = &self.volumes {
            failures.extend(volumes.remove_owned().await);
        }
        match failures.is_empty() {
            true => Ok(()),
            false => Err(crate::Error::from(Cause::Cleanup(failures)).during("end the group", &self.name)),
        }
    }
}
