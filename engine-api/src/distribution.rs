//! Images in registries, inspected without a pull.
//!
//! ```no_run
//! use engine_api::Docker;
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let image = docker.distribution().inspect("busybox:1.36", None).await?;
//! println!("{} for {} platforms", image.descriptor.digest, image.platforms.len());
//! # Ok(())
//! # }
//! ```

use serde::{Deserialize, Serialize};

use crate::auth::RegistryAuth;
use crate::client::Docker;
use crate::common::{OciDescriptor, OciPlatform};
use crate::error::Result;
use crate::images::ImageReference;
use crate::wire::decode::Json;
use crate::wire::operation::{Operation, OperationInfo};

static INSPECT: Operation<Json<RemoteImage>> =
    Operation::get("DistributionInspect", "/distribution/{name}/json")
        .slow()
        .slashes();

pub(crate) static OPERATIONS: &[&OperationInfo] = &[&INSPECT.info];

/// Calls on images in registries; see [`Docker::distribution`].
#[derive(Debug, Clone, Copy)]
pub struct Distribution<'a> {
    docker: &'a Docker,
}

impl Docker {
    /// Images in registries that this engine can reach.
    pub fn distribution(&self) -> Distribution<'_> {
        Distribution { docker: self }
    }
}

impl Distribution<'_> {
    /// Asks the registry of an image for the digest and the platforms of the named tag, or of
    /// `latest`.
    ///
    /// # Errors
    ///
    /// 404 when the registry has no such image; 401, 403 or 500, depending on the engine, when it
    /// requires other credentials. Podman has no such route ([`crate::Error::is_unknown_route`]).
    pub async fn inspect(&self, image: &str, auth: Option<&RegistryAuth>) -> Result<RemoteImage> {
        let wrong = image.parse::<ImageReference>().err();
        self.docker
            .call(&INSPECT)
            .at(image)
            .reject_if(wrong.map(|error| error.to_string()))
            .auth(auth)
            .send()
            .await
    }
}

/// An image in a registry. Definition `DistributionInspect`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct RemoteImage {
    /// The target of the name: a manifest, or an index of several manifests.
    pub descriptor: OciDescriptor,
    /// Its platforms; with older registries and engines, the list is empty for a single manifest.
    pub platforms: Vec<OciPlatform>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::decode;

    #[test]
    fn single_manifest_has_no_platforms() {
        let image = br#"{"Descriptor":{"mediaType":"application/vnd.oci.image.manifest.v1+json",
            "digest":"sha256:5b","size":422},"Platforms":null}"#;
        let image: RemoteImage = decode(image).unwrap();
        assert_eq!((image.descriptor.size, image.platforms.len()), (422, 0));
    }
}
