//! The environments of every engine, joined with the journal.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::{Manager, registry};
use crate::engine::Engine;
use crate::engine::capabilities::RejectedEngine;
use crate::environment::id::EnvironmentId;
use crate::environment::status::Status;
use crate::environment::summary::EnvironmentSummary;
use crate::error::{Error, Result};
use crate::journal::directory::StateDirectory;
use crate::journal::entry::Entry;
use crate::spec::lifetime::Lifetime;
use crate::spec::validate;

/// The result of [`Manager::list`].
#[derive(Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Listing {
    /// The environments.
    pub environments: Vec<Listed>,
    /// Engines that could not list their environments.
    pub rejected: Vec<RejectedEngine>,
}

/// An environment, with the facts of its engine and of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Listed {
    /// The ID.
    pub id: EnvironmentId,
    /// The name for people.
    pub name: String,
    /// The name of the engine.
    pub engine: String,
    /// The address of the engine, if it differs from that of this manager's engine.
    pub address: Option<String>,
    /// The status; [`Status::Lost`] if it is only in the journal, `None` if its engine does not
    /// answer.
    pub status: Option<Status>,
    /// The image, on engines that use images.
    pub image: Option<String>,
    /// The owner, if one was named.
    pub owner: Option<String>,
    /// The session to which it belongs.
    pub session: Option<String>,
    /// When it was created, in seconds since 1970, on engines that know it.
    pub created: Option<u64>,
    /// The exit code of its main process, if that has exited.
    pub exit_code: Option<i32>,
    /// Its ports: `127.0.0.1:8080->80/tcp`, or `80/tcp` for one that is not published.
    pub ports: Vec<String>,
    /// The environment whose network it has, if it has that of another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_of: Option<EnvironmentId>,
    /// Its standing, which shows who removes it.
    #[serde(flatten)]
    pub standing: Standing,
}

/// The standing of an environment, which shows who removes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "lifetime", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Standing {
    /// Unknown: the journal of this user does not contain it.
    Unknown,
    /// The process that created it.
    Owner {
        /// Its PID.
        pid: u32,
    },
    /// Its owner has exited: `isolate gc` or the reaper removes it.
    Orphan {
        /// The PID of the owner.
        pid: u32,
    },
    /// It is kept: only an explicit call removes it.
    Kept,
    /// It is shared: its last user removes it.
    Shared {
        /// The current number of users. Without users, `isolate gc` or the reaper removes it.
        users: usize,
    },
    /// Its journal entry cannot be read.
    Damaged,
}

impl Standing {
    fn of(entry: &Entry, directory: Option<&StateDirectory>) -> Self {
        let pid = entry.owner.pid;
        match entry.lifetime {
            Lifetime::Kept => Self::Kept,
            Lifetime::Shared => {
                let users = directory.map(|directory| directory.leases(&entry.id).users());
                let users = users.and_then(Result::ok).unwrap_or_default();
                Self::Shared { users }
            }
            Lifetime::Owner if entry.is_orphan() => Self::Orphan { pid },
            Lifetime::Owner => Self::Owner { pid },
        }
    }
}

impl Listed {
    fn found(summary: EnvironmentSummary, standing: Standing, address: Option<String>) -> Self {
        Self {
            id: summary.id,
            name: summary.name,
            engine: summary.engine,
            address,
            status: Some(summary.status),
            image: summary.image,
            owner: summary.owner,
            session: summary.session,
            created: summary.created,
            exit_code: summary.exit_code,
            ports: summary.ports,
            network_of: summary.network_of,
            standing,
        }
    }

    fn damaged(id: EnvironmentId) -> Self {
        Self {
            standing: Standing::Damaged,
            ..Self::labelled(id, "")
        }
    }

    /// One that only labels of an engine name.
    pub(super) fn labelled(id: EnvironmentId, engine: &str) -> Self {
        Self {
            id,
            name: String::new(),
            engine: engine.to_owned(),
            address: None,
            status: None,
            image: None,
            owner: None,
            session: None,
            created: None,
            exit_code: None,
            ports: Vec::new(),
            network_of: None,
            standing: Standing::Unknown,
        }
    }

    fn noted(entry: &Entry, standing: Standing, status: Option<Status>) -> Self {
        Self {
            id: entry.id.clone(),
            name: entry.name.clone(),
            engine: entry.engine.clone(),
            address: Some(entry.address.clone()),
            status,
            image: entry.image.clone(),
            owner: None,
            session: entry.session.clone(),
            created: entry.created,
            exit_code: None,
            ports: Vec::new(),
            network_of: None,
            standing,
        }
    }
}

/// The environments of a list that have the network of another one: the ID of that one, and their
/// names.
struct Sharing(Vec<(EnvironmentId, String)>);

impl Sharing {
    fn of<'a>(all: impl Iterator<Item = (&'a Option<EnvironmentId>, &'a String)>) -> Self {
        Self(
            all.filter_map(|(of, name)| Some((of.clone()?, name.clone())))
                .collect(),
        )
    }

    /// The names of those that have the network of this one.
    fn network_of(self, id: &EnvironmentId) -> Vec<String> {
        let names = self.0.into_iter().filter(|(of, _)| of == id);
        names.map(|(_, name)| name).collect()
    }
}

impl Manager {
    /// The environments of every engine, created by any process, joined with the journal. The list
    /// also contains environments on daemons that the engines of this manager do not use,
    /// environments that another process has removed ([`Status::Lost`]), and environments whose
    /// owner has exited ([`Standing::Orphan`]).
    ///
    /// # Errors
    ///
    /// If the journal cannot be read.
    pub async fn list(&self) -> Result<Listing> {
        let mut listing = Listing::default();
        let mut noted = BTreeMap::new();
        if let Some(directory) = self.state.directory()? {
            for found in directory.entries()? {
                match found {
                    Ok(entry) => drop(noted.insert(entry.id.clone(), entry)),
                    Err((id, _)) => listing.environments.push(Listed::damaged(id)),
                }
            }
        }
        let (found, rejected) = self.registry().list().await;
        listing.rejected = rejected;
        for summary in found {
            let entry = noted.remove(&summary.id);
            listing.environments.retain(|damaged| damaged.id != summary.id);
            listing
                .environments
                .push(Listed::found(summary, self.standing(entry.as_ref()), None));
        }
        let mut places: BTreeMap<(String, String), Vec<Entry>> = BTreeMap::new();
        for (_, entry) in noted {
            let place = (entry.engine.clone(), entry.address.clone());
            places.entry(place).or_default().push(entry);
        }
        for ((engine, address), entries) in places {
            self.list_at(&engine, &address, entries, &mut listing).await;
        }
        Ok(listing)
    }

    /// Adds environments that only the journal contains.
    async fn list_at(&self, engine: &str, address: &str, entries: Vec<Entry>, listing: &mut Listing) {
        let reached = self.registry().reach(engine, address);
        let listed = match &reached {
            Ok(engine) => engine.list().await,
            Err(error) => Err(Error::new(error.kind(), error.to_string())),
        };
        let Ok(found) = listed else {
            let unreachable = entries
                .iter()
                .map(|entry| Listed::noted(entry, self.standing(Some(entry)), None));
            listing.environments.extend(unreachable);
            return;
        };
        let mut found: BTreeMap<_, _> = found.into_iter().map(|one| (one.id.clone(), one)).collect();
        for entry in entries {
            let standing = self.standing(Some(&entry));
            match found.remove(&entry.id) {
                Some(summary) => {
                    let address = Some(entry.address.clone());
                    listing
                        .environments
                        .push(Listed::found(summary, standing, address));
                }
                // It is being created or removed.
                None if matches!(standing, Standing::Owner { .. } | Standing::Shared { .. }) => {}
                None => listing
                    .environments
                    .push(Listed::noted(&entry, standing, Some(Status::Lost))),
            }
        }
    }

    /// Finds an environment by its ID, by a unique beginning of the ID, or by its name. Daemons
    /// that only the journal names are asked only if the engines of this manager do not have it,
    /// because they may not answer.
    pub(super) async fn find(&self, reference: &str) -> Result<Listed> {
        Ok(self.find_with_sharing(reference).await?.0)
    }

    /// The same, with the names of the environments that have its network.
    pub(super) async fn find_with_sharing(&self, reference: &str) -> Result<(Listed, Vec<String>)> {
        validate::text("the name or ID of the environment", reference)?;
        let (all, rejected) = self.registry().list().await;
        let sharing = Sharing::of(all.iter().map(|one| (&one.network_of, &one.name)));
        match registry::meant(all, reference, |one| (&one.id, &one.name)) {
            Ok(summary) => {
                let directory = self.state.directory()?;
                let noted = directory.and_then(|directory| directory.read(&summary.id).ok().flatten());
                let listed = Listed::found(summary, self.standing(noted.as_ref()), None);
                let names = sharing.network_of(&listed.id);
                return Ok((listed, names));
            }
            Err(error) if !error.is_not_found() => return Err(registry::with_rejected(error, &rejected)),
            Err(_) => {}
        }
        let Listing {
            environments,
            rejected,
        } = self.list().await?;
        let sharing = Sharing::of(environments.iter().map(|one| (&one.network_of, &one.name)));
        let found = registry::meant(environments, reference, |one| (&one.id, &one.name));
        let found = found.map_err(|error| registry::with_rejected(error, &rejected))?;
        let names = sharing.network_of(&found.id);
        Ok((found, names))
    }

    fn standing(&self, entry: Option<&Entry>) -> Standing {
        let directory = self.state.directory().ok().flatten();
        entry.map_or(Standing::Unknown, |entry| Standing::of(entry, directory))
    }

    /// The engine of an environment.
    pub(super) fn engine_of(&self, listed: &Listed) -> Result<Arc<dyn Engine>> {
        match &listed.address {
            Some(address) => self.registry().reach(&listed.engine, address),
            None => self.registry().get(&listed.engine),
        }
    }
}
