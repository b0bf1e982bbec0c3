//! The lifetime of an environment after its creation.

use crate::environment::Environment;
use crate::error::Result;
use crate::spec::lifetime::Lifetime;

/// Keeps an environment after its creation, if its specification requires that.
pub(super) async fn kept_if_asked(environment: Environment) -> Result<Environment> {
    if environment.spec().lifetime == Lifetime::Kept {
        environment.keep().await?;
    }
    Ok(environment)
}
