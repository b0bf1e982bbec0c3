//! The shapes of replies, and their conversion to values.

use std::marker::PhantomData;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::reply::Reply;
use super::stream::{Hijacked, JsonLines, Output, RawBytes, StreamItem};
use super::{json, status};
use crate::error::Result;

/// The shape of a reply.
///
/// Only the markers below implement it.
pub(crate) trait Shape: 'static {
    /// The type of the result.
    type Value;
    /// The name in the coverage table.
    const NAME: &'static str;
    /// Whether a reply with status `101` is expected, which hijacks the connection.
    const HIJACKS: bool = false;
    /// Whether 304 is a success (no change was necessary).
    const MAY_BE_UNCHANGED: bool = false;
    /// Whether it is JSON.
    const IS_JSON: bool = false;

    fn decode(reply: Reply) -> impl Future<Output = Result<Self::Value>> + Send;
}

/// A JSON document.
pub(crate) struct Json<T>(PhantomData<fn() -> T>);

impl<T: DeserializeOwned + 'static> Shape for Json<T> {
    type Value = T;
    const NAME: &'static str = "json";
    const IS_JSON: bool = true;

    async fn decode(mut reply: Reply) -> Result<T> {
        let bytes = whole(&mut reply).await?;
        json::decode(&bytes).map_err(|error| {
            let cause = status::unreadable(reply.head.status, &bytes, error);
            reply.context.error(cause)
        })
    }
}

/// No value. The body is read and dropped, so that the connection can be reused.
pub(crate) struct Empty;

impl Shape for Empty {
    type Value = ();
    const NAME: &'static str = "empty";

    async fn decode(mut reply: Reply) -> Result<()> {
        let drained = reply.body.drain(reply.limits.json).await;
        drained.map_err(|cause| reply.context.error(cause))
    }
}

/// Whether the call changed anything: `false` for 304.
pub(crate) struct Changed;

impl Shape for Changed {
    type Value = bool;
    const NAME: &'static str = "changed";
    const MAY_BE_UNCHANGED: bool = true;

    async fn decode(reply: Reply) -> Result<bool> {
        let changed = reply.head.status != http::StatusCode::NOT_MODIFIED;
        Empty::decode(reply).await.map(|()| changed)
    }
}

/// Only headers: the reply to `HEAD`.
pub(crate) struct Headers;

impl Shape for Headers {
    type Value = http::HeaderMap;
    const NAME: &'static str = "headers";

    async fn decode(mut reply: Reply) -> Result<http::HeaderMap> {
        let headers = std::mem::take(&mut reply.head.headers);
        Empty::decode(reply).await.map(|()| headers)
    }
}

/// JSON values one after the other.
pub(crate) struct Lines<T>(PhantomData<fn() -> T>);

impl<T: StreamItem> Shape for Lines<T> {
    type Value = JsonLines<T>;
    const NAME: &'static str = "json stream";
    const IS_JSON: bool = true;

    async fn decode(reply: Reply) -> Result<JsonLines<T>> {
        Ok(JsonLines::new(reply))
    }
}

/// Raw bytes: a tar archive.
pub(crate) struct Raw;

impl Shape for Raw {
    type Value = RawBytes;
    const NAME: &'static str = "bytes";

    async fn decode(reply: Reply) -> Result<RawBytes> {
        Ok(RawBytes::archive(reply))
    }
}

/// A process's output with or without frames. The caller decides; see [`Output`].
pub(crate) struct Framed;

impl Shape for Framed {
    type Value = Output;
    const NAME: &'static str = "output";

    async fn decode(reply: Reply) -> Result<Output> {
        Ok(Output::from_reply(reply))
    }
}

/// An upgraded connection: standard input in one direction, output in the other.
pub(crate) struct Duplex;

impl Shape for Duplex {
    type Value = Hijacked;
    const NAME: &'static str = "duplex";
    const HIJACKS: bool = true;

    async fn decode(reply: Reply) -> Result<Hijacked> {
        Hijacked::from_reply(reply).await
    }
}

/// An upgraded connection on which another protocol follows.
#[cfg(feature = "buildkit")]
pub(crate) struct Bare;

#[cfg(feature = "buildkit")]
impl Shape for Bare {
    type Value = crate::connect::BoxStream;
    const NAME: &'static str = "duplex";
    const HIJACKS: bool = true;

    async fn decode(reply: Reply) -> Result<crate::connect::BoxStream> {
        Hijacked::bare(reply).await
    }
}

/// The whole body.
async fn whole(reply: &mut Reply) -> Result<Bytes> {
    let announced = reply
        .header("content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    reply
        .body
        .collect(announced, reply.limits.json)
        .await
        .map_err(|cause| reply.context.error(cause))
}
