//! Pull an image: one pull per image at a time, with retries for transient errors.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use super::Images;
use super::progress::Progress;
use super::pull::{CREATE, PullImage};
use super::reference::ImageReference;
use crate::auth::RegistryAuth;
use crate::error::Result;

impl Images<'_> {
    /// Pulls an image completely, and passes each line of progress to `on_progress`.
    ///
    /// While one caller of a client or of its clones pulls an image, all other callers for the same
    /// image wait for that pull. After a transient error ([`crate::Error::is_transient`]) the pull
    /// is tried again, up to three attempts: a failed connection, a failed engine (5xx), a registry
    /// that limits requests. Any other error is returned at once.
    ///
    /// # Errors
    ///
    /// The error of the last attempt; [`crate::Error::registry_failure`] returns the failure of the
    /// registry.
    pub async fn pull_with_retry(
        &self,
        image: &str,
        options: PullImage,
        auth: Option<&RegistryAuth>,
        mut on_progress: impl FnMut(&Progress),
    ) -> Result<()> {
        let key = match image.parse::<ImageReference>() {
            Ok(reference) => options.query(&reference).as_str().to_owned(),
            Err(error) => return Err(error.in_call(CREATE.info.id, Some(image))),
        };
        let flight = self.docker.pulls().join(key);
        let mut pulled = flight.lock().await;
        if *pulled {
            return Ok(());
        }
        let mut pause = PAUSE;
        let mut tries = 1;
        loop {
            match self.pull_once(image, &options, auth, &mut on_progress).await {
                Err(error) if error.is_transient() && tries < TRIES => {
                    tokio::time::sleep(pause + jitter(pause)).await;
                }
                outcome => {
                    *pulled = outcome.is_ok();
                    return outcome;
                }
            }
            pause *= 2;
            tries += 1;
        }
    }

    async fn pull_once(
        &self,
        image: &str,
        options: &PullImage,
        auth: Option<&RegistryAuth>,
        on_progress: &mut impl FnMut(&Progress),
    ) -> Result<()> {
        let mut lines = self.pull(image, options.clone(), auth).await?;
        while let Some(line) = lines.next().await {
            on_progress(&line?);
        }
        Ok(())
    }
}

/// The number of attempts.
const TRIES: u32 = 3;

/// The minimum pause after the first attempt; each further pause is twice as long.
const PAUSE: Duration = Duration::from_millis(500);

/// A random time from 0 to `pause`, so that clients that failed at the same time do not retry at
/// the same time.
fn jitter(pause: Duration) -> Duration {
    // The keys of the standard library's maps are random, so no other source of randomness is
    // needed.
    let random = RandomState::new().build_hasher().finish();
    let limit = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(random.checked_rem(limit).unwrap_or_default())
}
