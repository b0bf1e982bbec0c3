//! The engine `sandbox`, as root and as an ordinary user. Without bubblewrap, or where namespaces
//! are refused, every test prints why it does nothing.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // helpers of tests are tests too; clippy exempts only the functions marked so
#![allow(clippy::print_stderr)] // why a test does nothing here

mod again; // a second start, a full terminal, files that cannot be used
mod attached; // a main process whose program is missing
mod disk_limit; // disk limits, which are supervised
mod distribution_python; // packages where the interpreter belongs to the distribution
mod engine; // the behaviour of every engine, also as an ordinary user
mod group_network; // services of a group reach each other
mod hardened; // the profile hardened
mod image_lock; // the lock of an environment with an image
mod images; // images without a daemon
mod internet; // the network bridge
mod internet_shared; // the network bridge of several environments, and of other users
mod isolation_inside; // what cannot be seen and done from inside
mod layouts; // layouts of OCI and of `docker save`
mod main_process; // the program of an image
mod metrics; // the resource usage, exact and approximate
mod owner; // the end of the owner, and other processes
mod packages; // package managers, played by scripts
mod ports; // published ports
mod promises; // what is writable, what a stop does, what is left
mod read_only_root; // a root that can only be read
mod registry; // images from a registry
mod registry_refusals; // registries that refuse, or answer what is no image
mod rights; // kernel capabilities
mod shared_network; // members that fail or leave, and the network of another environment
mod snapshots; // forks and snapshots
mod states; // changes by other processes, kinds of files, directories that cannot be used
mod support; // an engine with a directory of its own
mod system_packages; // apt and npm of this machine, without a network
mod ulimits; // limits of each process
mod users; // commands as another user, and images without an overlay
