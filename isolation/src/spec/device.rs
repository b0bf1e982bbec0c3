//! Devices of the machine of the engine.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::validate;
use crate::error::{Error, Result};
use crate::short::short;

/// A device of the machine of the engine that processes may use.
///
/// ```
/// let fuse: isolation::Device = "/dev/fuse".parse()?;
/// assert_eq!(fuse.to_string(), "/dev/fuse:/dev/fuse:rwm");
/// let disk: isolation::Device = "/dev/sda:/dev/disk:r".parse()?;
/// assert_eq!((disk.target.as_str(), disk.permissions.as_str()), ("/dev/disk", "r"));
/// # isolation::Result::Ok(())
/// ```
///
/// In JSON it is a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its absolute path on the machine of the engine.
    pub source: String,
    /// Its absolute path in the environment.
    pub target: String,
    /// The permissions of processes: any of `r` (read), `w` (write) and `m` (create device nodes).
    pub permissions: String,
}

impl Device {
    fn invalid(text: &str) -> Error {
        Error::invalid(format!(
            "{text:?} is not a device; write an absolute path: /dev/fuse, /dev/sda:/dev/disk or \
             /dev/sda:/dev/disk:r (any of r, w and m)",
            text = short(text)
        ))
    }

    /// Rejects what [`FromStr`] rejects: a program can set the fields itself.
    pub(super) fn check(&self) -> Result<()> {
        self.to_string().parse::<Self>().map(drop)
    }
}

/// Whether a text is one of the permissions.
fn is_permissions(text: &str) -> bool {
    let once = |letter: char| text.matches(letter).count() == 1;
    !text.is_empty() && text.chars().all(|letter| "rwm".contains(letter) && once(letter))
}

impl FromStr for Device {
    type Err = Error;

    /// Reads `SOURCE[:TARGET][:PERMISSIONS]`, like the docker command.
    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let (source, target, permissions) = match parts.as_slice() {
            [source] => (*source, *source, "rwm"),
            [source, permissions] if is_permissions(permissions) => (*source, *source, *permissions),
            [source, target] => (*source, *target, "rwm"),
            [source, target, permissions] => (*source, *target, *permissions),
            _ => return Err(Self::invalid(text)),
        };
        let is_path = |path: &str| path.starts_with('/') && path.len() > 1 && !path.contains('\0');
        match is_path(source) && is_path(target) && is_permissions(permissions) {
            true => Ok(Self {
                source: source.to_owned(),
                target: target.to_owned(),
                permissions: permissions.to_owned(),
            }),
            false => Err(Self::invalid(text)),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source, self.target, self.permissions)
    }
}

/// The GPUs of the machine of the engine that processes may use.
///
/// ```
/// use isolation::Gpus;
///
/// assert_eq!("all".parse::<Gpus>()?, Gpus::All);
/// assert_eq!("2".parse::<Gpus>()?, Gpus::Count(2));
/// assert_eq!("device=0,1".parse::<Gpus>()?.to_string(), "device=0,1");
/// # isolation::Result::Ok(())
/// ```
///
/// In JSON it is a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gpus {
    /// All of them.
    All,
    /// This many.
    Count(u32),
    /// Those with these numbers or UUIDs.
    Devices(Vec<String>),
}

impl Gpus {
    /// Rejects what [`FromStr`] rejects: a program can make the value itself.
    pub(super) fn check(&self) -> Result<()> {
        self.to_string().parse::<Self>().map(drop)
    }
}

impl FromStr for Gpus {
    type Err = Error;

    /// Reads `all`, a number, or `device=` and numbers or UUIDs.
    fn from_str(text: &str) -> Result<Self> {
        let invalid = || {
            Error::invalid(format!(
                "{text:?} names no GPUs; write all, a number, or device=0,1",
                text = short(text)
            ))
        };
        if text == "all" {
            return Ok(Self::All);
        }
        if let Some(devices) = text.strip_prefix("device=") {
            let devices: Vec<String> = devices.split(',').map(str::to_owned).collect();
            let is_name = |name: &String| !name.is_empty() && validate::name(name).is_ok();
            return match devices.iter().all(is_name) {
                true => Ok(Self::Devices(devices)),
                false => Err(invalid()),
            };
        }
        match text.parse() {
            Ok(count) if count > 0 => Ok(Self::Count(count)),
            _ => Err(invalid()),
        }
    }
}

impl fmt::Display for Gpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Count(count) => count.fmt(f),
            Self::Devices(devices) => write!(f, "device={}", devices.join(",")),
        }
    }
}

macro_rules! text_in_json {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

text_in_json!(Device);
text_in_json!(Gpus);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_is_read_as_the_docker_command_does() {
        for (text, expected) in [
            ("/dev/fuse", "/dev/fuse:/dev/fuse:rwm"),
            ("/dev/fuse:r", "/dev/fuse:/dev/fuse:r"),
            ("/dev/a:/dev/b", "/dev/a:/dev/b:rwm"),
            ("/dev/a:/dev/b:mr", "/dev/a:/dev/b:mr"),
        ] {
            assert_eq!(text.parse::<Device>().unwrap().to_string(), expected, "{text}");
        }
        for text in [
            "",
            "dev/fuse",
            "/",
            "/dev/a:b",
            "/dev/a:/dev/b:x",
            "/dev/a:/dev/b:rr",
            "/a:/b:r:w",
            "/a:",
        ] {
            let error = text.parse::<Device>().unwrap_err().to_string();
            assert!(error.contains("/dev/fuse"), "{text}: {error}");
        }
    }

    #[test]
    fn gpus_are_all_a_number_or_devices() {
        for text in ["all", "1", "device=0", "device=0,GPU-1a2b"] {
            assert_eq!(text.parse::<Gpus>().unwrap().to_string(), text);
        }
        for text in ["", "0", "-1", "some", "device=", "device=0,", "device=a b"] {
            text.parse::<Gpus>().unwrap_err();
        }
        Gpus::Devices(Vec::new()).check().unwrap_err();
    }
}
