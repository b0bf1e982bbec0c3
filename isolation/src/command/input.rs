//! The standard input of a command.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::counted::counted;

/// The standard input of a command. In JSON: `"empty"`, `"piped"`, `{"text": "…"}`, or
/// `{"base64": "…"}` for bytes that are not UTF-8.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(into = "Wire", try_from = "Wire")]
pub enum Input {
    /// Empty: the command reads the end of input at once.
    #[default]
    Empty,
    /// These bytes, then the end of input.
    Bytes(Bytes),
    /// The bytes that the caller writes to [`Execution::take_stdin`](crate::Execution::take_stdin).
    Piped,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", counted(bytes.len(), "byte", "bytes")),
            Self::Piped => f.write_str("Piped"),
        }
    }
}

/// The form of an input in JSON.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Wire {
    Empty,
    Piped,
    Text(String),
    Base64(String),
}

impl From<Input> for Wire {
    fn from(input: Input) -> Self {
        match input {
            Input::Empty => Self::Empty,
            Input::Piped => Self::Piped,
            Input::Bytes(bytes) => match std::str::from_utf8(&bytes) {
                Ok(text) => Self::Text(text.to_owned()),
                Err(_) => Self::Base64(STANDARD.encode(&bytes)),
            },
        }
    }
}

impl TryFrom<Wire> for Input {
    type Error = base64::DecodeError;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        Ok(match wire {
            Wire::Empty => Self::Empty,
            Wire::Piped => Self::Piped,
            Wire::Text(text) => Self::Bytes(text.into()),
            Wire::Base64(text) => Self::Bytes(STANDARD.decode(text)?.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_has_one_form_in_json() {
        for (input, text) in [
            (Input::Empty, r#""empty""#),
            (Input::Piped, r#""piped""#),
            (Input::Bytes("a\n".into()), r#"{"text":"a\n"}"#),
            (
                Input::Bytes(Bytes::from_static(&[0xff, 0])),
                r#"{"base64":"/wA="}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&input).unwrap(), text);
            assert_eq!(serde_json::from_str::<Input>(text).unwrap(), input);
        }
        assert!(serde_json::from_str::<Input>(r#"{"base64":"?"}"#).is_err());
    }
}
