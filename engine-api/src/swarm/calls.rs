//! The calls on a swarm.

use super::{
    InitSwarm, JoinSwarm, LeaveSwarm, ObjectVersion, Swarm, SwarmDetails, SwarmSpec, UnlockKey, UpdateSwarm,
};
use crate::error::Result;
use crate::wire::decode::{Empty, Json};
use crate::wire::operation::{Operation, OperationInfo};

static INSPECT: Operation<Json<SwarmDetails>> = Operation::get("SwarmInspect", "/swarm");
static INIT: Operation<Json<String>> = Operation::post("SwarmInit", "/swarm/init");
static JOIN: Operation<Empty> = Operation::post("SwarmJoin", "/swarm/join");
static LEAVE: Operation<Empty> = Operation::post("SwarmLeave", "/swarm/leave");
static UPDATE: Operation<Empty> = Operation::post("SwarmUpdate", "/swarm/update");
static UNLOCK_KEY: Operation<Json<UnlockKey>> = Operation::get("SwarmUnlockkey", "/swarm/unlockkey");
static UNLOCK: Operation<Empty> = Operation::post("SwarmUnlock", "/swarm/unlock");

pub(crate) static OPERATIONS: [&OperationInfo; 7] = [
    &INSPECT.info,
    &INIT.info,
    &JOIN.info,
    &LEAVE.info,
    &UPDATE.info,
    &UNLOCK_KEY.info,
    &UNLOCK.info,
];

impl Swarm<'_> {
    /// Says what the swarm is, and with which tokens nodes join it.
    ///
    /// # Errors
    ///
    /// 503 when this engine is in no swarm, or is no manager.
    pub async fn inspect(&self) -> Result<SwarmDetails> {
        self.docker.call(&INSPECT).send().await
    }

    /// Makes a swarm with this engine as its first manager; gives the node's id.
    ///
    /// # Errors
    ///
    /// 503 when the engine is in a swarm already.
    pub async fn init(&self, swarm: InitSwarm) -> Result<String> {
        self.docker
            .call(&INIT)
            .json(&swarm)
            .reject_if(swarm.wrong())
            .send()
            .await
    }

    /// Joins a swarm: as a worker or as a manager, which the token decides.
    ///
    /// # Errors
    ///
    /// 503 when the engine is in a swarm already. A manager that does not answer is waited for; the
    /// engine gives up after 20 seconds and goes on trying by itself.
    pub async fn join(&self, swarm: JoinSwarm) -> Result<()> {
        self.docker
            .call(&JOIN)
            .json(&swarm)
            .reject_if(swarm.wrong())
            .send()
            .await
    }

    /// Leaves the swarm.
    ///
    /// # Errors
    ///
    /// 503 when the engine is in none, and when it is a manager and `force` is not set.
    pub async fn leave(&self, options: LeaveSwarm) -> Result<()> {
        self.docker.call(&LEAVE).query(options.query()).send().await
    }

    /// Changes what is set about the swarm, which `version` of it `spec` was made from, or its tokens.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_version_conflict`] when the swarm has changed since.
    pub async fn update(&self, version: ObjectVersion, spec: &SwarmSpec, options: UpdateSwarm) -> Result<()> {
        self.docker
            .call(&UPDATE)
            .query(options.query(version))
            .json(spec)
            .send()
            .await
    }

    /// Says which key unlocks a manager that restarts; empty unless managers lock themselves.
    pub async fn unlockkey(&self) -> Result<UnlockKey> {
        self.docker.call(&UNLOCK_KEY).send().await
    }

    /// Unlocks a manager that has restarted and waits for the key.
    ///
    /// # Errors
    ///
    /// 503 or 409 when it is not locked.
    pub async fn unlock(&self, key: &UnlockKey) -> Result<()> {
        let none = key.unlock_key.is_empty();
        self.docker
            .call(&UNLOCK)
            .json(key)
            .reject_if(none.then(|| "a manager is unlocked with a key".into()))
            .send()
            .await
    }
}
