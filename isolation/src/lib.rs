//! Isolated test environments: the same calls on every engine.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> isolation::Result<()> {
//! use isolation::{Command, EngineChoice, Environment, EnvironmentSpec, Manager, Registry};
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
//! - [`EnvironmentSpec`] describes an environment, [`Command`] a command to run in it.
//! - [`Engine`] creates environments, [`Environment`] is one; both traits can be boxed.
//! - [`Capabilities`] lists the features of an engine, before any work.
//! - [`Registry`] has engines by name and chooses one. [`Manager`] creates environments with it,
//!   tracks them, sends [`Event`]s, and destroys all of them at the end.
//! - [`engines`] contains the engines of this crate.

mod command;
#[cfg(feature = "conformance")]
pub mod conformance;
mod engine;
pub mod engines;
mod environment;
mod error;
mod files;
mod manager;
mod spec;

pub use command::Command;
pub use command::execution::{Chunk, Execution, RunningProcess};
pub use command::exit_status::ExitStatus;
pub use command::input::Input;
pub use command::output::CommandOutput;
pub use command::signal::Signal;
pub use command::stdin::Stdin;
pub use engine::capabilities::{
    Capabilities, Difference, Feature, IsolationLevel, MissingFeature, RejectedEngine,
};
pub use engine::{Availability, Engine};
pub use environment::id::EnvironmentId;
pub use environment::status::{IllegalTransition, Status, StatusCell};
pub use environment::summary::EnvironmentSummary;
pub use environment::{CopySource, Environment};
pub use error::{Error, ErrorKind, Result};
pub use manager::Manager;
pub use manager::events::{Event, EventKind, Received, Subscription};
pub use manager::managed::Managed;
pub use manager::registry::{EngineChoice, Registry, Selection};
pub use spec::mount::Mount;
pub use spec::units::{parse_duration, parse_size};
pub use spec::{CopyIn, EnvironmentSpec, ResourceLimits};

/// The examples of the README, compiled and run as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// A boxed future: the return type of methods of object-safe traits.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
