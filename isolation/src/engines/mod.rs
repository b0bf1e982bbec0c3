//! The engines of this crate: one file or folder each.

use std::sync::Arc;

use crate::engine::Engine;

/// Adds the engines that need nothing but this machine, in order of preference.
pub(crate) fn builtin(_: &mut Vec<Arc<dyn Engine>>) {}
