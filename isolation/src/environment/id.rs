//! The ID of an environment.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::short::short;

/// The unique ID of an environment: 16 hexadecimal digits, valid in names, labels and paths.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct EnvironmentId(String);

impl EnvironmentId {
    /// Creates a new unique ID.
    pub fn random() -> Self {
        Self(random_hex())
    }

    /// The ID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first six digits, with which people can distinguish environments by name.
    pub fn short(&self) -> &str {
        &self.0[..6]
    }
}

/// 64 random bits of the operating system, through the keys of the standard hasher.
pub(crate) fn random_hex() -> String {
    // The keys are drawn once per thread and then incremented; the hash spreads the count over all
    // bits.
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}

impl fmt::Display for EnvironmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EnvironmentId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let is_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        if text.len() != 16 || !text.bytes().all(is_hex) {
            let why = format!(
                "{text:?} is not the ID of an environment; an ID has 16 hexadecimal digits",
                text = short(text)
            );
            return Err(Error::invalid(why));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for EnvironmentId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<EnvironmentId> for String {
    fn from(id: EnvironmentId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_can_be_parsed() {
        let ids: std::collections::BTreeSet<_> = (0..1000).map(|_| EnvironmentId::random()).collect();
        assert_eq!(ids.len(), 1000);
        for id in &ids {
            assert_eq!(id.as_str().parse::<EnvironmentId>().unwrap(), *id);
        }
        assert!("../../../../etc/".parse::<EnvironmentId>().is_err());
    }
}
