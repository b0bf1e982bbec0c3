//! The causes that are recognised.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The likely cause of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LikelyCause {
    /// A process was killed at the memory limit, or could not allocate memory.
    OutOfMemory,
    /// A command was killed at its timeout.
    TimedOut,
    /// The daemon does not answer.
    DaemonUnreachable,
    /// This user may not use the daemon, or a proxy or plugin in front of it refuses the request.
    DaemonForbids,
    /// The TLS connection to the daemon is refused, by it or by this process.
    DaemonCertificate,
    /// The isolation engine cannot be used on this machine.
    EngineUnavailable,
    /// The daemon did not answer in time.
    DaemonSlow,
    /// The image does not exist, or needs a login.
    ImageMissing,
    /// The registry does not answer, or not as a registry.
    RegistryUnreachable,
    /// The registry rejects the credentials.
    Unauthorized,
    /// The registry accepts no more pulls for some time.
    RateLimited,
    /// A step of the build of an image has failed.
    BuildFailed,
    /// The image, or a program in it, is for another platform.
    WrongPlatform,
    /// Another process or container uses the port.
    PortTaken,
    /// A published port cannot be reached from this machine.
    PortUnreachable,
    /// Another container, network, volume or group has the name.
    NameTaken,
    /// Another network has addresses of the subnet.
    SubnetTaken,
    /// The daemon has no addresses for another network.
    AddressPoolExhausted,
    /// A network does not exist.
    NetworkMissing,
    /// A volume does not exist.
    VolumeMissing,
    /// The source of a mount does not exist.
    MountSourceMissing,
    /// A directory cannot be mounted over a file, or a file over a directory.
    MountTargetInvalid,
    /// A device does not exist on the machine.
    DeviceMissing,
    /// The daemon or the kernel does not accept a limit.
    LimitRejected,
    /// Another process has removed the environment.
    RemovedByOthers,
    /// The user or the group does not exist in the image.
    UserMissing,
    /// The working directory does not exist or is not a directory.
    WorkingDirectoryMissing,
    /// The program does not exist.
    ProgramMissing,
    /// The file of the program may not be executed.
    ProgramNotExecutable,
    /// The interpreter of a script does not exist, or the script does not name one.
    InterpreterMissing,
    /// The first line of a script ends with a carriage return.
    CarriageReturn,
    /// The loader or a library of a program does not exist.
    LibraryMissing,
    /// The file system is read-only.
    ReadOnlyFileSystem,
    /// No space is left.
    DiskFull,
    /// The limit of processes is reached.
    TooManyProcesses,
    /// Too many files are open.
    TooManyFiles,
    /// The environment has no network.
    NoNetwork,
    /// A name is not known to the DNS.
    NameNotResolved,
    /// No program listens at the address to which a program connected.
    ConnectionRefused,
    /// A certificate is not trusted.
    CertificateRejected,
    /// A file or directory that a program needs does not exist.
    FileMissing,
    /// A program has no permission.
    PermissionDenied,
    /// A process has crashed.
    Crashed,
    /// A process was killed by a signal.
    Killed,
    /// The health check never succeeded.
    NeverHealthy,
    /// The environment runs, but does not become ready.
    NeverReady,
    /// The program exited although it should continue to run.
    EndedEarly,
    /// The program has reported an error of its own.
    ProgramFailed,
    /// The evidence shows no cause.
    Unknown,
}

impl LikelyCause {
    /// The remedy, for people.
    pub fn hint(self) -> &'static str {
        self.texts().1
    }

    #[rustfmt::skip]
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::OutOfMemory => ("a process has reached the memory limit", "raise the memory limit, or use less memory"),
            Self::TimedOut => ("a command was killed at its timeout", "raise its timeout, or look where its output ends"),
            Self::DaemonUnreachable => ("the daemon does not answer", "start it, or correct DOCKER_HOST"),
            Self::DaemonForbids => ("the daemon may not be used for this by this user", "add the user to the group docker and log in again, or look at what is in front of the daemon"),
            Self::DaemonCertificate => ("the secure connection to the daemon is refused", "look at DOCKER_TLS_VERIFY, and at the certificates in DOCKER_CERT_PATH"),
            Self::EngineUnavailable => ("the isolation engine cannot be used here", "look at the output of isolate engines, or use another engine"),
            Self::DaemonSlow => ("the daemon answered too late", "look at the load of its machine, or raise the timeout"),
            Self::ImageMissing => ("the image does not exist, or needs a login", "correct the name and tag of the image, or run docker login"),
            Self::RegistryUnreachable => ("the registry cannot be reached", "look at the address, the network and the certificates of the registry"),
            Self::Unauthorized => ("the registry rejects the credentials", "run docker login for this registry"),
            Self::RateLimited => ("the registry accepts no more pulls for now", "run docker login, use a mirror, or wait"),
            Self::BuildFailed => ("a step of the build has failed", "look at the output of the build before the error"),
            Self::WrongPlatform => ("the program is for another platform than the machine", "use an image for this platform, or name one: platform"),
            Self::PortTaken => ("the port is taken", "let the engine choose the port of the host, or end what has it"),
            Self::PortUnreachable => ("the published port cannot be reached from this machine", "publish it on an address that this machine reaches, or set docker.published_host of the configuration"),
            Self::NameTaken => ("the name is taken", "use another name, or remove what has it"),
            Self::SubnetTaken => ("another network has the subnet", "use another subnet, or let the daemon choose one"),
            Self::AddressPoolExhausted => ("the daemon has no addresses left for a network", "remove unused networks: docker network prune"),
            Self::NetworkMissing => ("the network does not exist", "create the network, or correct its name"),
            Self::VolumeMissing => ("the volume does not exist", "create the volume, or correct its name"),
            Self::MountSourceMissing => ("the source of a mount does not exist on the daemon's machine", "create it, or correct its path"),
            Self::MountTargetInvalid => ("a mount cannot replace what is at its target", "mount a file over a file, and a directory over a directory"),
            Self::DeviceMissing => ("a device does not exist on the daemon's machine", "correct its path; containers get GPUs only with a driver for that"),
            Self::LimitRejected => ("a limit is not possible on the daemon's machine", "use a value in the range that the error names"),
            Self::RemovedByOthers => ("another process has removed the environment", "look for who removes containers, such as docker system prune, and create another"),
            Self::UserMissing => ("the user or the group does not exist in the image", "use one of the image, or a number"),
            Self::WorkingDirectoryMissing => ("the working directory cannot be used", "create the directory, or correct its path"),
            Self::ProgramMissing => ("the program does not exist in the environment", "correct its name, or install it in the image"),
            Self::ProgramNotExecutable => ("the program may not be executed", "make the file executable: chmod +x"),
            Self::InterpreterMissing => ("the interpreter of the script is missing", "correct the first line of the script, such as #!/bin/sh, or install the interpreter"),
            Self::CarriageReturn => ("the first line of the script ends with a carriage return", "convert the line ends of the script to those of Unix"),
            Self::LibraryMissing => ("the loader or a library of the program is missing", "use a program that was built for this image, or a static one"),
            Self::ReadOnlyFileSystem => ("the file system is read-only", "write to a tmpfs or volume, or remove the option read_only"),
            Self::DiskFull => ("no space is left on a disk", "remove files, or raise the limit of the disk or tmpfs"),
            Self::TooManyProcesses => ("the limit of processes is reached", "raise it, or start fewer processes"),
            Self::TooManyFiles => ("too many files are open", "raise the ulimit nofile, or close files"),
            Self::NoNetwork => ("the environment has no network", "give it one: without the network mode none"),
            Self::NameNotResolved => ("a host name is not known", "correct the name; names of environments are known on networks of their own only"),
            Self::ConnectionRefused => ("nothing listens where the program connects", "wait until the other service is ready; inside, localhost is the environment itself"),
            Self::CertificateRejected => ("a certificate is not trusted", "add the certificate of the authority to the image"),
            Self::FileMissing => ("a file does not exist in the environment", "copy or mount it, or correct its path"),
            Self::PermissionDenied => ("the program lacks rights", "look at the owner and mode of the file, the user, and the kernel capabilities"),
            Self::Crashed => ("a process has crashed", "run it with a debugger, or look for its core file"),
            Self::Killed => ("a process was killed by a signal", "look for who sent the signal"),
            Self::NeverHealthy => ("the health check never succeeded", "run its command by hand"),
            Self::NeverReady => ("the environment runs, but did not become ready in time", "look at its last output, and at the condition; raise the timeout"),
            Self::EndedEarly => ("the main process has ended", "look at its last output"),
            Self::ProgramFailed => ("the program has failed", "look at its last output"),
            Self::Unknown => ("the cause is not known", "look at the error, the log and the events"),
        }
    }
}

impl fmt::Display for LikelyCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.texts().0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[rustfmt::skip]
    const ALL: [&str; 49] = [
        "out_of_memory", "timed_out", "daemon_unreachable", "daemon_forbids", "daemon_certificate",
        "engine_unavailable", "daemon_slow", "image_missing", "registry_unreachable", "unauthorized",
        "rate_limited", "build_failed", "wrong_platform", "port_taken", "port_unreachable", "name_taken",
        "subnet_taken", "address_pool_exhausted", "network_missing", "volume_missing",
        "mount_source_missing", "mount_target_invalid", "device_missing", "limit_rejected",
        "removed_by_others", "user_missing", "working_directory_missing", "program_missing",
        "program_not_executable", "interpreter_missing", "carriage_return", "library_missing",
        "read_only_file_system", "disk_full", "too_many_processes", "too_many_files", "no_network",
        "name_not_resolved", "connection_refused", "certificate_rejected", "file_missing",
        "permission_denied", "crashed", "killed", "never_healthy", "never_ready", "ended_early",
        "program_failed", "unknown",
    ];

    #[test]
    fn cause_has_a_sentence_and_a_hint_of_its_own() {
        let mut sentences = BTreeSet::new();
        for name in ALL {
            let cause: LikelyCause = serde_json::from_value(name.into()).unwrap();
            let (sentence, hint) = (cause.to_string(), cause.hint());
            assert!(sentences.insert(sentence.clone()), "{name}: {sentence}");
            for text in [sentence.as_str(), hint] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{name}: {text}");
                assert!(text.starts_with(|c: char| c.is_lowercase()), "{name}: {text}");
            }
        }
    }
}
