//! Give an image another name.

use super::Images;
use super::reference::ImageReference;
use crate::error::{Error, Result};
use crate::wire::decode::Empty;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static TAG: Operation<Empty> = Operation::post("ImageTag", "/images/{name}/tag")
    .success(&[201])
    .slashes();

impl Images<'_> {
    /// Gives an image an additional name; the default tag is `latest`.
    pub async fn tag(&self, image: &str, name: &str) -> Result<()> {
        let sent = name.parse::<ImageReference>().and_then(|target| query(&target));
        let (query, reason) = match sent {
            Ok(query) => (query, None),
            Err(error) => (Default::default(), Some(error.to_string())),
        };
        self.docker
            .call(&TAG)
            .at(image)
            .query(query)
            .reject_if(reason)
            .send()
            .await
    }
}

/// The query that gives an image the name `target`.
fn query(target: &ImageReference) -> Result<Query> {
    match (target.digest(), target.tag()) {
        (None, Some(tag)) => Ok(Query::new().set("repo", target.familiar_name()).set("tag", tag)),
        _ => Err(Error::invalid(format!(
            "{target} cannot be the new name of an image, because it contains a digest; write name:tag"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_sends_a_name_in_two_parts_and_rejects_digests() {
        let sent = query(&"reg:5000/team/app".parse().unwrap()).unwrap();
        assert_eq!(sent.as_str(), "repo=reg%3A5000%2Fteam%2Fapp&tag=latest");
        let digest = format!("app@sha256:{}", "0".repeat(64)).parse().unwrap();
        assert!(query(&digest).unwrap_err().to_string().contains("write name:tag"));
    }
}
