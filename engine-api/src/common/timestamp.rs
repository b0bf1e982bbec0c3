//! Points in time, in the formats of engines.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::Error;

/// A point in time, exact to the nanosecond.
///
/// Engines write RFC 3339 ([`Timestamp::from_rfc3339`], [`Timestamp::to_rfc3339`]) and accept
/// seconds since 1970 in queries ([`fmt::Display`], [`FromStr`]). It converts from and to
/// [`SystemTime`].
///
/// ```
/// # use engine_api::common::Timestamp;
/// use std::time::{Duration, SystemTime};
///
/// let ten_minutes_ago = Timestamp::from(SystemTime::now() - Duration::from_secs(600));
/// assert_eq!(Timestamp::new(1_136_073_600, 1).to_string(), "1136073600.000000001");
///
/// let started = Timestamp::from_rfc3339("2006-01-01T01:00:00.000000001+01:00")?;
/// assert_eq!(started, "1136073600.000000001".parse()?);
/// assert_eq!(started.to_rfc3339(), "2006-01-01T00:00:00.000000001Z");
/// let age = started.to_system_time().and_then(|started| started.elapsed().ok());
/// assert!(age > Some(Duration::from_secs(86_400)));
/// # Ok::<(), engine_api::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

const NANOS_PER_SECOND: u32 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

impl Timestamp {
    /// Creates a timestamp from seconds since 1970 (negative before) and nanoseconds after them.
    pub const fn new(seconds: i64, nanos: u32) -> Self {
        let carry = (nanos / NANOS_PER_SECOND) as i64;
        Self {
            seconds: seconds.saturating_add(carry),
            nanos: nanos % NANOS_PER_SECOND,
        }
    }

    /// Creates a timestamp from nanoseconds since 1970, as in events. Times more than 292 billion
    /// years away become the first or the last time.
    pub const fn from_nanos(nanos: i128) -> Self {
        let per_second = NANOS_PER_SECOND as i128;
        let seconds = nanos.div_euclid(per_second);
        if seconds < i64::MIN as i128 {
            return Self::new(i64::MIN, 0);
        }
        if seconds > i64::MAX as i128 {
            return Self::new(i64::MAX, NANOS_PER_SECOND - 1);
        }
        Self::new(seconds as i64, nanos.rem_euclid(per_second) as u32)
    }

    /// Nanoseconds since 1970, negative before.
    pub const fn as_nanos(self) -> i128 {
        self.seconds as i128 * NANOS_PER_SECOND as i128 + self.nanos as i128
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds after [`Timestamp::seconds`], less than a second.
    pub const fn subsec_nanos(self) -> u32 {
        self.nanos
    }

    /// Parses a time in replies of engines: RFC 3339 with any offset, and any number of digits
    /// after the seconds. Nine of these digits count.
    ///
    /// # Errors
    ///
    /// The text is not such a time, or there is text after it.
    pub fn from_rfc3339(text: &str) -> Result<Self, ParseTimestampError> {
        match Self::split_rfc3339(text) {
            Some((time, "")) => Ok(time),
            _ => Err(ParseTimestampError::new(text, "2024-02-29T12:00:01.5Z")),
        }
    }

    /// Parses a time in RFC 3339 at the start of a text; returns the text after it, too. `None` if
    /// the text starts otherwise.
    ///
    /// ```
    /// # use engine_api::common::Timestamp;
    /// let line = "2024-02-29T12:00:01.5Z ready"; // of logs with `timestamps`
    /// let (time, rest) = Timestamp::split_rfc3339(line).unwrap();
    /// assert_eq!((time, rest), (Timestamp::new(1_709_208_001, 500_000_000), " ready"));
    /// ```
    pub fn split_rfc3339(text: &str) -> Option<(Self, &str)> {
        let bytes = text.as_bytes();
        let number = |from: usize, below: i64| two_digits(bytes, from).filter(|number| *number < below);
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        if marks.iter().any(|(at, mark)| bytes.get(*at) != Some(mark)) {
            return None;
        }
        let year = two_digits(bytes, 0)? * 100 + two_digits(bytes, 2)?;
        let (month, day) = (number(5, 13)?, number(8, 32)?);
        let (hour, minute, second) = (number(11, 24)?, number(14, 60)?, number(17, 60)?);
        let days = days(year, month, day);
        if civil(days) != (year, month, day) {
            return None;
        }
        let (nanos, at) = fraction(bytes, 19)?;
        let (offset, end) = match bytes.get(at)? {
            b'Z' => (0, at + 1),
            sign @ (b'+' | b'-') if bytes.get(at + 3) == Some(&b':') => {
                let minutes = number(at + 1, 24)? * 60 + number(at + 4, 60)?;
                (if *sign == b'+' { minutes } else { -minutes }, at + 6)
            }
            _ => return None,
        };
        let seconds = days * SECONDS_PER_DAY + (hour * 60 + minute - offset) * 60 + second;
        Some((Self { seconds, nanos }, text.get(end..)?))
    }

    /// The time in RFC 3339, in UTC and with nine digits after the seconds. RFC 3339 has the years
    /// 0 to 9999; other years are written with a sign or more digits.
    pub fn to_rfc3339(self) -> String {
        let (year, month, day) = civil(self.seconds.div_euclid(SECONDS_PER_DAY));
        let second = self.seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let nanos = self.nanos;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
    }

    /// The same time as [`SystemTime`]; `None` if the platform cannot represent it. Windows counts
    /// in steps of 100 nanoseconds.
    pub fn to_system_time(self) -> Option<SystemTime> {
        let whole = Duration::from_secs(self.seconds.unsigned_abs());
        let second = match self.seconds < 0 {
            true => UNIX_EPOCH.checked_sub(whole),
            false => UNIX_EPOCH.checked_add(whole),
        };
        second?.checked_add(Duration::from_nanos(self.nanos.into()))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Self::new(whole(since.as_secs()), since.subsec_nanos()),
            // Nanoseconds are positive, also before 1970.
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

/// Seconds since 1970, a point, and nine digits: the form that engines accept in queries.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.seconds, self.nanos)
    }
}

/// The error for a text that is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid time {text:?}; write it as {example}")]
pub struct ParseTimestampError {
    text: String,
    example: &'static str,
}

impl ParseTimestampError {
    fn new(text: &str, example: &'static str) -> Self {
        let text = text.to_owned();
        Self { text, example }
    }
}

impl From<ParseTimestampError> for Error {
    fn from(error: ParseTimestampError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Parses seconds since 1970, also with a fraction: `1136073600`, `1136073600.5`.
    fn from_str(text: &str) -> Result<Self, ParseTimestampError> {
        let length = text.find('.').unwrap_or(text.len());
        let (seconds, rest) = text.split_at(length);
        match (seconds.parse(), fraction(text.as_bytes(), length)) {
            (Ok(seconds), Some((nanos, end))) if end == text.len() && !rest.ends_with('.') => {
                Ok(Self { seconds, nanos })
            }
            _ => Err(ParseTimestampError::new(text, "1136073600.5")),
        }
    }
}

/// Nanoseconds from a point and digits at `at`, if there is a point, and the position of their end.
fn fraction(bytes: &[u8], at: usize) -> Option<(u32, usize)> {
    if bytes.get(at) != Some(&b'.') {
        return Some((0, at));
    }
    let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit());
    let (mut nanos, mut unit, mut length) = (0, NANOS_PER_SECOND / 10, 0);
    for digit in digits {
        nanos += u32::from(digit - b'0') * unit;
        unit /= 10;
        length += 1;
    }
    (length > 0).then_some((nanos, at + 1 + length))
}

fn two_digits(bytes: &[u8], at: usize) -> Option<i64> {
    match bytes.get(at..at + 2)? {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            Some(i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
        }
        _ => None,
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar; years begin in March, so that a leap
/// day is the last of its year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month < 3 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The date this number of days after 1970-01-01: the inverse of [`days`].
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
        assert_eq!(Timestamp::from_nanos(-1_500_000_000).to_string(), "-2.500000000");
        assert_eq!(Timestamp::from_nanos(i128::MAX).seconds(), i64::MAX);
        assert_eq!(Timestamp::from_nanos(i128::MIN).seconds(), i64::MIN);
    }

    #[test]
    fn seconds_are_parsed_as_they_are_written() {
        let parse = |text: &str| text.parse::<Timestamp>();
        assert_eq!(parse("1136073600"), Ok(Timestamp::new(1_136_073_600, 0)));
        assert_eq!(parse("1.5"), Ok(Timestamp::new(1, 500_000_000)));
        assert_eq!(parse("1.0000000019"), Ok(Timestamp::new(1, 1)));
        assert_eq!(parse("-2.500000000"), Ok(Timestamp::new(-2, 500_000_000)));
        for text in ["", "10m", "1.", ".5", "1.5x", "1.-5", "2024-02-29T12:00:01Z"] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("invalid time {text:?}; ")), "{error}");
        }
    }

    #[test]
    fn rfc3339_times_of_all_forms_are_parsed() {
        let parse = |text: &str| Timestamp::from_rfc3339(text).unwrap();
        assert_eq!(parse("1970-01-01T00:00:00Z"), Timestamp::default());
        let leap_day = Timestamp::new(1_709_208_001, 500_000_000);
        for text in [
            "2024-02-29T12:00:01.5Z",
            "2024-02-29T13:00:01.500+01:00",
            "2024-02-29T00:30:01.5000000009-11:30",
        ] {
            assert_eq!(parse(text), leap_day, "{text}");
        }
        assert_eq!(parse("0001-01-01T00:00:00Z"), Timestamp::new(-62_135_596_800, 0));
    }

    #[test]
    fn texts_that_are_not_rfc3339_are_rejected() {
        for text in [
            "",
            "2024-02-29",
            "2024-02-29T12:00:01",
            "2024-02-29T12:00:01.Z",
            "2024-13-29T12:00:01Z",
            "2024-00-29T12:00:01Z",
            "2023-02-29T12:00:01Z",
            "2024-02-29T24:00:01Z",
            "2024-02-29T12:60:01Z",
            "2024-02-29T12:00:0xZ",
            "2024-02-29T12:00:01+24:00",
            "2024-02-29T12:00:01+0100",
            "2024-02-29T12:00:01Z ",
            "ä024-02-29T12:00:01Z",
            "日本語日本語日本語日本語",
        ] {
            assert!(Timestamp::from_rfc3339(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_time_is_read_as_it_is_written(
            seconds in -62_167_219_200..253_402_300_800_i64, // the years 0 to 9999
            nanos in 0..NANOS_PER_SECOND,
        ) {
            let time = Timestamp::new(seconds, nanos);
            prop_assert_eq!(Timestamp::from_rfc3339(&time.to_rfc3339()), Ok(time));
            prop_assert_eq!(time.to_string().parse(), Ok(time));
            prop_assert_eq!(Timestamp::from_nanos(time.as_nanos()), time);
            if cfg!(unix) {
                prop_assert_eq!(time.to_system_time().map(Timestamp::from), Some(time));
            }
        }
    }

    #[test]
    fn time_that_cannot_be_read_is_invalid_input() {
        let error = Error::from("soon".parse::<Timestamp>().unwrap_err());
        assert_eq!(error.kind(), crate::ErrorKind::InvalidInput);
        assert!(
            error.to_string().starts_with("invalid time \"soon\"; "),
            "{error}"
        );
    }
}
