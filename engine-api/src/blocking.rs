//! Calls from programs without an async runtime.
//!
//! There is no second API: [`wait`] drives any call of this crate to its end, and [`iter`] makes an
//! iterator of any stream.
//!
//! ```no_run
//! use engine_api::blocking::{iter, wait};
//! use engine_api::Docker;
//!
//! fn main() -> engine_api::Result<()> {
//!     let docker = wait(Docker::from_env())?;
//!     for container in wait(docker.containers().list(Default::default()))? {
//!         println!("{}", container.plain_name());
//!     }
//!     let logs = wait(docker.containers().logs("web", Default::default()))?;
//!     for chunk in iter(logs) {
//!         print!("{}", chunk?.text());
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Each thread has its own runtime, which runs only during these calls. So connections are reused
//! within a thread, and background work, such as a session of BuildKit, continues only while its
//! stream is read.

use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Error, Result};

thread_local! {
    static RUNTIME: std::io::Result<Runtime> = Builder::new_current_thread().enable_all().build();
}

/// Drives a call to its end.
///
/// # Errors
///
/// The errors of the call; [`crate::ErrorKind::InvalidInput`] in an async runtime, where the call
/// must be awaited.
pub fn wait<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    drive(call)?
}

/// An iterator over a stream. The stream ends with the iterator.
pub fn iter<S: Stream<Item = Result<T>> + Unpin, T>(stream: S) -> Iter<S> {
    Iter(stream)
}

/// The items of a stream; see [`iter`].
#[derive(Debug)]
pub struct Iter<S>(S);

impl<S> Iter<S> {
    /// The stream.
    pub fn into_inner(self) -> S {
        self.0
    }
}

impl<S: Stream<Item = Result<T>> + Unpin, T> Iterator for Iter<S> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        let next = poll_fn(|cx| Pin::new(&mut self.0).poll_next(cx));
        drive(next).unwrap_or_else(|error| Some(Err(error)))
    }
}

fn drive<F: Future>(future: F) -> Result<F::Output> {
    if Handle::try_current().is_ok() {
        return Err(Error::invalid(
            "a blocking call in an async runtime would stop it; use `.await`",
        ));
    }
    RUNTIME.with(|runtime| match runtime {
        Ok(runtime) => Ok(runtime.block_on(future)),
        Err(error) => Err(Error::invalid(format!("cannot start a runtime: {error}"))),
    })
}
