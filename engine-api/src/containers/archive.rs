//! Files of a container: stat, download, upload, export.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::Containers;
use crate::error::{Error, Result};
use crate::wire::body::Upload;
use crate::wire::decode::{Empty, Headers, Raw};
use crate::wire::json::decode;
use crate::wire::operation::Operation;
use crate::wire::query::Query;
use crate::wire::stream::RawBytes;

pub(super) static STAT: Operation<Headers> =
    Operation::head("ContainerArchiveInfo", "/containers/{id}/archive");
pub(super) static DOWNLOAD: Operation<Raw> = Operation::get("ContainerArchive", "/containers/{id}/archive");
pub(super) static UPLOAD: Operation<Empty> =
    Operation::put("PutContainerArchive", "/containers/{id}/archive").slow();
pub(super) static EXPORT: Operation<Raw> =
    Operation::get("ContainerExport", "/containers/{id}/export").slow();

impl Containers<'_> {
    /// Returns the size, type and permissions of a file or directory in a container.
    pub async fn stat(&self, id: &str, path: &str) -> Result<PathStat> {
        let call = self
            .docker
            .call(&STAT)
            .at(id)
            .query(Query::new().text("path", path));
        let headers = call.reject_if(check_path(path)).send().await?;
        // A missing header is reported like an unreadable header.
        let value = headers
            .get("x-docker-container-path-stat")
            .map(http::HeaderValue::as_bytes);
        PathStat::from_header(value.unwrap_or_default())
            .map_err(|error| error.in_call(STAT.info.id, Some(id)))
    }

    /// Reads a file or directory as a tar archive; its entries begin with the last part of `path`.
    pub async fn download(&self, id: &str, path: &str) -> Result<RawBytes> {
        let call = self
            .docker
            .call(&DOWNLOAD)
            .at(id)
            .query(Query::new().text("path", path));
        call.reject_if(check_path(path)).send().await
    }

    /// Unpacks a tar archive, plain or compressed, into a directory of a container.
    ///
    /// # Errors
    ///
    /// 404 when the container or the directory does not exist, 403 when it is read-only.
    pub async fn upload(
        &self,
        id: &str,
        directory: &str,
        archive: impl Into<Upload>,
        options: UploadArchive,
    ) -> Result<()> {
        let call = self.docker.call(&UPLOAD).at(id).query(options.query(directory));
        call.reject_if(check_path(directory))
            .tar(archive.into().0)
            .send()
            .await
    }

    /// Reads the whole file system of a container as a tar archive.
    pub async fn export(&self, id: &str) -> Result<RawBytes> {
        self.docker.call(&EXPORT).at(id).send().await
    }
}

/// A file or directory in a container. Sent in the header `X-Docker-Container-Path-Stat`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct PathStat {
    /// The last part of the path.
    pub name: String,
    /// Size in bytes.
    pub size: i64,
    /// Type and permissions as Go's `os.FileMode`; not the `st_mode` of Unix.
    pub mode: u32,
    /// Time of the last modification, in RFC 3339.
    pub mtime: String,
    /// Target of a symbolic link, inside the container; empty for anything else.
    pub link_target: String,
}

// The bits of Go's os.FileMode.
const DIR: u32 = 1 << 31;
const SYMLINK: u32 = 1 << 27;
const DEVICE: u32 = 1 << 26;
const NAMED_PIPE: u32 = 1 << 25;
const SOCKET: u32 = 1 << 24;
const SETUID: u32 = 1 << 23;
const SETGID: u32 = 1 << 22;
const STICKY: u32 = 1 << 20;
const IRREGULAR: u32 = 1 << 19;

impl PathStat {
    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.mode & DIR != 0
    }

    /// Whether it is a symbolic link.
    pub fn is_symlink(&self) -> bool {
        self.mode & SYMLINK != 0
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.mode & (DIR | SYMLINK | DEVICE | NAMED_PIPE | SOCKET | IRREGULAR) == 0
    }

    /// The permissions in the format of Unix: `0o4755` for a set-user-ID program.
    pub fn permissions(&self) -> u32 {
        let special = [(SETUID, 0o4000), (SETGID, 0o2000), (STICKY, 0o1000)];
        special
            .iter()
            .filter(|(go, _)| self.mode & go != 0)
            .fold(self.mode & 0o777, |mode, (_, unix)| mode | unix)
    }

    /// Decodes the header's value: JSON in the standard base64 alphabet.
    pub(crate) fn from_header(value: &[u8]) -> Result<Self> {
        let invalid =
            |reason: String| Error::protocol(format!("the header X-Docker-Container-Path-Stat {reason}"));
        let json = STANDARD
            .decode(value)
            .map_err(|error| invalid(format!("is not base64: {error}")))?;
        decode(&json).map_err(|error| invalid(format!("is not the description of a file: {error}")))
    }
}

/// How files are uploaded. Query of `PutContainerArchive`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UploadArchive {
    /// Whether to fail instead of replacing a directory by a file, or a file by a directory.
    pub no_overwrite_dir_non_dir: bool,
    /// Whether files keep the owners of the archive.
    pub copy_uid_gid: bool,
}

impl UploadArchive {
    pub(crate) fn query(&self, path: &str) -> Query {
        Query::new()
            .set("path", path)
            .flag("noOverwriteDirNonDir", self.no_overwrite_dir_non_dir)
            .flag("copyUIDGID", self.copy_uid_gid)
    }
}

fn check_path(path: &str) -> Option<String> {
    path.trim()
        .is_empty()
        .then(|| "the path is empty; pass a path inside the container, such as /etc".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(json: &str) -> String {
        STANDARD.encode(json)
    }

    #[test]
    fn a_path_stat_is_read_from_the_header() {
        let link = header(
            r#"{"name":"tmp","size":9,"mode":134218239,"mtime":"2024-01-02T03:04:05Z","linkTarget":"/x"}"#,
        );
        let stat = PathStat::from_header(link.as_bytes()).unwrap();
        assert!(stat.is_symlink() && !stat.is_dir() && !stat.is_file());
        assert_eq!((stat.permissions(), stat.link_target.as_str()), (0o777, "/x"));
    }

    #[test]
    fn path_modes_are_those_of_go() {
        let stat = |mode| PathStat {
            mode,
            ..Default::default()
        };
        assert!(stat(2_148_532_735).is_dir()); // /tmp as engines send it
        assert_eq!(stat(2_148_532_735).permissions(), 0o1777);
        assert!(stat(SETUID | 0o755).is_file());
        assert_eq!(stat(SETUID | 0o755).permissions(), 0o4755);
        assert!(!stat(DEVICE).is_file());
    }

    #[test]
    fn an_invalid_path_stat_header_is_an_error() {
        for value in ["", "%%%", "bm90IGpzb24=", "WzFd", "_-_-"] {
            let error = PathStat::from_header(value.as_bytes()).unwrap_err();
            assert!(
                error.to_string().contains("X-Docker-Container-Path-Stat"),
                "{error}"
            );
        }
    }

    #[test]
    fn upload_options_are_query_parameters() {
        let put = UploadArchive {
            no_overwrite_dir_non_dir: true,
            copy_uid_gid: true,
        };
        assert_eq!(
            put.query("/a b").as_str(),
            "path=%2Fa%20b&noOverwriteDirNonDir=true&copyUIDGID=true"
        );
    }
}
