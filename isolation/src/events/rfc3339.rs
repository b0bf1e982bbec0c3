//! Times as texts: `2025-11-28T18:29:37.250000000Z`.

use std::time::SystemTime;

use engine_api::common::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

pub(crate) fn serialize<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&Timestamp::from(*time).to_rfc3339())
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
    let text = String::deserialize(from)?;
    let time = Timestamp::from_rfc3339(&text).map_err(D::Error::custom)?;
    time.to_system_time()
        .ok_or_else(|| D::Error::custom(format!("this platform cannot represent the time {text:?}")))
}

/// An optional time.
pub(crate) mod option {
    use super::{Deserialize, Deserializer, Serializer, SystemTime};

    pub(crate) fn serialize<S: Serializer>(time: &Option<SystemTime>, to: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => super::serialize(time, to),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SystemTime>, D::Error> {
        #[derive(Deserialize)]
        struct Time(#[serde(with = "super")] SystemTime);
        Ok(Option::<Time>::deserialize(from)?.map(|time| time.0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_written_and_read() {
        for (time, text) in [
            (SystemTime::UNIX_EPOCH, "\"1970-01-01T00:00:00.000000000Z\""),
            (
                SystemTime::UNIX_EPOCH + Duration::new(1_764_354_577, 250_000_100),
                "\"2025-11-28T18:29:37.250000100Z\"",
            ),
            (
                SystemTime::UNIX_EPOCH - Duration::from_millis(500),
                "\"1969-12-31T23:59:59.500000000Z\"",
            ),
        ] {
            let mut written = Vec::new();
            serialize(&time, &mut serde_json::Serializer::new(&mut written)).unwrap();
            assert_eq!(String::from_utf8(written).unwrap(), text);
            let read = deserialize(&mut serde_json::Deserializer::from_str(text));
            assert_eq!(read.unwrap(), time, "{text}");
        }
        let error = deserialize(&mut serde_json::Deserializer::from_str("\"2025-11-28\"")).unwrap_err();
        assert!(
            error.to_string().contains("invalid time \"2025-11-28\""),
            "{error}"
        );
    }
}
