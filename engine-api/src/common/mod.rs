//! Types that several resources share.
//!
//! ```
//! use engine_api::common::EnvList;
//!
//! let env: EnvList = ["PATH=/bin", "TOKEN=hunter2"].into();
//! assert_eq!(env.value("PATH"), Some("/bin"));
//! assert!(!format!("{env:?}").contains("hunter2")); // values are not shown
//! ```

mod driver_options;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

pub use driver_options::DriverOptions;

/// A point in time as engines take it in queries: seconds since 1970 and nanoseconds.
///
/// ```
/// # use engine_api::common::Timestamp;
/// use std::time::{Duration, SystemTime};
///
/// let ten_minutes_ago = Timestamp::from(SystemTime::now() - Duration::from_secs(600));
/// assert_eq!(Timestamp::new(1_136_073_600, 1).to_string(), "1136073600.000000001");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

const NANOS_PER_SECOND: u32 = 1_000_000_000;

impl Timestamp {
    /// Makes a time from seconds since 1970 (negative before) and the nanoseconds that follow them.
    pub const fn new(seconds: i64, nanos: u32) -> Self {
        let carry = (nanos / NANOS_PER_SECOND) as i64;
        Self {
            seconds: seconds.saturating_add(carry),
            nanos: nanos % NANOS_PER_SECOND,
        }
    }

    /// From nanoseconds since 1970, as events tell their time.
    pub const fn from_nanos(nanos: i64) -> Self {
        let per_second = NANOS_PER_SECOND as i64;
        Self {
            seconds: nanos.div_euclid(per_second),
            nanos: nanos.rem_euclid(per_second) as u32,
        }
    }

    /// Nanoseconds since 1970; the nearest that there is for a time centuries away.
    pub const fn as_nanos(self) -> i64 {
        let seconds = self.seconds.saturating_mul(NANOS_PER_SECOND as i64);
        seconds.saturating_add(self.nanos as i64)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Self::new(whole(since.as_secs()), since.subsec_nanos()),
            // Nanoseconds count forwards, also before 1970.
            Err(before) => {
                let before = before.duration();
                match before.subsec_nanos() {
                    0 => Self::new(-whole(before.as_secs()), 0),
                    nanos => Self::new(-whole(before.as_secs()) - 1, NANOS_PER_SECOND - nanos),
                }
            }
        }
    }
}

fn whole(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.seconds, self.nanos)
    }
}

/// Environment variables, `NAME=value` each.
///
/// A list in every way, but for `Debug`, which shows only the names: values may be secrets.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnvList(Vec<String>);

impl EnvList {
    /// The value of a variable; the last one counts, as it does for the process.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='))
    }
}

impl fmt::Debug for EnvList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masked = self.0.iter().map(|entry| match entry.split_once('=') {
            Some((name, _)) => format!("{name}=***"),
            None => entry.clone(),
        });
        f.debug_list().entries(masked).finish()
    }
}

impl Deref for EnvList {
    type Target = Vec<String>;

    fn deref(&self) -> &Vec<String> {
        &self.0
    }
}

impl DerefMut for EnvList {
    fn deref_mut(&mut self) -> &mut Vec<String> {
        &mut self.0
    }
}

impl<T: Into<String>> From<Vec<T>> for EnvList {
    fn from(list: Vec<T>) -> Self {
        list.into_iter().collect()
    }
}

impl<T: Into<String>, const N: usize> From<[T; N]> for EnvList {
    fn from(list: [T; N]) -> Self {
        list.into_iter().collect()
    }
}

impl<T: Into<String>> FromIterator<T> for EnvList {
    fn from_iter<I: IntoIterator<Item = T>>(list: I) -> Self {
        Self(list.into_iter().map(Into::into).collect())
    }
}

impl IntoIterator for EnvList {
    type Item = String;
    type IntoIter = std::vec::IntoIter<String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a EnvList {
    type Item = &'a String;
    type IntoIter = std::slice::Iter<'a, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// A pointer to content in a registry or a content store. Definition `OCIDescriptor`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct OciDescriptor {
    /// The media type of the content.
    pub media_type: String,
    /// The digest of the content, `sha256:…`.
    pub digest: String,
    /// The size of the content in bytes.
    pub size: i64,
    /// Where else the content can be downloaded.
    pub urls: Vec<String>,
    /// Free notes about the content.
    pub annotations: BTreeMap<String, String>,
    /// The content itself, in base64, when it is small and was put here.
    pub data: Option<String>,
    /// The platform the content is for.
    pub platform: Option<OciPlatform>,
    /// The media type of the artifact, when it is one.
    pub artifact_type: Option<String>,
}

/// A platform that an image runs on. Definition `OCIPlatform`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OciPlatform {
    /// The processor architecture: `amd64`, `arm64` …
    pub architecture: String,
    /// The operating system: `linux`, `windows`.
    pub os: String,
    /// The version of the operating system, mostly of Windows: `10.0.19041.1165`.
    #[serde(rename = "os.version")]
    pub os_version: String,
    /// Features of the operating system that are needed, mostly of Windows: `win32k`.
    #[serde(rename = "os.features")]
    pub os_features: Vec<String>,
    /// The variant of the architecture: `v7`.
    pub variant: String,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_timestamp_is_seconds_and_nine_digits() {
        let text = |time: SystemTime| Timestamp::from(time).to_string();
        assert_eq!(text(UNIX_EPOCH), "0.000000000");
        assert_eq!(
            text(UNIX_EPOCH + Duration::new(1_136_073_600, 100)), // Windows counts hundreds of them
            "1136073600.000000100"
        );
        assert_eq!(text(UNIX_EPOCH - Duration::from_millis(1500)), "-2.500000000");
        assert_eq!(text(UNIX_EPOCH - Duration::from_secs(2)), "-2.000000000");
        assert_eq!(Timestamp::new(1, 2_500_000_000), Timestamp::new(3, 500_000_000));
        for nanos in [0, 1_136_073_600_000_000_001, -2_500_000_000, i64::MIN, i64::MAX] {
            assert_eq!(
                Timestamp::from_nanos(nanos).as_nanos().abs_diff(nanos) / 1_000_000_000,
                0
            );
        }
        assert_eq!(Timestamp::from_nanos(-1_500_000_000).to_string(), "-2.500000000");
        assert_eq!(Timestamp::new(i64::MAX, 0).as_nanos(), i64::MAX);
    }

    #[test]
    fn debug_of_an_environment_shows_no_value() {
        let env = EnvList::from(["TOKEN=hunter2", "EMPTY=", "UNSET"]);
        assert_eq!(format!("{env:?}"), r#"["TOKEN=***", "EMPTY=***", "UNSET"]"#);
        assert_eq!(
            serde_json::to_string(&env).unwrap(),
            r#"["TOKEN=hunter2","EMPTY=","UNSET"]"#
        );
    }

    #[test]
    fn the_last_value_of_a_variable_counts() {
        let env = EnvList::from(["A=1", "AB=2", "A=3=4"]);
        assert_eq!(env.value("A"), Some("3=4"));
        assert_eq!(env.value("AB"), Some("2"));
        assert_eq!(env.value("B"), None);
    }
}
