//! The clients under test. Each does the same work as its documentation shows it.

mod bollard;
mod by_hand;
mod docker_api;
mod engine_api;
mod frames;
mod from_slice;
mod hyper;
mod hyper_conn;
mod raw;

use std::io;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::Stream;

use crate::Result;
use crate::work::{self, TASKS, Work};

/// A client. Each method returns a count: calls, containers, payload bytes or events.
trait Client: Sized + 'static {
    async fn open(socket: &str) -> Result<Self>;
    async fn ping(&self) -> Result<u64>;
    async fn version(&self) -> Result<u64>;
    async fn list(&self) -> Result<u64>;
    async fn logs(&self, megabytes: u64) -> Result<u64>;
    async fn exec(&self, megabytes: u64) -> Result<u64>;
    async fn events(&self) -> Result<u64>;
    async fn download(&self, megabytes: u64) -> Result<u64>;
    async fn upload(&self, megabytes: u64) -> Result<u64>;
    async fn save(&self, megabytes: u64) -> Result<u64>;
    async fn load(&self, megabytes: u64) -> Result<u64>;
}

/// Megabytes in pieces.
fn pieces(megabytes: u64) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static {
    let pieces = (0..work::pieces(megabytes)).map(|_| Ok(Bytes::from_static(&work::PIECE)));
    futures_util::stream::iter(pieces)
}

/// The names of the contenders, in the order of the table's rows.
pub const NAMES: [&str; 7] = [
    "bollard",
    "docker-api",
    "hyper pooled",
    "engine-api",
    HYPER_CONN,
    "raw",
    FROM_SLICE,
];

/// The contenders that a user would choose instead of engine-api.
pub const PEERS: [&str; 3] = ["bollard", "docker-api", "hyper pooled"];

/// Not a client: decodes the bytes of the list from memory into engine-api's type.
pub const FROM_SLICE: &str = "from_slice";

/// Not a client of the API: the connection that engine-api is built on. It only pings.
pub const HYPER_CONN: &str = "hyper conn";

/// Whether a contender does a work.
pub fn does(name: &str, work: Work) -> bool {
    match name {
        FROM_SLICE => work == Work::List,
        HYPER_CONN => work == Work::Ping,
        _ => true,
    }
}

/// Opens the contender's client, warms it up, and does the work between two calls of `mark`.
pub async fn run(name: &str, socket: &str, work: Work, count: u64, mut mark: impl FnMut()) -> Result<()> {
    match name {
        "bollard" => measured::<bollard::Bollard>(socket, work, count, &mut mark).await,
        "docker-api" => measured::<docker_api::DockerApi>(socket, work, count, &mut mark).await,
        "hyper pooled" => measured::<hyper::Pooled>(socket, work, count, &mut mark).await,
        "engine-api" => measured::<engine_api::EngineApi>(socket, work, count, &mut mark).await,
        HYPER_CONN => measured::<hyper_conn::HyperConn>(socket, work, count, &mut mark).await,
        "raw" => measured::<raw::Raw>(socket, work, count, &mut mark).await,
        FROM_SLICE => measured::<from_slice::FromSlice>(socket, work, count, &mut mark).await,
        _ => Err(format!("no such contender: {name}").into()),
    }
}

async fn measured<C: Client>(socket: &str, work: Work, count: u64, mark: &mut impl FnMut()) -> Result<()> {
    let client = Rc::new(C::open(socket).await?);
    if work.warm_up() > 0 {
        perform(&client, work, work.warm_up()).await?;
    }
    mark();
    let came = perform(&client, work, count).await?;
    mark();
    match work.expected(count) {
        expected if expected == came => Ok(()),
        expected => Err(format!("{} brought {came}, not {expected}", work.name()).into()),
    }
}

async fn perform<C: Client>(client: &Rc<C>, work: Work, count: u64) -> Result<u64> {
    let mut came = 0;
    match work {
        Work::Ping => {
            for _ in 0..count {
                came += client.ping().await?;
            }
        }
        Work::Ping16 => {
            let tasks = tokio::task::LocalSet::new();
            let pings = (0..TASKS).map(|_| {
                let client = Rc::clone(client);
                tasks.spawn_local(async move {
                    let mut came = 0;
                    for _ in 0..count / TASKS {
                        came += client.ping().await?;
                    }
                    Ok::<_, crate::Error>(came)
                })
            });
            let pings: Vec<_> = pings.collect();
            tasks.await;
            for ping in pings {
                came += ping.await??;
            }
        }
        Work::Version => {
            for _ in 0..count {
                came += client.version().await?;
            }
        }
        Work::List => {
            for _ in 0..count {
                came += client.list().await?;
            }
        }
        Work::Logs => came = client.logs(count).await?,
        Work::Exec => came = client.exec(count).await?,
        Work::Events => came = client.events().await?,
        Work::Download => came = client.download(count).await?,
        Work::Upload => came = client.upload(count).await?,
        Work::Save => came = client.save(count).await?,
        Work::Load => came = client.load(count).await?,
    }
    Ok(came)
}
