//! The messages of daemons, runtimes, C libraries and common programs, with their causes.

use super::LikelyCause;
use super::programs::LOADER;

/// A cause, and texts in lower case, one of which must occur; `*` matches any text.
pub(super) type Rule = (LikelyCause, &'static [&'static str]);

/// Messages of daemons and registries.
pub(super) const OF_ERROR: &[Rule] = &[
    (
        LikelyCause::DaemonForbids,
        &[
            "authorization denied by plugin",
            "forbidden by administrative rules",
        ],
    ),
    (
        LikelyCause::RateLimited,
        &["toomanyrequests", "too many requests", "rate limit"],
    ),
    (
        LikelyCause::NameTaken,
        &[
            "is already in use by container",
            "name is already in use",
            "with this name exists",
            "network with name * already exists",
        ],
    ),
    (
        LikelyCause::SubnetTaken,
        &[
            "pool overlaps with other one",
            "is already used on the host or by another config",
            "overlaps one that is used already",
        ],
    ),
    (
        LikelyCause::DeviceMissing,
        &[
            "gathering device information",
            "stat /dev/",
            "could not parse device",
            "could not select device driver",
        ],
    ),
    (
        LikelyCause::LimitRejected,
        &[
            "setting rlimit",
            "setrlimit",
            "range of cpus is from",
            "requested cpus are not available",
            "minimum memory limit allowed",
            "is too high; the machine has",
            "the daemon dropped it",
        ],
    ),
    (
        LikelyCause::AddressPoolExhausted,
        &[
            "non-overlapping ipv4 address pool",
            "address pools have been fully subnetted",
            "could not find free subnet",
            "no available network",
        ],
    ),
    (
        LikelyCause::WrongPlatform,
        &[
            "wrong platform: the image",
            "no matching manifest for",
            "no match for platform",
            "does not match the specified platform",
            "does not provide the specified platform",
            "no image found in image index for architecture",
            "no image found in manifest list for architecture",
            "not match the expected platform",
        ],
    ),
    (
        LikelyCause::Unauthorized,
        &["no basic auth credentials", "incorrect username or password"],
    ),
    (
        LikelyCause::ImageMissing,
        &[
            "manifest unknown",
            "name unknown",
            "pull access denied",
            "repository does not exist",
            "the daemon does not have the image",
            "no such image",
            "manifest not found",
        ],
    ),
    (
        LikelyCause::Unauthorized,
        &[
            "unauthorized",
            "authentication required",
            "requested access to the resource is denied",
            "no credentials found",
        ],
    ),
    (
        LikelyCause::PortTaken,
        &[
            "port is already allocated",
            "address already in use",
            "is taken by",
        ],
    ),
    (
        LikelyCause::UserMissing,
        &[
            "unable to find user",
            "unable to find group",
            "no matching entries in",
        ],
    ),
    (
        LikelyCause::MountSourceMissing,
        &[
            "bind source path does not exist",
            "the source of a mount",
            "statfs ",
            "failed to mount local volume",
            "error mounting volume",
            "mounting volume *: no such file",
        ],
    ),
    (
        LikelyCause::VolumeMissing,
        &["no such volume", "the volume * does not exist"],
    ),
    (
        LikelyCause::NetworkMissing,
        &[
            "unable to find network",
            "network * not found",
            "no such network",
            "the network * does not exist",
        ],
    ),
    (
        LikelyCause::WorkingDirectoryMissing,
        &[
            "chdir to ",
            "working directory",
            "cwd must be",
            "chdir: ",
            "cannot mkdir: * is not a directory",
        ],
    ),
    (
        LikelyCause::MountTargetInvalid,
        &[
            "mount a directory onto a file",
            "error mounting *not a directory",
            "mount `*: not a directory",
            "mount `*: is a directory",
        ],
    ),
    (
        LikelyCause::DiskFull,
        &["no space left on device", "disk quota exceeded"],
    ),
    (LikelyCause::ReadOnlyFileSystem, &["read-only file system"]),
    (
        LikelyCause::TooManyProcesses,
        &["resource temporarily unavailable", "can't fork", "cannot fork"],
    ),
    (
        LikelyCause::OutOfMemory,
        &[
            "cannot allocate memory",
            "container init was oom-killed",
            "memory limit too low",
        ],
    ),
    (
        LikelyCause::BuildFailed,
        &[
            "returned a non-zero code",
            "did not complete successfully",
            "failed to solve",
        ],
    ),
];

/// Messages about requests to a registry, only in the error of a pull.
pub(super) const OF_PULL: &[Rule] = &[
    (
        LikelyCause::RegistryUnreachable,
        &[
            "connection refused",
            "no such host",
            "server misbehaving",
            "i/o timeout",
            "http response to https client",
            "x509:",
            "tls: ",
            "network is unreachable",
            "no route to host",
            "deadline exceeded",
            "request canceled",
            "pinging container registry",
            "connection reset",
            "eof",
        ],
    ),
    (LikelyCause::ImageMissing, &["not found"]),
];

/// Messages of programs.
pub(super) const OF_OUTPUT: &[Rule] = &[
    (
        LikelyCause::DiskFull,
        &[
            "no space left on device",
            "enospc",
            "disk quota exceeded",
            "disk full",
        ],
    ),
    (
        LikelyCause::ReadOnlyFileSystem,
        &["read-only file system", "erofs"],
    ),
    (
        LikelyCause::TooManyProcesses,
        &[
            "can't fork",
            "cannot fork",
            "fork: ",
            "can't start new thread",
            "unable to create new native thread",
        ],
    ),
    (LikelyCause::TooManyFiles, &["too many open files", "emfile"]),
    (
        LikelyCause::NameNotResolved,
        &[
            "bad address",
            "could not resolve host",
            "name or service not known",
            "temporary failure in name resolution",
            "name does not resolve",
            "no such host",
            "nodename nor servname",
            " enotfound",
            "eai_again",
            "unknown host",
            "can't resolve",
            "temporary failure resolving",
            "nxdomain",
        ],
    ),
    (
        LikelyCause::NoNetwork,
        &["network is unreachable", "network unreachable", "enetunreach"],
    ),
    (
        LikelyCause::PortTaken,
        &["address already in use", "address in use", "eaddrinuse"],
    ),
    (
        LikelyCause::CertificateRejected,
        &[
            "certificate verify failed",
            "ssl certificate problem",
            "x509: ",
            "self-signed certificate",
        ],
    ),
    (
        LikelyCause::ConnectionRefused,
        &["connection refused", "econnrefused"],
    ),
    (
        LikelyCause::OutOfMemory,
        &[
            "out of memory",
            "cannot allocate memory",
            "memoryerror",
            "outofmemoryerror",
            "enomem",
            "std::bad_alloc",
        ],
    ),
    (LikelyCause::LibraryMissing, &LOADER),
    (
        LikelyCause::PermissionDenied,
        &[
            "permission denied",
            "operation not permitted",
            "eacces",
            "eperm",
            "access denied",
            "permissionerror",
        ],
    ),
    (
        LikelyCause::FileMissing,
        &[
            "no such file or directory",
            "enoent",
            "filenotfounderror",
            "can't open",
            "cannot open",
        ],
    ),
];
