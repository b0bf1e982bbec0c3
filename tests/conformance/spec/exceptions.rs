//! Where the description and our types differ on purpose. An exception that no longer applies fails
//! the tests.

use std::collections::{BTreeMap, BTreeSet};

/// A difference from the description.
pub(crate) struct Exception {
    /// The name of the field, parameter or operation; `*` matches any part of a name.
    pub(crate) what: &'static str,
    /// The reason.
    pub(crate) why: &'static str,
}

/// An exception and its reason.
pub(crate) const fn except(what: &'static str, why: &'static str) -> Exception {
    Exception { what, why }
}

impl Exception {
    /// Whether the exception applies to `what`.
    pub(crate) fn covers(&self, what: &str) -> bool {
        match self.what.split_once('*') {
            Some((start, end)) => what.starts_with(start) && what.ends_with(end),
            None => what == self.what,
        }
    }
}

/// The differences found, each with its places.
#[derive(Default)]
pub(crate) struct Differences(BTreeMap<String, BTreeSet<String>>);

impl Differences {
    /// Adds one.
    pub(crate) fn add(&mut self, what: impl Into<String>, place: impl Into<String>) {
        self.0.entry(what.into()).or_default().insert(place.into());
    }

    /// Fails unless the differences are exactly the exceptions.
    pub(crate) fn are_only(&self, exceptions: &[Exception]) {
        let new = self
            .0
            .iter()
            .filter(|(what, _)| !exceptions.iter().any(|one| one.covers(what)));
        let new: Vec<String> = new
            .map(|(what, places)| format!("{what}, in {}", Vec::from_iter(places.iter().cloned()).join(", ")))
            .collect();
        assert!(new.is_empty(), "{} differences:\n{}", new.len(), new.join("\n"));
        let stale = exceptions
            .iter()
            .filter(|one| !self.0.keys().any(|what| one.covers(what)));
        let stale: Vec<&str> = stale.map(|one| one.what).collect();
        assert!(stale.is_empty(), "exceptions that no longer apply: {stale:?}");
        assert!(exceptions.iter().all(|one| !one.why.is_empty()));
    }
}

/// Types that are wrong in the description: the definition, the property, the type on the wire.
pub(crate) const CORRECTIONS: &[(&str, &str, &str)] = &[
    // The description gives no format, only the word "base64" in its text.
    ("ConfigSpec", "Data", "base64"),
    ("ConfigCreate.body", "Data", "base64"),
    ("SecretSpec", "Data", "base64"),
    ("SecretCreate.body", "Data", "base64"),
    // A byte array, which Go writes in base64; the description has a string.
    ("TaskSpec.ContainerSpec.Privileges.Seccomp", "Profile", "base64"),
    // One string, `docker.volumedriver/1.0`, in every version.
    ("Plugin.Config.Interface", "Types", "[string]"),
    // Lists of pairs.
    ("SystemInfo", "DriverStatus", "[[string;2]]"),
    ("FirewallInfo", "Info", "[[string;2]]"),
    ("NRIInfo", "Info", "[[string;2]]"),
    // The swarm's form of a network, with a `Spec`, not the engine's.
    ("NetworkAttachment", "Network", "object"),
];

/// Fields that our types lack or write under another name.
pub(crate) const FIELDS: &[Exception] = &[
    except("BuildCache.Parents", "engines write the key with a leading space"),
    except(
        "ClusterVolumeSpec.AccessMode.*",
        "engines have these one level up, in ClusterVolumeSpec",
    ),
    except(
        "IDResponse.Id",
        "engines write `ID` after a secret or a config was made",
    ),
    except("IdResponse.Id", "see IDResponse.Id"),
    except(
        "ServiceCreate.reply.Warning",
        "engines of that version write Warnings too",
    ),
    except("Task.AssignedGenericResources", "engines write GenericResources"),
    except("TaskSpec.ContainerSpec.HealthCheck", "engines write Healthcheck"),
    except(
        "TaskSpec.PluginSpec.*",
        "engines write lower-case keys, and `privileges`",
    ),
];

/// Described bodies that no type of ours reads or writes.
pub(crate) const BODIES: &[Exception] = &[
    except("PluginDelete reply", "engines send nothing"),
    except(
        "SwarmInit body",
        "can only be written; see the test of sent parameters",
    ),
    except(
        "SwarmJoin body",
        "can only be written; see the test of sent parameters",
    ),
];

/// Definitions that occur in no JSON body.
pub(crate) const ALONE: &[Exception] = &[
    except(
        "Address",
        "a list in NetworkSettings, until those fields were removed",
    ),
    except("ErrorResponse", "the body of an error; only its message is read"),
    except(
        "Network",
        "the common fields of NetworkSummary and NetworkInspect",
    ),
    except("PluginInterfaceType", "a string on the wire, see CORRECTIONS"),
    except(
        "Resources",
        "its fields are those of HostConfig and ContainerUpdate.body",
    ),
    except("SwarmInit.body", "see the body"),
    except("SwarmJoin.body", "see the body"),
];

/// Enum values that our enums do not know.
pub(crate) const WORDS: &[Exception] = &[];

/// Described parameters that no call of ours sends.
pub(crate) const NOT_SENT: &[Exception] = &[except(
    "ContainerAttachWebsocket *",
    "not supported: attach does the same without a WebSocket",
)];

/// Parameters that our calls send and engines read, but that are not described.
pub(crate) const NOT_DESCRIBED: &[Exception] = &[
    except("BuildCancel id", "the operation is not described"),
    except("ContainerLogs details", "described for services and tasks only"),
    except("ContainerStart checkpoint*", "experimental, as checkpoints are"),
    except("DistributionInspect x-registry-auth:", "private images need it"),
    except("GetPluginPrivileges x-registry-auth:", "private plugins need it"),
    except("ImageBuild buildid", "the id that BuildCancel takes"),
    except("ImageBuild cgroupparent", "as in HostConfig"),
    except("ImageBuild cpusetmems", "as in HostConfig"),
    except("ImageBuild isolation", "as in HostConfig"),
    except("ImageBuild securityopt", "as in HostConfig"),
    except("ImageBuild ulimits", "as in HostConfig"),
    except("ImageSearch x-registry-auth:", "private registries need it"),
    except("PluginPush x-registry-auth:", "described only in the text"),
];

/// Filter keys that only the description has, or only our types.
pub(crate) const FILTERS: &[Exception] = &[
    except("* label!", "described in the text of `label`"),
    except("ConfigList names", "engines reject it"),
    except("PluginList enable", "engines read `enabled`"),
    except("PluginList enabled", "see `enable`"),
    except("ServiceList runtime", "engines read it"),
    except("TaskList runtime", "engines read it"),
];

/// Lists of which our calls send one value at most.
pub(crate) const NOT_REPEATED: &[Exception] = &[except(
    "ImageAttestations platform",
    "engines reject a second value",
)];

/// Examples that our types cannot read or that lose a field: the property of the example, or the
/// lost field.
pub(crate) const EXAMPLES: &[Exception] = &[
    except(
        "ClusterInfo.DefaultAddrPool",
        "a list of lists, where the type is a list of strings",
    ),
    except(
        "ContainerCreate.body",
        "the entry point as one string, which engines read like a list; we send lists",
    ),
    except("ContainerInspectResponse.Size*", "numbers as strings"),
    except("ContainerPidsStats.limit", "a number as a string"),
    except("ContainerSummary.Created", "a number as a string"),
    except("ContainerSummary.Size*", "numbers as strings"),
    except("ContainerTopResponse.Processes", "an object around the list"),
    except("ContainerTopResponse.Titles", "an object around the list"),
    except(
        "DeviceRequest.DeviceIDs\"",
        "a quotation mark too many in the key",
    ),
    except("EndpointSettings.GwPriority", "a list around the number"),
    except(
        "EndpointSettings.Priority",
        "the key was renamed to GwPriority before its release",
    ),
    except("HostConfig.MaximumIO*", "the keys have always begun with `IO`"),
    except("ImageSummary.Created", "a number as a string"),
    except("NetworkSettings.LinkLocalIPv6PrefixLen", "a number as a string"),
    except(
        "ServiceUpdateResponse.Warning",
        "the type and the engines have Warnings",
    ),
    except("SystemInfo.DefaultAddressPools.Size", "a number as a string"),
];

/// Properties for which `null` and a missing value differ.
pub(crate) const NULLS: &[Exception] = &[
    except("ImageID.ID", "in `aux`, which is kept as raw JSON"),
    except(
        "NetworkCreate.body.CheckDuplicate",
        "its default is true; engines never send it",
    ),
];

/// Parameters that are sent to versions that do not know them.
pub(crate) const PARAMETERS_NOT_REFUSED: &[Exception] = &[except(
    "BuildPrune reserved-space",
    "also sent as keep-storage, which older engines read",
)];

/// Fields that are sent to versions that do not know them.
pub(crate) const FIELDS_NOT_REFUSED: &[Exception] = &[
    except(
        "* EndpointSettings.DNSNames",
        "set by the engine; present in copies of its replies",
    ),
    except(
        "NetworkCreate NetworkCreate.body.EnableIPv4",
        "older engines behave like `true`; `false` is rejected",
    ),
];

/// Fields that are sent to versions that have dropped them.
pub(crate) const GONE_NOT_REFUSED: &[Exception] = &[
    except(
        "ImageCommit ContainerConfig.MacAddress",
        "an image has never used it",
    ),
    except(
        "NetworkCreate NetworkCreate.body.CheckDuplicate",
        "newer engines always check",
    ),
    except("SystemAuth AuthConfig.email", "engines have never used it"),
];
