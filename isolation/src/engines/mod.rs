//! The engines of this crate: one file or directory each.
//!
//! ```
//! use isolation::Registry;
//!
//! # async fn demo() {
//! for engine in Registry::with_builtin().engines() {
//!     let probe = engine.probe().await;
//!     println!("{}: {} ({})", engine.name(), probe.availability, probe.capabilities.isolation());
//! }
//! # }
//! ```

use std::sync::Arc;

use crate::engine::Engine;

#[cfg(unix)]
pub mod basic;
pub mod docker;
#[cfg(unix)]
pub mod external;
mod hardened;
#[cfg(unix)]
mod host;
#[cfg(target_os = "linux")]
pub mod sandbox;
mod shell;
#[cfg(unix)]
pub mod virtualenv;

/// The name of the engine [`virtualenv`], also on systems without it.
pub const VIRTUALENV: &str = "virtualenv";

/// The name of the engine `sandbox`, also on systems without it.
pub const SANDBOX: &str = "sandbox";

/// Adds the engines of this crate in order of preference: a container isolates more than a sandbox,
/// and a sandbox more than a directory. A virtual environment is only used on request.
pub(crate) fn builtin(engines: &mut Vec<Arc<dyn Engine>>) {
    engines.push(Arc::new(docker::DockerEngine::default()));
    #[cfg(target_os = "linux")]
    engines.push(Arc::new(sandbox::SandboxEngine::new()));
    #[cfg(unix)]
    engines.push(Arc::new(basic::BasicEngine::new()));
    #[cfg(unix)]
    engines.push(Arc::new(virtualenv::VirtualenvEngine::new()));
}
