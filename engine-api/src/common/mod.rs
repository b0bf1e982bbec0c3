//! Types that several resources share.
//!
//! ```
//! use engine_api::common::EnvList;
//!
//! let env: EnvList = ["PATH=/bin", "TOKEN=hunter2"].into();
//! assert_eq!(env.value("PATH"), Some("/bin"));
//! assert!(!format!("{env:?}").contains("hunter2")); // values are not printed
//! ```

mod container_config;
mod driver_options;
mod env_list;
mod health_config;
mod isolation;
mod mount;
#[cfg(feature = "full")]
pub(crate) mod node_availability;
#[cfg(feature = "full")]
pub(crate) mod object_version;
mod oci;
mod port;
#[cfg(feature = "full")]
pub(crate) mod port_config;
#[cfg(feature = "full")]
pub(crate) mod resources;
mod string_list;
mod string_map;
mod terminal;
mod timestamp;
#[cfg(feature = "full")]
pub(crate) mod tls_info;
#[cfg(feature = "full")]
pub(crate) mod topology;
mod ulimit;

pub use container_config::ContainerConfig;
pub use driver_options::DriverOptions;
pub use env_list::{EnvEntry, EnvList};
pub use health_config::HealthConfig;
pub use isolation::Isolation;
pub use mount::{
    BindOptions, ClusterOptions, Consistency, ImageOptions, Mount, MountType, Propagation, TmpfsOptions,
    VolumeDriver, VolumeOptions,
};
pub use oci::{OciDescriptor, OciPlatform};
pub use port::{Port, PortProtocol};
pub use string_list::StringList;
pub use string_map::StringMap;
pub use terminal::TerminalSize;
pub(crate) use terminal::is_terminal;
pub use timestamp::{ParseTimestampError, Timestamp};
pub use ulimit::Ulimit;
