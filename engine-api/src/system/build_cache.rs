//! Records of the build cache.

use serde::{Deserialize, Serialize};

use crate::wire::json::open_enum;

/// One record of the build cache. Definition `BuildCache`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct BuildCache {
    /// Its id.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// The id of the record it builds on. Until API 1.41.
    pub parent: String,
    /// The ids of the records it builds on. Since API 1.42.
    // Engines write the key with a space in front.
    #[serde(rename = " Parents", alias = "Parents")]
    pub parents: Vec<String>,
    /// What it holds.
    #[serde(rename = "Type")]
    pub kind: BuildCacheKind,
    /// The build step that made it.
    pub description: String,
    /// Whether it is in use.
    pub in_use: bool,
    /// Whether it is part of an image too.
    pub shared: bool,
    /// Its size in bytes.
    pub size: i64,
    /// When it was created, RFC 3339.
    pub created_at: String,
    /// When it was last used, RFC 3339; empty for never.
    pub last_used_at: String,
    /// How often it was used.
    pub usage_count: i64,
}

/// The kind of a record of the build cache.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BuildCacheKind {
    /// An internal record of the builder.
    Internal,
    /// A frontend: the program that reads a Dockerfile.
    Frontend,
    /// Files that were sent for a build.
    SourceLocal,
    /// A checkout of a git repository.
    SourceGitCheckout,
    /// A cache that a build step mounts.
    ExecCachemount,
    /// The result of a build step.
    Regular,
    /// A word this crate does not know.
    Other(String),
}

open_enum!(BuildCacheKind {
    Internal = "internal",
    Frontend = "frontend",
    SourceLocal = "source.local",
    SourceGitCheckout = "source.git.checkout",
    ExecCachemount = "exec.cachemount",
    Regular = "regular",
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::{decode, encode};

    #[test]
    fn parents_are_found_behind_the_space() {
        let text = br#"{"ID":"a"," Parents":["b"],"Type":"regular"}"#;
        let record: BuildCache = decode(text).unwrap();
        assert_eq!(record.parents, ["b"]);
        assert_eq!(encode(&record).unwrap(), text);
        let tidy: BuildCache = decode(br#"{"Parents":["b"],"LastUsedAt":null}"#).unwrap();
        assert_eq!(tidy.parents, ["b"]);
    }
}
