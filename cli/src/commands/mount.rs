//! The value of `--mount`: `SRC:DST[:ro]`, or `type=bind,source=SRC,target=DST` as the docker
//! command reads it.

use isolation::Mount;

use crate::parse;

const FORM: &str = "SRC:DST, SRC:DST:ro, or type=bind,source=SRC,target=DST[,readonly]";

/// A bind mount.
pub(crate) fn mount(text: &str) -> Result<Mount, String> {
    let mount = match is_named(text) {
        true => named(&fields(text)?)?,
        false => pair(text)?,
    };
    let target = mount.target;
    if !target.starts_with('/') {
        return Err(format!(
            "the target {target:?} must be an absolute path; start it with `/`"
        ));
    }
    Ok(Mount {
        read_only: mount.read_only,
        ..Mount::host(parse::existing(&mount.source)?, target)
    })
}

/// Whether the text begins with a name and `=`, or with a name that needs no value. A path that
/// looks so begins with `./`.
fn is_named(text: &str) -> bool {
    let text = text.trim_start_matches('"');
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    match rest.chars().next() {
        Some('=') => !name.is_empty(),
        Some(',') => matches!(name, "readonly" | "ro"),
        _ => false,
    }
}

/// The parts of a mount, unchecked.
struct Parts {
    source: String,
    target: String,
    read_only: bool,
}

fn pair(text: &str) -> Result<Parts, String> {
    let (paths, read_only) = match text.rsplit_once(':') {
        Some((paths, "ro")) => (paths, true),
        Some((paths, "rw")) => (paths, false),
        _ => (text, false),
    };
    let (source, target) = parse::pair(paths, FORM)?;
    Ok(Parts {
        source: source.into(),
        target: target.into(),
        read_only,
    })
}

fn named(fields: &[String]) -> Result<Parts, String> {
    let (mut kind, mut source, mut target, mut read_only) = ("volume", "", "", false);
    for field in fields {
        let (name, value) = match field.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (field.as_str(), None),
        };
        let lower = name.trim().to_ascii_lowercase();
        match (lower.as_str(), value) {
            ("readonly" | "ro", None) => read_only = true,
            ("readonly" | "ro", Some(value)) => read_only = boolean(name, value)?,
            (_, None | Some("")) => {
                return Err(format!("the value of {name:?} is missing; write it as {FORM}"));
            }
            ("type", Some(value)) => kind = value,
            ("source" | "src", Some(value)) => source = value,
            ("target" | "dst" | "destination", Some(value)) => target = value,
            // It had a meaning only for Docker Desktop, and the docker command ignores it.
            ("consistency", Some(_)) => {}
            _ => {
                return Err(format!(
                    "{name:?} is not supported; use type, source, target and readonly"
                ));
            }
        }
    }
    match kind.to_ascii_lowercase().as_str() {
        "bind" => {}
        "volume" if !fields.iter().any(|field| field.trim_start().starts_with("type")) => {
            return Err("the type is missing; write type=bind,source=SRC,target=DST".into());
        }
        "volume" | "tmpfs" | "npipe" | "cluster" | "image" => {
            return Err(format!(
                "mounts of type {kind} are not supported; use type=bind, or --copy for a copy"
            ));
        }
        _ => return Err(format!("{kind:?} is not a type of mount; use type=bind")),
    }
    for (name, value) in [("source", source), ("target", target)] {
        if value.is_empty() {
            return Err(format!("{name}= is missing; write it as {FORM}"));
        }
    }
    Ok(Parts {
        source: source.into(),
        target: target.into(),
        read_only,
    })
}

/// A boolean as the docker command reads it.
fn boolean(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!("{name}={value} is not a boolean; write {name}=true")),
    }
}

/// The fields between commas. A field in double quotes may contain commas, and `""` is a quote.
fn fields(text: &str) -> Result<Vec<String>, String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                field.push('"');
            }
            '"' if quoted || field.is_empty() => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    if quoted {
        return Err("a double quote is not closed".into());
    }
    fields.push(field);
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use isolation::MountSource;
    use std::path::Path;

    /// The directory of the host.
    fn host(mount: &Mount) -> &Path {
        match &mount.source {
            MountSource::Host(path) => path,
            other => panic!("{other:?}"),
        }
    }

    fn mounted(text: &str) -> (String, String, bool) {
        let mount = mount(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let source = host(&mount).display().to_string();
        (source, mount.target, mount.read_only)
    }

    #[test]
    fn mount_needs_a_source_and_an_absolute_target() {
        assert_eq!(mounted("/:/host:ro"), ("/".into(), "/host".into(), true));
        assert!(!mounted("/:/host:rw").2 && !mounted("/:/host").2);
        assert!(host(&mount(".:/here").unwrap()).is_absolute());
        assert!(mount("/:relative").unwrap_err().contains("absolute"));
        assert!(mount("/no/such:/x").unwrap_err().contains("/no/such"));
        for invalid in ["/x", ":/x", "/:", "/:ro", ""] {
            assert!(mount(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn mount_is_read_as_the_docker_command_does() {
        for (text, read_only) in [
            ("type=bind,source=/etc,target=/x", false),
            ("type=bind,src=/etc,dst=/x,readonly", true),
            ("TYPE=bind,Source=/etc,destination=/x,ro=true", true),
            ("readonly=0,target=/x,source=/etc,type=Bind", false),
            ("readonly,target=/x,source=/etc,type=bind", true),
            (
                "type=bind,\"source=/etc\",target=/x,consistency=cached,ro=T",
                true,
            ),
            ("type=bind,source=/nowhere,source=/etc,target=/x", false),
        ] {
            assert_eq!(mounted(text), ("/etc".into(), "/x".into(), read_only), "{text}");
        }
    }

    #[test]
    fn field_in_quotes_may_contain_a_comma() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a,\"b=c");
        std::fs::write(&path, "").unwrap();
        let quoted = path.display().to_string().replace('"', "\"\"");
        let text = format!("type=bind,\"source={quoted}\",target=/x");
        assert_eq!(host(&mount(&text).unwrap()), path);
        // The short form has no fields, so a name may have a comma or an equals sign.
        assert_eq!(host(&mount(&format!("{}:/x", path.display())).unwrap()), path);
    }

    #[test]
    fn invalid_mount_is_reported_with_what_to_write() {
        for (text, words) in [
            ("type=bind,source=/etc", "target= is missing"),
            ("type=bind,target=/x", "source= is missing"),
            ("source=/etc,target=/x", "type=bind"),
            ("type=bind,source=,target=/x", "\"source\" is missing"),
            ("type=bind,source=/etc,target=x", "absolute"),
            ("type=bind,source=/no/such,target=/x", "/no/such"),
            ("type=bind,source=/etc,target=/x,readonly=yes", "readonly=true"),
            (
                "type=bind,source=/etc,target=/x,bind-propagation=shared",
                "bind-propagation",
            ),
            ("type=bind,source=/etc,target=/x,sauce=y", "sauce"),
            ("type=bind,source=/etc,target=/x,", "is missing"),
            ("type=tmpfs,target=/x", "type tmpfs are not supported"),
            ("type=volume,source=v,target=/x", "type volume are not supported"),
            ("type=bend,source=/etc,target=/x", "\"bend\" is not a type"),
            ("type=bind,\"source=/etc,target=/x", "quote"),
        ] {
            let error = mount(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
