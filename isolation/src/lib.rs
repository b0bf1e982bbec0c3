//! Isolated test environments: the same calls on every engine.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> isolation::Result<()> {
//! use isolation::{Command, EngineChoice, EnvironmentSpec, Manager, Registry};
//!
//! let manager = Manager::new(Registry::with_builtin());
//! // The engine without requirements. `EngineChoice::Auto` prefers a container.
//! let engine = EngineChoice::Named("basic".to_owned());
//! let environment = manager.create(&engine, EnvironmentSpec::default()).await?;
//! let output = environment.run(Command::shell("echo out; echo err >&2; exit 3")).await?;
//! assert_eq!((output.stdout_text().as_str(), output.exit.code), ("out\n", 3));
//! manager.shutdown().await?; // and nothing is left
//! # Ok(()) }
//! ```
//!
//! **Users** hold concrete types:
//!
//! - [`EnvironmentSpec`] describes an environment, [`Command`] a command to run in it.
//! - [`Registry`] contains engines by name and chooses one. [`Manager`] creates environments with
//!   it, opens those of other processes, sends [`Event`]s, and destroys its own environments at the
//!   end.
//! - [`Environment`] is a handle of one: commands, copies, start, stop, destroy.
//! - [`Probe`] reports whether an engine can be used here, and its [`Capabilities`], before any
//!   work.
//! - [`engines`] contains the engines of this crate, [`config`] their configuration by files and
//!   environment variables.
//!
//! **Authors of engines** implement two traits: [`Engine`] creates, opens and lists environments,
//! [`Instance`] is one environment. Optional abilities are facets: [`Exec`], [`Files`],
//! [`MainProcess`], [`Ports`], [`Networking`], [`Logs`], [`Metrics`], [`Forks`] …

mod bundle;
mod cleanup;
mod command;
pub mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod counted;
mod creator;
mod diagnose;
mod engine;
pub mod engines;
mod environment;
mod error;
mod events;
mod files;
mod group;
mod history;
mod join;
mod journal;
mod logs;
mod manager;
mod metrics;
pub mod packages;
mod process;
pub mod protocol;
mod relay;
mod serve;
mod short;
#[cfg(unix)]
pub mod snapshots;
mod spec;
#[cfg(feature = "macros")]
#[doc(hidden)]
pub mod testing;

pub use command::Command;
pub use command::execution::{Chunk, Execution, RunningProcess};
pub use command::exit_status::ExitStatus;
pub use command::input::Input;
pub use command::output::CommandOutput;
pub use command::signal::Signal;
pub use command::stdin::Stdin;
pub use command::terminal::TerminalSize;
pub use counted::counted;
pub use diagnose::{Diagnosis, Evidence, FailedCommand, LikelyCause, Platforms, ProgramFile, diagnose};
pub use engine::capabilities::{
    Capabilities, Difference, Feature, IsolationLevel, MissingFeature, RejectedEngine,
};
pub use engine::context::Context;
pub use engine::forks::{ForkPoint, Forks};
pub use engine::instance::HealthState;
pub use engine::instance::{
    DiskUsage, Exec, Files, Findings, Inspection, Instance, InstanceState, Logs, MainProcess, Metrics,
    Networking, Pause, Ports, Processes, Recreate, Rename, Update,
};
#[cfg(unix)]
pub use engine::saves::Saves;
pub use engine::values::{CapabilityValues, DiskLimitKind, MetricsKind};
pub use engine::volumes::{GroupVolumeRequest, ProvidedVolume, VolumeGuard};
pub use engine::watch::{Health, Observed, Report, Reports, Watching};
pub use engine::{Availability, Engine, Leftover, NewEnvironment, Opened, Probe};
pub use environment::Environment;
pub use environment::endpoint::Endpoint;
pub use environment::id::EnvironmentId;
pub use environment::joined_network::JoinedNetwork;
pub use environment::status::{IllegalTransition, Status};
pub use environment::summary::EnvironmentSummary;
pub use environment::wait_until::NotReady;
pub use error::{Error, ErrorKind, Result};
pub use events::migration_step::MigrationStep;
pub use events::pool_miss::PoolMiss;
pub use events::{Event, EventKind, Lagged, PastEvents, PullProgress, Step, Subject, Subscription};
pub use files::{CopySource, FileKind};
pub use group::Group;
pub use group::compose::{ComposeFile, ComposeOptions};
pub use group::spec::{Dependency, GroupSpec, GroupVolume, Service};
pub use history::{CheckResult, CommandRecord};
pub use journal::entry::Resource;
pub use journal::{Hold, Journal};
pub use logs::{LogEntry, LogLine, LogOptions, LogOrigin, LogSource, LogStream, OutputStream};
pub use manager::Manager;
pub use manager::explain::{EngineVerdict, Explanation};
pub use manager::fork::ForkOptions;
pub use manager::gc::Gc;
pub use manager::gc_report::{GcEntry, GcFailure, GcImage, GcReport};
pub use manager::list::{Listed, Listing, Standing};
pub use manager::lock::EnvironmentLock;
#[cfg(unix)]
pub use manager::migrate::{Destination, MigrateOptions, Migrated, MigrationPlan, Moved, Place, Reinstalled};
pub use manager::options::{ManagerOptions, Reaper};
pub use manager::pool::PoolStats;
pub use manager::prepared_forks::PreparedForks;
pub use manager::registry::{EngineChoice, EngineSettings, Registry, Selection};
pub use manager::remove::Remove;
pub use metrics::MetricsSample;
pub use process::ProcessEntry;
pub use serve::{ServeOptions, serve};
pub use spec::device::{Device, Gpus};
pub use spec::health::HealthSpec;
pub use spec::image_build::ImageBuild;
pub use spec::lifetime::Lifetime;
pub use spec::limits::ResourceLimits;
pub use spec::limits::block_io::BlockIoLimits;
pub use spec::limits::memory_swap::MemorySwap;
pub use spec::limits::ulimit::{Ulimit, UlimitValue};
pub use spec::main_process::Main;
pub use spec::membership::Membership;
pub use spec::mount::{Mount, MountSource};
pub use spec::network::{NetworkMode, NetworkSpec};
pub use spec::own_network::OwnNetwork;
pub use spec::published_port::{Protocol, PublishedPort};
pub use spec::requirements::Requirements;
pub use spec::restart::{Recovery, RestartOnExit, RestartSpec};
pub use spec::security::{SecurityProfile, SecuritySpec};
pub use spec::subnet::Subnet;
pub use spec::units::{parse_duration, parse_size};
pub use spec::variables::Variables;
pub use spec::wait_for::{HttpProbe, LogProbe, Readiness, WaitFor};
pub use spec::{CopyIn, EnvironmentSpec};

/// Makes an async function a test with an environment as argument.
///
/// ```no_run
/// # #[cfg(any())]
/// #[isolation::test(engines = ["basic", "docker"], image = "busybox")]
/// async fn greeting(environment: isolation::Environment) -> isolation::Result<()> {
///     let output = environment.run(isolation::Command::shell("echo hello")).await?;
///     assert_eq!(output.stdout_text(), "hello\n");
///     Ok(())
/// }
/// ```
///
/// - `engines`: a test for each engine, such as `greeting::docker`; without it, one test on the
///   first suitable engine. If the engine of a test is not available, or does not support a
///   required feature, the test prints the reason and passes; with the environment variable
///   `ISOLATE_TEST_SKIP=never` it fails. A name that differs only a little from that of an engine,
///   such as `dokcer`, is a failure; another unknown name is that of an engine that is missing.
/// - `image`: the image, on engines that have images.
/// - `spec`: the specification of the environment.
/// - `shared`: all tests of the program with the same specification use one environment, under
///   `cargo test` and `cargo nextest`. If the program `isolate` is on `PATH`, it removes the
///   environment at the end of the last process. Otherwise the last test that runs destroys it.
///
/// The environment is destroyed at the end of the test, also after a panic, and if the test is
/// killed.
#[cfg(feature = "macros")]
pub use isolation_macros::test;

/// The examples of the README, compiled and run as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// A boxed future: the return type of methods of object-safe traits.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
