//! Reports of daemons and programs, with the cause that is named.

use isolation::LikelyCause::{self, *};

pub(super) const PULL: (&str, &str) = ("POST", "/images/create");
const CREATE: (&str, &str) = ("POST", "/containers/create");
pub(super) const START: (&str, &str) = ("POST", "/start");
pub(super) const NETWORK: (&str, &str) = ("POST", "/networks/create");

/// A request that the daemon refuses with a status and a text.
pub(super) type Refusal = ((&'static str, &'static str), u16, &'static str, LikelyCause);

pub(super) const REFUSALS: &[Refusal] = &[
    (
        PULL,
        404,
        "manifest for app:1 not found: manifest unknown: manifest unknown",
        ImageMissing,
    ),
    (
        PULL,
        404,
        "pull access denied for app, repository does not exist or may require 'docker login'",
        ImageMissing,
    ),
    (
        PULL,
        500,
        "Get \"http://127.0.0.1:9/v2/\": dial tcp 127.0.0.1:9: connect: connection refused",
        RegistryUnreachable,
    ),
    (
        PULL,
        500,
        "Get \"https://r.invalid/v2/\": dial tcp: lookup r.invalid: no such host",
        RegistryUnreachable,
    ),
    (
        PULL,
        500,
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        RegistryUnreachable,
    ),
    (PULL, 401, "unauthorized: authentication required", Unauthorized),
    (
        PULL,
        500,
        "toomanyrequests: You have reached your pull rate limit.",
        RateLimited,
    ),
    (
        PULL,
        404,
        "no matching manifest for linux/arm64/v8 in the manifest list entries",
        WrongPlatform,
    ),
    (
        PULL,
        500,
        "failed to register layer: write /bin/app: no space left on device",
        DiskFull,
    ),
    (
        CREATE,
        409,
        "Conflict. The container name \"/x\" is already in use by container \"0cb5\".",
        NameTaken,
    ),
    (
        CREATE,
        500,
        "creating container storage: the container name \"x\" is already in use by f805: that name is already in use",
        NameTaken,
    ),
    (
        CREATE,
        400,
        "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available",
        LimitRejected,
    ),
    (
        CREATE,
        400,
        "Requested CPUs are not available - requested 900, available: 0-1",
        LimitRejected,
    ),
    (
        CREATE,
        400,
        "invalid mount config for type \"bind\": bind source path does not exist: /no/such",
        MountSourceMissing,
    ),
    (
        CREATE,
        403,
        "authorization denied by plugin policy: not allowed",
        DaemonForbids,
    ),
    (
        CREATE,
        500,
        "mkdir /var/lib/docker/overlay2/x: no space left on device",
        DiskFull,
    ),
    (
        CREATE,
        500,
        "container create: stat /dev/nosuch: no such file or directory",
        DeviceMissing,
    ),
    (
        CREATE,
        400,
        "Cannot mkdir: /bin/sh is not a directory",
        WorkingDirectoryMissing,
    ),
    (
        START,
        500,
        "Bind for 127.0.0.1:80 failed: port is already allocated",
        PortTaken,
    ),
    (
        START,
        500,
        "listen tcp4 127.0.0.1:80: bind: address already in use",
        PortTaken,
    ),
    (
        START,
        500,
        "error gathering device information while adding custom device \"/dev/x\": no such file or directory",
        DeviceMissing,
    ),
    (
        START,
        500,
        "could not select device driver \"\" with capabilities: [[gpu]]",
        DeviceMissing,
    ),
    (
        START,
        500,
        "error setting rlimits for ready process: error setting rlimit type 7: operation not permitted",
        LimitRejected,
    ),
    (
        START,
        500,
        "crun: setrlimit `RLIMIT_NOFILE`: Operation not permitted: OCI permission denied",
        LimitRejected,
    ),
    (
        START,
        500,
        "error mounting \"/f\" to rootfs at \"/bin\": not a directory: Are you trying to mount a directory onto a file (or vice-versa)?",
        MountTargetInvalid,
    ),
    (
        START,
        500,
        "failed to mount local volume: mount /no/such:/v/_data, flags: 0x1000: no such file or directory",
        MountSourceMissing,
    ),
    (
        START,
        500,
        "chdir to cwd (\"/x\") set in config.json failed: permission denied",
        WorkingDirectoryMissing,
    ),
    (
        START,
        500,
        "unable to find user app: no matching entries in passwd file",
        UserMissing,
    ),
    (
        START,
        400,
        "runc create failed: exec: \"app\": executable file not found in $PATH: unknown",
        ProgramMissing,
    ),
    (
        START,
        500,
        "crun: executable file `app` not found in $PATH: No such file or directory",
        ProgramMissing,
    ),
    (
        START,
        400,
        "runc create failed: exec: \"/etc\": permission denied: unknown",
        ProgramNotExecutable,
    ),
    (
        START,
        400,
        "runc create failed: exec /app: exec format error",
        InterpreterMissing,
    ),
    (START, 404, "network net1 not found", NetworkMissing),
    (
        START,
        500,
        "mkdir /run/x: read-only file system",
        ReadOnlyFileSystem,
    ),
    (
        START,
        500,
        "fork/exec /usr/bin/runc: resource temporarily unavailable",
        TooManyProcesses,
    ),
    (
        START,
        500,
        "container init was OOM-killed (memory limit too low?)",
        OutOfMemory,
    ),
    (
        NETWORK,
        500,
        "all predefined address pools have been fully subnetted",
        AddressPoolExhausted,
    ),
];

/// The standard error of a program before it ends with a code.
pub(super) const OUTPUTS: &[(&str, i32, LikelyCause)] = &[
    ("wget: bad address 'db'", 1, NameNotResolved),
    (
        "wget: can't connect to remote host (127.0.0.1): Connection refused",
        1,
        ConnectionRefused,
    ),
    (
        "cat: can't open '/data': No such file or directory",
        1,
        FileMissing,
    ),
    ("sh: can't create /etc/x: Permission denied", 1, PermissionDenied),
    (
        "sh: can't create /x: Read-only file system",
        1,
        ReadOnlyFileSystem,
    ),
    (
        "dd: error writing '/t/file': No space left on device",
        1,
        DiskFull,
    ),
    ("OSError: [Errno 24] Too many open files", 1, TooManyFiles),
    (
        "sh: can't fork: Resource temporarily unavailable",
        2,
        TooManyProcesses,
    ),
    (
        "app: error while loading shared libraries: libx.so.1: cannot open shared object file",
        127,
        LibraryMissing,
    ),
    ("sh: app: not found", 127, ProgramMissing),
    ("httpd: bind: Address already in use", 1, PortTaken),
    (
        "wget: can't connect to remote host: Network is unreachable",
        1,
        NoNetwork,
    ),
    ("", 139, Crashed),
    ("", 137, Killed),
    ("assertion failed", 7, ProgramFailed),
];
