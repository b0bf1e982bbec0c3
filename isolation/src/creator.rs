//! The process that has created a value.

/// The process that has created a value whose drop has an effect outside this process.
///
/// A forked process has a copy of every value. When it exits, its drops must not destroy the
/// environments of its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Creator(u32);

impl Creator {
    /// This process.
    pub(crate) fn this_process() -> Self {
        Self(std::process::id())
    }

    /// Whether this is still the process that has created the value.
    pub(crate) fn is_this_process(self) -> bool {
        self == Self::this_process()
    }

    /// Another process. A forked process has copies of its values.
    #[cfg(test)]
    pub(crate) fn another_process() -> Self {
        Self(std::process::id() + 1)
    }
}
