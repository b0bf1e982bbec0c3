//! The operation and the subject of a call, for its errors.

use crate::error::{Cause, Error};

/// The operation and its subject. Errors add them to a cause, also the errors of a stream that is
/// read after the call.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallContext {
    pub(crate) operation: &'static str,
    pub(crate) subject: Option<Box<str>>,
    /// Whether credentials for a registry were sent; `None` for calls without credentials.
    pub(crate) credentials: Option<bool>,
}

impl CallContext {
    pub(crate) fn new(operation: &'static str) -> Self {
        Self {
            operation,
            subject: None,
            credentials: None,
        }
    }

    pub(crate) fn add(&self, error: Error) -> Error {
        let error = error.in_call(self.operation, self.subject.as_deref());
        error.with_credentials(self.credentials)
    }

    pub(crate) fn error(&self, cause: Cause) -> Error {
        self.add(Error::local(cause))
    }
}
