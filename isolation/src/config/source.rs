//! A value in effect, and its source.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

/// The source of a value. Later sources override earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// It is not set anywhere.
    Default,
    /// A configuration file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// An option of the program, or a value that it has set.
    Option(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => path.display().fmt(f),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Option(name) => write!(f, "option {name}"),
        }
    }
}

/// A value in effect, and its source.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Setting {
    /// The key, such as `docker.pull`.
    pub key: &'static str,
    /// The value; `null` if it is not set and has no default.
    pub value: Value,
    /// Its source.
    pub source: Source,
}
