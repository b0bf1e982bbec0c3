//! Whether sandboxes can be started here: found out by starting one.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::NAME;
use super::advice::Advice;
use super::arguments::Arguments;
use super::holder::Starting;
use super::identity::{self, Identity};
use super::internet_probe::{Possible, Target};
use super::known_answer::Situation;
use super::slirp::PROGRAM;
use super::users::Users;
use crate::engine::Probe;
use crate::engine::capabilities::{Capabilities, Feature, IsolationLevel};
use crate::engine::values::CapabilityValues;
use crate::engines::host::cgroup::Cgroup;
use crate::engines::host::directory::Directory;
use crate::error::Error;
use crate::spec::network::{BRIDGE, OF_ENVIRONMENT, PRIVATE};

/// The result of a successful probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    version: String,
    identity: Identity,
    internet: Possible,
}

/// The successes of this process, by the directory of the environments.
static ANSWERS: Mutex<BTreeMap<PathBuf, Found>> = Mutex::new(BTreeMap::new());

fn answers() -> MutexGuard<'static, BTreeMap<PathBuf, Found>> {
    ANSWERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Found {
    fn probe(&self, base: &Path) -> Probe {
        let Self {
            version,
            identity,
            internet,
        } = self;
        let users = identity.text();
        let access = match internet {
            Ok(()) => format!("access to the internet by {PROGRAM}"),
            Err(why) => format!("no access to the internet ({why})"),
        };
        let detail = format!("{version}, {users}, {access}, directories in {}", base.display());
        Probe::available(detail, capabilities(*identity, internet))
    }
}

/// The answer that this process has had already, if sandboxes can be started. This does not block.
pub(super) fn known(base: &Path) -> Option<Probe> {
    answers().get(base).map(|found| found.probe(base))
}

/// Whether sandboxes can be started in this directory. The first success of a process is kept, also
/// for other processes if there is a directory for that. This blocks.
pub(super) fn probe(base: &Path, kept: Option<&Path>) -> Probe {
    if let Some(probe) = known(base) {
        return probe;
    }
    match ask(base, kept) {
        Ok(found) => {
            answers().insert(base.to_owned(), found.clone());
            found.probe(base)
        }
        Err(Advice { reason, hint }) => {
            let identity = Identity::of_this_process().unwrap_or(Identity::Caller);
            let internet = Err("no sandbox can be started".to_owned());
            Probe::unavailable(reason, hint, capabilities(identity, &internet))
        }
    }
}

/// The users of environments in this directory, as the last successful probe has found them.
pub(super) fn identity(base: &Path) -> Result<Identity, Error> {
    match (
        answers().get(base).map(|found| found.identity),
        Identity::of_this_process()?,
    ) {
        (Some(Identity::Caller), Identity::Mapped { .. }) => Ok(Identity::Caller),
        (_, identity) => Ok(identity),
    }
}

fn ask(base: &Path, kept: Option<&Path>) -> Result<Found, Advice> {
    let identity = Identity::of_this_process().map_err(|error| advice(&error))?;
    let situation = kept.and_then(|directory| Situation::now(directory, base, identity));
    if let Some((version, internet)) = situation.as_ref().and_then(Situation::known) {
        return Ok(Found {
            version,
            identity,
            internet,
        });
    }
    let found = try_out(base, identity)?;
    if let Some(situation) = situation.filter(|_| found.identity == identity) {
        situation.keep(&found.version, &found.internet);
    }
    Ok(found)
}

fn try_out(base: &Path, identity: Identity) -> Result<Found, Advice> {
    let version = version()?;
    Directory::probe(base).map_err(|error| Advice {
        reason: format!("cannot create a directory in {}: {error}", base.display()),
        hint: "set TMPDIR to a writable directory".to_owned(),
    })?;
    if let Some(closed) = closed_to(base, identity) {
        return Err(Advice {
            reason: format!("the root of an environment cannot enter {}", closed.display()),
            hint: "set TMPDIR to a directory that every user may enter, such as /tmp".to_owned(),
        });
    }
    match (start_once(identity, base), identity) {
        (Ok(internet), _) => Ok(Found {
            version,
            identity,
            internet,
        }),
        // The program may not change the users here, as in a container; one user can do without.
        (Err(error), Identity::Mapped { .. }) => match start_once(Identity::Caller, base) {
            Ok(internet) => Ok(Found {
                version,
                identity: Identity::Caller,
                internet,
            }),
            Err(_) => Err(advice(&error)),
        },
        (Err(error), _) => Err(advice(&error)),
    }
}

fn advice(error: &Error) -> Advice {
    let rejected = error.to_string();
    match error.hint() {
        // The text ends with the hint, and begins with the name of the engine.
        Some(hint) => {
            let start = format!("engine `{NAME}` is not available: ");
            let reason = rejected.strip_prefix(&start).unwrap_or(&rejected);
            let reason = reason.strip_suffix(hint).unwrap_or(reason);
            Advice {
                reason: reason.trim_end_matches("; ").to_owned(),
                hint: hint.to_owned(),
            }
        }
        None => {
            let source = std::error::Error::source(error);
            let source = source.map_or(String::new(), |source| format!(": {source}"));
            Advice {
                reason: format!("{rejected}{source}"),
                hint: "use another engine".to_owned(),
            }
        }
    }
}

fn version() -> Result<String, Advice> {
    let missing = |why: String| Advice {
        reason: format!("the program bwrap cannot be run: {why}"),
        hint: "install the package bubblewrap".to_owned(),
    };
    let mut command = Command::new("bwrap");
    command.arg("--version").env_clear().env("PATH", super::PATH);
    let output = command.output().map_err(|error| missing(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match output.status.success() && text.starts_with("bubblewrap") {
        true => Ok(text),
        false => Err(missing(format!("it printed {text:?}"))),
    }
}

/// The directory at or above this one that the root of an environment may not enter.
pub(super) fn closed_to(base: &Path, identity: Identity) -> Option<PathBuf> {
    let owner = identity.owner()?;
    let real = fs::canonicalize(base).ok()?;
    let closed = |path: &&Path| {
        path.metadata().is_ok_and(|meta| {
            let bit = match (meta.uid() == owner.user, meta.gid() == owner.group) {
                (true, _) => 0o100,
                (_, true) => 0o010,
                _ => 0o001,
            };
            meta.mode() & bit == 0
        })
    };
    real.ancestors().find(closed).map(Path::to_owned)
}

/// Starts a sandbox, tries whether it can have access to the internet, and ends it. This blocks.
fn start_once(identity: Identity, base: &Path) -> Result<Possible, Error> {
    let target = Target::here();
    let script = Target::script();
    let arguments = target.as_ref().map(Target::words).unwrap_or_default();
    let program = ["sh", "-c", &script, "sh"].into_iter();
    let words = Arguments::user_namespace(identity)
        .probe(identity, base)
        .program(program.chain(arguments.iter().map(String::as_str)));
    let mut starting = Starting::spawn(&words, Users::new(identity), false, None, None, None, "")?;
    let process = starting.until_ready()?;
    let input = starting.lifeline.as_mut();
    Ok(target.and_then(|target| target.await_from(process, identity, input)))
}

/// The features of the engine.
pub(super) fn capabilities(identity: Identity, internet: &Possible) -> Capabilities {
    use Feature::{
        Commands, CopyIn, CopyOut, Images, Mounts, NetworkIsolation, Pause, ReadOnlyMounts, Rename,
    };
    use Feature::{Stdin, Tmpfs, Tty};
    let limit = "the engine does not set this limit; use the engine docker";
    let network = "an environment has its own loopback interface, that of its group or of another environment, \
                   with the network bridge access to the internet, or with the option host_network the network \
                   of this machine; use the engine docker for others";
    let network = match internet {
        Ok(()) => network.to_owned(),
        Err(why) => format!("{network}. Here, the network bridge is not possible: {why}"),
    };
    let missing = "not part of this engine; use the engine docker";
    let mut capabilities = Capabilities::new(IsolationLevel::Container)
        .with([
            Commands,
            CopyIn,
            CopyOut,
            Images,
            Stdin,
            Mounts,
            ReadOnlyMounts,
            Tmpfs,
            Tty,
        ])
        .with([NetworkIsolation, Pause, Feature::Processes, Rename])
        .with([Feature::DiskLimit, Feature::Ulimits])
        .with([Feature::ReadOnlyRoot, Feature::SecurityOptions])
        .with([
            Feature::Snapshots,
            Feature::MainProcess,
            Feature::Logs,
            Feature::Ports,
        ])
        .with_values(values(identity, internet.is_ok()))
        .without(Feature::Networks, network);
    for feature in [Feature::SharedMemorySize, Feature::BlockIoLimits] {
        capabilities = capabilities.without(feature, limit);
    }
    let capabilities = capabilities.without(Feature::Volumes, missing);
    let of_users = [Feature::Users, Feature::KernelCapabilities];
    let capabilities = match identity.has_users() {
        true => capabilities.with(of_users),
        false => of_users.into_iter().fold(capabilities, |all, feature| {
            all.without(feature, identity::why_single())
        }),
    };
    Cgroup::add_to(capabilities)
}

/// The values of this machine, and what environments with these users can have.
fn values(identity: Identity, has_internet: bool) -> CapabilityValues {
    // apt changes to a user of its own.
    let package_managers: &[&str] = match identity {
        Identity::Caller => &["pip", "uv", "npm"],
        Identity::Range { .. } | Identity::Mapped { .. } => &["pip", "uv", "apt", "apk", "npm"],
    };
    // A member of a group starts in the network of another one.
    let mut network_modes = vec!["none", "host"];
    if has_internet {
        network_modes.push(BRIDGE);
    }
    if identity::find_program("nsenter").is_some() {
        network_modes.extend([PRIVATE, OF_ENVIRONMENT]);
    }
    let values = CapabilityValues::of_this_machine().with(package_managers, &network_modes);
    values.with_supervised_disk()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn directory_that_nobody_may_enter_is_named() {
        let base = tempfile::tempdir().unwrap();
        let inner = base.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let range = Identity::Range { first: 4_000_000 };
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let real = base.path().canonicalize().unwrap();
        assert_eq!(closed_to(&inner, range), Some(real));
        assert_eq!(closed_to(&inner, Identity::Caller), None, "the caller may");
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o711)).unwrap();
        assert_eq!(closed_to(&inner, range), None);
        // Its owner, and its group, enter it with their own bits.
        let meta = base.path().metadata().unwrap();
        let first = |own: u32| Identity::Range { first: own };
        let mine = rustix::process::geteuid().as_raw();
        assert_eq!(meta.uid(), mine);
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o611)).unwrap();
        assert!(closed_to(base.path(), first(mine)).is_some());
        if mine == 0 {
            std::os::unix::fs::chown(base.path(), None, Some(4_000_000)).unwrap();
            for (mode, is_closed) in [(0o701, true), (0o710, false)] {
                fs::set_permissions(base.path(), fs::Permissions::from_mode(mode)).unwrap();
                assert_eq!(closed_to(base.path(), range).is_some(), is_closed, "{mode:o}");
            }
        }
    }

    #[test]
    fn package_managers_are_those_of_the_users() {
        let of = |identity| {
            capabilities(identity, &Ok(()))
                .values()
                .package_managers
                .join(" ")
        };
        assert_eq!(of(Identity::Caller), "pip uv npm");
        assert_eq!(of(Identity::Mapped { first: 700_000 }), "pip uv apt apk npm");
        let values = capabilities(Identity::Caller, &Ok(())).values().clone();
        let modes = values.network_modes.join(" ");
        assert!(
            ["none host bridge", "none host bridge private environment"].contains(&modes.as_str()),
            "{modes}"
        );
        let without = capabilities(Identity::Caller, &Err("it is closed".to_owned()));
        assert!(!without.values().network_modes.contains(&BRIDGE.to_owned()));
        let missing = without.missing(&[Feature::Networks].into());
        assert!(
            missing[0].reason.ends_with("is not possible: it is closed"),
            "{missing:?}"
        );
        assert!(values.memory.is_some() && values.cpus.is_some(), "{values:?}");
    }

    #[test]
    fn reason_and_hint_of_an_error_are_separate() {
        let first = advice(&Error::unavailable(NAME, "it is closed", "open it"));
        assert_eq!(
            (first.reason.as_str(), first.hint.as_str()),
            ("it is closed", "open it")
        );
        let other = advice(&Error::engine(NAME, "no space"));
        assert!(other.reason.ends_with(": no space"), "{other:?}");
    }
}
