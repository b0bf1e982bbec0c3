//! Options of builds that BuildKit serves in a session: secrets, ssh agents, contexts, outputs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use engine_api::images::{BuildSecret, LocalOutput, NamedContext, SshAgent};

use crate::error::CliError;

/// Options of a session.
#[derive(Debug, Args)]
pub(super) struct SessionOptions {
    /// Secret for `RUN --mount=type=secret`, from a file or an environment variable; no layer of
    /// the image contains it: id=ID,src=FILE or id=ID,env=NAME; may be repeated
    #[arg(long, value_name = "SECRET", value_parser = secret)]
    secret: Vec<(String, BuildSecret)>,
    /// Ssh agent for `RUN --mount=type=ssh`: default for that of SSH_AUTH_SOCK, or ID=SOCKET; may
    /// be repeated
    #[arg(long, value_name = "ID[=SOCKET]", value_parser = agent)]
    ssh: Vec<(String, SshAgent)>,
    /// Further context by the name that the Dockerfile uses: NAME=DIR, NAME=docker-image://IMAGE,
    /// NAME=https://…; may be repeated
    #[arg(long, value_name = "NAME=CONTEXT", value_parser = context)]
    build_context: Vec<(String, NamedContext)>,
    /// Write the result on this machine, and create no image: DIR, or type=local|tar|oci,dest=PATH
    #[arg(long, short, value_name = "OUTPUT", value_parser = output, conflicts_with = "tag")]
    pub(super) output: Option<LocalOutput>,
}

impl SessionOptions {
    pub(super) fn secrets(&self) -> Result<BTreeMap<String, BuildSecret>, CliError> {
        by_name("--secret", &self.secret)
    }

    pub(super) fn agents(&self) -> Result<BTreeMap<String, SshAgent>, CliError> {
        by_name("--ssh", &self.ssh)
    }

    pub(super) fn contexts(&self) -> Result<BTreeMap<String, NamedContext>, CliError> {
        by_name("--build-context", &self.build_context)
    }
}

/// The values by their names; the same name twice is an error, because one of them would be
/// ignored.
fn by_name<T: Clone>(option: &str, values: &[(String, T)]) -> Result<BTreeMap<String, T>, CliError> {
    let mut all = BTreeMap::new();
    for (name, value) in values {
        if all.insert(name.clone(), value.clone()).is_some() {
            return Err(CliError::new(format!(
                "{option} has {name:?} twice; leave one of them out"
            )));
        }
    }
    Ok(all)
}

/// The fields `KEY=VALUE` of an option, separated by commas.
fn fields<'a>(text: &'a str, keys: &[&str]) -> Result<BTreeMap<&'a str, &'a str>, String> {
    let mut fields = BTreeMap::new();
    for field in text.split(',') {
        // The error does not contain the value: the user may have written the secret itself.
        let (key, value) = field
            .split_once('=')
            .ok_or_else(|| format!("a field is not KEY=VALUE; the keys are {}", keys.join(", ")))?;
        if !keys.contains(&key) {
            return Err(format!(
                "the key {key:?} is unknown; the keys are {}",
                keys.join(", ")
            ));
        }
        if fields.insert(key, value).is_some() {
            return Err(format!("the key {key:?} is there twice"));
        }
    }
    Ok(fields)
}

/// A secret: `id=ID,src=FILE`, `id=ID,env=NAME`, or `id=ID` for the variable or the file of this
/// name, as for the docker command.
fn secret(text: &str) -> Result<(String, BuildSecret), String> {
    let fields = fields(text, &["id", "type", "src", "source", "env"])?;
    let get = |key: &str| fields.get(key).copied().filter(|value| !value.is_empty());
    let id = get("id").ok_or("the ID is missing; write id=ID,src=FILE or id=ID,env=NAME")?;
    let (file, variable) = (get("src").or(get("source")), get("env"));
    let file_secret = |path: &str| BuildSecret::File(path.into());
    let variable_secret = |name: &str| BuildSecret::Variable(name.into());
    let secret = match (get("type").unwrap_or_default(), file, variable) {
        ("" | "file", Some(path), None) => file_secret(path),
        ("" | "env", None, Some(name)) => variable_secret(name),
        // The docker command reads `src` as the name of the variable here.
        ("env", Some(name), None) => variable_secret(name),
        ("env", None, None) => variable_secret(id),
        ("file", None, None) => file_secret(id),
        ("", None, None) if std::env::var_os(id).is_some() => variable_secret(id),
        ("", None, None) => file_secret(id),
        (_, Some(_), Some(_)) => return Err("src and env exclude each other".into()),
        ("file", None, Some(_)) => return Err("type=file needs src=FILE, not env".into()),
        (other, ..) => {
            return Err(format!(
                "the type {other:?} is unknown; the types are file and env"
            ));
        }
    };
    Ok((id.to_owned(), secret))
}

/// An agent: `default`, `ID`, or `ID=SOCKET`.
fn agent(text: &str) -> Result<(String, SshAgent), String> {
    let (id, socket) = text
        .split_once('=')
        .map_or((text, None), |(id, socket)| (id, Some(socket)));
    let agent = match socket {
        _ if id.is_empty() => return Err("the ID is missing; the usual one is default".into()),
        None => SshAgent::Environment,
        Some("") => return Err("the socket is missing".into()),
        Some(path) if Path::new(path).is_file() => {
            return Err(format!(
                "{path:?} is a file and not the socket of an agent; add a key to an agent with ssh-add"
            ));
        }
        Some(path) => SshAgent::Socket(path.into()),
    };
    Ok((id.to_owned(), agent))
}

/// A context: `NAME=DIR`, `NAME=docker-image://IMAGE`, or `NAME=URL`.
fn context(text: &str) -> Result<(String, NamedContext), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("write NAME=DIR or NAME=docker-image://IMAGE")?;
    if name.is_empty() || value.is_empty() {
        return Err("the name or the context is missing".into());
    }
    let is_url = ["https://", "http://", "git://", "ssh://", "git@"]
        .iter()
        .any(|scheme| value.starts_with(scheme));
    let context = match value.split_once("://") {
        Some(("docker-image", image)) => NamedContext::Image(image.to_owned()),
        _ if is_url => NamedContext::Url(value.to_owned()),
        Some((scheme @ ("oci-layout" | "target"), _)) => {
            return Err(format!(
                "{scheme}:// is not supported; load the image, and write docker-image://IMAGE"
            ));
        }
        _ => NamedContext::Directory(value.into()),
    };
    Ok((name.to_owned(), context))
}

/// An output: `DIR`, or `type=local|tar|oci,dest=PATH`.
fn output(text: &str) -> Result<LocalOutput, String> {
    if !text.contains('=') {
        return match text {
            "" | "-" => Err("write a directory, or type=tar,dest=FILE".into()),
            directory => Ok(LocalOutput::Directory(directory.into())),
        };
    }
    let fields = fields(text, &["type", "dest"])?;
    let path = match fields.get("dest") {
        Some(&("" | "-")) | None => {
            return Err("dest=PATH is missing; an archive is written to a file".into());
        }
        Some(path) => PathBuf::from(path),
    };
    match fields.get("type").copied().unwrap_or_default() {
        "local" => Ok(LocalOutput::Directory(path)),
        "tar" => Ok(LocalOutput::Tar(path)),
        "oci" => Ok(LocalOutput::Oci(path)),
        other => Err(format!(
            "the type {other:?} is not supported; the types are local, tar and oci, \
             and a build without an output makes an image"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_comes_from_a_file_or_a_variable() {
        let named = |text: &str| secret(text).unwrap();
        let file = |path: &str| BuildSecret::File(path.into());
        let variable = |name: &str| BuildSecret::Variable(name.into());
        assert_eq!(named("id=a,src=f"), ("a".into(), file("f")));
        assert_eq!(named("type=file,id=a,source=f").1, file("f"));
        assert_eq!(named("id=a,env=B").1, variable("B"));
        assert_eq!(named("id=a,type=env").1, variable("a"));
        assert_eq!(named("id=a,type=env,src=B").1, variable("B"));
        assert_eq!(named("id=no-such-variable").1, file("no-such-variable"));
        // The test may run without Cargo, which sets variables.
        let is_plain = |name: &String| name.bytes().all(|one| one.is_ascii_alphanumeric() || one == b'_');
        let mut set = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        if let Some(name) = set.find(is_plain) {
            assert_eq!(named(&format!("id={name}")).1, variable(&name));
        }
        for wrong in [
            "",
            "a",
            "src=f",
            "id=,src=f",
            "id=a,src=f,env=B",
            "id=a,type=file,env=B",
            "id=a,type=x",
            "id=a,id=b",
            "id=a,hunter2",
            "id=a,key=hunter2",
        ] {
            let error = secret(wrong).unwrap_err();
            assert!(!error.contains("hunter2"), "{wrong}: {error}");
        }
    }

    #[test]
    fn agent_is_that_of_the_environment_or_a_socket() {
        assert_eq!(
            agent("default").unwrap(),
            ("default".into(), SshAgent::Environment)
        );
        let socket = SshAgent::Socket("/run/no-such-agent".into());
        assert_eq!(agent("git=/run/no-such-agent").unwrap(), ("git".into(), socket));
        let file = tempfile::NamedTempFile::new().unwrap();
        let key = agent(&format!("default={}", file.path().display())).unwrap_err();
        assert!(key.contains("ssh-add"), "{key}");
        assert!(agent("").is_err() && agent("=x").is_err() && agent("a=").is_err());
    }

    #[test]
    fn context_is_a_directory_an_image_or_a_url() {
        let named = |text: &str| context(text).unwrap().1;
        assert_eq!(named("a=dir"), NamedContext::Directory("dir".into()));
        assert_eq!(named("a=docker-image://b:1"), NamedContext::Image("b:1".into()));
        let url = "https://example.org/a.git#main";
        assert_eq!(named(&format!("a={url}")), NamedContext::Url(url.into()));
        for wrong in ["a", "=dir", "a=", "a=oci-layout://x", "a=target://x"] {
            assert!(context(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn output_is_a_directory_or_a_file() {
        assert_eq!(output("out").unwrap(), LocalOutput::Directory("out".into()));
        assert_eq!(
            output("type=local,dest=o").unwrap(),
            LocalOutput::Directory("o".into())
        );
        assert_eq!(output("type=tar,dest=o").unwrap(), LocalOutput::Tar("o".into()));
        assert_eq!(output("dest=o,type=oci").unwrap(), LocalOutput::Oci("o".into()));
        for wrong in [
            "",
            "-",
            "type=tar",
            "type=tar,dest=-",
            "type=image,dest=x",
            "dest=x",
            "type=tar,x=y",
        ] {
            assert!(output(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn same_name_twice_is_an_error() {
        let twice = [("a".to_owned(), 1), ("a".to_owned(), 2)];
        assert!(by_name("--secret", &twice).unwrap_err().text().contains("twice"));
        assert_eq!(by_name("--secret", &twice[..1]).unwrap()["a"], 1);
    }
}
