//! The form of an error for other processes.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::wire_error::{WireError, WireSource};
use super::{Cause, Error, Report};

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        WireError {
            kind: self.kind(),
            operation: self.operation().map(str::to_owned),
            subject: self.subject().map(str::to_owned),
            message: self.0.cause.to_string(),
            status: self.observed_status(),
            missing: self.missing().to_vec(),
            alternatives: self.alternatives().to_vec(),
            rejected: self.rejected().to_vec(),
            source: std::error::Error::source(self).map(WireSource::of),
        }
        .serialize(to)
    }
}

impl<'de> Deserialize<'de> for Error {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut wire = WireError::deserialize(from)?;
        Ok(Self(Box::new(Report {
            operation: wire.operation.take().map(Cow::Owned),
            subject: wire.subject.take(),
            observed: wire.status.take(),
            evidence: None,
            cause: Cause::Remote(Box::new(wire)),
        })))
    }
}
