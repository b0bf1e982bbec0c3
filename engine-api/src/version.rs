//! Versions of the Engine API, such as `1.41`.

use std::fmt;
use std::str::FromStr;

/// A version of the Engine API. Versions are compared as two numbers (`1.9 < 1.10`).
///
/// ```
/// use engine_api::Version;
///
/// let version: Version = "v1.41".parse()?;
/// assert!(version < Version::new(1, 51) && version >= Version::OLDEST);
/// # Ok::<(), engine_api::ParseVersionError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    major: u16,
    minor: u16,
}

impl Version {
    /// The oldest version that this crate supports: that of Docker 20.10 and of older versions of
    /// Podman.
    pub const OLDEST: Self = Self::new(1, 41);
    /// The newest version that this crate supports.
    pub const NEWEST: Self = Self::new(1, 56);

    /// The version `major.minor`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A text that is not an API version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid API version {0:?}; write it as 1.41")]
pub struct ParseVersionError(String);

impl FromStr for Version {
    type Err = ParseVersionError;

    /// Parses `1.41`, also with a leading `v`.
    fn from_str(text: &str) -> Result<Self, ParseVersionError> {
        let number = |part: &str| {
            part.bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| part.parse().ok())
                .flatten()
        };
        let parts = text.trim().trim_start_matches('v').split_once('.');
        parts
            .and_then(|(major, minor)| Some(Self::new(number(major)?, number(minor)?)))
            .ok_or_else(|| ParseVersionError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        let parse = |text: &str| text.parse::<Version>().unwrap();
        assert!(parse("1.9") < parse("1.10"));
        assert_eq!(parse(" v1.41\n").to_string(), "1.41");
    }

    #[test]
    fn invalid_versions_are_rejected() {
        for text in [
            "", "1", "1.", ".41", "1.41.2", "1.+1", "1.x", "-1.4", "1.99999", "latest",
        ] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }
}
