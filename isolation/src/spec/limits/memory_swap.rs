//! The limit of memory and swap together.

use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::spec::units::parse_size;

/// A limit of memory and swap together. As text it is a size, or `unlimited` or `-1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemorySwap {
    /// A number of bytes. The same number as the memory limit means no swap.
    Total(u64),
    /// The memory limit, and as much swap as the machine has.
    Unlimited,
}

const UNLIMITED: &str = "unlimited";

impl FromStr for MemorySwap {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            UNLIMITED | "-1" => Ok(Self::Unlimited),
            size => parse_size(size).map(Self::Total),
        }
    }
}

impl Serialize for MemorySwap {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Total(bytes) => bytes.serialize(to),
            Self::Unlimited => UNLIMITED.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for MemorySwap {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "a size is a number of bytes, a text such as \"512m\", or \"unlimited\""
        )]
        enum Form {
            Bytes(u64),
            Number(i64),
            Text(String),
        }
        match Form::deserialize(from)? {
            Form::Bytes(bytes) => Ok(Self::Total(bytes)),
            Form::Number(-1) => Ok(Self::Unlimited),
            Form::Number(other) => Err(D::Error::custom(format!(
                "{other} is not a size; write bytes, 512m, or \"unlimited\""
            ))),
            Form::Text(text) => text.parse().map_err(D::Error::custom),
        }
    }
}
