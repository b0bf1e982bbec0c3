//! The declaration of an operation of the API.

use std::marker::PhantomData;

use crate::Version;

/// An operation whose reply has the shape `R`; see the shapes in `wire::decode`.
pub(crate) struct Operation<R> {
    pub(crate) info: OperationInfo,
    reply: PhantomData<fn() -> R>,
}

/// The properties of an operation: one row of the coverage table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperationInfo {
    /// The `operationId` of the API description.
    pub id: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path with its placeholders: `/containers/{id}/start`.
    pub path: &'static str,
    /// The first API version with the operation; 1.41 means 1.41 or older.
    pub since: Version,
    /// The status codes that mean success.
    pub success: &'static [u16],
    /// The shape of the reply: `json`, `empty`, `changed`, `json stream`, `output`, `bytes`,
    /// `duplex`, `headers`.
    pub reply: &'static str,
    /// Whether a reply with status `101` is expected, which hijacks the connection.
    pub(crate) hijacks: bool,
    /// Whether 304 is a success (no change was necessary).
    pub(crate) may_be_unchanged: bool,
    /// Whether the reply is JSON.
    pub(crate) is_json: bool,
    /// Whether the engine may need a long time before the reply, so that the head has no timeout.
    pub(crate) slow: bool,
    /// Whether a name in the path keeps its slashes, such as a name of an image.
    pub(crate) slashes: bool,
}

impl<R: super::decode::Shape> Operation<R> {
    pub(crate) const fn get(id: &'static str, path: &'static str) -> Self {
        Self::new("GET", id, path)
    }

    pub(crate) const fn head(id: &'static str, path: &'static str) -> Self {
        Self::new("HEAD", id, path)
    }

    pub(crate) const fn post(id: &'static str, path: &'static str) -> Self {
        Self::new("POST", id, path)
    }

    pub(crate) const fn put(id: &'static str, path: &'static str) -> Self {
        Self::new("PUT", id, path)
    }

    pub(crate) const fn delete(id: &'static str, path: &'static str) -> Self {
        Self::new("DELETE", id, path)
    }

    const fn new(method: &'static str, id: &'static str, path: &'static str) -> Self {
        let info = OperationInfo {
            id,
            method,
            path,
            since: Version::OLDEST,
            success: &[200],
            reply: R::NAME,
            hijacks: R::HIJACKS,
            may_be_unchanged: R::MAY_BE_UNCHANGED,
            is_json: R::IS_JSON,
            slow: false,
            slashes: false,
        };
        Self {
            info,
            reply: PhantomData,
        }
    }

    /// The same operation, with a reply of another shape.
    pub(crate) const fn with_reply<S: super::decode::Shape>(&self) -> Operation<S> {
        let info = OperationInfo {
            reply: S::NAME,
            hijacks: S::HIJACKS,
            may_be_unchanged: S::MAY_BE_UNCHANGED,
            is_json: S::IS_JSON,
            ..self.info
        };
        Operation {
            info,
            reply: PhantomData,
        }
    }

    /// The first version with the operation, if it is not the oldest.
    pub(crate) const fn since(mut self, version: Version) -> Self {
        self.info.since = version;
        self
    }

    pub(crate) const fn success(mut self, codes: &'static [u16]) -> Self {
        self.info.success = codes;
        self
    }

    /// The engine may need any time before the reply.
    pub(crate) const fn slow(mut self) -> Self {
        self.info.slow = true;
        self
    }

    /// The name in the path may contain slashes.
    pub(crate) const fn slashes(mut self) -> Self {
        self.info.slashes = true;
        self
    }
}
