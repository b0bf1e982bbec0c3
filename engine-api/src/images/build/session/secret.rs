//! Secrets for `RUN --mount=type=secret`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::super::protobuf::Message;
use super::grpc::{Code, Status, text};
use crate::archive;
use crate::error::{Cause, Error, Result};

/// The maximum size of a secret in bytes, the same as in the docker command.
const LONGEST: u64 = 500 << 10;

/// A secret for `RUN --mount=type=secret`. No layer of the image contains it. It is read before the
/// build begins, and has at most 500 KiB.
#[derive(Clone, PartialEq, Eq)]
pub enum BuildSecret {
    /// The contents of a file.
    File(PathBuf),
    /// The value of an environment variable of this process.
    Variable(String),
    /// The secret itself. `Debug` does not show it.
    Bytes(Vec<u8>),
}

impl fmt::Debug for BuildSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Variable(name) => f.debug_tuple("Variable").field(name).finish(),
            Self::Bytes(_) => f.write_str("Bytes(***)"),
        }
    }
}

impl BuildSecret {
    fn read(self, id: &str) -> Result<Vec<u8>> {
        let long = || {
            let text = format!("the secret {id:?} is longer than 500 KiB; copy it in as a file instead");
            Error::invalid(text)
        };
        let secret = match self {
            Self::File(path) => {
                read(&path).map_err(|error| Error::local(Cause::UploadSource(archive::at(&path, &error))))?
            }
            Self::Variable(name) => match std::env::var_os(&name) {
                Some(value) => value.into_encoded_bytes(),
                None => {
                    let text = format!("the environment variable {name:?} of the secret {id:?} is not set");
                    return Err(Error::invalid(text));
                }
            },
            Self::Bytes(bytes) => bytes,
        };
        match secret.len() as u64 > LONGEST {
            true => Err(long()),
            false => Ok(secret),
        }
    }
}

/// Reads at most one byte more than the limit. A pipe or device could have no end.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file"));
    }
    let mut secret = Vec::new();
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut secret)?;
    Ok(secret)
}

/// The secrets of a build, by their ids.
pub(super) struct Secrets(BTreeMap<String, Vec<u8>>);

impl Secrets {
    /// Reads the secrets; an error names the id and shows no value.
    pub(super) fn read(secrets: BTreeMap<String, BuildSecret>) -> Result<Self> {
        let secrets = secrets.into_iter().map(|(id, secret)| {
            let bytes = secret.read(&id)?;
            Ok((id, bytes))
        });
        secrets.collect::<Result<_>>().map(Self)
    }

    /// `GetSecret`. A missing secret fails the step only if its mount is `required`.
    pub(super) fn get(&self, request: &[u8]) -> std::result::Result<Vec<u8>, Status> {
        let id = text(request, 1)?;
        let missing = || Status::new(Code::NotFound, format!("the build has no secret {id:?}"));
        let secret = self.0.get(&id).ok_or_else(missing)?;
        Ok(Message::default().bytes(1, secret).into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(secret: BuildSecret) -> Result<Secrets> {
        Secrets::read(BTreeMap::from([("id".to_owned(), secret)]))
    }

    #[test]
    fn secret_comes_from_a_file_a_variable_or_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, b"a\0\xff").unwrap();
        let asked = |secret| secrets(secret).unwrap().get(b"\x0a\x02id").unwrap();
        assert_eq!(asked(BuildSecret::File(path)), b"\x0a\x03a\0\xff");
        assert_eq!(asked(BuildSecret::Bytes(b"x".to_vec())), b"\x0a\x01x");
        // The test may run without Cargo, which sets variables. A long value has a longer head.
        let mut variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        if let Some((name, value)) = variables.find(|(_, value)| value.len() < 128) {
            let read = asked(BuildSecret::Variable(name));
            assert_eq!(&read[2..], value.as_encoded_bytes());
        }
        let other = secrets(BuildSecret::Bytes(Vec::new())).unwrap().get(b"\x0a\x01x");
        assert_eq!(other.unwrap_err().code, Code::NotFound);
    }

    #[test]
    fn secret_that_cannot_be_read_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let long = directory.path().join("long");
        std::fs::write(&long, vec![b'x'; LONGEST as usize + 1]).unwrap();
        for (secret, named) in [
            (BuildSecret::File("no/such/file".into()), "no/such/file"),
            (BuildSecret::File(directory.path().into()), "not a file"),
            (BuildSecret::File(long), "\"id\""),
            (
                BuildSecret::Variable("NO_SUCH_VARIABLE".into()),
                "NO_SUCH_VARIABLE",
            ),
            (BuildSecret::Bytes(vec![b'x'; LONGEST as usize + 1]), "500 KiB"),
        ] {
            let error = secrets(secret).err().unwrap().to_string();
            assert!(error.contains(named) && !error.contains("xxx"), "{error}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", BuildSecret::Bytes(b"hunter2".to_vec()));
        assert_eq!(shown, "Bytes(***)");
    }
}
