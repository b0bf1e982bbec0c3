//! Starts groups of environments, and finds them again.

use std::collections::BTreeMap;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::Manager;
use super::kept::kept_if_asked;
use super::origin::Origin;
use super::registry::{EngineChoice, Selection};
use crate::BoxFuture;
use crate::engine::capabilities::Feature;
use crate::environment::Environment;
use crate::environment::id::EnvironmentId;
use crate::error::{Error, ErrorKind, Result};
use crate::group::spec::{Dependency, GroupSpec, Service};
use crate::group::{Group, Member};
use crate::join;
use crate::journal::leases::Lock;
use crate::spec::EnvironmentSpec;
use crate::spec::main_process::Main;
use crate::spec::membership::Membership;
use crate::spec::network::{NetworkMode, OF_ENVIRONMENT, PRIVATE};
use crate::spec::wait_for::WaitFor;

/// The time that the processes of a failed group may take to exit.
const GRACE: Duration = Duration::from_secs(2);

/// The lock of the name of a group; its file goes with it.
struct NameLock(Lock);

impl Drop for NameLock {
    fn drop(&mut self) {
        self.0.forget();
    }
}

/// The timeout of reading the exit status of a service.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// The state of a service.
type Progress = Option<Dependency>;

impl Manager {
    /// Creates and starts a group. All its environments are created first. Then each one starts
    /// when its dependencies have the required state, at the same time where possible.
    ///
    /// On `docker` and `sandbox`, the group gets its own network, on which each service has its
    /// name as alias. Services that name a network use that network. On `sandbox`, services have
    /// the same ports, too: one that two services name is a [`Conflict`](ErrorKind::Conflict).
    ///
    /// # Errors
    ///
    /// If one service fails, all are destroyed, and the error is that of the failed service, with
    /// the last lines of its log.
    pub async fn up(&self, choice: &EngineChoice, spec: GroupSpec) -> Result<Group> {
        let name = spec.name.clone();
        let started = self.start_group(choice, spec).await;
        started.map_err(|error| error.during("start the group", &name))
    }

    async fn start_group(&self, choice: &EngineChoice, spec: GroupSpec) -> Result<Group> {
        spec.validate()?;
        let spec = spec.with_implied();
        let lock = self.lock_name(&spec.name).await?;
        if !self.members(&spec.name).await?.is_empty() {
            let text = "a group with this name exists; choose another name, or end it: isolate down NAME";
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        let selection = self.select_for_all(choice, &spec).await?;
        let mut spec = spec;
        self.build_images(&selection, &mut spec).await?;
        let volumes = self.provide_volumes(&selection, &mut spec).await?;
        let members = match self.create_all(&selection, &spec).await {
            Ok(members) => members,
            Err(error) => {
                // That error explains more than those of the removals.
                let _ = volumes.remove_new().await;
                return Err(error);
            }
        };
        let mut group = Group::new(spec.name.clone(), members);
        // From now on, others see the group.
        drop(lock);
        let outcome = match start_all(&group, &spec).await {
            Ok(()) => keep_all(&mut group).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => Ok(group.with_volumes(volumes.started())),
            Err(error) => {
                // The error of the start explains more than an error of the end, which is sent as
                // an event.
                let _ = group.down(GRACE).await;
                let _ = volumes.remove_new().await;
                Err(error)
            }
        }
    }

    /// Opens a group that any process has started.
    ///
    /// # Errors
    ///
    /// The kind is [`NotFound`](ErrorKind::NotFound) if no environment belongs to it.
    pub async fn group(&self, name: &str) -> Result<Group> {
        let found = async {
            match self.members(name).await? {
                members if members.is_empty() => Err(Error::not_found(
                    "no group has this name; list environments: isolate ls",
                )),
                members => Ok(Group::new(name.to_owned(), members)),
            }
        };
        found.await.map_err(|error| error.during("open the group", name))
    }

    /// Prevents that another process creates a group with the same name at the same time. Without a
    /// journal there is no such lock.
    async fn lock_name(&self, name: &str) -> Result<Option<NameLock>> {
        let Some(directory) = self.state.directory()? else {
            return Ok(None);
        };
        let digest = Sha256::digest(format!("group {name}"));
        let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let lock = directory.leases(&hex.parse()?).lock().await?;
        Ok(Some(NameLock(lock)))
    }

    async fn members(&self, group: &str) -> Result<Vec<Member>> {
        let prefix = format!("{group}/");
        let listing = self.list().await?;
        let mut members = Vec::new();
        for listed in listing.environments {
            if !listed.name.starts_with(&prefix) {
                continue;
            }
            let environment = match self.open(listed.id.as_str()).await {
                Ok(environment) => environment,
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Lost) => continue,
                Err(error) => return Err(error),
            };
            // Any user may choose such a name.
            let membership = environment.spec().group.clone();
            if let Some(membership) = membership.filter(|one| one.group == group) {
                members.push(Member {
                    membership,
                    environment,
                });
            }
        }
        Ok(members)
    }

    /// The engine that supports every service.
    async fn select_for_all(&self, choice: &EngineChoice, spec: &GroupSpec) -> Result<Selection> {
        let mut selected: Option<Selection> = None;
        for service in spec.services.values() {
            let selection = self.select(choice, &service.in_group(spec)).await?;
            match &selected {
                Some(first) if first.engine.name() != selection.engine.name() => {
                    let text = format!(
                        "no engine supports every service: some need {}, others {}; name one engine",
                        first.engine.name(),
                        selection.engine.name()
                    );
                    return Err(Error::new(ErrorKind::NoEngine, text));
                }
                _ => selected = Some(selection),
            }
        }
        selected.ok_or_else(|| Error::invalid("the group has no services; name one"))
    }

    /// Creates every environment. The first one creates the networks of the group.
    async fn create_all(&self, selection: &Selection, spec: &GroupSpec) -> Result<Vec<Member>> {
        let ranks = spec.ranks()?;
        let services = spec.services.iter();
        let mut members: Vec<(&str, EnvironmentSpec)> = services
            .map(|(name, service)| (name.as_str(), service.in_group(spec)))
            .collect();
        members.sort_by_key(|(name, _)| ranks[name]);
        let has_networks = selection.capabilities.has(Feature::Networks);
        if !has_networks && has_group_network(selection) {
            for (_, member) in &mut members {
                if member.network.mode == NetworkMode::Default {
                    member.network.mode = NetworkMode::Private;
                }
            }
        }
        let on_network = |(_, member): &(&str, EnvironmentSpec)| {
            has_networks
                && matches!(member.network.mode, NetworkMode::Default | NetworkMode::Private)
                && spec.networks.is_empty()
        };
        let first = members.iter().position(on_network).unwrap_or(0);
        let mut owner = members.remove(first);
        if on_network(&owner) {
            owner.1.network.mode = NetworkMode::Private;
        }
        let is_private = owner.1.network.mode == NetworkMode::Private;
        // Those of the group; a service may have others.
        let of_group =
            |name: &str, service: &str| !spec.services[service].environment.network.own.contains_key(name);
        for (service, member) in &mut members {
            let own = std::mem::take(&mut member.network.own).into_iter();
            let (created, own): (Vec<_>, Vec<_>) = own.partition(|(name, _)| of_group(name, service));
            owner.1.network.own.extend(created);
            member.network.own = own.into_iter().collect();
        }
        let rank = |name: &str| ranks[name];
        let owner = self
            .create_member(selection, spec, (owner.0, owner.1), rank(owner.0))
            .await?;
        let details = owner.environment.inspect().await?.details;
        for member in &mut members {
            if let (true, true, Some(network)) = (is_private, on_network(member), details.get("network")) {
                member.1.network.mode = NetworkMode::Named(network.clone());
            }
            let (service, network) = (member.0, &mut member.1.network);
            let is_own = |name: &str| !of_group(name, service);
            network.rename_networks(|name| match is_own(name) {
                true => None,
                false => details.get(&format!("network.{name}")).cloned(),
            });
        }
        let is_service = |other: &str| spec.services.contains_key(other);
        let (sharing, members): (Vec<_>, Vec<_>) = members
            .into_iter()
            .partition(|(_, member)| member.network.shares_with().is_some_and(is_service));
        let created = members.into_iter().map(|(name, member)| {
            let created = self.create_member(selection, spec, (name, member), rank(name));
            Box::pin(created) as BoxFuture<'_, Result<Member>>
        });
        let mut members = join::all(created.collect()).await?;
        members.push(owner);
        // By rank: each after the one whose network it has.
        for (name, mut member) in sharing {
            let other = member.network.shares_with().unwrap_or_default();
            let of_other = |one: &&Member| one.membership.service == other;
            if let Some(id) = members.iter().find(of_other).map(|one| one.environment.id()) {
                member.network.mode = NetworkMode::Environment(id.to_string());
            }
            let created = self.create_member(selection, spec, (name, member), rank(name));
            members.push(Box::pin(created).await?);
        }
        Ok(members)
    }

    async fn create_member(
        &self,
        selection: &Selection,
        group: &GroupSpec,
        (name, mut spec): (&str, EnvironmentSpec),
        rank: u32,
    ) -> Result<Member> {
        let membership = Membership {
            group: group.name.clone(),
            service: name.to_owned(),
            rank,
        };
        spec.name = Some(format!("{}/{name}", group.name));
        spec.group = Some(membership.clone());
        let network = &mut spec.network;
        if network.has_names() && !network.aliases.iter().any(|alias| alias == name) {
            network.aliases.push(name.to_owned());
        }
        let id = EnvironmentId::random();
        let contents = self.write_files(group, name, &id, &mut spec)?;
        let created = self
            .create_with_id(selection, spec, id.clone(), Origin::New)
            .await;
        let environment = created.inspect_err(|_| self.remove_files(&id))?;
        environment.shared().history.hide(contents.iter());
        Ok(Member {
            membership,
            environment,
        })
    }
}

/// Whether private networks of the members of a group are one network, on an engine without named
/// networks.
fn has_group_network(selection: &Selection) -> bool {
    let modes = &selection.capabilities.values().network_modes;
    [PRIVATE, OF_ENVIRONMENT]
        .iter()
        .all(|mode| modes.iter().any(|one| one == mode))
}

/// Starts every service when its dependencies have the required state.
async fn start_all(group: &Group, spec: &GroupSpec) -> Result<()> {
    let progress: BTreeMap<&str, watch::Sender<Progress>> = group
        .services()
        .map(|(name, _)| (name, watch::Sender::new(None)))
        .collect();
    let starts = group.services().map(|(name, environment)| {
        let start = start_one(name, environment, spec, &progress);
        Box::pin(start) as BoxFuture<'_, Result<()>>
    });
    join::all(starts.collect()).await?;
    let checks = group
        .services()
        .map(|(_, environment)| Box::pin(check_end(environment)) as BoxFuture<'_, Result<()>>);
    join::all(checks.collect()).await.map(drop)
}

/// Fails if a service has exited with another code than 0 while no service waited for it.
async fn check_end(environment: &Environment) -> Result<()> {
    if environment.spec().main == Main::Idle {
        return Ok(());
    }
    let exit = environment.inspect().await?.exit;
    match exit.is_some_and(|exit| !exit.success()) && environment.spec().restart.is_none() {
        // The error has the last lines of its log.
        true => environment.wait_until(&WaitFor::Exit(0), EXIT_TIMEOUT).await,
        false => Ok(()),
    }
}

async fn start_one(
    name: &str,
    environment: &Environment,
    spec: &GroupSpec,
    progress: &BTreeMap<&str, watch::Sender<Progress>>,
) -> Result<()> {
    let service = &spec.services[name];
    for (needed, dependency) in &service.depends_on {
        let mut seen = progress[needed.as_str()].subscribe();
        // The sender lives as long as this future.
        let _ = seen
            .wait_for(|progress| is_far_enough(*progress, *dependency))
            .await;
    }
    let reached = |step| {
        progress[name].send_replace(Some(step));
    };
    environment.start_only().await?;
    reached(Dependency::Started);
    environment.ready().await?;
    environment.supervise().await?;
    reached(Dependency::Ready);
    let is_awaited = |other: &Service| other.depends_on.get(name) == Some(&Dependency::Completed);
    if spec.services.values().any(is_awaited) {
        environment.wait_until(&WaitFor::Exit(0), Duration::MAX).await?;
        // From now on, its status is that of a stopped environment.
        environment.inspect().await?;
        reached(Dependency::Completed);
    }
    Ok(())
}

fn is_far_enough(progress: Progress, needed: Dependency) -> bool {
    let step = |dependency| match dependency {
        Dependency::Started => 1,
        Dependency::Ready => 2,
        Dependency::Completed => 3,
    };
    progress.is_some_and(|progress| step(progress) >= step(needed))
}

async fn keep_all(group: &mut Group) -> Result<()> {
    for (_, environment) in group.services() {
        kept_if_asked(environment.clone()).await?;
    }
    Ok(())
}
