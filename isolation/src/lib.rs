//! Isolated test environments: one trait, many engines.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> isolation::Result<()> {
//! use isolation::{Command, EngineChoice, Environment, EnvironmentSpec, Manager, Registry};
//!
//! let manager = Manager::new(Registry::with_builtin());
//! // The engine that needs nothing; `EngineChoice::Auto` takes a container where an engine answers.
//! let engine = EngineChoice::Named("basic".to_owned());
//! let environment = manager.create(&engine, EnvironmentSpec::default()).await?;
//! let output = environment.run(Command::shell("echo out; echo err >&2; exit 3")).await?;
//! assert_eq!((output.stdout_text().as_str(), output.exit.code), ("out\n", 3));
//! manager.shutdown().await?; // and nothing is left
//! # Ok(()) }
//! ```
//!
//! - [`EnvironmentSpec`] says what an environment should be, [`Command`] what to run in it.
//! - [`Engine`] makes environments, [`Environment`] is one; both are traits that can be boxed.
//! - [`Capabilities`] says before the work what an engine can do.
//! - [`Registry`] knows engines by name and chooses one; [`Manager`] creates through it, keeps track,
//!   tells [`Event`]s, and destroys everything at the end.
//! - [`engines`] holds the engines of this crate.

mod capabilities;
mod command;
#[cfg(feature = "conformance")]
pub mod conformance;
mod engine;
pub mod engines;
mod environment;
mod error;
mod events;
mod execution;
mod id;
mod managed;
mod manager;
mod quantity;
mod registry;
mod spec;
mod status;
mod stdin;
mod validate;

pub use capabilities::{Capabilities, Difference, Feature, IsolationLevel, Lack};
pub use command::{Command, CommandOutput, ExitStatus, Input, Signal};
pub use engine::{Availability, Engine};
pub use environment::{Environment, EnvironmentSummary, Source};
pub use error::{Error, ErrorKind, PassedOver, Result};
pub use events::{Event, EventKind, Received, Subscription};
pub use execution::{Chunk, Execution, Process};
pub use id::EnvironmentId;
pub use managed::Managed;
pub use manager::Manager;
pub use quantity::{parse_duration, parse_size};
pub use registry::{EngineChoice, Registry, Selection};
pub use spec::{CopyIn, EnvironmentSpec, Limits, Mount};
pub use status::{IllegalTransition, Status, StatusCell};
pub use stdin::Stdin;

/// A future that can be stored and sent: what the methods of object-safe traits return.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
