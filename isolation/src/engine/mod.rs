//! For authors of engines: the trait of isolation engines.

pub(crate) mod capabilities;
pub(crate) mod context;
pub(crate) mod forks;
pub(crate) mod instance;
#[cfg(unix)]
pub(crate) mod saves;
pub(crate) mod values;
pub(crate) mod volumes;
pub(crate) mod watch;

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use self::capabilities::{Capabilities, Feature};
use self::context::Context;
use self::forks::ForkPoint;
use self::instance::Instance;
use self::volumes::{GroupVolumeRequest, ProvidedVolume};
use self::watch::{Reports, Watching};
use crate::BoxFuture;
use crate::environment::id::EnvironmentId;
use crate::environment::status::Status;
use crate::environment::summary::EnvironmentSummary;
use crate::error::{Error, ErrorKind, Result};
use crate::journal::entry::Resource;
#[cfg(unix)]
use crate::snapshots::SavedState;
use crate::spec::EnvironmentSpec;

/// An isolation engine: creates environments from directories and processes, from containers …
///
/// Users call it through a [`Manager`](crate::Manager), which checks the input, the required
/// features and the status before each call, adds the operation to errors, and sends the events.
/// The feature `conformance` adds checks of the behaviour that every engine must have.
pub trait Engine: fmt::Debug + Send + Sync + 'static {
    /// The name under which the engine is registered: one word in lower case.
    fn name(&self) -> &str;

    /// The version of the engine; by default that of this crate.
    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    /// Whether the engine can be used here and now, and its capabilities. Each call asks again: a
    /// daemon may have stopped.
    fn probe(&self) -> BoxFuture<'_, Probe>;

    /// Whether [`EngineChoice::Auto`](crate::EngineChoice::Auto) may choose it. By default it may.
    fn is_automatic(&self) -> bool {
        true
    }

    /// Like [`probe`](Self::probe), for an environment that needs these features. The engine may
    /// skip requests that only concern other features.
    fn probe_for<'a>(&'a self, needed: &'a BTreeSet<Feature>) -> BoxFuture<'a, Probe> {
        let _ = needed;
        self.probe()
    }

    /// Asks for facts that [`create`](Self::create) needs, while the entry of the journal is
    /// written. It changes nothing; `create` gets its answer, and asks again without one.
    #[doc(hidden)]
    fn look_ahead<'a>(&'a self, spec: &'a EnvironmentSpec) -> BoxFuture<'a, Option<Ahead>> {
        let _ = spec;
        Box::pin(std::future::ready(None))
    }

    /// Creates an environment with its copies, but does not start it. The specification is valid
    /// and needs only features of [`probe`](Self::probe). If this fails or its future is dropped,
    /// everything that it created is removed.
    fn create<'a>(&'a self, new: NewEnvironment<'a>) -> BoxFuture<'a, Result<Box<dyn Instance>>>;

    /// Creates an environment like [`create`](Self::create), with the files of a snapshot. Its
    /// specification was [adapted](Self::adapt).
    #[cfg(unix)]
    fn restore<'a>(
        &'a self,
        new: NewEnvironment<'a>,
        state: &'a SavedState,
    ) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        let _ = (new, state);
        Box::pin(std::future::ready(Err(self.no_snapshots())))
    }

    /// Changes a specification so that this engine can [restore](Self::restore) a snapshot with it:
    /// removes all parts that the files of the snapshot replace. The specification may come from
    /// another engine.
    #[cfg(unix)]
    fn adapt(&self, state: &SavedState, spec: &mut EnvironmentSpec) -> Result<()> {
        let _ = (state, spec);
        Err(self.no_snapshots())
    }

    /// Creates an environment like [`create`](Self::create), with the files of a fork point.
    fn fork<'a>(
        &'a self,
        new: NewEnvironment<'a>,
        point: &'a ForkPoint,
    ) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        let _ = (new, point);
        Box::pin(std::future::ready(Err(self.no_snapshots())))
    }

    /// The error of an engine without snapshots.
    #[doc(hidden)]
    fn no_snapshots(&self) -> Error {
        self.without(Feature::Snapshots)
    }

    /// The error of an engine without a feature.
    #[doc(hidden)]
    fn without(&self, feature: Feature) -> Error {
        let reason = "not part of this engine".to_owned();
        Error::unsupported(
            self.name(),
            vec![capabilities::MissingFeature { feature, reason }],
        )
    }

    /// Opens an environment of [`list`](Self::list), created by any process. Dropping the instance
    /// does not destroy it. If it does not exist, the error has the kind
    /// [`NotFound`](crate::ErrorKind::NotFound).
    fn open<'a>(&'a self, id: &'a EnvironmentId, context: &'a Context) -> BoxFuture<'a, Result<Opened>>;

    /// The environments of isolate on the engine, created by any process.
    fn list(&self) -> BoxFuture<'_, Result<Vec<EnvironmentSummary>>>;

    /// Removes an environment, created by any process, and the resources that are noted for it in
    /// the [journal](crate::Journal). Its creation may have been interrupted at any point, and it
    /// may be paused. Returns whether there was something to remove.
    fn remove<'a>(&'a self, leftover: Leftover<'a>) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            match self.open(leftover.id, leftover.context).await {
                Ok(opened) => opened.instance.destroy().await.map(|()| true),
                Err(error) if error.is_not_found() => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    /// The address at which it creates environments, as a text without secrets: the address of a
    /// daemon, a directory. Another process passes it to [`at`](Self::at). The default is `None`,
    /// also for engines that other processes cannot reach; then its environments are not in the
    /// journal.
    fn address(&self) -> Option<String> {
        None
    }

    /// Fills in the defaults of the engine, such as its default image. Then two specifications with
    /// the same meaning are equal, and can be [shared](crate::Manager::shared).
    fn fill_in(&self, _: &mut EnvironmentSpec) {}

    /// The current identity of the image of a specification, after [`fill_in`](Self::fill_in); an
    /// empty text if the engine does not have the image yet. A manager with a
    /// [pool](crate::ManagerOptions::pool) uses it to skip environments with another image. The
    /// default is `None`: no environment of the engine is prepared in advance.
    fn image_id<'a>(&'a self, spec: &'a EnvironmentSpec) -> BoxFuture<'a, Result<Option<String>>> {
        let _ = spec;
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Whether the creation of an environment would not pull the image of the specification, after
    /// [`fill_in`](Self::fill_in); this pulls nothing. The default is `true`, for engines that
    /// never pull.
    fn has_image<'a>(&'a self, spec: &'a EnvironmentSpec) -> BoxFuture<'a, Result<bool>> {
        let _ = spec;
        Box::pin(std::future::ready(Ok(true)))
    }

    /// Whether an environment or another program uses an image of this name; `None` without one.
    #[doc(hidden)]
    fn is_image_used<'a>(&'a self, image: &'a str) -> BoxFuture<'a, Result<Option<bool>>> {
        let _ = image;
        Box::pin(std::future::ready(Ok(None)))
    }

    /// The resources with the ID of an environment in a label, also those that no journal notes.
    #[doc(hidden)]
    fn labelled<'a>(&'a self, id: &'a EnvironmentId) -> BoxFuture<'a, Result<Vec<Resource>>> {
        let _ = id;
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Builds the image of a specification with [`EnvironmentSpec::build`], and returns its name,
    /// which depends on its content. `log` gets the output of the build, piece by piece.
    fn build_image<'a>(
        &'a self,
        spec: &'a EnvironmentSpec,
        log: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, Result<String>> {
        let _ = (spec, log);
        Box::pin(std::future::ready(Err(self.without(Feature::ImageBuilds))))
    }

    /// Finds or creates a volume of a group.
    fn provide_volume<'a>(
        &'a self,
        request: GroupVolumeRequest<'a>,
    ) -> BoxFuture<'a, Result<ProvidedVolume>> {
        let _ = request;
        Box::pin(std::future::ready(Err(self.without(Feature::Volumes))))
    }

    /// The names of the kept volumes of a group.
    fn group_volumes<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<Vec<String>>> {
        let _ = group;
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Removes a volume of a group, by its name on the engine.
    fn remove_volume<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<()>> {
        let _ = name;
        Box::pin(std::future::ready(Err(self.without(Feature::Volumes))))
    }

    /// The same engine at an [`address`](Self::address) that another process has noted.
    fn at(&self, address: &str) -> Result<Arc<dyn Engine>> {
        let text = format!("the engine {} cannot be reached at {address}", self.name());
        Err(Error::new(ErrorKind::Unsupported, text))
    }

    /// Reports events in the environments of isolate, also those of other processes, until the
    /// returned value is dropped. The engine reads its source in its own task, which never waits
    /// for a reader.
    fn watch(&self, reports: Reports) -> BoxFuture<'_, Result<Watching>> {
        drop(reports);
        let text = "the engine does not report what happens in its environments";
        Box::pin(std::future::ready(Err(Error::new(ErrorKind::Unsupported, text))))
    }

    /// Reports what has happened in the environments of isolate since a time, as far as the engine
    /// has stored it, and what happens until `until`; without that, it ends when the returned value
    /// is dropped.
    fn past_events(
        &self,
        since: SystemTime,
        until: Option<SystemTime>,
        reports: Reports,
    ) -> BoxFuture<'_, Result<Watching>> {
        let _ = (since, until, reports);
        let text = "the engine stores no events; leave the start time out to watch new ones";
        Box::pin(std::future::ready(Err(Error::new(ErrorKind::Unsupported, text))))
    }

    /// This value, for [`Registry::get_as`](crate::Registry::get_as).
    fn as_any(&self) -> &dyn Any;
}

/// The facts that an engine has found out before a creation.
pub(crate) type Ahead = Box<dyn Any + Send + Sync>;

/// An environment that an engine creates.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct NewEnvironment<'a> {
    /// The ID.
    pub id: &'a EnvironmentId,
    /// The name for people; any text.
    pub name: &'a str,
    /// The specification.
    pub spec: &'a EnvironmentSpec,
    /// The context to which the engine sends events.
    pub context: &'a Context,
    /// The facts that the engine has found out before.
    pub(crate) ahead: Option<&'a (dyn Any + Send + Sync)>,
}

/// An environment to remove. Only a part of it may exist.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Leftover<'a> {
    /// The ID.
    pub id: &'a EnvironmentId,
    /// The resources that its engine has noted in addition to the environment itself.
    pub resources: &'a [Resource],
    /// The context to which the engine sends events.
    pub context: &'a Context,
}

/// An environment that an engine has opened.
#[derive(Debug)]
pub struct Opened {
    /// The name for people.
    pub name: String,
    /// The specification from which it was created.
    pub spec: EnvironmentSpec,
    /// Its status now.
    pub status: Status,
    /// The environment.
    pub instance: Box<dyn Instance>,
}

/// Whether an engine can be used, and its capabilities: one answer, so that the two are consistent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Probe {
    /// Whether the engine can be used here and now.
    pub availability: Availability,
    /// The features of the engine. If it is not available, the features that it has where it is
    /// available.
    pub capabilities: Capabilities,
    /// The name of the setting that names the daemon of the engine, such as `DOCKER_HOST`. If it is
    /// not available, [`EngineChoice::Auto`](crate::EngineChoice::Auto) uses no other engine
    /// instead: the user has chosen this one.
    #[serde(default)]
    pub named_by: Option<String>,
}

impl Probe {
    /// An available engine; `detail` describes it: a version, an address.
    pub fn available(detail: impl Into<String>, capabilities: Capabilities) -> Self {
        let detail = detail.into();
        Self {
            availability: Availability::Available { detail },
            capabilities,
            named_by: None,
        }
    }

    /// An unavailable engine, with a hint for people.
    pub fn unavailable(
        reason: impl Into<String>,
        hint: impl Into<String>,
        capabilities: Capabilities,
    ) -> Self {
        let (reason, hint) = (reason.into(), hint.into());
        Self {
            availability: Availability::Unavailable { reason, hint },
            capabilities,
            named_by: None,
        }
    }

    /// Adds the name of the setting that names the daemon or machine of the engine.
    #[must_use]
    pub fn named_by(mut self, what: Option<String>) -> Self {
        self.named_by = what;
        self
    }
}

/// Whether an engine can be used here and now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// The engine can be used.
    Available {
        /// A description of the engine: a version, an address.
        detail: String,
    },
    /// The engine cannot be used.
    Unavailable {
        /// The reason.
        reason: String,
        /// The hint for people.
        hint: String,
    },
}

impl Availability {
    /// Whether the engine can be used.
    pub fn is_available(&self) -> bool {
        matches!(self, Self::Available { .. })
    }
}

impl fmt::Display for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Available { detail } => write!(f, "available: {detail}"),
            Self::Unavailable { reason, hint } => write!(f, "not available: {reason}; {hint}"),
        }
    }
}
