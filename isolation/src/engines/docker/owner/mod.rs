//! The owner connection: a container ends when the process that owns it ends, however that ends.
//!
//! The owner holds a connection to the standard input of a process in the container. The kernel
//! closes it when the owner ends, the daemon closes the input, and that process ends the container.
//! Which process that is depends on the main process, see [`OwnerLink`]; the texts of the shells
//! are in [`scripts`].
//!
//! It is used where the daemon is on this machine. Over a network, a timeout of a proxy would end
//! the container of a living owner.

mod connection;
mod scripts;

use engine_api::Docker;

pub(super) use self::connection::OwnerConnection;
pub(super) use self::scripts::{Entry, adjustments};

use super::options::DockerOptions;
use crate::command::input::Input;
use crate::spec::EnvironmentSpec;
use crate::spec::lifetime::Lifetime;
use crate::spec::main_process::Main;

/// How the end of the owner ends the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OwnerLink {
    /// It does not: the environment is kept, or the connection is not reliable enough.
    None,
    /// Process 1, which does nothing else, reads the connection and ends with it.
    Idle,
    /// A process beside the main process reads the connection and kills the main process.
    Watcher,
    /// An exec reads the connection and kills every process: the main process has its own input.
    Lease,
}

impl OwnerLink {
    /// The link that an environment asks for, on this daemon.
    pub(super) fn of(docker: &Docker, spec: &EnvironmentSpec) -> Self {
        if spec.lifetime != Lifetime::Owner || !is_local(docker) {
            return Self::None;
        }
        let has_input = DockerOptions::of(spec).is_ok_and(|options| options.tty || options.stdin_open);
        match &spec.main {
            Main::Idle => Self::Idle,
            Main::Command(command)
                if command.input == Input::Empty && command.terminal.is_none() && !has_input =>
            {
                Self::Watcher
            }
            Main::Command(_) | Main::Image | Main::Arguments(_) => Self::Lease,
        }
    }

    /// The link that is possible with this start of the main process.
    pub(super) fn with(self, start: Start, main: &Main) -> Self {
        match (self, start.shell, main) {
            (_, None, _) => Self::None,
            // Process 1 cannot be killed from inside the container.
            (Self::Lease, Some(_), Main::Image | Main::Arguments(_)) if !start.init => Self::None,
            (link, ..) => link,
        }
    }

    /// Whether the standard input of process 1 is the connection.
    pub(super) fn uses_stdin(self) -> bool {
        matches!(self, Self::Idle | Self::Watcher)
    }

    /// The event that ends the environment, for people.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::None => "owner, by cleanup",
            Self::Idle | Self::Watcher => "owner, by its connection",
            Self::Lease => "owner, by a connection of its own",
        }
    }
}

/// How the first process of a container is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    /// The shell; `None` for an image without one.
    pub(super) shell: Option<&'static str>,
    /// Whether an init program is process 1.
    pub(super) init: bool,
    /// Whether the log has a driver that every daemon has. Otherwise that is so only if there is a
    /// main process.
    pub(super) names_log: bool,
}

/// The shells that are tried, one after the other. The first one does not depend on the image's
/// `PATH`.
pub(super) const SHELLS: [&str; 3] = ["/bin/sh", "/busybox/sh", "sh"];

impl Start {
    /// The first attempt; `init` is the user's choice.
    pub(super) fn first(link: OwnerLink, init: Option<bool>) -> Self {
        let needed = matches!(link, OwnerLink::Watcher | OwnerLink::Lease);
        Self {
            shell: Some(SHELLS[0]),
            init: init.unwrap_or(needed),
            names_log: false,
        }
    }
}

/// Whether the connection to the daemon ends only with one of the two. A connector of one's own,
/// such as a player, counts as local.
pub(super) fn is_local(docker: &Docker) -> bool {
    let address = docker.address();
    let remote = ["tcp://", "http://", "https://", "ssh://"];
    !remote.iter().any(|scheme| address.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Command;

    fn link(address: &str, spec: &EnvironmentSpec) -> OwnerLink {
        let docker = Docker::with_address(&address.parse().unwrap()).unwrap();
        OwnerLink::of(&docker, spec)
    }

    #[test]
    fn link_depends_on_the_main_process() {
        let of = |main: Main| {
            let spec = EnvironmentSpec {
                main,
                ..EnvironmentSpec::default()
            };
            link("tcp://127.0.0.1:1", &spec)
        };
        assert_eq!(of(Main::Idle), OwnerLink::None, "over a network");
        let local = |main: Main, lifetime| {
            let spec = EnvironmentSpec {
                main,
                lifetime,
                ..EnvironmentSpec::default()
            };
            OwnerLink::of(&Docker::with_connector(Nowhere), &spec)
        };
        let command = |input, tty: bool| {
            Main::Command(Command {
                input,
                terminal: tty.then(crate::TerminalSize::default),
                ..Command::new(["x"])
            })
        };
        let owned = |main| local(main, Lifetime::Owner);
        assert_eq!(owned(Main::Idle), OwnerLink::Idle);
        assert_eq!(owned(command(Input::Empty, false)), OwnerLink::Watcher);
        assert_eq!(owned(command(Input::Piped, false)), OwnerLink::Lease);
        assert_eq!(owned(command(Input::Empty, true)), OwnerLink::Lease);
        assert_eq!(owned(Main::Image), OwnerLink::Lease);
        assert_eq!(local(Main::Idle, Lifetime::Kept), OwnerLink::None);
    }

    #[test]
    fn link_needs_a_shell_and_a_lease_an_init() {
        let start = |shell, init| Start {
            shell,
            init,
            names_log: false,
        };
        let sh = Some(SHELLS[0]);
        let idle = OwnerLink::Idle;
        assert_eq!(idle.with(start(None, true), &Main::Idle), OwnerLink::None);
        let lease = OwnerLink::Lease;
        assert_eq!(lease.with(start(sh, false), &Main::Image), OwnerLink::None);
        assert_eq!(lease.with(start(sh, true), &Main::Image), OwnerLink::Lease);
        let command = Main::Command(Command::new(["x"]));
        assert_eq!(lease.with(start(sh, false), &command), OwnerLink::Lease);
    }

    #[derive(Debug)]
    struct Nowhere;

    impl engine_api::connect::Connector for Nowhere {
        fn connect(&self) -> engine_api::connect::Connecting<'_> {
            Box::pin(async { Err(std::io::ErrorKind::NotFound.into()) })
        }

        fn address(&self) -> String {
            "unix:///nowhere".into()
        }
    }
}
