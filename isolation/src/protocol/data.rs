//! Bytes in a message.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::counted::counted;
use crate::error::{Error, Result};

/// Bytes: text if they are UTF-8.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Data {
    /// The bytes as text.
    Text(String),
    /// The bytes in base64, with padding.
    Base64(String),
}

/// Shows only the length, because the bytes may be secret.
impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Text(text) | Self::Base64(text)) = self;
        write!(f, "Data({})", counted(text.len(), "character", "characters"))
    }
}

impl Data {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(STANDARD.encode(bytes)),
        }
    }

    pub(crate) fn into_bytes(self) -> Result<Bytes> {
        match self {
            Self::Text(text) => Ok(text.into()),
            Self::Base64(text) => match STANDARD.decode(text) {
                Ok(bytes) => Ok(bytes.into()),
                Err(error) => Err(Error::invalid(format!("the data is not base64: {error}"))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_keeps_every_byte() {
        let every: Vec<u8> = (0..=255).collect();
        for bytes in [&b"text\n"[..], &[], &every] {
            let text = serde_json::to_string(&Data::of(bytes)).unwrap();
            let read: Data = serde_json::from_str(&text).unwrap();
            assert_eq!(read.into_bytes().unwrap(), bytes, "{text}");
        }
        for (bytes, shown) in [
            (&b"hunter2"[..], "Data(7 characters)"),
            (b"\xff", "Data(4 characters)"),
        ] {
            assert_eq!(format!("{:?}", Data::of(bytes)), shown);
        }
        let wrong = Data::Base64("%".into()).into_bytes().unwrap_err();
        assert!(wrong.to_string().contains("base64"), "{wrong}");
    }
}
