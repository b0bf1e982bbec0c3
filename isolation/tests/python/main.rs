//! The engine `virtualenv`, on the Python interpreters of this machine.

#![cfg(unix)]
#![allow(clippy::unwrap_used)] // helpers of tests are tests too; clippy exempts only the functions marked so

mod engine; // environments, copies, paths, interpreters
mod hostile; // variables of the caller, programs of other interpreters, interrupted creations
mod interrupted; // installations that are killed
mod lock_files; // lock files of packages
mod locks; // locks of environments, and packages that they add
mod migrate; // migrations to and from the engine basic
mod musl; // a target whose interpreter describes itself as one of musl
mod packages; // pip: install, list, uninstall, hostile names and files
mod pypy; // PyPy, where it is installed
mod repair; // environments that were moved, interpreters that have changed
mod snapshots; // snapshots and forks, at other paths
mod sources; // where packages come from: wheels, directories, files, digests
