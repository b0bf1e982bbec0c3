//! Types that several resources share.
//!
//! ```
//! use engine_api::common::EnvList;
//!
//! let env: EnvList = ["PATH=/bin", "TOKEN=hunter2"].into();
//! assert_eq!(env.value("PATH"), Some("/bin"));
//! assert!(!format!("{env:?}").contains("hunter2")); // values are not shown
//! ```

mod driver_options;
mod env_list;
mod oci;
mod terminal;
mod timestamp;

pub use driver_options::DriverOptions;
pub use env_list::EnvList;
pub use oci::{OciDescriptor, OciPlatform};
pub use terminal::TerminalSize;
pub(crate) use terminal::is_terminal;
pub use timestamp::Timestamp;
pub(crate) use timestamp::rfc3339_nanos;
