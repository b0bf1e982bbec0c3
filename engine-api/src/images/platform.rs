//! Platforms in the format of queries about images: JSON, `{"os":"linux","architecture":"arm64"}`.

use crate::common::OciPlatform;
use crate::wire::json;

/// The platform as text for a query. Engines require `os` and `architecture`.
///
/// Container create, pull, import and build use `linux/arm64` instead.
pub(super) fn as_json(platform: &OciPlatform) -> String {
    // Serialising a struct of strings cannot fail.
    json::encode(platform)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_default()
}

/// The platforms as texts for a query.
pub(super) fn all_as_json(platforms: &[OciPlatform]) -> impl Iterator<Item = String> {
    platforms.iter().map(as_json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platform_is_json_without_empty_fields() {
        let platform = OciPlatform {
            os: "linux".into(),
            architecture: "arm".into(),
            variant: "v5".into(),
            ..Default::default()
        };
        assert_eq!(
            as_json(&platform),
            r#"{"architecture":"arm","os":"linux","variant":"v5"}"#
        );
    }
}
