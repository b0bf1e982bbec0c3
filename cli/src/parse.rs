//! Parsers of option values: `NAME=VALUE`, `SRC:DST`, sizes, durations.

use std::path::{Path, PathBuf};
use std::time::Duration;

use isolation::{CopyIn, Mount};

/// An environment variable: `NAME=VALUE`.
pub(crate) fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some(("", _)) => Err("the name before `=` is missing".into()),
        Some((name, value)) => Ok((name.into(), value.into())),
        // Docker would pass on the caller's value; here only written values are passed on.
        None => Err(format!(
            "the value is missing; write {text}=VALUE, or {text}=\"${text}\" to pass on your own"
        )),
    }
}

/// A bind mount: `SRC:DST` or `SRC:DST:ro`.
pub(crate) fn mount(text: &str) -> Result<Mount, String> {
    let (paths, read_only) = match text.rsplit_once(':') {
        Some((paths, "ro")) => (paths, true),
        Some((paths, "rw")) => (paths, false),
        _ => (text, false),
    };
    let (source, target) = pair(paths, "SRC:DST or SRC:DST:ro")?;
    if !target.starts_with('/') {
        return Err(format!(
            "the target {target:?} must be an absolute path; start it with `/`"
        ));
    }
    Ok(Mount {
        source: existing(source)?,
        target: target.into(),
        read_only,
    })
}

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
        Ok(0) => Err("a limit must be greater than 0; omit it for no limit".into()),
        other => other.map_err(|error| error.to_string()),
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

/// A duration: `30s`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    match isolation::parse_duration(text) {
        Ok(Duration::ZERO) => Err("a duration must be greater than 0; omit it for no limit".into()),
        other => other.map_err(|error| error.to_string()),
    }
}

/// A header: `Name: value`.
pub(crate) fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().into(), value.trim().into())),
        _ => Err("write it as `Name: value`".into()),
    }
}

/// Splits at the last colon: a path on this machine may contain a colon.
fn pair<'a>(text: &'a str, form: &str) -> Result<(&'a str, &'a str), String> {
    match text.rsplit_once(':') {
        Some((source, target)) if !source.is_empty() && !target.is_empty() => Ok((source, target)),
        _ => Err(format!("write it as {form}")),
    }
}

fn existing(path: &str) -> Result<PathBuf, String> {
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
    fn variable_needs_a_name_and_a_value() {
        assert_eq!(variable("A=b=c").unwrap(), ("A".into(), "b=c".into()));
        assert_eq!(variable("A=").unwrap().1, "");
        assert!(variable("A").unwrap_err().contains("A=VALUE"));
        assert!(variable("=x").unwrap_err().contains("name"));
    }

    #[test]
    fn mount_needs_a_source_and_an_absolute_target() {
        let read = mount("/:/host:ro").unwrap();
        assert_eq!(
            (read.source, read.target.as_str(), read.read_only),
            ("/".into(), "/host", true)
        );
        assert!(!mount("/:/host:rw").unwrap().read_only && !mount("/:/host").unwrap().read_only);
        assert!(mount(".:/here").unwrap().source.is_absolute());
        assert!(mount("/:relative").unwrap_err().contains("absolute"));
        assert!(mount("/no/such:/x").unwrap_err().contains("/no/such"));
        for invalid in ["/x", ":/x", "/:", "/:ro", ""] {
            assert!(mount(invalid).is_err(), "{invalid}");
        }
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
        assert_eq!(duration("250ms").unwrap().as_millis(), 250);
        assert!(duration("0").is_err() && duration("soon").unwrap_err().contains("30s"));
    }

    #[test]
    fn header_needs_a_name_and_a_value() {
        assert_eq!(header("X-A: b:c").unwrap(), ("X-A".into(), "b:c".into()));
        assert!(header("nothing").is_err() && header(": x").is_err());
    }
}
