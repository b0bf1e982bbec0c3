//! Bytes that are sent as base64, and that `Debug` hides.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The data of a secret or a config: any bytes, sent as base64. `Debug` does not show them.
///
/// ```
/// use engine_api::swarm::Payload;
///
/// let payload = Payload::from("hunter2");
/// assert_eq!(payload.as_bytes(), b"hunter2");
/// assert_eq!(format!("{payload:?}"), "***");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Payload(Vec<u8>);

impl Payload {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "\"\"" } else { "***" })
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // The error of the decoder would quote the text.
        let bytes = STANDARD
            .decode(text)
            .map_err(|_| D::Error::custom("expected base64"))?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::wire::json::{decode, encode};

    #[test]
    fn payload_is_made_of_text_or_bytes() {
        let bytes = b"hunter2";
        for payload in [
            Payload::from("hunter2"),
            "hunter2".to_owned().into(),
            bytes.to_vec().into(),
            bytes[..].into(),
        ] {
            assert_eq!(payload.as_bytes(), bytes);
            assert!(!payload.is_empty() && format!("{payload:?}") == "***");
        }
    }

    #[test]
    fn payload_uses_the_standard_base64_alphabet() {
        // `?` and `>` at these places become `/` and `+`, which the alphabet of URLs lacks.
        let payload = Payload::from("~~~???>>>");
        let text = encode(&payload).unwrap();
        assert_eq!(text, br#""fn5+Pz8/Pj4+""#);
        assert_eq!(decode::<Payload>(&text).unwrap(), payload);
        assert_eq!(decode::<Payload>(b"null").unwrap(), Payload::default());
    }

    #[test]
    fn invalid_base64_is_not_quoted_in_the_error() {
        let error = decode::<BTreeMap<String, Payload>>(br#"{"Data":"hunter2!"}"#).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
