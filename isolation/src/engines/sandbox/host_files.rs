//! The files of this machine that an environment without an image sees.

use std::path::{Path, PathBuf};

/// The files of this machine that an environment without an image sees, read-only. Nothing else:
/// a socket that can be seen can be connected to, also where files are read-only.
pub(super) const HOST: [&str; 13] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/ld.so.conf.d",
    "/etc/pki",
    "/etc/ssl/certs",
];

/// The files in `/etc` of this machine that such an environment has as copies: a mount takes
/// longer.
pub(super) const COPIED: [&str; 9] = [
    "ld.so.cache",
    "ld.so.conf",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "protocols",
    "services",
    "ssl/openssl.cnf",
    "timezone",
];

/// The directories of this machine that are links into `/usr`, with their targets.
pub(super) fn merged() -> impl Iterator<Item = (&'static str, PathBuf)> {
    let names = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"].into_iter();
    let target = |name: &'static str| Some((name, std::fs::read_link(Path::new("/").join(name)).ok()?));
    names
        .filter_map(target)
        .filter(|(_, target)| target.starts_with("usr") || target.starts_with("/usr"))
}
