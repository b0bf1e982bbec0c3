//! The machinery: how a call becomes bytes and bytes become a reply.

pub(crate) mod json;
