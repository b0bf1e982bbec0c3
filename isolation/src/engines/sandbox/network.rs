//! The network of an environment, which others may have, too.
//!
//! A network is that of one environment, or of the members of a group. No process keeps it: it
//! exists while one of its environments runs. The first one that starts creates it, with a
//! namespace of users. Each later one starts in these two namespaces of one that runs. So it does
//! not matter in which order they start and end, and nothing is left of a network.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use super::NAME;
use super::first_process::Process;
use super::holder::Holder;
use super::layout::Layout;
use super::options::SandboxOptions;
use super::rights;
use super::sandboxed::Sandboxed;
use crate::engine::NewEnvironment;
use crate::engines::host::directory::Directory;
use crate::environment::id::EnvironmentId;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::EnvironmentSpec;
use crate::spec::network::{NetworkMode, NetworkSpec};
use crate::spec::wait_for::WaitFor;

/// How the network of a group is called.
const OF_GROUP: &str = "group ";

/// The network of an environment; one with the network of this machine has no note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NetworkNote {
    /// Which network it is: the ID of an environment, or the name of a group and its session.
    network: String,
    /// The name of the environment, for people.
    environment: String,
    /// Its names on the network.
    names: Vec<String>,
    /// The ports at which a program inside listens, as far as the specification says so.
    ports: BTreeSet<u16>,
    /// Whether it has access to the internet.
    #[serde(default)]
    internet: bool,
}

impl NetworkNote {
    pub(super) fn has_internet(&self) -> bool {
        self.internet
    }

    /// The network of a new environment; `None` for that of this machine. A fork of a member of a
    /// group has a network of its own: it has the same program, which listens at the same ports.
    pub(super) fn of(new: &NewEnvironment<'_>, base: &Path, is_fork: bool) -> Result<Option<Self>> {
        let spec = new.spec;
        if SandboxOptions::of(spec)?.uses_host_network() {
            return Ok(None);
        }
        let group = spec.group.as_ref().filter(|_| !is_fork);
        let (network, internet) = match (&spec.network.mode, group) {
            (NetworkMode::Environment(other), _) => Self::of_other(base, other)?,
            (NetworkMode::Private, Some(member)) => {
                let session = spec.session.as_deref().unwrap_or_default();
                (format!("{OF_GROUP}{} {session}", member.group), false)
            }
            _ => (new.id.to_string(), spec.network.is_bridge()),
        };
        if internet {
            rights::check_raw(&spec.security)?;
        }
        Ok(Some(Self {
            network,
            environment: new.name.to_owned(),
            names: spec.network.aliases.clone(),
            ports: ports(spec),
            internet,
        }))
    }

    /// The network of another environment, and whether it has access to the internet.
    fn of_other(base: &Path, other: &str) -> Result<(String, bool)> {
        let missing = |error: Error| error.during("use the network of the environment", other);
        let id: EnvironmentId = other.parse().map_err(missing)?;
        let directory = Directory::find(NAME, base, &id).map_err(missing)?;
        let layout = Layout::existing(&directory);
        match layout.network_note() {
            Some(note) => Ok((note.network, note.internet)),
            None if SandboxOptions::of(&directory.read_note()?.spec)?.uses_host_network() => {
                Err(Error::invalid(format!(
                    "the environment {other} has the network of this machine; give this one the option \
                     host_network, too, in place of the network of the other one"
                )))
            }
            // An older version has created it.
            None => Ok((id.to_string(), false)),
        }
    }

    /// Writes it into the directory of a new environment, unless another environment of the network
    /// uses one of the ports.
    pub(super) fn write(&self, layout: &Layout) -> Result<()> {
        let path = layout.network();
        let text = serde_json::to_vec(self).map_err(|error| Error::engine(NAME, io::Error::other(error)))?;
        // Before the others are read: of two that are created at the same time, one sees the other.
        fs::write(&path, text).map_err(|e| Error::io("write", &path, e))?;
        if self.network == layout.id() {
            return Ok(());
        }
        for other in layout.others_of(&self.network)? {
            self.check_ports(&other.note)?;
        }
        Ok(())
    }

    fn check_ports(&self, other: &Self) -> Result<()> {
        match self.ports.intersection(&other.ports).next() {
            None => Ok(()),
            Some(port) => {
                let mut names = [self.environment.as_str(), other.environment.as_str()];
                names.sort_unstable();
                Err(Error::new(
                    ErrorKind::Conflict,
                    format!(
                        "{} and {} both use port {port} inside, and on the engine {NAME} they have one \
                         network; give one of them another port, or use the engine docker",
                        names[0], names[1]
                    ),
                ))
            }
        }
    }
}

/// The ports of TCP at which something listens inside.
fn ports(spec: &EnvironmentSpec) -> BTreeSet<u16> {
    fn awaited(condition: &WaitFor, found: &mut BTreeSet<u16>) {
        match condition {
            WaitFor::Port(port) => drop(found.insert(*port)),
            WaitFor::Http(probe) => drop(found.insert(probe.port)),
            WaitFor::All(conditions) => conditions.iter().for_each(|one| awaited(one, found)),
            _ => {}
        }
    }
    let NetworkSpec {
        ports, expose_host, ..
    } = &spec.network;
    let mut found: BTreeSet<u16> = ports.iter().map(|port| port.port).collect();
    found.extend(expose_host);
    if let Some(ready) = &spec.ready {
        awaited(&ready.wait_for, &mut found);
    }
    found
}

/// Another environment of a network.
struct Other {
    layout: Layout,
    note: NetworkNote,
}

impl Layout {
    fn network(&self) -> PathBuf {
        self.top().join("network.json")
    }

    /// The ID of the environment.
    fn id(&self) -> &str {
        let name = self.top().file_name().and_then(|name| name.to_str());
        name.and_then(|name| name.rsplit('-').next()).unwrap_or_default()
    }

    /// `None` for an environment with the network of this machine, and one of an older version.
    pub(super) fn network_note(&self) -> Option<NetworkNote> {
        let text = fs::read(self.network()).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Its network, if that is not the one of this machine.
    fn network_name(&self) -> String {
        let note = self.network_note();
        note.map_or_else(|| self.id().to_owned(), |note| note.network)
    }

    /// Locks the directory: only one process starts or ends the sandbox at a time.
    pub(super) fn lock(&self) -> Result<File> {
        let top = self.top();
        let failed = |e| Error::io("lock the directory", top, e);
        let file = match File::open(top) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::lost()),
            opened => opened.map_err(failed)?,
        };
        rustix::fs::flock(&file, FlockOperation::LockExclusive).map_err(|e| failed(e.into()))?;
        Ok(file)
    }

    /// The other environments of a network, in the order of their IDs. Their creation may be
    /// incomplete.
    fn others_of(&self, network: &str) -> Result<Vec<Other>> {
        let base = self.top().parent().unwrap_or(Path::new("/"));
        let all = Directory::all(NAME, base)?.into_iter();
        let others = all.filter(|directory| directory.path() != self.top());
        Ok(others
            .filter_map(|directory| {
                let layout = Self::existing(&directory);
                let note = layout.network_note().filter(|note| note.network == network)?;
                Some(Other { layout, note })
            })
            .collect())
    }
}

/// The locks of all environments of a network. Only their holder starts one of them.
pub(super) struct Locked {
    others: Vec<Other>,
    _locks: Vec<File>,
}

impl Locked {
    /// Another environment of the network that runs.
    fn running(&self) -> Option<(&Layout, Process)> {
        let mut all = self.others.iter();
        all.find_map(|other| Some((&other.layout, Process::of(&other.layout)?)))
    }
}

impl Sandboxed {
    /// Locks all environments of its network.
    pub(super) fn lock_network(&self) -> Result<Locked> {
        let layout = &self.layout;
        loop {
            let others = self.others()?;
            let mut all: Vec<&Layout> = others.iter().map(|other| &other.layout).collect();
            all.push(layout);
            // Always in the same order, so that two starts do not wait for each other.
            all.sort_by(|one, other| one.top().cmp(other.top()));
            let mut locks = Vec::new();
            for one in all {
                match one.lock() {
                    // It is being destroyed.
                    Err(error) if error.kind() == ErrorKind::Lost && one.top() != layout.top() => {}
                    locked => locks.push(locked?),
                }
            }
            // One that was created meanwhile may have started already.
            let known: BTreeSet<&Path> = others.iter().map(|other| other.layout.top()).collect();
            let is_known = |other: &Other| known.contains(other.layout.top());
            if self.others()?.iter().all(is_known) {
                return Ok(Locked {
                    others,
                    _locks: locks,
                });
            }
        }
    }

    fn others(&self) -> Result<Vec<Other>> {
        let network = self.layout.network_name();
        // No other environment has the network of one that is being created.
        match network == self.layout.id() && !self.layout.holder().exists() {
            true => Ok(Vec::new()),
            false => self.layout.others_of(&network),
        }
    }

    /// Starts the first process in its network.
    pub(super) fn start_in_network(&self, locked: &Locked) -> Result<Holder> {
        loop {
            let Some((other, process)) = locked.running() else {
                let holder = self.start(None)?;
                self.connect(holder.process())?;
                return Ok(holder);
            };
            if other.identity() != self.layout.identity() {
                return Err(different_users(other, &self.layout));
            }
            let network = process.network();
            let started = self.start(Some(process));
            match started {
                Ok(holder) if network.is_some() && holder.process().network() == network => {
                    self.connect(holder.process())?;
                    return Ok(holder);
                }
                // It has ended meanwhile, and none of the others starts.
                _ if !process.runs() => {}
                Ok(_) => {
                    let why = "the environment was started in another network than the others of its network";
                    return Err(Error::engine(NAME, io::Error::other(why)));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// A description for people.
    pub(super) fn network_text(&self) -> Result<String> {
        if self.uses_host_network()? {
            return Ok("that of this machine".to_owned());
        }
        let network = self.layout.network_name();
        Ok(match network.strip_prefix(OF_GROUP) {
            Some(group) => {
                let name = group.split_once(' ').map_or(group, |(name, _)| name);
                format!("that of the group {name}")
            }
            None => {
                let own = match self.layout.has_internet() {
                    true => self.internet_text(),
                    false => "none".to_owned(),
                };
                match (network == self.layout.id(), self.layout.has_internet()) {
                    (true, _) => own,
                    (false, true) => format!("that of the environment {network}: {own}"),
                    (false, false) => format!("that of the environment {network}"),
                }
            }
        })
    }

    /// Whether another environment of its network runs. One whose network is not known may.
    pub(super) fn network_runs(&self) -> bool {
        let others = self.layout.others_of(&self.layout.network_name());
        others.map_or(true, |all| {
            all.iter().any(|other| Process::of(&other.layout).is_some())
        })
    }

    /// Whether it has the network of a group or of another environment.
    pub(super) fn shares_network(&self) -> bool {
        self.layout.network_name() != self.layout.id()
    }

    /// Writes the names of all environments of a shared network. The sandbox runs.
    pub(super) fn write_hosts(&self) -> Result<()> {
        match self.shares_network() {
            true if self.is_read_only() => self.write_hosts_beside().map(drop),
            true => self.write_in_etc([("hosts", self.hosts(&self.names()?))]),
            false => Ok(()),
        }
    }

    /// The same in a file beside the root, which is mounted where the root can only be read.
    pub(super) fn write_hosts_beside(&self) -> Result<PathBuf> {
        let path = self.layout.top().join("hosts");
        // The mounted file is not replaced.
        let written = fs::write(&path, self.hosts(&self.names()?));
        let written = written.and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o644)));
        written.map_err(|e| Error::io("write", &path, e))?;
        Ok(path)
    }

    /// The names of all environments of its network.
    fn names(&self) -> Result<BTreeSet<String>> {
        let own = self.layout.network_note().into_iter();
        let others = self.layout.others_of(&self.layout.network_name())?;
        let notes = own.chain(others.into_iter().map(|other| other.note));
        Ok(notes.flat_map(|note| note.names).collect())
    }
}

fn different_users(other: &Layout, own: &Layout) -> Error {
    let name = other.network_note().map(|note| note.environment);
    Error::new(
        ErrorKind::Conflict,
        format!(
            "{}, which has the same network, was created with other users than this environment: {}, and {}; \
             create both again",
            name.unwrap_or_default(),
            other.identity().text(),
            own.identity().text()
        ),
    )
}

#[cfg(test)]
mod tests;
