//! Times as texts: `2025-11-28T18:29:37.250000000Z`.

use std::time::{Duration, SystemTime};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

const DAY: u64 = 86_400;

pub(super) fn serialize<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&format(*time))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).ok_or_else(|| D::Error::custom(format!("{text:?} is not a time in UTC")))
}

/// A time before 1970 is written as the beginning of 1970.
fn format(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (year, month, day) = date(since.as_secs() / DAY);
    let second = since.as_secs() % DAY;
    let (hour, minute) = (second / 3600, second / 60 % 60);
    let (second, nanos) = (second % 60, since.subsec_nanos());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

/// Reads what [`format()`] writes.
fn parse(text: &str) -> Option<SystemTime> {
    let (text, nanos) = text.strip_suffix('Z')?.split_once('.')?;
    let fields = text.split(['-', 'T', ':']).map(|field| field.parse().ok());
    let fields: Vec<u64> = fields.collect::<Option<_>>()?;
    let [year, month, day, hour, minute, second] = fields[..] else {
        return None;
    };
    if !(1970..10_000).contains(&year) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Leap days only move a date to a later day than this one.
    let earliest = (year - 1970) * 365;
    let days = (earliest..earliest + 3000).find(|days| date(*days) == (year, month, day))?;
    let since = Duration::new(
        days * DAY + hour * 3600 + minute * 60 + second,
        nanos.parse().ok().filter(|_| nanos.len() == 9)?,
    );
    SystemTime::UNIX_EPOCH.checked_add(since)
}

/// The date of a day, counted from the beginning of 1970. The algorithm is Howard Hinnant's
/// `civil_from_days`: it counts from March of the year 0, so that a leap day ends a year.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (951_782_399, "2000-02-28T23:59:59.000000000Z"),
            (951_782_400, "2000-02-29T00:00:00.000000000Z"),
            (1_764_354_577, "2025-11-28T18:29:37.000000000Z"),
            (4_102_444_799, "2099-12-31T23:59:59.000000000Z"),
            (253_402_300_799, "9999-12-31T23:59:59.000000000Z"),
        ] {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(format(time), text);
            assert_eq!(parse(text), Some(time), "{text}");
        }
        for text in [
            "",
            "2025-11-28",
            "2025-02-30T00:00:00.000000000Z",
            "2025-11-28T24:00:00.000000000Z",
            "2025-11-28T18:29:37.25Z",
            "1969-12-31T00:00:00.000000000Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
