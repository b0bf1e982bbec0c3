//! Parsers for sizes and durations: `512m`, `2g`, `1h30m`; the same in JSON.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

use crate::error::{Error, Result};
use crate::short::short;

/// Parses a size in bytes: a number with an optional unit `b k m g t` (1024 each, as `docker run
/// --memory` counts), also spelled `mb` or `MiB`.
///
/// ```
/// assert_eq!(isolation::parse_size("512m").unwrap(), 512 << 20);
/// assert_eq!(isolation::parse_size("1.5GiB").unwrap(), 3 << 29);
/// assert!(isolation::parse_size("lots").is_err());
/// ```
pub fn parse_size(text: &str) -> Result<u64> {
    let invalid = || {
        Error::invalid(format!(
            "{text:?} is not a size; write bytes, or 512k, 512m, 2g",
            text = short(text)
        ))
    };
    let (number, unit) = split(text);
    let unit = unit.to_ascii_lowercase();
    let factor: u64 = match unit.as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return Err(invalid()),
    };
    // Integers stay exact; a float has only 53 bits.
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).ok_or_else(invalid);
    }
    let bytes = fraction(number).ok_or_else(invalid)? * factor as f64;
    if bytes >= u64::MAX as f64 {
        return Err(invalid());
    }
    Ok(bytes as u64)
}

/// Parses a duration: numbers with a unit `ms s m h d`; without a unit, seconds.
///
/// ```
/// # use std::time::Duration;
/// assert_eq!(isolation::parse_duration("250ms").unwrap(), Duration::from_millis(250));
/// assert_eq!(isolation::parse_duration("1m30s").unwrap(), Duration::from_secs(90));
/// assert_eq!(isolation::parse_duration("1.5m").unwrap(), Duration::from_secs(90));
/// ```
pub fn parse_duration(text: &str) -> Result<Duration> {
    let parse = || {
        let (mut sum, mut rest) = (Duration::ZERO, text.trim());
        loop {
            let (part, after) = part(rest);
            let alone = part.len() == text.trim().len();
            sum = sum.checked_add(one_duration(part, alone)?)?;
            match after {
                "" => return Some(sum),
                after => rest = after,
            }
        }
    };
    parse().ok_or_else(|| {
        Error::invalid(format!(
            "{text:?} is not a duration; write seconds, or 250ms, 30s, 1m30s, 2h",
            text = short(text)
        ))
    })
}

/// A number and its unit. Only a single number may have no unit.
fn one_duration(text: &str, alone: bool) -> Option<Duration> {
    let (number, unit) = split(text);
    let seconds = match unit {
        "ms" => 0.001,
        "" if alone => 1.0,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(fraction(number)? * seconds).ok()
}

/// Splits after the first unit.
fn part(text: &str) -> (&str, &str) {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let unit = text.find(|c| !is_number(c)).unwrap_or(text.len());
    let after = text[unit..].find(is_number).map_or(text.len(), |at| unit + at);
    let (part, rest) = text.split_at(after);
    (part.trim_end(), rest)
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

/// The number contains only digits and points, so `inf`, `nan`, signs and exponents are excluded.
fn fraction(number: &str) -> Option<f64> {
    number.parse().ok()
}

/// A number or a text in JSON.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a number is expected, or a text with a unit such as \"512m\" or \"30s\""
)]
enum NumberOrText {
    Whole(u64),
    Number(f64),
    Text(String),
}

/// Reads an optional size: a number of bytes, or a text such as `"512m"`.
pub(crate) fn size<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<u64>, D::Error> {
    match Option::<NumberOrText>::deserialize(from)? {
        None => Ok(None),
        Some(NumberOrText::Whole(bytes)) => Ok(Some(bytes)),
        Some(NumberOrText::Text(text)) => parse_size(&text).map(Some).map_err(D::Error::custom),
        Some(NumberOrText::Number(_)) => Err(D::Error::custom("a size is a whole number of bytes")),
    }
}

/// Reads sizes by their names.
pub(crate) fn sizes<'de, D: Deserializer<'de>>(
    from: D,
) -> std::result::Result<BTreeMap<String, u64>, D::Error> {
    #[derive(Deserialize)]
    struct Size(#[serde(deserialize_with = "size")] Option<u64>);
    let read = BTreeMap::<String, Size>::deserialize(from)?;
    let missing = || D::Error::custom("a size is a whole number of bytes");
    let pairs = read
        .into_iter()
        .map(|(name, Size(size))| Ok((name, size.ok_or_else(missing)?)));
    pairs.collect()
}

/// Reads an optional number: `0.5` or `"0.5"`.
pub(crate) fn number<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<f64>, D::Error> {
    match Option::<NumberOrText>::deserialize(from)? {
        None => Ok(None),
        #[expect(clippy::cast_precision_loss, reason = "no machine has so many CPUs")]
        Some(NumberOrText::Whole(whole)) => Ok(Some(whole as f64)),
        Some(NumberOrText::Number(number)) => Ok(Some(number)),
        Some(NumberOrText::Text(text)) => {
            let number = text.trim().parse().map(Some);
            number.map_err(|_| D::Error::custom(format!("{text:?} is not a number", text = short(&text))))
        }
    }
}

/// A duration as a number of seconds.
pub(crate) mod seconds {
    use std::time::Duration;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        time.as_secs_f64().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// An optional duration: a number of seconds, or a text such as `"30s"`. It is written as a number.
pub(crate) mod duration {
    use std::time::Duration;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::NumberOrText;

    pub(crate) fn serialize<S: Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        time.map(|time| time.as_secs_f64()).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        let seconds = |seconds| Duration::try_from_secs_f64(seconds).map_err(D::Error::custom);
        match Option::<NumberOrText>::deserialize(from)? {
            None => Ok(None),
            Some(NumberOrText::Whole(whole)) => Ok(Some(Duration::from_secs(whole))),
            Some(NumberOrText::Number(number)) => seconds(number).map(Some),
            Some(NumberOrText::Text(text)) => {
                super::parse_duration(&text).map(Some).map_err(D::Error::custom)
            }
        }
    }
}

/// Writes a path as text; a path that is not UTF-8 is written with replacement characters.
pub(crate) fn serialize_path<S: Serializer>(path: &Path, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::EnvironmentSpec;

    #[test]
    fn sizes_in_every_spelling() {
        for (text, bytes) in [
            ("0", 0),
            ("1024", 1024),
            ("7b", 7),
            ("1k", 1 << 10),
            ("512M", 512 << 20),
            ("2 gb", 2 << 30),
            ("1TiB", 1 << 40),
            (" 0.5m ", 1 << 19),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_size(text).unwrap(), bytes, "{text}");
        }
        for text in [
            "",
            "m",
            "-1m",
            "1x",
            "1.2.3m",
            "nan",
            "1e3",
            "99999999t",
            "18446744073709551616",
        ] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_in_every_spelling() {
        for (text, millis) in [
            ("3", 3_000),
            ("250ms", 250),
            ("0.5s", 500),
            ("2m", 120_000),
            ("1d", 86_400_000),
            ("1m30s", 90_000),
            (" 1h 0.5m 2s250ms ", 3_632_250),
        ] {
            assert_eq!(
                parse_duration(text).unwrap(),
                Duration::from_millis(millis),
                "{text}"
            );
        }
        for text in [
            "",
            "s",
            "-1s",
            "5 years",
            "99999999999999999999d",
            "1m30",
            "1 30s",
            "1m,30s",
            "1m-30s",
            "m30s",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn null_is_no_value() {
        let spec = EnvironmentSpec::from_json(
            r#"{"limits": {"memory": null, "cpus": null}, "health": {"interval": null}}"#,
        );
        let spec = spec.unwrap();
        assert_eq!((spec.limits.memory, spec.limits.cpus), (None, None));
        assert_eq!(spec.health.unwrap().interval, None);
    }
}
