//! The value of `--mount`: `type=bind,source=SRC,target=DST` as the docker command reads it, where
//! the type can also be `volume` or `tmpfs`.

use isolation::{Mount, MountSource};

use crate::parse;

const FORM: &str = "type=bind,source=SRC,target=DST[,readonly]; the form SRC:DST is that of -v";

const NAMES: &str = "type, source, target, readonly, volume-subpath and tmpfs-size";

/// A mount.
pub(crate) fn mount(text: &str) -> Result<Mount, String> {
    let mount = named(&fields(text)?)?;
    if !mount.target.starts_with('/') {
        return Err(format!(
            "the target {:?} must be an absolute path; start it with `/`",
            mount.target
        ));
    }
    Ok(mount)
}

/// The fields of a mount, as they are written.
#[derive(Default)]
struct Named<'a> {
    kind: Option<&'a str>,
    source: Option<&'a str>,
    target: Option<&'a str>,
    size: Option<u64>,
    read_only: bool,
    subpath: Option<&'a str>,
}

fn named(fields: &[String]) -> Result<Mount, String> {
    let mut mount = Named::default();
    for field in fields {
        let (name, value) = match field.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (field.as_str(), None),
        };
        let lower = name.trim().to_ascii_lowercase();
        match (lower.as_str(), value) {
            ("readonly" | "ro", None) => mount.read_only = true,
            ("readonly" | "ro", Some(value)) => mount.read_only = boolean(name, value)?,
            (_, None | Some("")) => {
                return Err(format!("the value of {name:?} is missing; write it as {FORM}"));
            }
            ("type", value) => mount.kind = value,
            ("source" | "src", value) => mount.source = value,
            ("target" | "dst" | "destination", value) => mount.target = value,
            ("volume-subpath", value) => mount.subpath = value,
            ("tmpfs-size", Some(value)) => mount.size = Some(parse::size(value)?),
            // Only Docker Desktop used it, and the docker command ignores it.
            ("consistency", Some(_)) => {}
            _ => return Err(format!("{name:?} is not supported; use {NAMES}")),
        }
    }
    let missing = |name: &str| format!("{name}= is missing; write it as {FORM}");
    let source = mount.source.ok_or_else(|| missing("source"));
    let kind = mount.kind.unwrap_or_default().to_ascii_lowercase();
    if kind != "tmpfs" && mount.size.is_some() {
        return Err("tmpfs-size needs type=tmpfs".into());
    }
    if kind != "volume" && mount.subpath.is_some() {
        return Err("volume-subpath needs type=volume".into());
    }
    let source = match kind.as_str() {
        "bind" => MountSource::Host(parse::existing(source?)?),
        "volume" => MountSource::Volume(source?.to_owned()),
        "tmpfs" if mount.source.is_some() => return Err("a tmpfs has no source; omit source=".into()),
        "tmpfs" => MountSource::Tmpfs { size: mount.size },
        "" => return Err("the type is missing; write type=bind,source=SRC,target=DST".into()),
        _ => {
            return Err(format!(
                "the type {kind:?} is not supported; use bind, volume or tmpfs"
            ));
        }
    };
    Ok(Mount {
        source,
        target: mount.target.ok_or_else(|| missing("target"))?.to_owned(),
        read_only: mount.read_only,
        subpath: mount.subpath.map(str::to_owned),
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
    fn mount_may_be_a_volume_or_a_tmpfs() {
        let read_only = |mount: Mount| Mount {
            read_only: true,
            ..mount
        };
        for (text, expected) in [
            ("type=volume,source=data,target=/x", Mount::volume("data", "/x")),
            (
                "type=volume,source=data,target=/x,volume-subpath=a/b",
                Mount {
                    subpath: Some("a/b".to_owned()),
                    ..Mount::volume("data", "/x")
                },
            ),
            (
                "type=Volume,src=data,dst=/x,ro",
                read_only(Mount::volume("data", "/x")),
            ),
            ("type=tmpfs,target=/x", Mount::tmpfs("/x", None)),
            (
                "type=tmpfs,destination=/x,tmpfs-size=64m,readonly=true",
                read_only(Mount::tmpfs("/x", Some(64 << 20))),
            ),
        ] {
            assert_eq!(mount(text), Ok(expected), "{text}");
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
    }

    #[test]
    fn invalid_mount_is_reported_with_what_to_write() {
        for (text, words) in [
            ("/etc:/x", "that of -v"),
            ("", "write it as type=bind"),
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
            ("type=tmpfs,source=/etc,target=/x", "a tmpfs has no source"),
            ("type=tmpfs,target=/x,tmpfs-size=lots", "512m"),
            ("type=tmpfs,target=/x,tmpfs-size=0", "greater than 0"),
            ("type=tmpfs,tmpfs-size=1k", "target= is missing"),
            (
                "type=bind,source=/etc,target=/x,volume-subpath=a",
                "needs type=volume",
            ),
            ("type=volume,target=/x", "source= is missing"),
            ("type=volume,source=v,target=/x,tmpfs-size=1k", "needs type=tmpfs"),
            ("type=volume,source=v,target=x", "absolute"),
            ("type=image,source=i,target=/x", "\"image\" is not supported"),
            ("type=bend,source=/etc,target=/x", "bind, volume or tmpfs"),
            ("type=bind,\"source=/etc,target=/x", "quote"),
        ] {
            let error = mount(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
