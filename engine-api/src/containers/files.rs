//! Files of a container, as tar archives.

use super::{Containers, PathStat, UploadArchive};
use crate::error::Result;
use crate::wire::body::Upload;
use crate::wire::decode::{Empty, Headers, Raw};
use crate::wire::operation::{Operation, OperationInfo};
use crate::wire::query::Query;
use crate::wire::stream::RawBytes;

static STAT: Operation<Headers> = Operation::head("ContainerArchiveInfo", "/containers/{id}/archive");
static DOWNLOAD: Operation<Raw> = Operation::get("ContainerArchive", "/containers/{id}/archive");
static UPLOAD: Operation<Empty> = Operation::put("PutContainerArchive", "/containers/{id}/archive").slow();
static EXPORT: Operation<Raw> = Operation::get("ContainerExport", "/containers/{id}/export").slow();

pub(super) static OPERATIONS: [&OperationInfo; 4] = [&STAT.info, &DOWNLOAD.info, &UPLOAD.info, &EXPORT.info];

impl Containers<'_> {
    /// Looks at one file or folder in a container.
    pub async fn stat(&self, id: &str, path: &str) -> Result<PathStat> {
        let call = self
            .docker
            .call(&STAT)
            .at(id)
            .query(Query::new().text("path", path));
        let headers = call.reject_if(no_path(path)).send().await?;
        // Missing is as malformed as unreadable.
        let value = headers
            .get("x-docker-container-path-stat")
            .map(http::HeaderValue::as_bytes);
        PathStat::from_header(value.unwrap_or_default())
            .map_err(|error| error.in_call(STAT.info.id, Some(id)))
    }

    /// Reads a file or folder as a tar archive; its entries begin with the last part of `path`.
    pub async fn download(&self, id: &str, path: &str) -> Result<RawBytes> {
        let call = self
            .docker
            .call(&DOWNLOAD)
            .at(id)
            .query(Query::new().text("path", path));
        call.reject_if(no_path(path)).send().await
    }

    /// Unpacks a tar archive, plain or compressed, into a folder of a container.
    ///
    /// # Errors
    ///
    /// 404 when the container or the folder is not there, 403 when it is read-only.
    pub async fn upload(
        &self,
        id: &str,
        folder: &str,
        archive: impl Into<Upload>,
        options: UploadArchive,
    ) -> Result<()> {
        let call = self.docker.call(&UPLOAD).at(id).query(options.query(folder));
        call.reject_if(no_path(folder)).tar(archive.into().0).send().await
    }

    /// Reads all files of a container as a tar archive.
    pub async fn export(&self, id: &str) -> Result<RawBytes> {
        self.docker.call(&EXPORT).at(id).send().await
    }
}

fn no_path(path: &str) -> Option<String> {
    path.trim()
        .is_empty()
        .then(|| "the path is empty; pass one inside the container, such as /etc".to_owned())
}
