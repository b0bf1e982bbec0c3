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
    /// The ID of its parent record. Until API 1.41.
    pub parent: String,
    /// The IDs of its parent records. Since API 1.42.
    // Engines write the key with a space in front.
    #[serde(rename = " Parents", alias = "Parents")]
    pub parents: Vec<String>,
    /// Its type.
    #[serde(rename = "Type")]
    pub kind: BuildCacheKind,
    /// The build step that created it.
    pub description: String,
    /// Whether it is in use.
    pub in_use: bool,
    /// Whether it is also part of an image.
    pub shared: bool,
    /// Its size in bytes.
    pub size: i64,
    /// Time of creation, in RFC 3339.
    pub created_at: String,
    /// Time of the last use, in RFC 3339; empty means never.
    pub last_used_at: String,
    /// The number of uses.
    pub usage_count: i64,
}

/// The kind of a record of the build cache.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BuildCacheKind {
    /// An internal record of the builder.
    Internal,
    /// A frontend: the program that reads a Dockerfile.
    Frontend,
    /// Files of a build context.
    SourceLocal,
    /// A checkout of a git repository.
    SourceGitCheckout,
    /// A cache that a build step mounts.
    ExecCachemount,
    /// The result of a build step.
    Regular,
    /// A value that this crate does not know.
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
