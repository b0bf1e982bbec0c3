//! Exec: commands that run in a container beside its process.

mod types;

pub use types::{CreateExec, Exec, ExecCreated, ExecProcess, StartExec};
