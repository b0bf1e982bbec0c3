//! Common parts of networks and volumes that belong to no environment: their IDs, how they are
//! found, their entries in the journal.

use std::collections::BTreeMap;

use engine_api::Docker;

use super::owned::{Kind, Owned};
use super::{DockerEngine, NAME, labels};
use crate::environment::id::EnvironmentId;
use crate::environment::summary;
use crate::error::{Error, ErrorKind, Result};
use crate::journal::Journal;
use crate::journal::directory::StateDirectory;
use crate::journal::entry::{Entry, VERSION};
use crate::journal::process::Process;
use crate::short::short;
use crate::spec::lifetime::Lifetime;
use crate::spec::validate;

/// A network or volume that is about to be created.
pub(super) struct Resource {
    pub(super) kind: Kind,
    pub(super) id: EnvironmentId,
    /// The name for people.
    pub(super) name: String,
    /// The name on the daemon. It is random, so nothing else has it.
    pub(super) on_daemon: String,
    pub(super) labels: BTreeMap<String, String>,
    lifetime: Lifetime,
}

impl Resource {
    /// # Errors
    ///
    /// If the name is not one for people, a label is reserved, or the lifetime is
    /// [`Shared`](Lifetime::Shared).
    pub(super) fn new(
        kind: Kind,
        prefix: &str,
        name: Option<&str>,
        lifetime: Lifetime,
        labels: &BTreeMap<String, String>,
    ) -> Result<Self> {
        if let Some(name) = name {
            validate::label(name)?;
        }
        if lifetime == Lifetime::Shared {
            let text = format!(
                "a {} cannot be shared; keep it, or let its owner remove it",
                kind.as_str()
            );
            return Err(Error::invalid(text));
        }
        let id = EnvironmentId::random();
        let on_daemon = on_daemon(prefix, &id, name);
        let name = name.map_or_else(|| default_name(kind, &id), str::to_owned);
        Ok(Self {
            labels: labels::of_resource(&id, &name, lifetime, labels)?,
            kind,
            id,
            name,
            on_daemon,
            lifetime,
        })
    }

    /// Enters it into the journal, unless it is to be kept: then it has no owner.
    pub(super) async fn enter(&self, engine: &DockerEngine, docker: &Docker) -> Result<Entered> {
        let address = crate::engine::Engine::address(engine);
        let (true, Some(address)) = (self.lifetime == Lifetime::Owner, address) else {
            let journal = Journal::of(None, &self.id);
            let owned = self.expecting(docker, &journal)?;
            return Ok(Entered { journal, owned });
        };
        let entry = Entry {
            version: VERSION,
            id: self.id.clone(),
            name: self.name.clone(),
            engine: NAME.to_owned(),
            address,
            image: None,
            session: None,
            created: summary::now(),
            lifetime: Lifetime::Owner,
            owner: Process::current(),
            resources: Vec::new(),
        };
        let id = self.id.clone();
        // Not in the runtime's thread: the disk may be slow.
        let entering = tokio::task::spawn_blocking(move || {
            let directory = StateDirectory::open(None)?;
            let journal = Journal::of(directory.as_ref(), &id);
            journal.begin(&entry)?;
            Ok(journal)
        });
        let journal: Result<Journal> = entering.await.map_err(|ended| Error::engine("journal", ended))?;
        let journal = journal?;
        let owned = self.expecting(docker, &journal)?;
        Ok(Entered { journal, owned })
    }

    fn expecting(&self, docker: &Docker, journal: &Journal) -> Result<Owned> {
        Owned::expecting(docker, self.kind, &self.on_daemon, self.id.as_str(), journal)
    }

    /// From now on, its drop removes it, unless it is to be kept.
    pub(super) fn made(&self, entered: &Entered) {
        if self.lifetime == Lifetime::Kept {
            entered.owned.disarm();
        }
        entered.made();
    }
}

/// The guard of a network or volume, and its journal.
#[derive(Debug)]
pub(super) struct Entered {
    journal: Journal,
    pub(super) owned: Owned,
}

impl Entered {
    /// From now on, its drop removes it.
    pub(super) fn made(&self) {
        // The guard holds the entry until it is gone.
        self.journal.finish();
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.journal.finish();
    }
}

/// The displayed name of a network or volume without a name of its own.
pub(super) fn default_name(kind: Kind, id: &EnvironmentId) -> String {
    format!("{}-{}", kind.as_str(), id.short())
}

/// The name on the daemon: valid, unique and, if it has a name for people, readable.
pub(super) fn on_daemon(prefix: &str, id: &EnvironmentId, name: Option<&str>) -> String {
    let Some(name) = name else {
        return format!("{prefix}{id}");
    };
    format!("{prefix}{}_{id}", labels::readable_part(name))
}

/// The names by which a person can mean a network or volume.
pub(super) trait Named {
    fn id(&self) -> &str;
    /// The name for people.
    fn name(&self) -> &str;
    fn on_daemon(&self) -> &str;
}

/// The one that a person means: by its name on the daemon, its name for people, its ID, or a unique
/// beginning of the ID.
pub(super) fn find<T: Named>(kind: Kind, all: Vec<T>, reference: &str) -> Result<T> {
    let kind = kind.as_str();
    validate::text(&format!("the name of the {kind}"), reference)?;
    let ways: [fn(&T, &str) -> bool; 3] = [
        |one, reference| one.on_daemon() == reference || one.id() == reference,
        |one, reference| one.name() == reference,
        |one, reference| one.id().starts_with(reference),
    ];
    let Some(way) = ways.iter().find(|way| all.iter().any(|one| way(one, reference))) else {
        return Err(Error::not_found(format!(
            "no {kind} of this program has this name or ID; list them: isolate {kind} ls"
        )));
    };
    let mut found: Vec<T> = all.into_iter().filter(|one| way(one, reference)).collect();
    match (found.pop(), found.as_slice()) {
        (Some(one), []) => Ok(one),
        _ => {
            let text = format!(
                "several {kind}s have the name {reference:?}, or an ID that begins with it; \
                 use the whole ID: isolate {kind} ls",
                reference = short(reference)
            );
            Err(Error::new(ErrorKind::Conflict, text))
        }
    }
}

/// Rejects a name that a kept network or volume has. Only that name tells people which one is
/// meant. Those with an owner may have equal names: tests that run at the same time create them.
pub(super) fn check_kept<T: Named>(kind: Kind, mut kept: impl Iterator<Item = T>, name: &str) -> Result<()> {
    match kept.find(|one| one.name() == name) {
        None => Ok(()),
        Some(one) => {
            let (kind, id) = (kind.as_str(), one.id());
            let text =
                format!("a {kind} with this name exists, with the ID {id}; use it, or choose another name");
            Err(Error::new(ErrorKind::Conflict, text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One(&'static str, &'static str);

    impl Named for One {
        fn id(&self) -> &str {
            self.0
        }

        fn name(&self) -> &str {
            self.1
        }

        fn on_daemon(&self) -> &str {
            "ptest_x"
        }
    }

    #[test]
    fn reference_that_fits_several_is_an_error() {
        let all = || vec![One("a1", "db"), One("a2", "db"), One("b1", "a1")];
        let found = |reference: &str| find(Kind::Network, all(), reference);
        assert_eq!(found("a2").unwrap().id(), "a2");
        // An ID is meant before a name.
        assert_eq!(found("a1").unwrap().id(), "a1");
        assert_eq!(found("b").unwrap().id(), "b1");
        for (reference, kind) in [
            ("db", ErrorKind::Conflict),
            ("a", ErrorKind::Conflict),
            ("ptest_x", ErrorKind::Conflict),
            ("c", ErrorKind::NotFound),
            ("", ErrorKind::InvalidInput),
        ] {
            assert_eq!(found(reference).err().unwrap().kind(), kind, "{reference}");
        }
    }

    #[test]
    fn kept_ones_have_different_names() {
        let kept = || [One("a1", "db"), One("a2", "web")].into_iter();
        check_kept(Kind::Volume, kept(), "other").unwrap();
        let error = check_kept(Kind::Volume, kept(), "web").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("a2"), "{error}");
    }

    #[test]
    fn any_name_is_valid_on_the_daemon() {
        let id: EnvironmentId = "0123456789abcdef".parse().unwrap();
        for (name, expected) in [
            (Some("größe 7/../x"), "ptest_gr--e-7-..-x_0123456789abcdef"),
            (None, "ptest_0123456789abcdef"),
        ] {
            assert_eq!(on_daemon("ptest_", &id, name), expected);
        }
        assert!(on_daemon("ptest_", &id, Some(&"n".repeat(300))).len() < 70);
        for name in ["", " ", "a\nb"] {
            let made = Resource::new(Kind::Volume, "p", Some(name), Lifetime::Owner, &BTreeMap::new());
            assert_eq!(made.err().unwrap().kind(), ErrorKind::InvalidInput, "{name:?}");
        }
        let made = Resource::new(Kind::Volume, "p", None, Lifetime::Shared, &BTreeMap::new());
        assert!(made.err().unwrap().to_string().contains("cannot be shared"));
    }
}
