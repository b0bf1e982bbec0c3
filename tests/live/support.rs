//! The engines to test with, and the containers that are left on them.

use std::env;
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine_api::Docker;
use engine_api::connect::{Address, Connector};
use engine_api::containers::ListContainers;
use isolation::{Environment, Event, EventKind, Lagged, Subscription};

/// The image that every engine must have.
pub(crate) const IMAGE: &str = "busybox:latest";

/// The limit of a wait for what a sound engine does within a second or two: the machine may be ten
/// times as slow as usual.
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// How often a test repeats random steps or races: `LIVE_ROUNDS` multiplies the usual number.
pub(crate) fn rounds(usual: usize) -> usize {
    let factor = variable("LIVE_ROUNDS").map_or(1, |factor| factor.parse().unwrap());
    usual * factor
}

/// Waits until a condition holds.
///
/// # Panics
///
/// If it does not hold for [`LONG`].
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < LONG, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An engine to test with.
#[derive(Clone)]
pub(crate) struct Subject {
    /// The name in messages.
    pub(crate) name: String,
    /// A client of the engine.
    pub(crate) docker: Docker,
    address: Address,
}

impl Subject {
    /// A connector to the engine, for recording.
    pub(crate) fn connector(&self) -> Arc<dyn Connector> {
        Arc::from(self.address.connector().unwrap())
    }

    /// The address of the engine's host at which its published ports are reached.
    pub(crate) fn host(&self) -> IpAddr {
        let hosts = variable("ENGINE_HOSTS").unwrap_or_default();
        let mut entries = hosts.split(',').filter_map(|entry| entry.split_once('='));
        match entries.find(|(name, _)| *name == self.name) {
            Some((_, address)) => address.parse().unwrap(),
            None => Ipv4Addr::LOCALHOST.into(),
        }
    }

    /// The names of the containers that begin with `prefix`.
    pub(crate) async fn containers(&self, prefix: &str) -> Vec<String> {
        let all = ListContainers {
            all: true,
            ..ListContainers::default()
        };
        let listed = self.docker.containers().list(all).await.unwrap();
        let names = listed.iter().map(|container| container.plain_name().to_owned());
        names.filter(|name| name.starts_with(prefix)).collect()
    }

    /// Waits until no container's name begins with `prefix`: dropped environments are removed in
    /// the background.
    pub(crate) async fn until_nothing_is_left(&self, prefix: &str) {
        let began = Instant::now();
        loop {
            let left = self.containers(prefix).await;
            if left.is_empty() {
                return;
            }
            assert!(began.elapsed() < LONG, "{}: left: {left:?}", self.name);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// An environment variable, if it is set and not empty.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// An environment variable that a test needs. Tests that need more than `ENGINES` are ignored
/// unless `--include-ignored` asks for them.
///
/// # Panics
///
/// If it is not set: a live test that tests nothing must not pass.
pub(crate) fn required(name: &str) -> String {
    variable(name)
        .unwrap_or_else(|| panic!("this test needs the environment variable {name}; see tests/README.md"))
}

/// The engines that the environment variables name.
///
/// # Panics
///
/// If they name none: a live test that tests nothing must not pass.
pub(crate) fn engines() -> Vec<Subject> {
    let named = match (variable("ENGINES"), variable("DOCKER_HOST")) {
        (Some(list), _) => list,
        (None, Some(address)) => format!("DOCKER_HOST={address}"),
        (None, None) => panic!(
            "live tests need an engine: set ENGINES=name=address,name=address, or DOCKER_HOST; \
             tests/README.md shows how to start some"
        ),
    };
    subjects("ENGINES", &named)
}

/// The engines in a list `name=address,name=address`, the value of an environment variable.
pub(crate) fn subjects(variable: &str, list: &str) -> Vec<Subject> {
    list.split(',').map(|entry| subject(variable, entry)).collect()
}

fn subject(variable: &str, entry: &str) -> Subject {
    let (name, address) = entry
        .trim()
        .split_once('=')
        .unwrap_or_else(|| panic!("{entry:?} in {variable} is not name=address"));
    let broken = |error: &dyn Display| -> ! { panic!("{name} in {variable}: {error}") };
    let address: Address = address.parse().unwrap_or_else(|error| broken(&error));
    let docker = Docker::with_address(&address).unwrap_or_else(|error| broken(&error));
    let name = name.to_owned();
    Subject {
        name,
        docker,
        address,
    }
}

/// The next event; `None` after the last sender was dropped. Fails if a sender is held for ever.
pub(crate) async fn next_event(events: &mut Subscription) -> Option<Result<Event, Lagged>> {
    match tokio::time::timeout(LONG, events.next()).await {
        Ok(next) => next,
        Err(_) => panic!("no event, and no end of the events, for {LONG:?}"),
    }
}

/// The next event of an environment. A watched engine also reports the environments of others, such
/// as those of tests that run at the same time.
///
/// # Panics
///
/// If none comes within [`LONG`], or the manager has ended.
pub(crate) async fn next_event_of(events: &mut Subscription, environment: &Environment) -> EventKind {
    loop {
        let event = next_event(events).await.unwrap().unwrap();
        if event.subject.environment_id() == Some(environment.id()) {
            return event.kind;
        }
    }
}

/// An error with all its causes, in one line.
pub(crate) fn one_line(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
