//! Unlock a manager, and read the key for it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Swarm;
use crate::auth::masked;
use crate::error::Result;
use crate::wire::decode::{Empty, Json};
use crate::wire::operation::Operation;

pub(super) static UNLOCK_KEY: Operation<Json<UnlockKey>> =
    Operation::get("SwarmUnlockkey", "/swarm/unlockkey");

pub(super) static UNLOCK: Operation<Empty> = Operation::post("SwarmUnlock", "/swarm/unlock");

impl Swarm<'_> {
    /// Unlocks a restarted manager that waits for the key.
    ///
    /// # Errors
    ///
    /// 503 or 409 when it is not locked.
    pub async fn unlock(&self, key: UnlockKey) -> Result<()> {
        let none = key.unlock_key.is_empty();
        self.docker
            .call(&UNLOCK)
            .json(&key)
            .reject_if(none.then(|| "the key is empty; pass the key that unlocks managers".into()))
            .send()
            .await
    }

    /// Returns the key that unlocks a manager after a restart; empty if managers are not locked.
    pub async fn unlockkey(&self) -> Result<UnlockKey> {
        self.docker.call(&UNLOCK_KEY).send().await
    }
}

/// The key that unlocks managers. Reply of `SwarmUnlockkey`, body of `SwarmUnlock`. `Debug` does
/// not show it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct UnlockKey {
    /// The key, `SWMKEY-1-…`; empty if managers are not locked.
    pub unlock_key: String,
}

impl fmt::Debug for UnlockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnlockKey")
            .field("unlock_key", &masked(&self.unlock_key))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swarm::SwarmDetails;
    use crate::wire::json::decode;

    #[test]
    fn debug_hides_tokens_and_keys() {
        let swarm: SwarmDetails = decode(
            br#"{"ID":"a","DefaultAddrPool":null,"JoinTokens":{"Worker":"hunter2","Manager":"hunter2"}}"#,
        )
        .unwrap();
        let key: UnlockKey = decode(br#"{"UnlockKey":"hunter2"}"#).unwrap();
        assert_eq!(
            (&*swarm.join_tokens.worker, &*key.unlock_key),
            ("hunter2", "hunter2")
        );
        let shown = format!("{swarm:?} {key:?}");
        assert!(shown.contains("***") && !shown.contains("hunter2"), "{shown}");
    }
}
