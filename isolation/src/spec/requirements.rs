//! Requirements on an engine, in addition to the needs of a specification.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::engine::capabilities::{Feature, IsolationLevel};
use crate::error::{Error, Result};

/// Requirements on an engine: an isolation level, features, or both.
///
/// ```
/// use isolation::{Feature, IsolationLevel, Requirements};
///
/// let wanted: Requirements = "container,memory-limit,network-isolation".parse()?;
/// assert_eq!(wanted.isolation, Some(IsolationLevel::Container));
/// assert!(wanted.features.contains(&Feature::MemoryLimit));
/// assert_eq!(wanted.to_string(), "container,memory-limit,network-isolation");
/// # isolation::Result::Ok(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Requirements {
    /// The weakest isolation that the engine may have.
    pub isolation: Option<IsolationLevel>,
    /// The features that it must have.
    pub features: BTreeSet<Feature>,
}

/// The word in the form for people: `memory-limit`.
fn word(value: &impl Serialize) -> String {
    let text = serde_json::to_value(value).ok();
    let text = text
        .as_ref()
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default();
    text.replace('_', "-")
}

const LEVELS: [IsolationLevel; 3] = [
    IsolationLevel::Process,
    IsolationLevel::Container,
    IsolationLevel::VirtualMachine,
];

impl FromStr for Requirements {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut all = Self::default();
        for part in text.split(',').map(str::trim) {
            let part = part.replace('_', "-");
            let level = LEVELS.into_iter().find(|level| word(level) == part);
            let feature = Feature::ALL.into_iter().find(|feature| word(feature) == part);
            match (level, feature) {
                // The stronger one of two levels.
                (Some(level), _) => all.isolation = all.isolation.max(Some(level)),
                (_, Some(feature)) => {
                    all.features.insert(feature);
                }
                (None, None) => return Err(unknown(&part)),
            }
        }
        Ok(all)
    }
}

fn unknown(part: &str) -> Error {
    let words = LEVELS.iter().map(word).chain(Feature::ALL.iter().map(word));
    let words: Vec<_> = words.collect();
    let distance = |known: &&String| strsim::damerau_levenshtein(known, part);
    let nearest = words
        .iter()
        .min_by_key(distance)
        .filter(|known| distance(known) * 3 <= known.len());
    let hint = match nearest {
        Some(known) => format!("did you mean {known}?"),
        None => "write process, container, or a feature such as memory-limit".to_owned(),
    };
    Error::invalid(format!(
        "{part:?} is neither an isolation level nor a feature; {hint}"
    ))
}

impl fmt::Display for Requirements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.isolation.iter().map(word);
        let words: Vec<_> = words.chain(self.features.iter().map(word)).collect();
        f.write_str(&words.join(","))
    }
}

impl TryFrom<String> for Requirements {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Requirements> for String {
    fn from(all: Requirements) -> Self {
        all.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirement_is_read_in_both_spellings() {
        let read: Requirements = "memory_limit, process,container".parse().unwrap();
        assert_eq!(read.to_string(), "container,memory-limit");
        assert_eq!(
            serde_json::to_string(&read).unwrap(),
            "\"container,memory-limit\""
        );
        for (text, hint) in [
            ("memory-limits", "did you mean memory-limit?"),
            (
                "jail",
                "write process, container, or a feature such as memory-limit",
            ),
            ("", "write process, container"),
        ] {
            let error = text.parse::<Requirements>().unwrap_err().to_string();
            assert!(error.contains(hint), "{error}");
        }
    }
}
