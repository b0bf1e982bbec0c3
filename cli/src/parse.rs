//! Parsers of option values: `SRC:DST`, sizes, durations, headers.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use engine_api::common::Timestamp;
use isolation::{CopyIn, PublishedPort, WaitFor};

/// A file or directory to copy in: `SRC:DST`.
pub(crate) fn copy(text: &str) -> Result<CopyIn, String> {
    let (source, target) = pair(text, "SRC:DST")?;
    Ok(CopyIn {
        source: existing(source)?,
        target: target.into(),
    })
}

/// A size: `512m`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    match isolation::parse_size(text) {
        Ok(0) => Err("a size must be greater than 0".into()),
        other => other.map_err(|error| error.to_string()),
    }
}

/// A size limit: `512m`; 0 removes the default limit.
pub(crate) fn size_limit(text: &str) -> Result<u64, String> {
    isolation::parse_size(text).map_err(|error| error.to_string())
}

/// A CPU limit: `0.5`; 0 removes the default limit.
pub(crate) fn cpu_limit(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(0.0) => Ok(0.0),
        _ => cpus(text),
    }
}

/// A limit of processes: `100`; 0 and -1 remove the default limit.
pub(crate) fn count_limit(text: &str) -> Result<u64, String> {
    match text {
        "0" | "-1" => Ok(0),
        _ => count(text),
    }
}

/// A number of CPUs: `0.5`.
pub(crate) fn cpus(text: &str) -> Result<f64, String> {
    let number = text
        .parse()
        .ok()
        .filter(|cpus: &f64| cpus.is_finite() && *cpus > 0.0);
    number.ok_or_else(|| format!("{text:?} is not a number of CPUs; write 0.5, 1, 2 …"))
}

/// A number of processes: `100`.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|count| *count > 0);
    number.ok_or_else(|| format!("{text:?} is not a number of processes; write 1, 100 …"))
}

/// A duration: `30s`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    match isolation::parse_duration(text) {
        Ok(Duration::ZERO) => Err("a duration must be greater than 0; omit it for no limit".into()),
        other => other.map_err(|error| error.to_string()),
    }
}

/// The time before processes are killed: `10s`, or `0`.
pub(crate) fn grace(text: &str) -> Result<Duration, String> {
    isolation::parse_duration(text).map_err(|error| error.to_string())
}

/// A duration in whole seconds: `1s`.
pub(crate) fn whole_seconds(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        time if time.subsec_nanos() > 0 => Err("write whole seconds: 1s, 2s, 1m …".into()),
        time => Ok(time),
    }
}

/// A condition to wait for: `port:5432`.
pub(crate) fn wait_for(text: &str) -> Result<WaitFor, String> {
    text.parse().map_err(|error: isolation::Error| error.to_string())
}

/// Ports to publish: `8080:80`, or a range.
pub(crate) fn publish(text: &str) -> Result<Vec<PublishedPort>, String> {
    PublishedPort::parse_range(text).map_err(|error| error.to_string())
}

/// The lines of a log from its end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tail {
    All,
    Lines(u64),
}

/// A number of lines, or `all`.
pub(crate) fn tail(text: &str) -> Result<Tail, String> {
    if text == "all" {
        return Ok(Tail::All);
    }
    let lines = text.parse().map(Tail::Lines);
    lines.map_err(|_| "write a number of lines, or all".to_owned())
}

/// A label: `KEY=VALUE`, or `KEY` with a blank value.
pub(crate) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=').unwrap_or((text, "")) {
        ("", _) => Err("the key of a label is blank; write KEY=VALUE".into()),
        (key, value) => Ok((key.to_owned(), value.to_owned())),
    }
}

/// A point in time: `2026-11-28T18:00:00Z`, `1795888800` seconds after 1970, or `10m` ago.
pub(crate) fn time(text: &str) -> Result<SystemTime, String> {
    let invalid =
        || format!("{text:?} is not a time; write 2026-11-28T18:00:00Z, or 10m for ten minutes ago");
    // A number is a Unix time, as with the docker command.
    if let Ok(time) = text.parse::<Timestamp>() {
        return time.to_system_time().ok_or_else(invalid);
    }
    if let Ok(ago) = isolation::parse_duration(text) {
        return SystemTime::now().checked_sub(ago).ok_or_else(invalid);
    }
    let time = Timestamp::from_rfc3339(text).map_err(|_| invalid())?;
    time.to_system_time().ok_or_else(invalid)
}

/// A point in time as text: `2026-11-28T18:00:00.000000000Z`.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    Timestamp::from(time).to_rfc3339()
}

/// A request header.
#[derive(Clone)]
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Shows no value: it may be secret.
impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ***", self.name)
    }
}

/// A header: `Name: value`.
pub(crate) fn header(text: &str) -> Result<Header, String> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => Ok(Header {
            name: name.trim().into(),
            value: value.trim().into(),
        }),
        _ => Err("write it as `Name: value`".into()),
    }
}

/// A parser whose errors do not repeat the value, which may be secret.
#[derive(Clone)]
pub(crate) struct Hidden<T>(pub(crate) fn(&str) -> Result<T, String>);

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Hidden<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        let parsed = value.to_str().ok_or_else(|| "it is not UTF-8".to_owned());
        parsed.and_then(self.0).map_err(|why| {
            let option = argument.map(|argument| format!(" for '{argument}'"));
            let text = format!("invalid value{}: {why}\n", option.unwrap_or_default());
            clap::Error::raw(ErrorKind::ValueValidation, text).with_cmd(command)
        })
    }
}

/// Splits at the last colon: a path on this machine may contain a colon.
pub(crate) fn pair<'a>(text: &'a str, form: &str) -> Result<(&'a str, &'a str), String> {
    match text.rsplit_once(':') {
        Some((source, target)) if !source.is_empty() && !target.is_empty() => Ok((source, target)),
        _ => Err(format!("write it as {form}")),
    }
}

/// The absolute path of a file or directory that exists.
pub(crate) fn existing(path: &str) -> Result<PathBuf, String> {
    let absolute = std::path::absolute(Path::new(path)).map_err(|error| format!("{path}: {error}"))?;
    match absolute.symlink_metadata() {
        Ok(_) => Ok(absolute),
        Err(error) => Err(format!("cannot read the source {}: {error}", absolute.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fraction_of_a_second_is_not_rounded() {
        assert_eq!(whole_seconds("2s").unwrap(), Duration::from_secs(2));
        for text in ["100ms", "1500ms", "0s"] {
            assert!(whole_seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn time_is_absolute_or_a_duration_ago() {
        let at = time("2026-11-28T18:00:00Z").unwrap();
        assert_eq!(rfc3339(at), "2026-11-28T18:00:00.000000000Z");
        for text in ["1795888800", "1795888800.5"] {
            let at = rfc3339(time(text).unwrap());
            assert!(at.starts_with("2026-11-28T18:00:00."), "{at}");
        }
        let ago = SystemTime::now().duration_since(time("10m").unwrap()).unwrap();
        assert!((599..700).contains(&ago.as_secs()), "{ago:?}");
        assert!(time("yesterday").unwrap_err().contains("10m"));
    }

    #[test]
    fn copy_needs_a_source_that_exists() {
        assert_eq!(copy("/etc/passwd:data/p").unwrap().target, "data/p");
        assert!(copy("/no/such:x").unwrap_err().contains("/no/such"));
        assert!(copy("/etc/passwd").unwrap_err().contains("SRC:DST"));
    }

    #[test]
    fn invalid_number_is_reported_with_an_example() {
        assert_eq!(size("2k").unwrap(), 2048);
        assert!(size("12q").unwrap_err().contains("512m"));
        assert!(size("0").unwrap_err().contains("greater than 0"));
        assert_eq!(cpus("0.5").unwrap(), 0.5);
        for invalid in ["0", "-1", "nan", "inf", "two"] {
            assert!(cpus(invalid).unwrap_err().contains("0.5"), "{invalid}");
        }
        assert_eq!(count("100"), Ok(100));
        for invalid in ["0", "-1", "1.5", "many", ""] {
            assert!(count(invalid).unwrap_err().contains("processes"), "{invalid}");
        }
        assert_eq!(duration("250ms").unwrap().as_millis(), 250);
        assert_eq!(duration("1m30s").unwrap().as_secs(), 90);
        assert_eq!(grace("0"), Ok(Duration::ZERO));
        assert!(grace("-1").is_err());
        assert!(duration("0").is_err() && duration("soon").unwrap_err().contains("30s"));
    }

    #[test]
    fn header_needs_a_name_and_a_value() {
        let read = header("X-A: b:c").unwrap();
        assert_eq!((read.name.as_str(), read.value.as_str()), ("X-A", "b:c"));
        assert_eq!(format!("{read:?}"), "X-A: ***");
        assert!(header("nothing").is_err() && header(": x").is_err());
    }
}
