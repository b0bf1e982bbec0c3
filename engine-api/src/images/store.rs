//! The images that an engine has.

use super::{
    Attestation, CommitImage, HistoryEntry, Image, ImageCommitted, ImageFound, ImageReference, ImageRemoved,
    ImageSummary, Images, ImagesPruned, InspectImage, ListAttestations, ListHistory, ListImages, PruneImages,
    RemoveImage, SearchImages, tag,
};
use crate::auth::RegistryAuth;
use crate::error::Result;
use crate::version::Version;
use crate::wire::decode::{Empty, Json};
use crate::wire::operation::{Operation, OperationInfo};

static LIST: Operation<Json<Vec<ImageSummary>>> = Operation::get("ImageList", "/images/json");
static INSPECT: Operation<Json<Image>> = Operation::get("ImageInspect", "/images/{name}/json").slashes();
static HISTORY: Operation<Json<Vec<HistoryEntry>>> =
    Operation::get("ImageHistory", "/images/{name}/history").slashes();
static ATTESTATIONS: Operation<Json<Vec<Attestation>>> =
    Operation::get("ImageAttestations", "/images/{name}/attestations")
        .since(Version::new(1, 55))
        .slashes();
static TAG: Operation<Empty> = Operation::post("ImageTag", "/images/{name}/tag")
    .success(&[201])
    .slashes();
static REMOVE: Operation<Json<Vec<ImageRemoved>>> =
    Operation::delete("ImageDelete", "/images/{name}").slashes();
static SEARCH: Operation<Json<Vec<ImageFound>>> = Operation::get("ImageSearch", "/images/search").slow();
static PRUNE: Operation<Json<ImagesPruned>> = Operation::post("ImagePrune", "/images/prune").slow();
static COMMIT: Operation<Json<ImageCommitted>> =
    Operation::post("ImageCommit", "/commit").success(&[201]).slow();

pub(super) static OPERATIONS: [&OperationInfo; 9] = [
    &LIST.info,
    &INSPECT.info,
    &HISTORY.info,
    &ATTESTATIONS.info,
    &TAG.info,
    &REMOVE.info,
    &SEARCH.info,
    &PRUNE.info,
    &COMMIT.info,
];

impl Images<'_> {
    /// Lists images.
    pub async fn list(&self, options: ListImages) -> Result<Vec<ImageSummary>> {
        let call = self.docker.call(&LIST).query(options.query());
        let call = call.reject_if(options.wrong());
        call.needs(
            options.shared_size,
            "ListImages::shared_size",
            Version::new(1, 42),
        )
        .needs(options.manifests, "ListImages::manifests", Version::new(1, 47))
        .needs(options.identity, "ListImages::identity", Version::new(1, 54))
        .send()
        .await
    }

    /// Tells all about an image.
    pub async fn inspect(&self, image: &str, options: InspectImage) -> Result<Image> {
        let call = self.docker.call(&INSPECT).at(image).query(options.query());
        call.needs(options.manifests, "InspectImage::manifests", Version::new(1, 48))
            .needs(
                options.platform.is_some(),
                "InspectImage::platform",
                Version::new(1, 49),
            )
            .send()
            .await
    }

    /// Lists the steps that made an image, the last first.
    pub async fn history(&self, image: &str, options: ListHistory) -> Result<Vec<HistoryEntry>> {
        let call = self.docker.call(&HISTORY).at(image).query(options.query());
        call.needs(
            options.platform.is_some(),
            "ListHistory::platform",
            Version::new(1, 48),
        )
        .send()
        .await
    }

    /// Lists what an image's builder states about it.
    pub async fn attestations(&self, image: &str, options: ListAttestations) -> Result<Vec<Attestation>> {
        self.docker
            .call(&ATTESTATIONS)
            .at(image)
            .query(options.query())
            .send()
            .await
    }

    /// Gives an image one more name; without a tag it is `latest`.
    pub async fn tag(&self, image: &str, name: &str) -> Result<()> {
        let query = name
            .parse::<ImageReference>()
            .and_then(|target| tag::query(&target));
        let (query, wrong) = match query {
            Ok(query) => (query, None),
            Err(error) => (Default::default(), Some(error.to_string())),
        };
        self.docker
            .call(&TAG)
            .at(image)
            .query(query)
            .reject_if(wrong)
            .send()
            .await
    }

    /// Removes an image, or one of its names while it has others.
    ///
    /// # Errors
    ///
    /// 409 when a container uses it.
    pub async fn remove(&self, image: &str, options: RemoveImage) -> Result<Vec<ImageRemoved>> {
        let platforms = !options.platforms.is_empty();
        let call = self.docker.call(&REMOVE).at(image).query(options.query());
        call.needs(platforms, "RemoveImage::platforms", Version::new(1, 50))
            .send()
            .await
    }

    /// Searches Docker Hub, or the registry that begins `term`.
    pub async fn search(
        &self,
        term: &str,
        options: SearchImages,
        auth: Option<&RegistryAuth>,
    ) -> Result<Vec<ImageFound>> {
        let blank = term
            .trim()
            .is_empty()
            .then(|| "there is nothing to search for; pass a term".to_owned());
        self.docker
            .call(&SEARCH)
            .about(term)
            .query(options.query(term))
            .reject_if(blank)
            .auth(auth)
            .send()
            .await
    }

    /// Removes the images that no container uses and that pass the filters.
    pub async fn prune(&self, options: PruneImages) -> Result<ImagesPruned> {
        self.docker.call(&PRUNE).query(options.query()).send().await
    }

    /// Makes an image of a container's files and of what it runs; volumes are not part of it.
    pub async fn commit(&self, container: &str, options: CommitImage) -> Result<ImageCommitted> {
        let call = self
            .docker
            .call(&COMMIT)
            .about(container)
            .query(options.query(container))
            .reject_if(options.wrong(container))
            .requires(options.requires());
        match &options.config {
            Some(config) => call.json(config).send().await,
            None => call.send().await,
        }
    }
}
