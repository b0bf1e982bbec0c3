//! Where the description, or a type of ours, is knowingly not like the other. What is listed here and is so
//! no more fails the tests.

use std::collections::{BTreeMap, BTreeSet};

/// Something that is not as described.
pub(crate) struct Exception {
    /// What: a name, or many with `*` for a part of them.
    pub(crate) what: &'static str,
    /// Why.
    pub(crate) why: &'static str,
}

/// An exception and its reason.
pub(crate) const fn except(what: &'static str, why: &'static str) -> Exception {
    Exception { what, why }
}

impl Exception {
    /// Whether it is about `what`.
    pub(crate) fn covers(&self, what: &str) -> bool {
        match self.what.split_once('*') {
            Some((start, end)) => what.starts_with(start) && what.ends_with(end),
            None => what == self.what,
        }
    }
}

/// What differs, and where.
#[derive(Default)]
pub(crate) struct Differences(BTreeMap<String, BTreeSet<String>>);

impl Differences {
    /// Adds one.
    pub(crate) fn add(&mut self, what: impl Into<String>, place: impl Into<String>) {
        self.0.entry(what.into()).or_default().insert(place.into());
    }

    /// Fails unless these and the exceptions are the same.
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
        assert!(stale.is_empty(), "exceptions that are none any more: {stale:?}");
        assert!(exceptions.iter().all(|one| !one.why.is_empty()));
    }
}

/// Types that the description gives wrongly: the definition, the property, what is on the wire.
pub(crate) const CORRECTIONS: &[(&str, &str, &str)] = &[
    // The description sets no format, only the words "base64".
    ("ConfigSpec", "Data", "base64"),
    ("ConfigCreate.body", "Data", "base64"),
    ("SecretSpec", "Data", "base64"),
    ("SecretCreate.body", "Data", "base64"),
    // An array of bytes, which Go writes so; the description says a text.
    ("TaskSpec.ContainerSpec.Privileges.Seccomp", "Profile", "base64"),
    // One text, `docker.volumedriver/1.0`, since ever.
    ("Plugin.Config.Interface", "Types", "[string]"),
    // Pairs.
    ("SystemInfo", "DriverStatus", "[[string;2]]"),
    ("FirewallInfo", "Info", "[[string;2]]"),
    ("NRIInfo", "Info", "[[string;2]]"),
    // The swarm's view of a network, with a `Spec`, not the engine's.
    ("NetworkAttachment", "Network", "object"),
];

/// Fields that our types lack, or write by another name.
pub(crate) const FIELDS: &[Exception] = &[
    except(
        "BuildCache.Parents",
        "engines write the key with a space in front",
    ),
    except(
        "ClusterVolumeSpec.AccessMode.*",
        "engines have these one level up, in ClusterVolumeSpec",
    ),
    except(
        "IDResponse.Id",
        "engines write `ID` after a secret or a config was made",
    ),
    except("IdResponse.Id", "as in IDResponse"),
    except(
        "ServiceCreate.reply.Warning",
        "engines of that version, too, write Warnings",
    ),
    except("Task.AssignedGenericResources", "engines write GenericResources"),
    except("TaskSpec.ContainerSpec.HealthCheck", "engines write Healthcheck"),
    except(
        "TaskSpec.PluginSpec.*",
        "engines write small letters, and `privileges`",
    ),
];

/// Bodies that are described, and that no type of ours reads or writes.
pub(crate) const BODIES: &[Exception] = &[
    except("PluginDelete reply", "engines send nothing"),
    except(
        "SwarmInit body",
        "can only be written; see the test of what calls send",
    ),
    except(
        "SwarmJoin body",
        "can only be written; see the test of what calls send",
    ),
];

/// Definitions that no JSON body leads to.
pub(crate) const ALONE: &[Exception] = &[
    except("Address", "a list of NetworkSettings, until its fields went"),
    except(
        "ErrorResponse",
        "what comes with a failure; read for its message alone",
    ),
    except("Network", "what NetworkSummary and NetworkInspect begin with"),
    except("PluginInterfaceType", "a text on the wire, see the corrections"),
    except(
        "Resources",
        "its fields are those of HostConfig and ContainerUpdate.body",
    ),
    except("SwarmInit.body", "see there"),
    except("SwarmJoin.body", "see there"),
];

/// Words that our enums do not know.
pub(crate) const WORDS: &[Exception] = &[];

/// Parameters that are described, and that no call of ours sends.
pub(crate) const NOT_SENT: &[Exception] = &[except(
    "ContainerAttachWebsocket *",
    "declined: attach does the same without a WebSocket",
)];

/// Parameters that our calls send, and that are not described; engines read them.
pub(crate) const NOT_DESCRIBED: &[Exception] = &[
    except("BuildCancel id", "the operation is not described"),
    except("ContainerLogs details", "described for services and tasks only"),
    except("ContainerStart checkpoint*", "experimental, as checkpoints are"),
    except("DistributionInspect x-registry-auth:", "private images need it"),
    except("GetPluginPrivileges x-registry-auth:", "private plugins need it"),
    except("ImageBuild buildid", "what BuildCancel names"),
    except("ImageBuild cgroupparent", "as in HostConfig"),
    except("ImageBuild cpusetmems", "as in HostConfig"),
    except("ImageBuild isolation", "as in HostConfig"),
    except("ImageBuild securityopt", "as in HostConfig"),
    except("ImageBuild ulimits", "as in HostConfig"),
    except("ImageSearch x-registry-auth:", "private registries need it"),
    except("PluginPush x-registry-auth:", "described in words only"),
];

/// Keys of filters that only the description has, or only our types.
pub(crate) const FILTERS: &[Exception] = &[
    except("* label!", "said in the words on `label`"),
    except("ConfigList names", "engines refuse it"),
    except("PluginList enable", "engines read `enabled`"),
    except("PluginList enabled", "see `enable`"),
    except("ServiceList runtime", "engines read it"),
    except("TaskList runtime", "engines read it"),
];

/// Lists of which a call of ours sends one value at most.
pub(crate) const NOT_REPEATED: &[Exception] = &[except(
    "ImageAttestations platform",
    "engines refuse a second one",
)];

/// Examples that our types cannot read, or that lose something in them: a property's, or the lost one.
pub(crate) const EXAMPLES: &[Exception] = &[
    except(
        "ClusterInfo.DefaultAddrPool",
        "a list of lists, where the type says a list of texts",
    ),
    except(
        "ContainerCreate.body",
        "an entry point as one text, which engines read like a list of it; we send lists",
    ),
    except("ContainerInspectResponse.Size*", "numbers as texts"),
    except("ContainerPidsStats.limit", "a number as a text"),
    except("ContainerSummary.Created", "a number as a text"),
    except("ContainerSummary.Size*", "numbers as texts"),
    except("ContainerTopResponse.Processes", "an object around the list"),
    except("ContainerTopResponse.Titles", "an object around the list"),
    except(
        "DeviceRequest.DeviceIDs\"",
        "a quotation mark too many in the key",
    ),
    except("EndpointSettings.GwPriority", "a list around the number"),
    except(
        "EndpointSettings.Priority",
        "the key that became GwPriority before it was published",
    ),
    except(
        "HostConfig.MaximumIO*",
        "keys that have begun with `IO` since they came",
    ),
    except("ImageSummary.Created", "a number as a text"),
    except("NetworkSettings.LinkLocalIPv6PrefixLen", "a number as a text"),
    except(
        "ServiceUpdateResponse.Warning",
        "the type says Warnings, and so do engines",
    ),
    except("SystemInfo.DefaultAddressPools.Size", "a number as a text"),
];

/// Properties of which `null` is not what absence is.
pub(crate) const NULLS: &[Exception] = &[
    except("ImageID.ID", "in `aux`, which is kept as it came"),
    except(
        "NetworkCreate.body.CheckDuplicate",
        "on unless said; engines never send it",
    ),
];

/// Parameters that are sent to versions that lack them.
pub(crate) const PARAMETERS_NOT_REFUSED: &[Exception] = &[except(
    "BuildPrune reserved-space",
    "also sent as keep-storage, which older engines read",
)];

/// Fields that are sent to versions that lack them.
pub(crate) const FIELDS_NOT_REFUSED: &[Exception] = &[
    except(
        "* EndpointSettings.DNSNames",
        "the engine's to say; copied from what it said",
    ),
    except(
        "NetworkCreate NetworkCreate.body.EnableIPv4",
        "`true` is what older engines do; `false` is refused",
    ),
];

/// Fields that are sent to versions that have them no more.
pub(crate) const GONE_NOT_REFUSED: &[Exception] = &[
    except(
        "ImageCommit ContainerConfig.MacAddress",
        "of no use to an image, then as now",
    ),
    except(
        "NetworkCreate NetworkCreate.body.CheckDuplicate",
        "newer engines do so unasked",
    ),
    except("SystemAuth AuthConfig.email", "engines have never used it"),
];
