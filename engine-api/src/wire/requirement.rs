//! Fields and values that only some API versions know.
//!
//! Engines silently ignore fields that their API version does not know or no longer has. So each
//! type lists its fields of this kind, and a call that uses an unsupported one fails before it is
//! sent.

use crate::version::Version;

/// A field or value that a call uses, and the API versions that know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Requirement {
    /// Its name, as `Type::field`.
    pub(crate) what: &'static str,
    pub(crate) versions: Versions,
}

/// The API versions that know a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versions {
    /// This one and later ones.
    Since(Version),
    /// This one and earlier ones.
    Until(Version),
}

impl Requirement {
    /// A field that a later version added; `None` if the call does not use it.
    pub(crate) fn since(used: bool, what: &'static str, first: Version) -> Option<Self> {
        let versions = Versions::Since(first);
        used.then_some(Self { what, versions })
    }

    /// A field that a later version removed; `None` if the call does not use it.
    pub(crate) fn until(used: bool, what: &'static str, last: Version) -> Option<Self> {
        let versions = Versions::Until(last);
        used.then_some(Self { what, versions })
    }
}
