//! Limits of each process.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::short::short;

/// The names of the limits.
pub(crate) const NAMES: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// A limit of each process of an environment (ulimit). As text it is `SOFT` or
/// `SOFT:HARD`, in JSON also a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Ulimit {
    /// The limit that is in force; a process may raise it up to the hard limit.
    pub soft: UlimitValue,
    /// The hard limit.
    pub hard: UlimitValue,
}

/// The value of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UlimitValue {
    /// This maximum.
    Limited(u64),
    /// No limit.
    Unlimited,
}

const UNLIMITED: &str = "unlimited";

impl Ulimit {
    /// A limit that no process can raise.
    pub fn new(limit: u64) -> Self {
        let value = UlimitValue::Limited(limit);
        Self {
            soft: value,
            hard: value,
        }
    }

    pub(crate) fn check(&self, name: &str) -> Result<()> {
        if !NAMES.contains(&name) {
            let why = format!(
                "there is no ulimit {name:?}; use one of {}",
                NAMES.join(", "),
                name = short(name)
            );
            return Err(Error::invalid(why));
        }
        match self.soft > self.hard {
            true => Err(Error::invalid(format!(
                "the soft limit of the ulimit {name} is higher than its hard limit"
            ))),
            false => Ok(()),
        }
    }
}

impl fmt::Display for UlimitValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limited(value) => value.fmt(f),
            Self::Unlimited => f.write_str(UNLIMITED),
        }
    }
}

impl FromStr for UlimitValue {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            UNLIMITED | "-1" => Ok(Self::Unlimited),
            number => number.parse().map(Self::Limited).map_err(|_| {
                Error::invalid(format!(
                    "{text:?} is not a limit; write a number, or {UNLIMITED}",
                    text = short(text)
                ))
            }),
        }
    }
}

impl FromStr for Ulimit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (soft, hard) = text.split_once(':').unwrap_or((text, text));
        Ok(Self {
            soft: soft.parse()?,
            hard: hard.parse()?,
        })
    }
}

impl Serialize for UlimitValue {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Limited(value) => value.serialize(to),
            Self::Unlimited => UNLIMITED.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for UlimitValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a limit is a number or \"unlimited\"")]
        enum Form {
            Number(i64),
            Text(String),
        }
        let text = match Form::deserialize(from)? {
            Form::Number(number) => number.to_string(),
            Form::Text(text) => text,
        };
        text.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Ulimit {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Both {
            soft: UlimitValue,
            hard: UlimitValue,
        }
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "a limit is a number, \"unlimited\", or an object with soft and hard"
        )]
        enum Form {
            Number(i64),
            Text(String),
            Both(Both),
        }
        match Form::deserialize(from)? {
            Form::Number(number) => number.to_string().parse().map_err(D::Error::custom),
            Form::Text(text) => text.parse().map_err(D::Error::custom),
            Form::Both(Both { soft, hard }) => Ok(Self { soft, hard }),
        }
    }
}
