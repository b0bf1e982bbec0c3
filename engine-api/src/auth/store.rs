//! Stores and erases credentials in the storage of the docker command.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::config::{self, Config};
use super::replace_file::replace;
use super::{Credentials, RegistryAuth, helper};
use crate::error::{Error, Result};
use crate::local_file;

/// The storage of credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialStore {
    /// A credential helper, by its name without `docker-credential-`.
    Helper(String),
    /// The docker command's configuration file, without encryption.
    File(PathBuf),
}

impl fmt::Display for CredentialStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Helper(name) => write!(f, "the credential helper {name}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Credentials {
    /// Stores credentials like `docker login`: in the helper of the registry or the store of the
    /// docker command's configuration, otherwise in its file `config.json`, which only this user
    /// can then read. A configuration without any registry or helper gets the helper of this
    /// platform, if that is installed; see [`Credentials::from_env`]. `auth.server_address` is the
    /// registry; empty is Docker Hub.
    ///
    /// It does not check the credentials; see [`System::auth`](crate::system::System::auth). If the
    /// check returns a token, store the token instead of the password.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::InvalidInput`] when there is neither a password nor a token, the user
    /// has a colon, the helper fails, or the file cannot be read or written. The error shows no
    /// secret.
    pub async fn store(auth: RegistryAuth) -> Result<CredentialStore> {
        blocking(move || Place::of_env()?.store(&auth)).await
    }

    /// Erases the credentials for a registry, like `docker logout`: from its helper and from the
    /// file. Returns whether there were any. An empty text is Docker Hub.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::InvalidInput`] when the helper fails, or the file cannot be read or
    /// written.
    pub async fn erase(registry: &str) -> Result<bool> {
        let registry = registry.to_owned();
        blocking(move || Place::of_env()?.erase(&registry)).await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let worked = tokio::task::spawn_blocking(work).await;
    worked.map_err(|error| Error::protocol(error.to_string()))?
}

/// The configuration file, and the functions that call its helpers.
pub(super) struct Place {
    pub(super) file: PathBuf,
    pub(super) timeout: Duration,
    /// The variable `PATH`, which has the helper of this platform.
    pub(super) path: Option<String>,
}

/// The member of the file that contains credentials.
const AUTHS: &str = "auths";

/// The member of the file that names the helper of all registries.
const STORE: &str = "credsStore";

/// Changes of this process run one after the other, because each reads the file and replaces it.
static CHANGING: Mutex<()> = Mutex::new(());

fn change() -> MutexGuard<'static, ()> {
    CHANGING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Place {
    fn of_env() -> Result<Self> {
        let env = |name: &str| std::env::var(name).ok();
        let file = config::path(env);
        Ok(Self {
            path: env("PATH"),
            file: file.ok_or_else(|| Error::invalid("there is no home directory; set DOCKER_CONFIG"))?,
            timeout: helper::TIMEOUT,
        })
    }

    pub(super) fn store(&self, auth: &RegistryAuth) -> Result<CredentialStore> {
        let registry = config::key_of(&auth.server_address)?;
        let has_token = !auth.identity_token.is_empty();
        if auth.password.is_empty() && !has_token {
            return Err(Error::invalid(format!("there is no password for {registry}")));
        }
        if auth.username.contains(':') || (auth.username.is_empty() && !has_token) {
            return Err(Error::invalid("the user is empty or has a colon"));
        }
        let _change = change();
        let mut all = self.read()?;
        let (helper, is_new) = self.helper(&all, &registry)?;
        let (store, entry) = match helper {
            Some(name) => {
                helper::store(&name, &registry, auth, self.timeout).map_err(Error::invalid)?;
                if is_new {
                    all.insert(STORE.to_owned(), name.clone().into());
                }
                // The entry tells the docker command that credentials exist.
                (CredentialStore::Helper(name), Map::new())
            }
            None => (CredentialStore::File(self.file.clone()), entry(auth)),
        };
        // Otherwise it is `null`: the file has been parsed.
        let mut auths = match all.remove(AUTHS) {
            Some(Value::Object(auths)) => auths,
            _ => Map::new(),
        };
        // A key of another form would precede the new one for some programs.
        auths.retain(|written, _| !config::is_form_of(written, &registry));
        auths.insert(registry, Value::Object(entry));
        all.insert(AUTHS.to_owned(), Value::Object(auths));
        self.write(&all)?;
        Ok(store)
    }

    pub(super) fn erase(&self, registry: &str) -> Result<bool> {
        let registry = config::key_of(registry)?;
        let _change = change();
        let mut all = self.read()?;
        let (helper, _) = self.helper(&all, &registry)?;
        let mut erased = false;
        if let Some(name) = helper {
            erased = helper::erase(&name, &registry, self.timeout).map_err(Error::invalid)?;
        }
        if let Some(Value::Object(auths)) = all.get_mut(AUTHS) {
            let before = auths.len();
            auths.retain(|written, _| !config::is_form_of(written, &registry));
            if auths.len() < before {
                self.write(&all)?;
                erased = true;
            }
        }
        Ok(erased)
    }

    fn problem(&self, what: &str, why: &dyn fmt::Display) -> Error {
        Error::invalid(format!("cannot {what} {}: {why}", self.file.display()))
    }

    /// The whole file, including members that this crate does not know.
    fn read(&self) -> Result<Map<String, Value>> {
        let text = local_file::read(&self.file).map_err(|error| self.problem("read", &error))?;
        let text = text.unwrap_or_default();
        if text.trim_ascii().is_empty() {
            return Ok(Map::new());
        }
        // The error of the parser could contain a part of the file.
        let invalid = || self.problem("read", &"it is not a JSON object; correct it first");
        serde_json::from_slice(&text).map_err(|_quotes| invalid())
    }

    /// The helper of a registry, and whether it is that of this platform, which the file does not
    /// name yet.
    fn helper(&self, all: &Map<String, Value>, registry: &str) -> Result<(Option<String>, bool)> {
        let config = self.parse(all)?;
        let named = config.helper(registry).map(str::to_owned);
        Ok(match config.platform_helper(self.path.as_deref()) {
            Some(name) => (Some(name.to_owned()), true),
            None => (named, false),
        })
    }

    fn parse(&self, all: &Map<String, Value>) -> Result<Config> {
        let text = serde_json::to_vec(all).map_err(|error| self.problem("read", &error))?;
        Config::parse(&text, &self.file.display().to_string())
    }

    /// Atomically replaces the file. A link stays, and its target is replaced.
    fn write(&self, all: &Map<String, Value>) -> Result<()> {
        let written = || {
            let mut text = Vec::new();
            let tabs = serde_json::ser::PrettyFormatter::with_indent(b"\t");
            let mut json = serde_json::Serializer::with_formatter(&mut text, tabs);
            serde::Serialize::serialize(all, &mut json).map_err(io::Error::other)?;
            replace(&self.file, &text)
        };
        written().map_err(|error| self.problem("write", &error))
    }
}

/// The entry of the file.
fn entry(auth: &RegistryAuth) -> Map<String, Value> {
    let mut entry = Map::new();
    let coded = STANDARD.encode(format!("{}:{}", auth.username, auth.password));
    entry.insert("auth".into(), coded.into());
    if !auth.identity_token.is_empty() {
        entry.insert("identitytoken".into(), auth.identity_token.clone().into());
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> (tempfile::TempDir, Place) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("below/config.json");
        if !text.is_empty() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, text).unwrap();
        }
        let place = Place {
            file,
            timeout: Duration::from_secs(10),
            path: None,
        };
        (directory, place)
    }

    fn read(place: &Place) -> Value {
        serde_json::from_slice(&std::fs::read(&place.file).unwrap()).unwrap()
    }

    fn auth(registry: &str) -> RegistryAuth {
        RegistryAuth {
            server_address: registry.into(),
            ..RegistryAuth::user("a", "b")
        }
    }

    #[test]
    fn credentials_are_stored_and_erased_in_the_file() {
        let (_directory, place) = place("");
        assert!(!place.erase("reg:5000").unwrap());
        assert_eq!(
            place.store(&auth("reg:5000")).unwrap(),
            CredentialStore::File(place.file.clone())
        );
        place.store(&auth("")).unwrap();
        let stored = read(&place);
        assert_eq!(stored["auths"]["reg:5000"]["auth"], "YTpi");
        assert_eq!(stored["auths"][super::super::DOCKER_HUB]["auth"], "YTpi");
        assert!(place.erase("https://reg:5000/v2/").unwrap());
        assert!(!place.erase("reg:5000").unwrap());
        assert!(place.erase("docker.io").unwrap());
        assert_eq!(read(&place)["auths"], Value::Object(Map::new()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = place.file.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn rest_of_the_file_stays() {
        let text = r#"{"currentContext":"x","auths":{"https://reg:5000/v1/":{"auth":"old"},"other":{"auth":"YTpi"}},"new":{"a":[1]}}"#;
        let (_directory, place) = place(text);
        let token = RegistryAuth {
            identity_token: "t".into(),
            password: String::new(),
            ..auth("reg:5000")
        };
        place.store(&token).unwrap();
        let stored = read(&place);
        assert_eq!(stored["currentContext"], "x");
        assert_eq!(stored["new"]["a"][0], 1);
        assert_eq!(stored["auths"]["other"]["auth"], "YTpi");
        assert_eq!(stored["auths"]["reg:5000"]["identitytoken"], "t");
        assert!(stored["auths"].get("https://reg:5000/v1/").is_none());
        assert_eq!(
            std::fs::read_dir(place.file.parent().unwrap()).unwrap().count(),
            1
        );
    }

    #[test]
    fn invalid_credentials_and_files_are_errors() {
        let (_directory, place) = place(r#"{"auths":"hunter2"}"#);
        for wrong in [
            RegistryAuth::default(),
            RegistryAuth::user("", "hunter2"),
            RegistryAuth::user("a:b", "hunter2"),
            auth("a registry"),
            auth("r"),
        ] {
            let error = place.store(&wrong).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        std::fs::write(&place.file, "hunter2").unwrap();
        let error = place.erase("r").unwrap_err().to_string();
        assert!(
            error.contains("config.json") && !error.contains("hunter2"),
            "{error}"
        );
        assert_eq!(
            std::fs::read(&place.file).unwrap(),
            b"hunter2",
            "it is not replaced"
        );
    }

    #[test]
    fn list_that_is_null_is_filled() {
        let (_directory, place) = place(r#"{"auths":null,"new":1}"#);
        place.store(&auth("reg:5000")).unwrap();
        assert_eq!(read(&place)["auths"]["reg:5000"]["auth"], "YTpi");
        assert_eq!(read(&place)["new"], 1);
    }

    #[test]
    fn keys_of_parts_and_tokens_stay() {
        let text = r#"{"auths":{"ghcr.io/team":{"auth":"YTpi"},"http://ghcr.io":{},"https://ghcr.io/v2/":{},
            "https://index.docker.io/v1/access-token":{"auth":"YTpi"},"docker.io":{},"https://index.docker.io/v1/":{}}}"#;
        let (_directory, place) = place(text);
        assert!(place.erase("ghcr.io").unwrap() && place.erase("").unwrap());
        let left: Vec<String> = read(&place)["auths"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        assert_eq!(left, ["ghcr.io/team", "https://index.docker.io/v1/access-token"]);
    }

    #[test]
    fn concurrent_calls_lose_nothing() {
        let (directory, place) = place("{}");
        // The file that a killed process leaves.
        let left = place
            .file
            .with_file_name(format!(".config.json.{}", std::process::id()));
        std::fs::write(&left, "").unwrap();
        std::thread::scope(|scope| {
            for number in 0..8 {
                let place = &place;
                scope.spawn(move || place.store(&auth(&format!("r{number}"))).unwrap());
            }
        });
        assert_eq!(read(&place)["auths"].as_object().unwrap().len(), 8);
        assert_eq!(
            std::fs::read_dir(directory.path().join("below")).unwrap().count(),
            2
        );
    }

    #[cfg(unix)]
    #[test]
    fn mode_of_the_file_stays_and_directory_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
        let (_directory, old) = place("{}");
        std::fs::set_permissions(&old.file, std::fs::Permissions::from_mode(0o640)).unwrap();
        old.store(&auth("r")).unwrap();
        assert_eq!(mode(&old.file), 0o640);
        let (_directory, new) = place("");
        new.store(&auth("r")).unwrap();
        assert_eq!(mode(new.file.parent().unwrap()), 0o700);
    }

    #[cfg(unix)]
    #[test]
    fn link_to_a_missing_file_stays() {
        let (directory, mut place) = place("");
        let link = directory.path().join("link.json");
        std::os::unix::fs::symlink("below/config.json", &link).unwrap();
        let file = std::mem::replace(&mut place.file, link.clone());
        place.store(&auth("r")).unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink() && file.exists());
    }

    #[cfg(unix)]
    #[test]
    fn link_to_the_file_stays() {
        let (directory, mut place) = place("{}");
        let link = directory.path().join("link.json");
        std::os::unix::fs::symlink(&place.file, &link).unwrap();
        let file = std::mem::replace(&mut place.file, link.clone());
        place.store(&auth("r")).unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert!(std::fs::read_to_string(file).unwrap().contains("YTpi"));
    }
}
