//! The built command, run as users run it. Nothing here needs a Docker daemon or a network.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too; clippy exempts only the functions marked so
#![allow(clippy::print_stderr)] // why a test does nothing here

mod api; // `isolate api`
mod config; // `isolate config`, and the sources of the configuration
#[cfg(unix)]
mod cp; // `isolate cp`
mod doctor; // `isolate doctor`
#[cfg(unix)]
mod engine; // Docker daemons: one of a few lines, one in memory
mod engines; // `isolate engines`
mod errors; // rejected arguments, and how errors are printed
#[cfg(unix)]
mod escapes; // control characters in what a daemon answers
mod external; // engines of other programs, and `isolate serve` as one of them
#[cfg(unix)]
mod external_ends; // engines of other programs that offer nothing, are too slow or end
mod faults_of_files; // every fault of a file that a person writes, at once
#[cfg(unix)]
mod fixtures; // `isolate fixtures`
mod generated; // `isolate completions`, `isolate man`
#[cfg(unix)]
mod group; // `isolate up, down` of a compose file, on an engine in memory
#[cfg(unix)]
mod image; // `isolate image`, on an engine in memory
#[cfg(target_os = "linux")]
mod image_import; // `isolate image import`, on a registry of the test
#[cfg(unix)]
mod interrupts; // Ctrl-C in commands that wait
mod invalid_input; // the whole text of each error of a table
#[cfg(unix)]
mod leftovers; // what a killed process leaves, and who removes it
#[cfg(unix)]
mod lifecycle; // an environment through its life: create, start, exec, stop, rm …
#[cfg(unix)]
mod locks; // `isolate lock`, `isolate run --locked`
#[cfg(unix)]
mod login; // `isolate login, logout`, and second tries with newer credentials
#[cfg(unix)]
mod migrate; // `isolate migrate`
mod replay; // the command on recordings of real daemons
mod run; // `isolate run` on the engine `basic`
mod schema; // the JSON schema of the protocol
#[cfg(unix)]
mod secrets; // values of environment variables that are passed on
#[cfg(unix)]
mod served; // `isolate serve` of the engine `virtualenv`, forks, snapshots, packages
#[cfg(unix)]
mod served_docker; // `isolate serve` of the engine `docker`, and breaches of the protocol in streams
#[cfg(unix)]
mod service; // `isolate port, logs, wait, stats`, on an engine in memory
#[cfg(unix)]
mod shared; // `isolate run --shared`
#[cfg(unix)]
mod signal_proxy; // signals that a command gets
mod signals; // a run that ends early: timeout, signals
#[cfg(target_os = "linux")]
mod snapshot_crash; // the store of snapshots, when system calls fail, and on a full disk
mod support; // a workspace for each test, and the command started in it
#[cfg(target_os = "linux")]
mod system_packages; // `isolate packages` with apt and npm in a sandbox
#[cfg(unix)]
mod terminal; // commands on a terminal: run -it, exec -it, shell
mod without_root; // recordings of daemons without root
