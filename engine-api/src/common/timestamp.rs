//! Points in time, in the forms that engines read and write.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// A point in time as engines accept it in queries: seconds since 1970 and nanoseconds.
///
/// ```
/// # use engine_api::common::Timestamp;
/// use std::time::{Duration, SystemTime};
///
/// let ten_minutes_ago = Timestamp::from(SystemTime::now() - Duration::from_secs(600));
/// assert_eq!(Timestamp::new(1_136_073_600, 1).to_string(), "1136073600.000000001");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

const NANOS_PER_SECOND: u32 = 1_000_000_000;

impl Timestamp {
    /// Creates a timestamp from seconds since 1970 (negative before) and nanoseconds after them.
    pub const fn new(seconds: i64, nanos: u32) -> Self {
        let carry = (nanos / NANOS_PER_SECOND) as i64;
        Self {
            seconds: seconds.saturating_add(carry),
            nanos: nanos % NANOS_PER_SECOND,
        }
    }

    /// Creates a timestamp from nanoseconds since 1970, as in events.
    pub const fn from_nanos(nanos: i64) -> Self {
        let per_second = NANOS_PER_SECOND as i64;
        Self {
            seconds: nanos.div_euclid(per_second),
            nanos: nanos.rem_euclid(per_second) as u32,
        }
    }

    /// Nanoseconds since 1970, saturating for times that are centuries away.
    pub const fn as_nanos(self) -> i64 {
        let seconds = self.seconds.saturating_mul(NANOS_PER_SECOND as i64);
        seconds.saturating_add(self.nanos as i64)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Self::new(whole(since.as_secs()), since.subsec_nanos()),
            // Nanoseconds count forwards, also before 1970.
            Err(before) => {
                let before = before.duration();
                match before.subsec_nanos() {
                    0 => Self::new(-whole(before.as_secs()), 0),
                    nanos => Self::new(-whole(before.as_secs()) - 1, NANOS_PER_SECOND - nanos),
                }
            }
        }
    }
}

fn whole(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.seconds, self.nanos)
    }
}

/// Parses a time in RFC 3339 to nanoseconds since 1970; `None` when it is invalid.
pub(crate) fn rfc3339_nanos(time: &str) -> Option<i128> {
    let (date, rest) = time.split_at_checked(10)?;
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let clock = rest.get(1..9)?;
    let mut clock = clock.splitn(3, ':').map(str::parse::<i64>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    let rest = rest.get(9..)?;
    let digits = rest.strip_prefix('.').map_or("", |rest| {
        &rest[..rest.bytes().take_while(u8::is_ascii_digit).count()]
    });
    let fraction = format!("{digits:0<9}").get(..9)?.parse::<i64>().ok()?;
    let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = match zone {
        "Z" | "z" => 0,
        _ => {
            let (hours, minutes) = zone.get(1..6)?.split_once(':')?;
            let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
            if zone.starts_with('-') { -minutes } else { minutes }
        }
    };
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + (minute - offset) * 60 + second;
    Some(i128::from(seconds) * 1_000_000_000 + i128::from(fraction))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar; years begin in March, so that a leap
/// day is the last of its year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month < 3 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_timestamp_is_seconds_and_nine_digits() {
        let text = |time: SystemTime| Timestamp::from(time).to_string();
        assert_eq!(text(UNIX_EPOCH), "0.000000000");
        assert_eq!(
            text(UNIX_EPOCH + Duration::new(1_136_073_600, 100)), // Windows counts hundreds of them
            "1136073600.000000100"
        );
        assert_eq!(text(UNIX_EPOCH - Duration::from_millis(1500)), "-2.500000000");
        assert_eq!(text(UNIX_EPOCH - Duration::from_secs(2)), "-2.000000000");
        assert_eq!(Timestamp::new(1, 2_500_000_000), Timestamp::new(3, 500_000_000));
        for nanos in [0, 1_136_073_600_000_000_001, -2_500_000_000, i64::MIN, i64::MAX] {
            assert_eq!(
                Timestamp::from_nanos(nanos).as_nanos().abs_diff(nanos) / 1_000_000_000,
                0
            );
        }
        assert_eq!(Timestamp::from_nanos(-1_500_000_000).to_string(), "-2.500000000");
        assert_eq!(Timestamp::new(i64::MAX, 0).as_nanos(), i64::MAX);
    }

    #[test]
    fn rfc3339_times_of_all_forms_are_parsed() {
        assert_eq!(rfc3339_nanos("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(
            rfc3339_nanos("2000-03-01T00:00:00.25Z"),
            Some(951_868_800_250_000_000)
        );
        assert_eq!(
            rfc3339_nanos("0001-01-01T00:00:00Z"),
            Some(-62_135_596_800_000_000_000)
        );
        for invalid in [
            "",
            "2000-03-01",
            "2000-03-01T00:00:00",
            "日本語日本語日本語日本語",
        ] {
            assert_eq!(rfc3339_nanos(invalid), None, "{invalid}");
        }
    }
}
