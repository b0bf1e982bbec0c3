//! A handle that a forked process drops.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use super::end_timeout::EndTimeout;
use super::status::StatusCell;
use super::*;
use crate::BoxFuture;
use crate::creator::Creator;
use crate::engine::capabilities::{Capabilities, Feature, IsolationLevel};
use crate::engine::instance::Instance;
use crate::events::EventSink;
use crate::journal::Journal;

/// Records the action of a drop.
#[derive(Debug, Default)]
struct Recorder(Arc<Mutex<Vec<&'static str>>>);

impl Instance for Recorder {
    fn inspect(&self) -> BoxFuture<'_, Result<InstanceState>> {
        Box::pin(std::future::ready(Ok(InstanceState::new(Status::Running))))
    }

    fn start(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn stop(&self, _: Duration) -> BoxFuture<'_, Result<()>> {
        self.start()
    }

    fn kill(&self, _: Signal) -> BoxFuture<'_, Result<()>> {
        self.start()
    }

    fn destroy(&self) -> BoxFuture<'_, Result<()>> {
        self.start()
    }

    fn destroy_blocking(&self, _: Duration) -> bool {
        self.0.lock().unwrap().push("destroyed");
        true
    }

    fn keep(&self) -> BoxFuture<'_, Result<()>> {
        self.start()
    }
}

struct NoManager;

impl shared::Owner for NoManager {
    fn forget(&self, _: &EnvironmentId) {}

    fn address_of(&self, _: &str) -> Option<String> {
        None
    }

    fn start_reaper(&self, _: &crate::journal::directory::StateDirectory) {}

    fn engines_supporting<'a>(&'a self, _: &'a BTreeSet<Feature>) -> BoxFuture<'a, Vec<String>> {
        Box::pin(std::future::ready(Vec::new()))
    }
}

#[test]
fn forked_process_destroys_nothing_of_its_parent() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    for creator in [Creator::another_process(), Creator::this_process()] {
        let owner: Arc<dyn shared::Owner> = Arc::new(NoManager);
        let id = EnvironmentId::random();
        drop(Environment::new(&Arc::new(Shared {
            journal: Journal::of(None, &id),
            usage: None,
            id,
            name: String::new().into(),
            engine: String::new(),
            spec: EnvironmentSpec::default(),
            capabilities: Capabilities::new(IsolationLevel::Process),
            instance: Box::new(Recorder(Arc::clone(&calls))),
            cell: StatusCell::new(Status::Running),
            events: EventSink::default(),
            owner: Arc::downgrade(&owner),
            kept: AtomicBool::new(false),
            destroyed_reported: AtomicBool::new(false),
            runs: runs::Runs::new(Status::Running),
            supervision: supervision::Supervision::default(),
            history: crate::history::History::default(),
            bundles: None,
            relays: relays::Relays::default(),
            pauses: pauses::Pauses::default(),
            sharing: sharing::Sharing::default(),
            tasks: tasks::Tasks::default(),
            creator,
            end_timeout: Arc::new(EndTimeout::new(Duration::ZERO)),
        })));
    }
    assert_eq!(*calls.lock().unwrap(), ["destroyed"]);
}
