//! The engines of this crate: one file or folder each.

use std::sync::Arc;

use crate::engine::Engine;

#[cfg(unix)]
pub mod basic;

/// Adds the engines that need nothing but this machine, in order of preference.
pub(crate) fn builtin(engines: &mut Vec<Arc<dyn Engine>>) {
    #[cfg(unix)]
    engines.push(Arc::new(basic::BasicEngine::new()));
    #[cfg(not(unix))]
    let _ = engines;
}
