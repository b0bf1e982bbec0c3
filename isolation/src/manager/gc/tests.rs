#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are tests, too

// Engines that panic, or do not answer.

use std::any::Any;

use super::*;
use crate::BoxFuture;
use crate::engine::capabilities::{Capabilities, IsolationLevel};
use crate::engine::instance::Instance;
use crate::engine::{NewEnvironment, Opened, Probe};
use crate::environment::summary::EnvironmentSummary;
use crate::journal::entry::VERSION;
use crate::journal::process::Process;

const HERE: &str = "here";

/// An engine that panics at a removal if it has this ID, and does not answer otherwise.
#[derive(Debug, Default)]
struct Faulty {
    panics_at: Option<EnvironmentId>,
}

impl Engine for Faulty {
    fn name(&self) -> &str {
        "faulty"
    }

    fn probe(&self) -> BoxFuture<'_, Probe> {
        let capabilities = Capabilities::new(IsolationLevel::Process);
        Box::pin(std::future::ready(Probe::available("always", capabilities)))
    }

    fn create<'a>(&'a self, _: NewEnvironment<'a>) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        Box::pin(std::future::pending())
    }

    fn open<'a>(&'a self, id: &'a EnvironmentId, _: &'a Context) -> BoxFuture<'a, Result<Opened>> {
        match &self.panics_at {
            Some(at) if at == id => panic!("a fault of the engine"),
            Some(_) => Box::pin(std::future::ready(Err(Error::not_found(id.as_str())))),
            None => Box::pin(std::future::pending()),
        }
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<EnvironmentSummary>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn address(&self) -> Option<String> {
        Some(HERE.to_owned())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn collector(engine: Faulty) -> (tempfile::TempDir, Collector) {
    let base = tempfile::tempdir().unwrap();
    let directory = StateDirectory::at(base.path()).unwrap();
    let mut registry = Registry::new();
    registry.register(engine).unwrap();
    let collector = Collector::new(&registry, &EventSink::default(), &directory, Scope::Everything);
    (base, collector)
}

/// Notes an environment whose owner has exited.
fn note(collector: &Collector, id: &EnvironmentId) {
    let entry = Entry {
        version: VERSION,
        id: id.clone(),
        name: "web".to_owned(),
        engine: "faulty".to_owned(),
        address: HERE.to_owned(),
        image: None,
        session: None,
        created: None,
        lifetime: Lifetime::Owner,
        owner: Process {
            boot: Some("an earlier one".to_owned()),
            ..Process::current()
        },
        resources: Vec::new(),
    };
    collector.directory.write(&entry).unwrap();
}

/// The entry was in no part of the report.
#[tokio::test(start_paused = true)]
async fn engine_that_panics_hides_no_environment() {
    let ids = [EnvironmentId::random(), EnvironmentId::random()];
    let panics_at = Some(ids[0].clone());
    let (_base, collector) = collector(Faulty { panics_at });
    ids.iter().for_each(|id| note(&collector, id));
    let report = collector.collect().await.unwrap();
    let [failed] = &report.failed[..] else {
        panic!("{report:?}");
    };
    assert_eq!((&failed.id, failed.error.kind()), (&ids[0], ErrorKind::Engine));
    assert!(failed.error.to_string().contains("panicked"), "{}", failed.error);
    let gone: Vec<_> = report.gone.iter().map(|one| &one.id).collect();
    assert_eq!(gone, [&ids[1]]);
    assert!(
        collector.directory.read(&ids[0]).unwrap().is_some(),
        "its entry stays"
    );
}

#[tokio::test(start_paused = true)]
async fn image_of_a_silent_engine_stays_noted() {
    let (_base, mut collector) = collector(Faulty::default());
    let image = |tag: &str| LeftImage {
        engine: "faulty".to_owned(),
        address: HERE.to_owned(),
        image: format!("localhost/isolation-state:{tag}"),
    };
    let images = ["000000000000000a", "000000000000000b"].map(image);
    for left in &images {
        collector.directory.note_image(left).unwrap();
    }
    let began = Instant::now();
    let report = collector.collect().await.unwrap();
    // Only the first one waits.
    assert_eq!(began.elapsed().as_secs(), 30);
    assert_eq!(report.failed.len(), 2, "{report:?}");
    for failed in &report.failed {
        let text = failed.error.to_string();
        assert!(text.contains("did not answer within 30 s"), "{text}");
    }
    assert!(
        images
            .iter()
            .all(|left| collector.directory.is_left_image(&left.image))
    );
    // The engine knows no images.
    collector.dry_run = true;
    let report = collector.collect().await.unwrap();
    assert!(report.failed.is_empty() && report.images.is_empty(), "{report:?}");
}
