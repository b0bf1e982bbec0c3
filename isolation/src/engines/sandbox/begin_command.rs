//! How a command of an environment begins: its user, its variables and its directory.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::NAME;
use super::identity::Identity;
use super::instance::SandboxInstance;
use super::kernel_capabilities;
use super::layout::HOME;
use super::process::{self, Begun};
use super::rights;
use super::sandboxed::Sandboxed;
use super::script::Role;
use super::ulimits;
use super::user::{RunAs, User};
use crate::command::Command;
use crate::engines::host::blocking;
use crate::environment::first::START;
use crate::environment::status::Status;
use crate::error::{Error, Result};
use crate::files::copy::Place;

/// Root, without other groups.
const ROOT: &str = "0:0";

/// The most that is read of a file of users.
const LONGEST_TEXT: u64 = 4 << 20;

impl SandboxInstance {
    /// The directory of a command, inside.
    fn working_dir(&self, command: &Command) -> String {
        let own = self.sandbox.working_dir();
        match command.working_dir.as_deref() {
            None => own.to_owned(),
            Some(path) if path.starts_with('/') => path.to_owned(),
            Some(path) => format!("{}/{path}", own.trim_end_matches('/')),
        }
    }

    /// How a command runs as its user and without kernel capabilities that it must not have; `None`
    /// if nothing is needed.
    async fn run_as(&self, command: &Command) -> Result<Option<RunAs>> {
        let given = command.user.as_deref().or(self.spec.user.as_deref());
        let of_image = self.sandbox.defaults.user.as_deref();
        let user = given.or_else(|| rights::default_user(&self.spec.security, of_image));
        let dropped = |security| kernel_capabilities::dropped(security, self.sandbox.layout.identity());
        let options = match dropped(&self.spec.security) {
            // The first process has no others, and passes on none.
            none if none.is_empty() => none,
            _ => dropped(&self.sandbox.spec().security),
        };
        let user = match user {
            Some(user) => user.to_owned(),
            None if options.is_empty() => return Ok(None),
            None => ROOT.to_owned(),
        };
        let sandbox = Arc::clone(&self.sandbox);
        blocking(NAME, move || sandbox.run_as(&user, options)).await
    }

    /// All environment variables of a command.
    fn variables(&self, command: &Command, run_as: Option<&RunAs>) -> BTreeMap<String, String> {
        let own = [
            ("PATH", super::PATH),
            ("HOME", run_as.map_or(HOME, |run_as| &run_as.home)),
            ("HOSTNAME", self.sandbox.hostname()),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let image = self.sandbox.defaults.env.iter();
        let given = image.chain(self.spec.env.iter()).chain(command.env.iter());
        let given = given.map(|(name, value)| (name.clone(), value.clone()));
        own.into_iter().chain(given).collect()
    }

    /// Starts a command, or the main process.
    pub(super) async fn begin_command(&self, command: &Command, role: Role) -> Result<Begun> {
        self.check_exists()?;
        if command.program().contains('=') {
            return Err(Error::invalid(format!(
                "the program {:?} has a `=` in its name, so `env` cannot start it; run it with `sh -c`",
                command.program()
            )));
        }
        if command.terminal.is_some() {
            rights::check_terminal(&self.spec.security)?;
        }
        let run_as = self.run_as(command).await?;
        let context = process::Context {
            variables: self.variables(command, run_as.as_ref()),
            working_dir: self.working_dir(command),
            run_as,
            ulimits: ulimits::lines(&self.spec.limits.ulimits),
            role,
        };
        process::start(&self.sandbox.layout, &self.known, command, context).await
    }
}

impl Sandboxed {
    /// How a command runs as this user of the running environment, with these other options of
    /// `setpriv`; `None` if nothing is needed, and where there is only one user.
    fn run_as(&self, user: &str, options: Vec<String>) -> Result<Option<RunAs>> {
        if self.layout.identity() == Identity::Caller {
            return Ok(None);
        }
        let process = self
            .process()
            .ok_or_else(|| Error::wrong_status(Status::Stopped, START).observed(Status::Stopped))?;
        let read = |path| self.inside(|| read_text(self.place_in(Some(process), path, false)));
        User::find(user, &read("/etc/passwd")?, &read("/etc/group")?)?.run_as(&self.layout, options)
    }
}

/// The text of a file; none if it is missing.
fn read_text(place: Result<Place>) -> Result<String> {
    match place.and_then(|place| place.read(LONGEST_TEXT)) {
        Ok(text) => Ok(String::from_utf8_lossy(&text.unwrap_or_default()).into_owned()),
        Err(error) if is_missing(&error) => Ok(String::new()),
        Err(error) => Err(error),
    }
}

/// Whether a directory above the path does not exist.
pub(super) fn is_missing(error: &Error) -> bool {
    let source = std::error::Error::source(error);
    let source = source.and_then(|source| source.downcast_ref::<std::io::Error>());
    source.is_some_and(|error| {
        matches!(
            error.kind(),
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
        )
    })
}
