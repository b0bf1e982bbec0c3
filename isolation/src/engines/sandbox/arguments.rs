//! The arguments of `bwrap`: everything that an environment may see and do.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::PATH;
use super::host_files::{HOST, merged};
use super::identity::Identity;
use super::kernel_capabilities::of_first_process;
use super::script::{MAIN, PIPES};
use crate::engines::shell::without_comments;
use crate::spec::limits::ulimit::Ulimit;
use crate::spec::mount::{Mount, MountSource};
use crate::spec::security::SecuritySpec;

/// The descriptor on which `bwrap` reports the PID of its child.
pub(super) const INFO: &str = "3";

/// The descriptor on which the inner `bwrap` of an overlay does.
pub(super) const INNER_INFO: &str = "4";

/// The descriptor of the filter of system calls.
pub(super) const FILTER: &str = "5";

/// The descriptor of the pipe that a first process in a network with access to the internet holds.
pub(super) const ALIVE: &str = "6";

/// The files of `/proc` that tell about the kernel of this machine. A hardened environment cannot
/// read them.
const HIDDEN: [&str; 6] = [
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/timer_list",
];

/// The paths in the root of an environment on which something is mounted.
pub(super) fn targets(mounts: &[Mount], has_image: bool) -> impl Iterator<Item = &str> {
    let host = HOST.into_iter().filter(move |path| {
        let link = Path::new(path)
            .symlink_metadata()
            .is_ok_and(|meta| meta.is_symlink());
        !has_image && (!link || path.starts_with("/etc"))
    });
    let system = ["/proc", "/dev"].into_iter();
    let memory = (!has_image).then_some("/run");
    host.chain(system)
        .chain(memory)
        .chain(mounts.iter().map(|mount| mount.target.as_str()))
}

/// Arguments of `bwrap`.
#[derive(Debug, Default)]
pub(super) struct Arguments(Vec<OsString>);

/// The view and the rights of an environment.
pub(super) struct Sandbox<'a> {
    pub(super) identity: Identity,
    pub(super) hostname: &'a str,
    pub(super) root: &'a Path,
    /// Whether the files of the root can only be read.
    pub(super) is_read_only: bool,
    /// The file `/etc/hosts`, if it changes while the root can only be read.
    pub(super) hosts: Option<&'a Path>,
    /// Whether the root has the files of an image: then those of this machine are not seen.
    pub(super) has_image: bool,
    /// The directory of the pipes.
    pub(super) pipes: &'a Path,
    /// The files of the main process, if there is one.
    pub(super) main: &'a [PathBuf],
    /// Whether there is a filter of system calls.
    pub(super) is_filtered: bool,
    /// The kernel capabilities of the first process.
    pub(super) capabilities: &'a [String],
    pub(super) is_hardened: bool,
    /// Whether a network is created for it.
    pub(super) new_network: bool,
    pub(super) mounts: &'a [Mount],
    pub(super) ulimits: &'a BTreeMap<String, Ulimit>,
}

impl Arguments {
    /// A new user namespace, in which everything else is made.
    pub(super) fn user_namespace(identity: Identity) -> Self {
        let mut arguments = Self::default();
        arguments.add(["--unshare-user", "--uid", "0", "--gid", "0", "--info-fd", INFO]);
        if identity.has_users() {
            // It waits on the owner's pipe until the users are mapped, or the owner has ended.
            arguments.add(["--userns-block-fd", "0"]);
        }
        arguments
    }

    /// The user namespace in which `bwrap` itself runs, whose users are mapped.
    pub(super) fn in_user_namespace() -> Self {
        let mut arguments = Self::default();
        arguments.add(["--info-fd", INFO]);
        arguments
    }

    /// The namespaces of an environment, its root, and what is mounted in it.
    pub(super) fn sandbox(mut self, sandbox: &Sandbox<'_>) -> Self {
        self.isolation(sandbox);
        self.bind("--bind", sandbox.root, Path::new("/"));
        if !sandbox.has_image {
            self.host();
        }
        self.system(sandbox.pipes);
        for file in sandbox.main {
            // A file that is mounted can be written, but not replaced.
            let name = file.file_name().unwrap_or_default();
            self.bind("--bind", file, &Path::new(MAIN).join(name));
        }
        if !sandbox.has_image {
            self.add(["--tmpfs", "/run"]);
        }
        self.mounts(sandbox.mounts);
        if sandbox.is_hardened {
            self.hide();
        }
        if let Some(hosts) = sandbox.hosts {
            self.bind("--ro-bind", hosts, Path::new("/etc/hosts"));
        }
        if sandbox.is_read_only {
            // Not what is mounted in it.
            self.add(["--remount-ro", "/"]);
        }
        self
    }

    /// Mounts the overlay of an environment in the new user namespace, and starts there the sandbox
    /// that sees it as its root.
    pub(super) fn overlay(mut self, top: &Path, sandbox: &Sandbox<'_>) -> Self {
        let targets: Vec<&str> = targets(sandbox.mounts, true).collect();
        self.add(["--dev-bind", "/", "/", "--cap-add", "ALL", "--", "/bin/sh", "-c"]);
        self.add([without_comments(include_str!("overlay.sh")).as_str(), "sh"]);
        self.0.push(top.into());
        self.add([targets.len().to_string().as_str()]);
        self.add(targets);
        self.add(["--info-fd", INNER_INFO]);
        self.sandbox(sandbox)
    }

    /// The same with an empty root, in which only the directory of environments is mounted: whether
    /// a sandbox can be started is known when one was.
    pub(super) fn probe(mut self, identity: Identity, base: &Path) -> Self {
        let root = Path::new("/");
        self.isolation(&Sandbox {
            identity,
            hostname: "probe",
            root,
            is_read_only: false,
            hosts: None,
            capabilities: &of_first_process(&SecuritySpec::default(), identity),
            is_hardened: false,
            has_image: false,
            pipes: base,
            main: &[],
            is_filtered: false,
            new_network: true,
            mounts: &[],
            ulimits: &BTreeMap::new(),
        });
        self.add(["--tmpfs", "/"]);
        for (name, target) in merged() {
            self.0
                .extend(["--symlink".into(), target.into(), root.join(name).into()]);
        }
        self.host();
        self.system(base);
        self
    }

    /// The files of this machine.
    fn host(&mut self) {
        for path in HOST.map(Path::new) {
            // A merged directory is a link, which the root has too.
            if path.symlink_metadata().is_ok_and(|meta| !meta.is_symlink()) || path.starts_with("/etc") {
                self.bind("--ro-bind-try", path, path);
            }
        }
    }

    fn isolation(&mut self, sandbox: &Sandbox<'_>) {
        self.add([
            "--unshare-ipc",
            "--unshare-pid",
            "--unshare-uts",
            "--unshare-cgroup-try",
        ]);
        if sandbox.new_network {
            self.add(["--unshare-net"]);
        }
        self.add(["--hostname", sandbox.hostname, "--new-session", "--as-pid-1"]);
        self.add(["--clearenv", "--setenv", "PATH", PATH, "--cap-drop", "ALL"]);
        for capability in sandbox.capabilities {
            self.add(["--cap-add", capability]);
        }
        if sandbox.is_filtered {
            self.add(["--seccomp", FILTER]);
        }
    }

    /// Devices, processes, and the pipes.
    fn system(&mut self, pipes: &Path) {
        self.add([
            "--proc",
            "/proc",
            "--ro-bind",
            "/proc/sys",
            "/proc/sys",
            "--dev",
            "/dev",
        ]);
        // The one of `bwrap` is closed to other users than root.
        self.add(["--perms", "1777", "--tmpfs", "/dev/shm"]);
        self.bind("--ro-bind", pipes, Path::new(PIPES));
        self.add(["--chdir", "/"]);
    }

    /// Hides what is known about the kernel behind a device that cannot be opened.
    fn hide(&mut self) {
        for path in HIDDEN.map(Path::new).into_iter().filter(|path| path.exists()) {
            self.bind("--ro-bind", Path::new("/dev/null"), path);
        }
    }

    /// The mounts of the specification.
    fn mounts(&mut self, mounts: &[Mount]) {
        for mount in mounts {
            let target = Path::new(&mount.target);
            match &mount.source {
                MountSource::Host(path) => {
                    let option = if mount.read_only { "--ro-bind" } else { "--bind" };
                    self.bind(option, path, target);
                }
                MountSource::Tmpfs { size } => {
                    if let Some(size) = size {
                        self.add(["--size", &size.to_string()]);
                    }
                    self.add(["--perms", "1777", "--tmpfs", &mount.target]);
                    if mount.read_only {
                        self.add(["--remount-ro", &mount.target]);
                    }
                }
                // The engine has no volumes, so none gets here.
                MountSource::Volume(_) => {}
            }
        }
    }

    /// Runs a script as the root of a new user namespace, with the files of this machine.
    pub(super) fn script(mut self, text: &str, arguments: &[&Path]) -> Vec<OsString> {
        self.add([
            "--dev-bind",
            "/",
            "/",
            "--cap-add",
            "ALL",
            "--",
            "/bin/sh",
            "-c",
            text,
            "sh",
        ]);
        self.0.extend(arguments.iter().map(OsString::from));
        self.0
    }

    /// Runs this program.
    pub(super) fn program<'a>(mut self, words: impl IntoIterator<Item = &'a str>) -> Vec<OsString> {
        self.add(["--"]);
        self.add(words);
        self.0
    }

    pub(super) fn bind(&mut self, option: &str, source: &Path, target: &Path) {
        self.0.extend([option.into(), source.into(), target.into()]);
    }

    pub(super) fn add<'a>(&mut self, words: impl IntoIterator<Item = &'a str>) {
        self.0.extend(words.into_iter().map(OsString::from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(identity: Identity, new_network: bool, mounts: &[Mount]) -> Vec<String> {
        arguments_of(identity, new_network, mounts, false)
    }

    fn arguments_of(
        identity: Identity,
        new_network: bool,
        mounts: &[Mount],
        is_read_only: bool,
    ) -> Vec<String> {
        let sandbox = Sandbox {
            identity,
            hostname: "host",
            root: Path::new("/e/root"),
            is_read_only,
            hosts: is_read_only.then_some(Path::new("/e/hosts")),
            capabilities: &of_first_process(&SecuritySpec::default(), identity),
            is_hardened: is_read_only,
            has_image: false,
            pipes: Path::new("/e/pipes"),
            main: &[],
            is_filtered: true,
            new_network,
            mounts,
            ulimits: &BTreeMap::new(),
        };
        let words = Arguments::user_namespace(identity)
            .sandbox(&sandbox)
            .program(["sh"]);
        words
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect()
    }

    #[test]
    fn every_environment_has_its_own_namespaces() {
        for identity in [
            Identity::Caller,
            Identity::Range { first: 200_000 },
            Identity::Mapped { first: 100_000 },
        ] {
            let words = arguments(identity, true, &[]);
            for word in [
                "--unshare-user",
                "--unshare-pid",
                "--unshare-ipc",
                "--unshare-uts",
                "--unshare-net",
                "--new-session",
                "--as-pid-1",
                "--clearenv",
                "--seccomp",
            ] {
                assert!(words.iter().any(|one| one == word), "{word}: {words:?}");
            }
            let text = words.join(" ");
            assert!(
                text.contains("--proc /proc --ro-bind /proc/sys /proc/sys"),
                "{text}"
            );
            let ranged = identity != Identity::Caller;
            assert_eq!(text.contains("--userns-block-fd 0"), ranged);
            assert_eq!(text.contains("--cap-add CAP_CHOWN"), ranged);
        }
        let shared = arguments(Identity::Caller, false, &[]);
        assert!(!shared.iter().any(|word| word == "--unshare-net"));
    }

    #[test]
    fn mounts_keep_their_order_and_options() {
        let mut read_only = Mount::host("/data", "/in");
        read_only.read_only = true;
        let mut empty = Mount::tmpfs("/empty", None);
        empty.read_only = true;
        let mounts = [
            read_only,
            Mount::host("/work", "/out"),
            Mount::tmpfs("/scratch", Some(1024)),
            empty,
        ];
        let text = arguments(Identity::Caller, true, &mounts).join(" ");
        let expected = "--ro-bind /data /in --bind /work /out --size 1024 --perms 1777 --tmpfs /scratch \
                        --perms 1777 --tmpfs /empty --remount-ro /empty";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn read_only_root_is_the_last_mount() {
        let mounts = [Mount::tmpfs("/tmp", None)];
        let text = arguments_of(Identity::Caller, true, &mounts, true).join(" ");
        let end = "--ro-bind /e/hosts /etc/hosts --remount-ro / -- sh";
        assert!(text.ends_with(end), "{text}");
        assert!(text.contains("--ro-bind /dev/null /proc/kallsyms"), "{text}");
        let text = arguments(Identity::Caller, true, &mounts).join(" ");
        assert!(
            !text.contains("--remount-ro") && !text.contains("/dev/null"),
            "{text}"
        );
    }

    #[test]
    fn volume_has_no_arguments() {
        let with = |mounts: &[Mount]| arguments(Identity::Caller, true, mounts);
        assert_eq!(with(&[Mount::volume("v", "/data")]), with(&[]));
        assert_ne!(with(&[Mount::tmpfs("/data", None)]), with(&[]));
    }
}
