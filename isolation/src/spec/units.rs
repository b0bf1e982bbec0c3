//! Parsers for sizes and durations: `512m`, `2g`, `1h30m`.

use std::time::Duration;

use crate::error::{Error, Result};

/// Parses a size in bytes: a number with an optional unit `b k m g t` (1024 each, as `docker run
/// --memory` counts), also spelled `mb` or `MiB`.
///
/// ```
/// assert_eq!(isolation::parse_size("512m").unwrap(), 512 << 20);
/// assert_eq!(isolation::parse_size("1.5GiB").unwrap(), 3 << 29);
/// assert!(isolation::parse_size("lots").is_err());
/// ```
pub fn parse_size(text: &str) -> Result<u64> {
    let invalid = || Error::invalid(format!("{text:?} is not a size; write bytes, or 512k, 512m, 2g"));
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
            "{text:?} is not a duration; write seconds, or 250ms, 30s, 1m30s, 2h"
        ))
    })
}

/// A number and its unit, which only a number alone may omit.
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
