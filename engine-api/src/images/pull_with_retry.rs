//! Pulling an image to the end: one pull per image at a time, with retries for transient errors.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::Images;
use super::progress::Progress;
use super::pull::PullImage;
use super::reference::ImageReference;
use crate::auth::{RegistryAuth, RegistryFailure};
use crate::error::{Error, ErrorKind, Result};

impl Images<'_> {
    /// Pulls an image to the end, telling how far it is.
    ///
    /// While one caller of this process pulls an image, all others that want it from the same engine wait
    /// for that pull. What may pass by itself is tried three times: a connection that fails, an engine in
    /// trouble (5xx), a registry that was asked too often. Anything else is an error at once.
    ///
    /// # Errors
    ///
    /// That of the last try; [`Error::registry_failure`] tells what the registry refused.
    pub async fn pull_with_retry(
        &self,
        image: &str,
        options: PullImage,
        auth: Option<&RegistryAuth>,
        mut tell: impl FnMut(&Progress),
    ) -> Result<()> {
        let wanted = match image.parse::<ImageReference>() {
            Ok(reference) => options.query(&reference).as_str().to_owned(),
            Err(error) => return Err(error.in_call("ImageCreate", Some(image))),
        };
        let running = running(format!("{} {wanted}", self.docker.address()));
        let mut pulled = running.lock().await;
        if *pulled {
            return Ok(());
        }
        let mut pause = PAUSE;
        for _ in 1..TRIES {
            match self.try_once(image, &options, auth, &mut tell).await {
                Err(error) if may_pass(&error) => tokio::time::sleep(pause + jitter(pause)).await,
                outcome => {
                    *pulled = outcome.is_ok();
                    return outcome;
                }
            }
            pause *= 2;
        }
        let outcome = self.try_once(image, &options, auth, &mut tell).await;
        *pulled = outcome.is_ok();
        outcome
    }

    async fn try_once(
        &self,
        image: &str,
        options: &PullImage,
        auth: Option<&RegistryAuth>,
        tell: &mut impl FnMut(&Progress),
    ) -> Result<()> {
        let mut lines = self.pull(image, options.clone(), auth).await?;
        while let Some(line) = lines.next().await {
            tell(&line?);
        }
        Ok(())
    }
}

/// How often a pull is tried.
const TRIES: u32 = 3;

/// How long the first pause between two tries is at least; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(500);

/// The pulls that run in this process, by engine and image.
static RUNNING: Mutex<Option<HashMap<String, Weak<Running>>>> = Mutex::new(None);

/// A pull that runs in this process, and whether it has succeeded.
type Running = tokio::sync::Mutex<bool>;

/// The pull that is known by `key`, which runs already or begins now.
fn running(key: String) -> Arc<Running> {
    // Whoever panicked while it held the map has left it whole: each change is one step.
    let mut all = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let all = all.get_or_insert_with(HashMap::new);
    all.retain(|_, pull| pull.strong_count() > 0);
    let found = all.get(&key).and_then(Weak::upgrade);
    found.unwrap_or_else(|| {
        let pull = Arc::new(Running::default());
        all.insert(key, Arc::downgrade(&pull));
        pull
    })
}

/// Whether trying again can help.
fn may_pass(error: &Error) -> bool {
    match error.registry_failure() {
        Some(RegistryFailure::RateLimited | RegistryFailure::Unreachable) => true,
        Some(_) => false,
        None => {
            matches!(
                error.kind(),
                ErrorKind::Unreachable | ErrorKind::Disconnected | ErrorKind::Truncated
            ) || error.status().is_some_and(|status| status >= 500)
        }
    }
}

/// Up to as long again, so that many that failed together do not all come back together.
fn jitter(pause: Duration) -> Duration {
    // The keys of the standard library's maps are random; no other source is needed for this.
    let random = RandomState::new().build_hasher().finish();
    let most = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(random.checked_rem(most).unwrap_or_default())
}
