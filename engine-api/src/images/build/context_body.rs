//! The body of a build's context.

use crate::error::Cause;
use crate::wire::body::Body;

/// The bytes for a builder, and the requirements of the Dockerfile.
pub(super) struct ContextBody {
    pub(super) body: Body,
    /// The feature of the Dockerfile that Docker's builder does not support.
    pub(super) beyond: Option<Cause>,
    pub(super) base_images: Vec<String>,
}

impl ContextBody {
    /// The body of a context whose Dockerfile only the engine reads.
    pub(super) fn unread(body: Body) -> Self {
        Self {
            body,
            beyond: None,
            base_images: Vec::new(),
        }
    }
}
