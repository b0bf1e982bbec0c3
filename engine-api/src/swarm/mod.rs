//! Swarms: what is set about them and what their managers know.

mod cluster;
mod spec;

pub use cluster::{ClusterInfo, DiscreteResource, GenericResource, NamedResource, ObjectVersion, TlsInfo};
pub use spec::{
    CaConfig, Dispatcher, Driver, EncryptionConfig, ExternalCa, ExternalCaProtocol, Orchestration, Raft,
    SwarmSpec, TaskDefaults,
};
