//! Create an image from a container.

use serde::{Deserialize, Serialize};

use super::Images;
use crate::common::{ContainerConfig, HealthConfig};
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::Query;
use crate::wire::requirement::Requirement;

pub(super) static COMMIT: Operation<Json<ImageCommitted>> =
    Operation::post("ImageCommit", "/commit").success(&[201]).slow();

impl Images<'_> {
    /// Creates an image of a container's files and configuration, without its volumes.
    pub async fn commit(&self, container: &str, options: CommitImage) -> Result<ImageCommitted> {
        let call = self
            .docker
            .call(&COMMIT)
            .about(container)
            .query(options.query(container))
            .reject_if(options.check(container))
            .requires(options.requires());
        match &options.config {
            Some(config) => call.json(config).send().await,
            None => call.send().await,
        }
    }
}

/// How to make an image of a container. Query and body of `ImageCommit`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CommitImage {
    /// The repository of the name; it may contain a tag. Empty for no name.
    pub repo: String,
    /// The tag; empty is `latest`.
    pub tag: String,
    /// The comment, see [`Image::comment`](super::Image::comment).
    pub comment: String,
    /// The author of the image: `Ada <ada@example.org>`.
    pub author: String,
    /// Do not pause the container while its files are read.
    pub no_pause: bool,
    /// Instructions of a Dockerfile to apply: `ENV DEBUG=true`, `CMD ["sh"]`.
    pub changes: Vec<String>,
    /// The configuration of the image. Empty fields and `None` are copied from the container.
    pub config: Option<ContainerConfig>,
}

impl CommitImage {
    /// Engines pause the container by default, so `pause=false` must be sent. Docker accepts a tag
    /// in the repository, Podman does not, so it is always sent separately.
    fn query(&self, container: &str) -> Query {
        let (repo, tag) = match self.repo.rsplit_once(':') {
            Some((repo, tag)) if self.tag.is_empty() && !tag.contains('/') => (repo, tag),
            _ => (self.repo.as_str(), self.tag.as_str()),
        };
        Query::new()
            .set("container", container)
            .text("repo", repo)
            .text("tag", tag)
            .text("comment", &self.comment)
            .text("author", &self.author)
            .maybe("pause", self.no_pause.then_some(false))
            .each("changes", &self.changes)
    }

    pub(crate) fn requires(&self) -> impl Iterator<Item = Requirement> {
        let config = self.config.iter();
        let check = config.flat_map(|config| &config.healthcheck);
        check.flat_map(HealthConfig::requires)
    }

    fn check(&self, container: &str) -> Option<String> {
        if container.trim().is_empty() {
            return Some("the container is empty; pass its name or ID".to_owned());
        }
        (self.repo.is_empty() && !self.tag.is_empty())
            .then(|| "a tag needs a repository; set `repo`, or omit `tag`".to_owned())
    }
}

/// The new image. Definition `IDResponse`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageCommitted {
    /// Its id.
    #[serde(alias = "ID")]
    pub id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commit_sends_pause_only_when_it_is_off() {
        let commit = CommitImage {
            repo: "a/b".into(),
            changes: vec!["ENV A=b".into(), "USER nobody".into()],
            ..Default::default()
        };
        assert_eq!(
            commit.query("web").as_str(),
            "container=web&repo=a%2Fb&changes=ENV%20A%3Db&changes=USER%20nobody"
        );
        let running = CommitImage {
            repo: "reg:5000/a:2".into(),
            no_pause: true,
            ..Default::default()
        };
        assert_eq!(
            running.query("web").as_str(),
            "container=web&repo=reg%3A5000%2Fa&tag=2&pause=false"
        );
    }

    #[test]
    fn commit_rejects_a_missing_name() {
        let tag = CommitImage {
            tag: "1".into(),
            ..Default::default()
        };
        assert!(tag.check("web").is_some_and(|text| text.contains("`repo`")));
        assert!(CommitImage::default().check(" ").is_some());
        assert_eq!(CommitImage::default().check("web"), None);
    }
}
