//! The failures, with their causes.

use std::path::Path;
use std::time::Duration;

use isolation::LikelyCause::{self, *};
use isolation::{
    Command, CopyIn, EnvironmentSpec, HealthSpec, Main, Mount, NetworkMode, NetworkSpec, Readiness,
    ResourceLimits, SecuritySpec, WaitFor,
};

use super::Plant::{self, Main as Ends, Start};
use super::{Case, spec};

pub(super) fn sh(script: &str) -> Command {
    Command::shell(script)
}

pub(super) fn command(name: &'static str, expected: LikelyCause, script: &str) -> Case {
    case(name, expected, Plant::Command(spec(), sh(script)))
}

pub(super) fn case(name: &'static str, expected: LikelyCause, plant: Plant) -> Case {
    Case {
        name,
        expected,
        plant,
    }
}

pub(super) fn main(argv: &[&str]) -> EnvironmentSpec {
    EnvironmentSpec {
        main: Main::Command(Command::new(argv.iter().copied())),
        ..spec()
    }
}

pub(super) fn ready(wait_for: WaitFor) -> Option<Readiness> {
    Some(Readiness {
        wait_for,
        timeout: Some(Duration::from_millis(1500)),
    })
}

pub(super) fn limits(limits: ResourceLimits) -> EnvironmentSpec {
    EnvironmentSpec { limits, ..spec() }
}

pub(super) fn network(mode: NetworkMode) -> EnvironmentSpec {
    let network = NetworkSpec {
        mode,
        ..NetworkSpec::default()
    };
    EnvironmentSpec { network, ..spec() }
}

pub(super) fn image(name: &str) -> EnvironmentSpec {
    EnvironmentSpec {
        image: Some(name.to_owned()),
        ..spec()
    }
}

/// An environment whose main process is a file with this content and mode.
pub(super) fn script(directory: &Path, content: &[u8], mode: u32) -> EnvironmentSpec {
    use std::os::unix::fs::PermissionsExt;
    let source = directory.join(format!("{}-{mode:o}", content.len()));
    std::fs::write(&source, content).unwrap();
    std::fs::set_permissions(&source, std::fs::Permissions::from_mode(mode)).unwrap();
    EnvironmentSpec {
        copies: vec![CopyIn {
            source,
            target: "/program".into(),
        }],
        ..main(&["/program"])
    }
}

/// The header of a program for another machine: arm64.
pub(super) fn foreign_program() -> Vec<u8> {
    let mut header = b"\x7fELF\x02\x01\x01".to_vec();
    header.resize(16, 0);
    header.extend([2, 0, 0xb7, 0, 1, 0, 0, 0]);
    header.resize(4096, 0);
    header
}

/// The header of a program of this machine, with a loader that does not exist.
pub(super) fn program_without_loader() -> Vec<u8> {
    std::fs::read("/bin/true").unwrap()
}

pub(super) fn with_copies(copies: EnvironmentSpec, main: Main) -> EnvironmentSpec {
    EnvironmentSpec { main, ..copies }
}

pub(super) fn of_programs(directory: &Path) -> Vec<Case> {
    let idle = |spec: EnvironmentSpec| with_copies(spec, Main::Idle);
    let run = || Command::new(["/program"]);
    let missing = script(directory, b"#!/no/such/interpreter -x\necho\n", 0o755);
    let carriage = script(directory, b"#!/bin/sh\r\necho text\r\n", 0o755);
    let no_mode = script(directory, b"#!/bin/sh\necho not executable\n", 0o644);
    let foreign = script(directory, &foreign_program(), 0o755);
    let loader = script(directory, &program_without_loader(), 0o755);
    vec![
        case("main_missing", ProgramMissing, Start(main(&["no-such-program"]))),
        case(
            "main_not_executable",
            ProgramNotExecutable,
            Start(no_mode.clone()),
        ),
        case(
            "command_missing",
            ProgramMissing,
            Plant::Command(spec(), Command::new(["no-such-program"])),
        ),
        command(
            "command_missing_in_a_script",
            ProgramMissing,
            "no-such-program --help",
        ),
        case(
            "command_not_executable",
            ProgramNotExecutable,
            Plant::Command(idle(no_mode), run()),
        ),
        case(
            "command_without_interpreter",
            InterpreterMissing,
            Plant::Command(idle(missing), run()),
        ),
        case(
            "command_with_carriage_return",
            CarriageReturn,
            Plant::Command(idle(carriage), run()),
        ),
        case(
            "command_of_another_machine",
            WrongPlatform,
            Plant::Command(idle(foreign), run()),
        ),
        case(
            "command_without_loader",
            LibraryMissing,
            Plant::Command(idle(loader), run()),
        ),
    ]
}

pub(super) fn of_limits() -> Vec<Case> {
    let memory = ResourceLimits {
        memory: Some(16 << 20),
        ..ResourceLimits::default()
    };
    let pids = ResourceLimits {
        pids: Some(12),
        ..ResourceLimits::default()
    };
    let forks = sh("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 3 & done; wait");
    let read_only = EnvironmentSpec {
        security: SecuritySpec {
            read_only_root: true,
            ..SecuritySpec::default()
        },
        ..spec()
    };
    let tmpfs = EnvironmentSpec {
        mounts: vec![Mount::tmpfs("/t", Some(1 << 20))],
        ..spec()
    };
    let tail = Command::new(["tail", "/dev/zero"]);
    let late = Command {
        timeout: Some(Duration::from_millis(300)),
        ..Command::new(["sleep", "1000"])
    };
    let of_main = EnvironmentSpec {
        main: Main::Command(tail.clone()),
        ..limits(memory.clone())
    };
    let of_child = sh("tail /dev/zero; echo the worker has failed; exit 3");
    let cpus = ResourceLimits {
        cpus: Some(9000.0),
        ..ResourceLimits::default()
    };
    let mut device = ResourceLimits::default();
    device.block_io.read_bps = [("/dev/no-such-disk".to_owned(), 1 << 20)].into();
    vec![
        case(
            "child_out_of_memory",
            OutOfMemory,
            Plant::Command(limits(memory.clone()), of_child),
        ),
        case("cpus", LimitRejected, Start(limits(cpus))),
        case("device_missing", DeviceMissing, Start(limits(device))),
        case("main_out_of_memory", OutOfMemory, Ends(of_main)),
        case(
            "command_out_of_memory",
            OutOfMemory,
            Plant::Command(limits(memory), tail),
        ),
        case("processes", TooManyProcesses, Plant::Command(limits(pids), forks)),
        case(
            "read_only",
            ReadOnlyFileSystem,
            Plant::Command(read_only, sh("echo text > /file")),
        ),
        case(
            "disk_full",
            DiskFull,
            Plant::Command(tmpfs, sh("dd if=/dev/zero of=/t/file bs=64k")),
        ),
        case("timeout", TimedOut, Plant::Command(spec(), late)),
    ]
}

pub(super) fn of_networks() -> Vec<Case> {
    let none = || network(NetworkMode::None);
    vec![
        command(
            "name_not_resolved",
            NameNotResolved,
            "wget http://no-such-host.invalid/",
        ),
        command(
            "connection_refused",
            ConnectionRefused,
            "wget http://127.0.0.1:1/",
        ),
        command("port_in_use_inside", PortTaken, "httpd -p 8080; httpd -f -p 8080"),
        case(
            "no_network",
            NoNetwork,
            Plant::Command(none(), sh("wget http://10.1.2.3/")),
        ),
        case(
            "no_network_for_names",
            NoNetwork,
            Plant::Command(none(), sh("wget http://db.test/")),
        ),
        case(
            "network_missing",
            NetworkMissing,
            Start(network(NetworkMode::Named("bundle-no-such".into()))),
        ),
    ]
}

pub(super) fn of_specifications() -> Vec<Case> {
    let mount = |mount| EnvironmentSpec {
        mounts: vec![mount],
        ..spec()
    };
    let user = |user: &str| EnvironmentSpec {
        user: Some(user.to_owned()),
        ..spec()
    };
    vec![
        case(
            "mount_source_missing",
            MountSourceMissing,
            Start(mount(Mount::host("/no/such/source", "/m"))),
        ),
        case(
            "volume_missing",
            VolumeMissing,
            Start(mount(Mount::volume("bundle-no-such", "/m"))),
        ),
        case("user_missing", UserMissing, Start(user("no-such-user"))),
        case(
            "permission_denied",
            PermissionDenied,
            Plant::Command(user("65534"), sh("echo x > /etc/file")),
        ),
        command("file_missing", FileMissing, "cat /no/such/file"),
        case(
            "command_in_no_directory",
            WorkingDirectoryMissing,
            Plant::Command(
                spec(),
                Command {
                    working_dir: Some("/no/such/directory".to_owned()),
                    ..Command::new(["true"])
                },
            ),
        ),
        case(
            "mount_over_a_file",
            MountTargetInvalid,
            Start(mount(Mount::host("/tmp", "/bin/busybox"))),
        ),
    ]
}

pub(super) fn of_ends() -> Vec<Case> {
    let early = |script: &str| EnvironmentSpec {
        ready: ready(WaitFor::Port(80)),
        ..main(&["sh", "-c", script])
    };
    let healthy = EnvironmentSpec {
        health: Some(HealthSpec {
            check: Some(sh("echo not yet >&2; exit 1")),
            interval: Some(Duration::from_millis(100)),
            ..HealthSpec::default()
        }),
        ..main(&["sleep", "1000"])
    };
    let unhealthy = EnvironmentSpec {
        health: Some(HealthSpec {
            check: Some(sh("echo not yet >&2; exit 1")),
            interval: Some(Duration::from_millis(200)),
            retries: Some(2),
            ..HealthSpec::default()
        }),
        ready: Some(WaitFor::Healthy.into()),
        ..main(&["sleep", "100"])
    };
    vec![
        case(
            "never_ready",
            NeverReady,
            Start(early("echo starting; sleep 1000")),
        ),
        case("ended_early", EndedEarly, Start(early("echo bye"))),
        case(
            "failed_early",
            ProgramFailed,
            Start(early("echo bad configuration >&2; exit 3")),
        ),
        case(
            "refused_early",
            ConnectionRefused,
            Start(early("wget http://127.0.0.1:1/")),
        ),
        case("never_healthy", NeverHealthy, Ends(healthy)),
        case("unhealthy_at_the_start", NeverHealthy, Start(unhealthy)),
        command("killed", Killed, "kill -KILL $$"),
        command("crashed", Crashed, "kill -SEGV $$"),
        command("program_failed", ProgramFailed, "echo assertion failed; exit 7"),
        case(
            "main_killed",
            Killed,
            Ends(main(&["sh", "-c", "sleep 0.2; kill -KILL $$"])),
        ),
    ]
}

pub(super) fn of_images() -> Vec<Case> {
    vec![
        case(
            "registry_down",
            RegistryUnreachable,
            Start(image("127.0.0.1:9/app:1")),
        ),
        case(
            "registry_unknown",
            RegistryUnreachable,
            Start(image("no-such-registry.invalid/app:1")),
        ),
    ]
}
